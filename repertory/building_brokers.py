"""The brokers of messages that events are published to, from the settings."""

from repertory.actors.clock import Clock
from repertory.actors.targets.base import Rules
from repertory.actors.targets.broker import Access, BrokerTarget, tls_context
from repertory.actors.targets.nats import NatsTarget
from repertory.actors.targets.rabbitmq import RabbitMqTarget
from repertory.conf.brokers import BrokerSettings
from repertory.conf.settings import Settings
from repertory.model import ChangeType


def brokers_of(settings: Settings, clock: Clock) -> tuple[BrokerTarget, ...]:
    """The brokers.

    Raises:
        CannotStart: a library is not installed, or a file of certificates cannot be read.
    """
    rabbits = [
        RabbitMqTarget(
            name,
            _access(f"RabbitMQ.{name}", it, it.urls, "amqps"),
            clock=clock,
            rules=_rules(it),
            routing_key=it.routing_key,
            timeout=it.timeout,
            exchange=it.exchange,
            queue=it.queue,
            mandatory=it.mandatory,
        )
        for name, it in settings.rabbit_mq.items()
    ]
    nats = [
        NatsTarget(
            name,
            _access(f"Nats.{name}", it, it.urls, "tls"),
            clock=clock,
            rules=_rules(it),
            subject=it.subject,
            timeout=it.timeout,
            stream=it.stream,
            token=it.token,
            credentials_file=it.credentials_file,
        )
        for name, it in settings.nats.items()
    ]
    return (*rabbits, *nats)


def _access(option: str, it: BrokerSettings, urls: list[str], secure: str) -> Access:
    tls = None
    if any(url.startswith(f"{secure}://") for url in urls):
        tls = tls_context(
            option,
            ca_certificates=it.ca_certificates,
            certificate=it.certificate,
            private_key=it.private_key,
        )
    return Access(urls=tuple(urls), username=it.username, password=it.password, tls=tls)


def _rules(it: BrokerSettings) -> Rules:
    words = {change.word: change for change in ChangeType}
    return Rules(
        types=frozenset(words[word] for word in it.events),
        main_tags=it.main_dicom_tags,
        attempts=it.attempts,
        first_delay=it.retry_delay,
        last_delay=max(it.maximum_retry_delay, it.retry_delay),
    )
