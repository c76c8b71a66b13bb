"""An association: messages to and from the other side (PS3.7 section 6, PS3.8 sections 7 and 9)."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from repertory.actors.dicom.upper.commands import (
    C_CANCEL_RQ,
    LONGEST,
    NO_DATA_SET,
    RESPONSE,
    Command,
    read_command,
    write_command,
)
from repertory.actors.dicom.upper.pdus import (
    ABORT,
    INVALID,
    IS_COMMAND,
    IS_LAST,
    P_DATA_TF,
    RELEASE_RP,
    RELEASE_RQ,
    UNEXPECTED,
    BadPdu,
    Fragmenter,
    fragments,
    release_reply,
    release_request,
)
from repertory.actors.dicom.upper.stream import FAREWELL, Ended, PduStream

LARGEST_IN_MEMORY: Final = 64 << 20
"""Bytes of a data set that is held in memory: identifiers, lists of what was committed."""

_TOGETHER: Final = 1 << 16
_MOST_WAITING: Final = 16


@dataclass(frozen=True, slots=True)
class Context:
    """A presentation context that both sides agreed on, and which parts we play in it."""

    number: int
    abstract_syntax: str
    transfer_syntax: str
    as_scp: bool = True
    as_scu: bool = False


@dataclass(slots=True)
class Message:
    """A message: its command set, and what its sink made of its data set (``None`` without)."""

    context: Context
    command: dict[str, Any]
    data: Any = None

    @property
    def is_response(self) -> bool:
        """Whether it answers one of ours."""
        return bool(self.command["CommandField"] & RESPONSE)


class Sink(Protocol):
    """Takes the bytes of a data set as they come."""

    def write(self, piece: memoryview) -> None:
        """Take some; the memory is somebody else's afterwards."""

    def finish(self) -> Any:
        """That was all: what becomes the message's ``data``."""

    def discard(self) -> None:
        """The rest will never come."""


class InMemory:
    """Holds a data set as bytes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, piece: memoryview) -> None:
        """Keep a piece; ``BadPdu`` where there are too many."""
        self._size += len(piece)
        if self._size > LARGEST_IN_MEMORY:
            raise BadPdu
        self._parts.append(bytes(piece))

    def finish(self) -> bytes:
        """All of them."""
        return b"".join(self._parts)

    def discard(self) -> None:
        """Forget them."""
        self._parts.clear()


def in_memory(_message: Message) -> Sink:
    """A sink for any message."""
    return InMemory()


class Association:
    """Messages, in one thread: whoever answers looks by itself for what comes meanwhile."""

    def __init__(
        self,
        stream: PduStream,
        contexts: Mapping[int, Context],
        *,
        largest: int,
        sink: Callable[[Message], Sink] = in_memory,
    ) -> None:
        """Take a connection over which an association was agreed on.

        Args:
            stream: the connection.
            contexts: what was agreed on, by number.
            largest: how many bytes a PDU to the other side may have; 0: any.
            sink: chooses who takes the data set of a message; of that, the command is known.
        """
        self.contexts = contexts
        self.largest = largest
        self._stream = stream
        self._fragmenter = Fragmenter(largest)
        self._sink = sink
        self._ready: deque[Message] = deque()
        self._cancelled: set[int] = set()
        self._command = bytearray()
        self._context = 0
        self._message: Message | None = None  # the one whose data set comes
        self._taking: Sink | None = None
        self._out: list[bytes | memoryview] = []
        self._out_size = 0
        self._is_released = False
        self._is_broken = False  # somebody owes us an answer

    @property
    def ip(self) -> str:
        """The address of the other side."""
        return self._stream.ip

    @property
    def is_idle(self) -> bool:
        """Whether nobody owes an answer, and nothing came that was not asked for, or the end."""
        return not (self._is_broken or self._is_released or self._ready or self._stream.has_input())

    @property
    def is_between_messages(self) -> bool:
        """Whether nothing of a further message has been read: another process might go on."""
        begun = self._is_released or self._ready or self._command or self._message is not None
        return not (begun or self._stream.has_buffered)

    # What comes

    def receive(self) -> Message | None:
        """The next message; ``None`` where the other side has released the association.

        Raises:
            BadPdu: the protocol is not kept.
            Ended: the other side is gone, silent, or has aborted.
        """
        while not self._ready:
            if self._is_released:
                return None
            self._read()
        return self._ready.popleft()

    def is_cancelled(self, message_id: int) -> bool:
        """Whether a C-CANCEL has come for a message (PS3.7 9.3.2.3); does not wait."""
        while (
            not self._is_released and len(self._ready) < _MOST_WAITING and self._stream.has_input()
        ):
            self._read()
        return message_id in self._cancelled

    def forget_cancels(self) -> None:
        """What was cancelled is answered: the numbers may come again."""
        self._cancelled.clear()

    def _read(self) -> None:
        kind, body = self._stream.read()
        if kind == P_DATA_TF:
            for number, control, piece in fragments(body):
                self._take(number, control, piece)
        elif kind == RELEASE_RQ:
            if self._message is not None or self._command:
                raise BadPdu(UNEXPECTED)
            self._is_released = True
        elif kind == ABORT:
            raise Ended
        else:
            raise BadPdu(UNEXPECTED)

    def _take(self, number: int, control: int, piece: memoryview) -> None:
        """Take a fragment; those of a message are of one context, and the command comes first."""
        if control & IS_COMMAND:
            if self._message is not None or (self._command and number != self._context):
                raise BadPdu(UNEXPECTED)
            self._context = number
            self._command += piece
            if len(self._command) > LONGEST:
                raise BadPdu
            if control & IS_LAST:
                self._begin()
            return
        message, sink = self._message, self._taking
        if message is None or sink is None or number != self._context:
            raise BadPdu(UNEXPECTED)
        sink.write(piece)
        if control & IS_LAST:
            self._message = self._taking = None
            message.data = sink.finish()
            self._add(message)

    def _begin(self) -> None:
        context = self.contexts.get(self._context)
        if context is None:
            raise BadPdu(INVALID)
        message = Message(context, read_command(self._command))
        self._command.clear()
        if message.command["CommandDataSetType"] == NO_DATA_SET:
            self._add(message)
        else:
            self._message = message
            self._taking = self._sink(message)

    def _add(self, message: Message) -> None:
        if message.command["CommandField"] == C_CANCEL_RQ:
            self._cancelled.add(message.command.get("MessageIDBeingRespondedTo", 0))
        elif len(self._ready) >= 2 * _MOST_WAITING:
            raise BadPdu(UNEXPECTED)  # one at a time was agreed on (PS3.7 D.3.3.3)
        else:
            self._ready.append(message)

    # What goes

    def send(
        self,
        context: Context,
        command: Command | bytes,
        data: bytes | memoryview | None = None,
        *,
        more: bool = False,
    ) -> None:
        """Send a message; with ``more`` to come, it may wait for that.

        The command may be written already, as ``write_command`` does. Of many small messages, each
        has one PDU, as those of dcm4che have; of a single one, command and data set have their own,
        as old devices expect.

        Raises:
            Ended: nobody takes it.
        """
        if isinstance(command, bytes):
            content = command
        else:
            content = write_command(command, has_data=data is not None)
        out = self._out
        self._out_size += len(content) + (0 if data is None else len(data))
        if more and isinstance(data, bytes):
            whole = self._fragmenter.both(context.number, content, data)
            if whole is not None:
                out.append(whole)
                data = None
            else:
                out += self._fragmenter.command(context.number, content)
        else:
            out += self._fragmenter.command(context.number, content)
        if data is not None:
            out += self._fragmenter.data(context.number, data)
        if not more or self._out_size >= _TOGETHER:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        out, self._out, self._out_size = self._out, [], 0
        if out:
            self._stream.write(out)

    def call(
        self, context: Context, command: Command, data: bytes | memoryview | None = None
    ) -> Message:
        """Send a request, and wait for its response; C-CANCELs that come meanwhile are noted.

        Raises:
            BadPdu: what comes is no response.
            Ended: none came.
        """
        self._is_broken = True
        self.send(context, command, data)
        response = self.response()
        self._is_broken = False
        return response

    def response(self) -> Message:
        """The next response to a request of ours; see ``call``."""
        message = self.receive()
        if message is None:
            raise Ended
        if not message.is_response:
            raise BadPdu(UNEXPECTED)
        return message

    # The end

    def answer_release(self) -> None:
        """Agree to the release that was asked for, and wait until the connection is closed."""
        self._stream.write([release_reply()])
        self._stream.linger(FAREWELL)

    def release(self) -> None:
        """Ask for release, and wait until it is agreed to; abort where an answer never came.

        Raises:
            BadPdu, Ended: it is not.
        """
        if self._is_broken:
            self._stream.abort(seconds=0)
            return
        self.ask_for_release()
        while True:
            kind, _ = self._stream.read()
            if kind == RELEASE_RP:
                return
            if kind == RELEASE_RQ:  # both at once (PS3.8 section 7.2.2)
                self._stream.write([release_reply()])
            elif kind != P_DATA_TF:
                raise Ended

    def ask_for_release(self) -> None:
        """Ask for release, and do not wait for the answer.

        Raises:
            Ended: nobody is there.
        """
        self._stream.write([release_request()])

    def abort(self) -> None:
        """Break off."""
        self._stream.abort()

    def discard(self) -> None:
        """Forget what has come of a message whose rest will not."""
        if self._taking is not None:
            self._taking.discard()
            self._message = self._taking = None

    def stop(self) -> None:
        """Let whoever waits for the other side find that it is gone; from any thread."""
        self._stream.stop()
