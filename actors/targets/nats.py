"""NATS JetStream: events as messages of a stream, each acknowledged."""

import importlib.util
import math
from typing import TYPE_CHECKING

from repertory.actors.clock import Clock
from repertory.actors.targets.base import Rules
from repertory.actors.targets.broker import Access, BrokerTarget, NeverTaken
from repertory.errors import CannotStart
from repertory.events import ArchiveEvent

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

MISSING = (
    "Events are to be published to NATS, and the library for it is not installed:"
    " pip install 'repertory[brokers]'."
)


class NatsTarget(BrokerTarget):
    """Publishes to a stream, which acknowledges each message when it has it.

    A message that comes again within the stream's window for doubles (2 minutes, if nobody changed
    it) is dropped by the stream itself, by its name.
    """

    kind = "NATS"

    def __init__(
        self,
        name: str,
        access: Access,
        *,
        clock: Clock,
        rules: Rules | None = None,
        subject: str = "repertory",
        timeout: float = 10.0,
        stream: str = "",
        token: str = "",
        credentials_file: str = "",
    ) -> None:
        """Take what the target is; see ``BrokerTarget``.

        Args:
            name: its name.
            access: where the servers are.
            clock: limits the time that an event may take.
            rules: what it is told of.
            subject: how subjects begin.
            timeout: seconds to connect and to have an event acknowledged.
            stream: the stream, made where it is missing; "" for whichever listens.
            token: what lets us in, in the place of a name and a password.
            credentials_file: the same, a file.

        Raises:
            CannotStart: the library is not installed.
        """
        if importlib.util.find_spec("nats") is None:
            raise CannotStart(MISSING)
        super().__init__(name, access, clock=clock, rules=rules, prefix=subject, timeout=timeout)
        self._stream = stream
        self._token = token
        self._credentials_file = credentials_file
        self._client: Client | None = None
        self._streams: JetStreamContext | None = None

    async def connect(self) -> None:
        """Connect to a server, and make the stream where it is missing."""
        from nats.aio.client import Client  # noqa: PLC0415 - optional
        from nats.js.errors import NotFoundError  # noqa: PLC0415 - optional

        client = self._client = Client()
        await client.connect(
            servers=list(self.access.urls),
            name=f"Repertory {self.name}",
            allow_reconnect=False,  # the courier knows when to try again
            connect_timeout=math.ceil(self._timeout),
            error_cb=_told_already,
            tls=self.access.tls,
            user=self.access.username or None,
            password=self.access.password or None,
            token=self._token or None,
            user_credentials=self._credentials_file or None,
        )
        streams = client.jetstream(timeout=self._timeout)
        if self._stream:
            try:
                await streams.stream_info(self._stream)
            except NotFoundError:
                await streams.add_stream(name=self._stream, subjects=[f"{self._prefix}.>"])
        self._streams = streams

    async def publish(self, key: str, body: bytes, id_: str, event: ArchiveEvent) -> None:
        """Publish a message, and wait until the stream has it."""
        from nats.errors import MaxPayloadError  # noqa: PLC0415 - optional

        assert self._streams is not None  # noqa: S101 - connected before
        headers = {
            "Nats-Msg-Id": id_,
            "Content-Type": "application/json",
            "Repertory-Event": event.type.word,
            "Repertory-Number": str(event.number),
        }
        try:
            await self._streams.publish(
                key, body, timeout=self._timeout, stream=self._stream or None, headers=headers
            )
        except MaxPayloadError:
            raise NeverTaken("It takes no message of that size.") from None

    async def disconnect(self) -> None:
        """Close the connection."""
        client, self._client, self._streams = self._client, None, None
        if client is not None:
            await client.close()

    def explain(self, error: Exception) -> str:
        """What NATS said, in a sentence."""
        from nats import errors  # noqa: PLC0415 - optional
        from nats.js import errors as of_streams  # noqa: PLC0415 - optional

        text = str(error).lower()
        if isinstance(error, errors.AuthorizationError) or "authorization violation" in text:
            return "It does not let the user in."
        if "permissions violation" in text:
            return "It does not let the user do this."
        if isinstance(error, of_streams.NoStreamResponseError):
            return "No stream takes the event."
        if isinstance(error, of_streams.APIError):
            return f"Its stream did not take the event (error {error.err_code})."
        if isinstance(error, errors.NoServersError):
            return "It cannot be reached."
        if isinstance(error, errors.ConnectionClosedError | errors.UnexpectedEOF):
            return "The connection was lost."
        return ""


async def _told_already(_error: Exception) -> None:
    """Whatever goes wrong comes to whoever waits; the library would log it with a traceback."""
