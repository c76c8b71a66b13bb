import json

import pytest

from repertory.conf.loading import load_settings, read_settings
from repertory.conf.webhooks import EVENTS, WebhookSettings
from repertory.events import CLASSES


@pytest.fixture
def read(tmp_path):
    def read(**options):
        path = tmp_path / "configuration.json"
        path.write_text(json.dumps(options))
        return read_settings(path, environment={})

    return read


def texts(problems):
    return [problem.text for problem in problems]


def test_webhooks_are_read_by_name(read, tmp_path):
    (tmp_path / "ca.pem").write_text("")
    loaded = read(
        Webhooks={
            "pacs": {"Url": "https://h:8443/x?y=z", "Secret": "s", "CACertificates": "ca.pem"},
            "mail": {"Url": "https://h", "Events": ["StableStudy", "Deleted"], "Timeout": 3},
        }
    )

    assert loaded.problems == loaded.warnings == ()
    assert loaded.settings.webhooks == {
        "pacs": WebhookSettings(
            url="https://h:8443/x?y=z", secret="s", ca_certificates=str(tmp_path / "ca.pem")
        ),
        "mail": WebhookSettings(url="https://h", events=["StableStudy", "Deleted"], timeout=3.0),
    }
    assert "s3cret" not in repr(WebhookSettings(url="https://h/s3cret", secret="s3cret"))


def test_what_can_be_asked_for_is_what_is_logged():
    assert set(EVENTS) == {change.word for change in CLASSES}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "Webhooks.w.Url must not be empty."),
        ({"Url": "ftp://h/"}, "Webhooks.w.Url must begin with http:// or https:// and a host."),
        ({"Url": "http://"}, "Webhooks.w.Url must begin with http:// or https:// and a host."),
        ({"Url": "http://h:x/"}, "Webhooks.w.Url must be an address that can be read."),
        ({"Url": "http://h:0/"}, "Webhooks.w.Url must be an address that can be posted to."),
        ({"Url": "http://h/\n"}, "Webhooks.w.Url must not have blanks or characters beyond ASCII."),
        (
            {"Url": "http://u:KEY@h/"},
            "Webhooks.w.Url must not hold a password: Headers has room for Authorization.",
        ),
        (
            {"Url": "http://h", "Events": ["NewStudy", "StudyStable"]},
            (
                "Webhooks.w.Events must name types of events, which StudyStable is not"
                ' (did you mean StableStudy?), not ["NewStudy", "StudyStable"].'
            ),
        ),
        (
            {"Url": "http://h", "Headers": {"A": "b\nKEY"}},
            "Webhooks.w.Headers must have names and values that HTTP can transport, in ASCII.",
        ),
        (
            {"Url": "http://h", "Headers": {"host": "KEY"}},
            "Webhooks.w.Headers must not have host, which the archive writes itself.",
        ),
        ({"Url": "http://h", "Secret": 7}, "Webhooks.w.Secret must be a text in double quotes."),
        ({"Url": "http://h", "Attempts": 0}, "Webhooks.w.Attempts must be greater than 0, not 0."),
        (7, "Webhooks.w must be an object in braces, not 7."),
    ],
)
def test_what_cannot_be_is_told_by_its_place_and_without_secrets(read, options, complaint):
    problems = read(Webhooks={"w": options}).problems

    assert texts(problems) == [complaint]
    assert problems[0].line == 1
    assert "KEY" not in str(problems)


def test_a_name_that_cannot_be_part_of_a_path_is_refused(read):
    (problem,) = read(Webhooks={"a b": {"Url": "http://h"}}).problems

    assert "must have a name" in problem.text


def test_webhooks_that_are_no_object_are_refused(read):
    (problem,) = read(Webhooks=[{"Url": "http://h"}]).problems

    assert "Webhooks must be an object in braces" in problem.text


def test_what_is_odd_is_told(read):
    warnings = texts(
        read(
            ReadOnly=True, Webhooks={"w": {"Url": "http://h", "MainDicomTags": True, "Timout": 3}}
        ).warnings
    )

    assert warnings == [
        "Webhooks.w.Timout is not an option: did you mean Timeout?",
        "Webhooks has no effect while ReadOnly is true: nothing happens.",
        "Webhooks.w.Url is not https: headers and main DICOM tags go in the clear.",
    ]


def test_scripts_are_relative_to_the_file_and_have_to_be_there(read, tmp_path):
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text("")
    settings = read(PythonScript="one.py", PythonScripts=["two.py"]).settings
    assert settings.scripts == (str(tmp_path / "one.py"), str(tmp_path / "two.py"))
    problems = texts(read(PythonScript="no.py", PythonScripts=["nor.py"]).problems)

    assert [text.split()[0] for text in problems] == ["PythonScript", "PythonScripts"]


def test_webhooks_come_together_from_several_files(tmp_path):
    for name in ("a", "b"):
        webhooks = {name: {"Url": f"http://{name}"}}
        (tmp_path / f"{name}.json").write_text(json.dumps({"Webhooks": webhooks}))

    assert set(load_settings(tmp_path, environment={}).webhooks) == {"a", "b"}
