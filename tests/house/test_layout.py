import ast
import re

TOP_LEVEL = {
    *("actors", "bench", "conf", "docs", "http", "repertory", "storage", "tests", ".ci"),
    *("CHANGELOG.md", "LICENSE", "Makefile", "README.md"),
    *("ruff.toml", "setup.cfg", "setup.py", ".gitignore"),
}


def test_nothing_lies_at_the_top_that_has_no_place_there(files):
    assert {name.split("/")[0] for name in files} == TOP_LEVEL


def test_http_is_no_package_or_it_would_hide_the_one_of_python(files):
    assert "http/__init__.py" not in files
    assert any(name.startswith("http/") for name in files)


def test_modules_have_at_most_400_lines(root, sources):
    long = {
        name: lines
        for name in sources
        if not name.startswith("tests/")
        and (lines := len((root / name).read_text().splitlines())) > 400
    }

    assert long == {}


def test_nothing_is_left_to_be_done(root, files):
    # The brackets keep this line from finding itself.
    left = re.compile(
        r"(?i)\b(TOD[O]|FIXM[E]|XX[X]|raise NotImplementedErro[r]|not implemente[d])\b"
    )
    texts = (".py", ".md", ".cfg", ".toml", ".sql", ".json", "Makefile", "run")
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in files
        if name.endswith(texts)
        for number, line in enumerate((root / name).read_text().splitlines(), 1)
        if left.search(line)
    ]

    assert found == []


def test_nobody_sleeps_for_time_to_pass(sources):
    watched = ("actors/", "http/", "tests/")
    sleeps = [
        f"{name}:{node.lineno}"
        for name, tree in sources.items()
        if name.startswith(watched)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and ast.unparse(node) == "time.sleep")
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "time"
            and any(alias.name == "sleep" for alias in node.names)
        )
    ]

    assert sleeps == []


def test_no_error_is_swallowed_in_silence(sources):
    silent = [
        f"{name}:{handler.lineno}"
        for name, tree in sources.items()
        for handler in ast.walk(tree)
        if isinstance(handler, ast.ExceptHandler)
        and (handler.type is None or ast.unparse(handler.type) in {"Exception", "BaseException"})
        and all(isinstance(step, ast.Pass | ast.Continue) for step in handler.body)
    ]

    assert silent == []


def test_what_is_global_to_a_process_is_touched_by_the_command_line_alone(sources):
    doors = (
        "repertory/front_ends/child.py",
        "repertory/cli.py",
        "repertory/__main__.py",
        "repertory/logs.py",
        "repertory/process.py",
    )
    shared = {
        "ActorRegistry.stop_all",
        "apsw.bestpractice.apply",
        "logging.basicConfig",
        "pykka.ActorRegistry.stop_all",
        "signal.signal",
        "structlog.configure",
        "sys.setswitchinterval",
    }
    touched = [
        f"{name}:{node.lineno}: {ast.unparse(node.func)}"
        for name, tree in sources.items()
        if name.startswith(("actors/", "conf/", "http/", "repertory/", "storage/"))
        and name not in doors
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in shared
    ]

    assert touched == []


def test_every_module_says_what_it_is_for(sources):
    silent = [
        name
        for name, tree in sources.items()
        if not name.startswith("tests/") and tree.body and ast.get_docstring(tree) is None
    ]

    assert silent == []
