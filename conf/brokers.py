"""Brokers of messages: where events of the archive are published."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from repertory.conf.fields import not_negative, positive, section, setting
from repertory.conf.webhooks import event_words

_NAMES = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_LONGEST = 100


def addresses(*schemes: str) -> Callable[[list[str]], str | None]:
    """Addresses of servers, without passwords in them."""

    def check(value: list[str]) -> str | None:
        for address in value:
            try:
                parts = urlsplit(address)
                is_right = parts.port is None or parts.port > 0
            except ValueError:
                return "must be addresses that can be read"
            if parts.scheme not in schemes or not parts.hostname or not is_right:
                return f"must begin with {' or '.join(f'{it}://' for it in schemes)} and a host"
            if "@" in parts.netloc:
                return "must not hold a password: Username and Password are for that"
            if parts.query or parts.fragment:
                return "must not have parameters"
        return None

    return check


def names(value: str) -> str | None:
    """Names with dots between them."""
    if len(value) > _LONGEST or _NAMES.fullmatch(value) is None:
        return f"must be letters, digits, - and _, with dots between them, {_LONGEST} at most"
    return None


def name_or_none(value: str) -> str | None:
    """The same, or nothing."""
    return names(value) if value else None


def plain_name(value: str) -> str | None:
    """A name without dots, or nothing."""
    return "must not have a dot" if "." in value else name_or_none(value)


@section("Broker")
class BrokerSettings:
    """What the options of all brokers are."""

    username: str = setting(default="", meaning="Who the archive is to the broker.")
    password: str = setting(default="", meaning="The password of Username.", secret=True)
    events: list[str] = setting(
        default_factory=list,
        meaning="The types of events, as /changes names them, and Deleted; empty: all.",
        check=event_words,
    )
    main_dicom_tags: bool = setting(
        default=False,
        meaning="Whether events tell the main DICOM tags of the resource, which is patient data.",
    )
    timeout: float = setting(
        default=10.0,
        meaning="Seconds to connect, and for the broker to confirm an event.",
        check=positive,
    )
    attempts: int = setting(
        default=12,
        meaning="How often an event is tried that the broker can never take, because it is too"
        " large, before it becomes a dead letter. For anything else it is waited without end.",
        check=positive,
    )
    retry_delay: float = setting(
        default=1.0,
        meaning="Seconds to the second attempt; the delay doubles with each.",
        check=positive,
    )
    maximum_retry_delay: float = setting(
        default=60.0, meaning="The longest such delay, in seconds.", check=not_negative
    )
    ca_certificates: str = setting(
        default="",
        meaning="The PEM file of the authorities to trust; empty: those of the system.",
        name="CACertificates",
        path=True,
    )
    certificate: str = setting(
        default="",
        meaning="The PEM file of the archive's own certificate, where the broker asks for one.",
        path=True,
    )
    private_key: str = setting(
        default="",
        meaning="The PEM file of its key; empty: it is in the file of the Certificate.",
        path=True,
    )


@section("RabbitMQ")
class RabbitMqSettings(BrokerSettings):
    """An exchange of RabbitMQ, or of another broker that speaks AMQP 0-9-1."""

    urls: list[str] = setting(
        default_factory=list,
        meaning="The nodes: amqp://host:5672/virtual-host, or amqps:// with TLS. The first that"
        " lets the archive in is taken.",
        check=addresses("amqp", "amqps"),
        secret=True,  # or a password that should not be there would be told with the mistake
    )
    exchange: str = setting(
        default="repertory",
        meaning="The exchange that events are published to: a durable one of the type topic, made"
        " where it is missing.",
        check=names,
    )
    routing_key: str = setting(
        default="repertory",
        meaning="How routing keys begin; the level, the type and the identifier follow:"
        " repertory.Study.StableStudy.….",
        check=names,
    )
    queue: str = setting(
        default="",
        meaning="A durable queue that is made, and gets all events; empty: consumers make their"
        " own.",
        check=name_or_none,
    )
    mandatory: bool = setting(
        default=False,
        meaning="Whether an event that no queue takes waits until one does. Otherwise it is gone.",
    )


@section("Nats")
class NatsSettings(BrokerSettings):
    """A stream of NATS JetStream."""

    urls: list[str] = setting(
        default_factory=list,
        meaning="The servers: nats://host:4222, or tls:// with TLS. One that answers is taken.",
        check=addresses("nats", "tls"),
        secret=True,
    )
    token: str = setting(
        default="", meaning="A token in the place of Username and Password.", secret=True
    )
    credentials_file: str = setting(
        default="",
        meaning="A file of credentials (.creds) in the place of Username and Password.",
        path=True,
    )
    subject: str = setting(
        default="repertory",
        meaning="How subjects begin; the level, the type and the identifier follow:"
        " repertory.Study.StableStudy.….",
        check=names,
    )
    stream: str = setting(
        default="",
        meaning="The stream that keeps the events, made where it is missing; empty: whichever"
        " listens to the subjects.",
        check=plain_name,
    )
