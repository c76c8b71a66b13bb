import json

import pytest

from repertory.conf.brokers import NatsSettings, RabbitMqSettings
from repertory.conf.loading import read_settings


@pytest.fixture
def read(tmp_path):
    def read(**options):
        path = tmp_path / "configuration.json"
        path.write_text(json.dumps(options))
        return read_settings(path, environment={})

    return read


def texts(problems):
    return [problem.text for problem in problems]


def test_brokers_are_read_by_name(read, tmp_path):
    (tmp_path / "ca.pem").write_text("")
    loaded = read(
        RabbitMQ={
            "bus": {
                "Urls": ["amqps://h:5671/v", "amqps://i"],
                "Username": "archive",
                "Password": "s3cret",
                "Queue": "all",
                "CACertificates": "ca.pem",
            }
        },
        Nats={"stream": {"Urls": ["tls://h"], "Token": "s3cret", "Events": ["StableStudy"]}},
    )

    assert loaded.problems == loaded.warnings == ()
    assert loaded.settings.rabbit_mq == {
        "bus": RabbitMqSettings(
            urls=["amqps://h:5671/v", "amqps://i"],
            username="archive",
            password="s3cret",
            queue="all",
            ca_certificates=str(tmp_path / "ca.pem"),
        )
    }
    assert loaded.settings.nats == {
        "stream": NatsSettings(urls=["tls://h"], token="s3cret", events=["StableStudy"])
    }
    assert "s3cret" not in repr(loaded.settings)


@pytest.mark.parametrize(
    ("section", "options", "complaint"),
    [
        ("RabbitMQ", {}, "RabbitMQ.b.Urls must not be empty."),
        (
            "RabbitMQ",
            {"Urls": ["http://h"]},
            "RabbitMQ.b.Urls must begin with amqp:// or amqps:// and a host.",
        ),
        (
            "RabbitMQ",
            {"Urls": ["amqp://u:KEY@h/"]},
            "RabbitMQ.b.Urls must not hold a password: Username and Password are for that.",
        ),
        ("RabbitMQ", {"Urls": ["amqp://h/?x=y"]}, "RabbitMQ.b.Urls must not have parameters."),
        (
            "RabbitMQ",
            {"Urls": ["amqp://h:x"]},
            "RabbitMQ.b.Urls must be addresses that can be read.",
        ),
        (
            "RabbitMQ",
            {"Urls": ["amqp://h"], "Exchange": ""},
            "RabbitMQ.b.Exchange must be letters, digits, - and _, with dots between them",
        ),
        (
            "Nats",
            {"Urls": ["nats://h"], "Subject": "a.*"},
            "Nats.b.Subject must be letters, digits, - and _, with dots between them",
        ),
        ("Nats", {"Urls": ["nats://h"], "Stream": "a.b"}, "Nats.b.Stream must not have a dot"),
        (
            "Nats",
            {"Urls": ["nats://h"], "Events": ["StableStudies"]},
            "Nats.b.Events must name types of events, which StableStudies is not",
        ),
        ("Nats", {"Urls": ["nats://h"], "Timeout": 0}, "Nats.b.Timeout must be greater than 0"),
    ],
)
def test_what_is_wrong_with_a_broker_is_told(read, section, options, complaint):
    (text,) = texts(read(**{section: {"b": options}}).problems)

    assert text.startswith(complaint)
    assert "KEY" not in text


def test_files_that_are_not_there_are_told(read):
    given = {"Urls": ["tls://h"], "CredentialsFile": "a.creds", "Certificate": "b.pem"}

    problems = texts(read(Nats={"b": given}).problems)

    assert len(problems) == 2
    assert any(it.startswith("Nats.b.CredentialsFile") for it in problems)
    assert any(it.startswith("Nats.b.Certificate") for it in problems)


def test_two_targets_of_one_name_are_told(read):
    problems = read(
        RabbitMQ={"b": {"Urls": ["amqp://h"]}}, Nats={"b": {"Urls": ["nats://h"]}}
    ).problems

    assert texts(problems) == ["RabbitMQ, Nats, Webhooks must not have two of the name b."]


def test_a_password_in_the_clear_is_warned_about(read):
    warnings = read(
        RabbitMQ={"b": {"Urls": ["amqp://h"], "Username": "u", "Password": "s3cret"}}
    ).warnings

    assert texts(warnings) == [
        "RabbitMQ.b.Urls is without TLS: passwords and main DICOM tags go in the clear."
    ]
