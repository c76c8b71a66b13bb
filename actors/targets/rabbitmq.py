"""RabbitMQ: events as persistent messages of an exchange, each confirmed."""

import importlib.util
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from repertory.actors.clock import Clock
from repertory.actors.targets.base import Rules
from repertory.actors.targets.broker import Access, BrokerTarget
from repertory.errors import CannotStart
from repertory.events import ArchiveEvent

if TYPE_CHECKING:
    from aio_pika.abc import AbstractConnection, AbstractExchange

MISSING = (
    "Events are to be published to RabbitMQ, and the library for it is not installed:"
    " pip install 'repertory[brokers]'."
)


class RabbitMqTarget(BrokerTarget):
    """Publishes to an exchange of the type topic.

    Messages are persistent, and RabbitMQ confirms one when all durable queues that take it have it
    on their disks.
    """

    kind = "RabbitMQ"

    def __init__(
        self,
        name: str,
        access: Access,
        *,
        clock: Clock,
        rules: Rules | None = None,
        routing_key: str = "repertory",
        timeout: float = 10.0,
        exchange: str = "repertory",
        queue: str = "",
        mandatory: bool = False,
    ) -> None:
        """Take what the target is; see ``BrokerTarget``.

        Args:
            name: its name.
            access: where RabbitMQ is.
            clock: limits the time that an event may take.
            rules: what it is told of.
            routing_key: how routing keys begin.
            timeout: seconds to connect and to have an event confirmed.
            exchange: the exchange, made where it is missing.
            queue: a queue that gets all events, made where it is missing; "" for none.
            mandatory: whether an event waits until a queue takes it.

        Raises:
            CannotStart: the library is not installed.
        """
        if importlib.util.find_spec("aio_pika") is None:
            raise CannotStart(MISSING)
        super().__init__(
            name, access, clock=clock, rules=rules, prefix=routing_key, timeout=timeout
        )
        self._exchange_name = exchange
        self._queue = queue
        self._mandatory = mandatory
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None

    async def connect(self) -> None:
        """Connect to the first node that lets us in, and declare what is missing there."""
        import aio_pika  # noqa: PLC0415 - optional

        for number, url in enumerate(self.access.urls, 1):
            try:
                await aio_pika.connect(**self._parameters(url), connection_class=self._make)
                break
            except Exception:
                if number == len(self.access.urls):
                    raise
                await self.disconnect()
        assert self._connection is not None  # noqa: S101 - there is one address at least
        channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        exchange = await channel.declare_exchange(
            self._exchange_name, aio_pika.ExchangeType.TOPIC, durable=True
        )
        if self._queue:
            queue = await channel.declare_queue(self._queue, durable=True)
            await queue.bind(exchange, f"{self._prefix}.#")
        self._exchange = exchange

    def _make(self, *parts: Any, **more: Any) -> "AbstractConnection":
        """Make a connection, and remember it: one that fails has to be closed, too."""
        import aio_pika  # noqa: PLC0415 - optional

        self._connection = aio_pika.Connection(*parts, **more)
        return self._connection

    def _parameters(self, url: str) -> dict[str, Any]:
        parts = urlsplit(url)
        is_secure = parts.scheme == "amqps"
        parameters: dict[str, Any] = {
            "host": str(parts.hostname),
            "port": parts.port or (5671 if is_secure else 5672),
            "virtualhost": unquote(parts.path[1:]) or "/",
            "client_properties": {"connection_name": f"Repertory {self.name}"},
        }
        if self.access.username:
            parameters |= {"login": self.access.username, "password": self.access.password}
        if is_secure:
            parameters |= {"ssl": True, "ssl_context": self.access.tls}
        return parameters

    async def publish(self, key: str, body: bytes, id_: str, event: ArchiveEvent) -> None:
        """Publish a message, and wait for its confirmation."""
        import aio_pika  # noqa: PLC0415 - optional

        message = aio_pika.Message(
            body,
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=id_,
            type=event.type.word,
            app_id="Repertory",
            headers={"Repertory-Number": event.number},
        )
        assert self._exchange is not None  # noqa: S101 - connected before
        await self._exchange.publish(message, key, mandatory=self._mandatory)

    async def disconnect(self) -> None:
        """Close the connection."""
        connection, self._connection, self._exchange = self._connection, None, None
        if connection is not None:
            await connection.close()

    def explain(self, error: Exception) -> str:
        """What RabbitMQ said, in a sentence."""
        from aiormq import exceptions  # noqa: PLC0415 - optional

        sentences: tuple[tuple[type[Exception], str], ...] = (
            (exceptions.AuthenticationError, "It does not let the user in."),
            (exceptions.ProbableAuthenticationError, "It does not let the user in."),
            (exceptions.ConnectionNotAllowed, "It does not let the user into the virtual host."),
            (exceptions.ChannelAccessRefused, "It does not let the user do this."),
            (
                exceptions.ChannelPreconditionFailed,
                "Its exchange or queue of that name is of another kind.",
            ),
            (exceptions.ChannelNotFoundEntity, "It has no such exchange or queue."),
            (exceptions.PublishError, "No queue takes the event."),
            (exceptions.DeliveryError, "It did not take the event."),
            (exceptions.ChannelInvalidStateError, "The connection was lost."),
            (exceptions.ConnectionClosed, "It closed the connection."),
            (
                exceptions.AMQPConnectionError,
                "It cannot be reached, or the connection was lost.",
            ),
        )
        return next((text for kind, text in sentences if isinstance(error, kind)), "")
