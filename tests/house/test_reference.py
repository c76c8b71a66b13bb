import ast
import importlib.util
import re
import tomllib

import pytest


@pytest.fixture(scope="module")
def build(root):
    spec = importlib.util.spec_from_file_location("build", root / "docs" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["errors", "events", "messages", "options", "routes", "words"])
def test_the_reference_says_what_the_code_says(build, root, name):
    name = f"docs/reference/{name}.md"

    assert (root / name).read_text(encoding="utf-8") == build.PAGES[name](), "make docs writes it"


def test_every_page_of_the_reference_is_written_from_the_code(build, root):
    pages = {page.relative_to(root).as_posix() for page in (root / "docs/reference").iterdir()}

    assert pages == {name for name in build.PAGES if name.startswith("docs/")}


def test_a_page_that_is_not_what_it_should_be_is_found(build, tmp_path, capsys):
    assert build.main([], tmp_path) == 0
    assert build.main(["--check"], tmp_path) == 0
    with (tmp_path / "docs/reference/events.md").open("a") as page:
        page.write("and another thing\n")
    assert build.main(["--check"], tmp_path) == 1
    assert "events.md" in capsys.readouterr().out


def test_every_log_event_has_its_meaning_and_every_meaning_its_event(build, root):
    meanings = tomllib.loads((root / "docs" / "events.toml").read_text(encoding="utf-8"))

    assert set(meanings) == set(build.log_events())


def test_a_log_event_is_a_word_and_fields_and_no_prose(build, sources):
    odd = [
        f"{name}:{call.lineno}: {ast.unparse(call)}"
        for name, tree in sources.items()
        if name.startswith(build.FOLDERS)
        for call, _ in build.log_calls(tree)
        if len(call.args) != 1
        or not isinstance(call.args[0], ast.Constant)
        or not re.fullmatch(r"[a-z]+(_[a-z]+)+", call.args[0].value)
    ]

    assert odd == []


def test_a_log_event_has_no_field_for_patient_data(build):
    told = {key for _, keys, _ in build.log_events().values() for key in keys}

    assert not {key for key in told if re.search(r"patient|birth|tags|content|body", key)}
    assert not told & {"accession_number", "password", "study_description"}


def test_the_log_events_of_a_module_are_found_also_by_another_name(build):
    module = ast.parse(
        "self._say = log.info if verbose else log.debug\n"
        "self._say('request_handled', status=200)\n"
        "log.exception('event_failed')\n"
        "math.log(2)\n"
    )

    assert [(call.args[0].value, levels) for call, levels in build.log_calls(module)] == [
        ("request_handled", {"info", "debug"}),
        ("event_failed", {"exception"}),
    ]
