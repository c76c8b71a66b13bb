"""Send one file after another over a connection that stays open, and try again where it helps."""

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO
from urllib.parse import quote

from repertory.importing.kinds import HEAD_SIZE, clearly_not_dicom
from repertory.importing.sources import DAMAGED, Item, reason
from repertory.importing.target import Target

WHOLE_SIZE = 4 << 20
"""Files up to this size, in bytes, are read before they are sent; larger ones while."""

_BLOCK_SIZE = 256 << 10
_BUSY = frozenset({429, 502, 503, 504})
_DENIED = frozenset({401, 403})
_NO_ANSWER = (OSError, http.client.HTTPException)
PATIENT = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)
BRIEF = PATIENT[:5]


class ServerError(Exception):
    """The server cannot be reached, or does not let us in: no file would do better."""


class InterruptedImport(Exception):
    """The user has had enough."""


class _UnreadableError(Exception):
    """The file cannot be read to its end."""


class Kind(Enum):
    """What became of a file."""

    STORED = "stored"
    ALREADY_STORED = "already stored"
    SKIPPED = "skipped, not DICOM"
    REFUSED = "refused"
    UNREADABLE = "unreadable"
    EARLIER = "done in an earlier run"

    @property
    def is_failure(self) -> bool:
        """Whether the user has to look after the file."""
        return self in (Kind.REFUSED, Kind.UNREADABLE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file, why, and under which identifier it is in the archive."""

    kind: Kind
    why: str = ""
    instance_id: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    retry_after: float | None

    def why(self) -> str:
        """The server's reason in its own words, if it gave one."""
        try:
            error = json.loads(self.body)
            words = [str(error[key]) for key in ("Message", "Details") if error.get(key)]
        except (ValueError, AttributeError, TypeError):
            words = []
        return ": ".join([str(self.status), *words])


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why there is no answer yet; ``is_final`` if nobody is there to answer."""

    why: str
    retry_after: float | None = None
    is_final: bool = False


class Uploader:
    """One connection to ``target``; to be used by one thread.

    ``wait(seconds)`` waits before another try and returns whether to stop instead;
    ``pauses`` are the times to wait, in seconds; ``moved(size)`` hears of bytes that were sent.
    """

    def __init__(
        self,
        target: Target,
        *,
        wait: Callable[[float], bool],
        pauses: tuple[float, ...] = PATIENT,
        moved: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._target = target
        self._wait = wait
        self._pauses = pauses
        self._moved = moved
        self._connection = target.connect()
        self._used = False

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def upload(self, item: Item) -> Outcome:
        """Send ``item``; raises ``ServerError`` or ``InterruptedImport``."""
        if item.other_kind:
            return Outcome(Kind.SKIPPED, item.other_kind)
        if item.fault:
            return Outcome(Kind.UNREADABLE, item.fault)
        try:
            with item.open() as stream:
                head = stream.read(HEAD_SIZE)
                if kind := clearly_not_dicom(head, item.name):
                    return Outcome(Kind.SKIPPED, kind)
                rest = stream.read() if item.size <= WHOLE_SIZE else None
                return self._send(item, head, rest, stream)
        except _UnreadableError as error:
            return Outcome(Kind.UNREADABLE, str(error))
        except DAMAGED as error:
            return Outcome(Kind.UNREADABLE, reason(error))

    def ask(self, route: str) -> tuple[int, bytes]:
        """Status and body of ``GET route``; raises ``ServerError`` or ``InterruptedImport``."""
        answer = self._persist(lambda: self._get(route), patient_with_silence=False)
        if isinstance(answer, str):
            raise ServerError(answer)
        return answer.status, answer.body

    def _send(self, item: Item, head: bytes, rest: bytes | None, stream: BinaryIO) -> Outcome:
        if rest is not None and len(head) + len(rest) != item.size:
            raise _UnreadableError("changed while it was read")

        def post() -> _Answer:
            if rest is not None:
                return self._post(item.size, iter((head + rest,)))
            return self._post(item.size, _blocks(stream, item.size))

        answer = self._persist(post, patient_with_silence=True)
        return Outcome(Kind.REFUSED, answer) if isinstance(answer, str) else _judge(answer)

    def _persist(
        self, request: Callable[[], _Answer], *, patient_with_silence: bool
    ) -> _Answer | str:
        """The answer, or why there is none though it was asked for again and again.

        To store an instance twice is to store it once, so that any failed try may be repeated.
        Raises ``ServerError`` if nobody listens any more.
        """
        trouble = _Trouble("")
        # A server may close a connection that was silent for a while: then it is only opened anew.
        first = (0.0,) if self._used else ()
        for pause in (*first, *self._pauses, None):
            answer = self._try(request)
            if isinstance(answer, _Answer):
                return answer
            trouble = answer
            wish = trouble.retry_after
            if pause is not None and self._wait(pause if wish is None else min(wish, max(PATIENT))):
                raise InterruptedImport
        if trouble.is_final or not patient_with_silence:
            raise ServerError(trouble.why)
        return trouble.why

    def _try(self, request: Callable[[], _Answer]) -> _Answer | _Trouble:
        """The answer, or why to ask again; raises ``ServerError`` if that is no use."""
        try:
            answer = request()
        except socket.gaierror as error:
            raise ServerError("there is no server of this name") from error
        except ssl.CertificateError as error:
            raise ServerError("the server's certificate is not trusted") from error
        except _NO_ANSWER as error:
            self._connection.close()
            refused = isinstance(error, ConnectionRefusedError)
            return _Trouble(f"no answer: {_words(error)}", is_final=refused)
        if answer.status in _DENIED:
            raise ServerError(f"the server denies access ({answer.why()})")
        if answer.status in _BUSY:
            return _Trouble(answer.why(), retry_after=answer.retry_after)
        return answer

    def _get(self, route: str) -> _Answer:
        self._connection.request(
            "GET", self._target.path(quote(route)), headers=self._target.headers
        )
        return self._answer()

    def _post(self, size: int, blocks: Iterator[bytes]) -> _Answer:
        connection = self._connection
        connection.putrequest("POST", self._target.path("/instances"))
        headers = {"Content-Type": "application/dicom", "Content-Length": str(size)}
        for name, value in (headers | self._target.headers).items():
            connection.putheader(name, value)
        moved = 0
        try:
            connection.endheaders()
            for block in blocks:
                try:
                    connection.send(block)
                except (BrokenPipeError, ConnectionResetError):
                    # The server may have answered before the end, as with a file too large.
                    answer = self._answer()
                    connection.close()
                    return answer
                moved += len(block)
                self._moved(len(block))
            return self._answer()
        except (*_NO_ANSWER, _UnreadableError):
            # Half a request was sent: what follows must not be taken for the other half.
            connection.close()
            self._moved(-moved)
            raise

    def _answer(self) -> _Answer:
        response = self._connection.getresponse()
        after = response.headers.get("Retry-After", "")
        body = response.read()
        self._used = True
        return _Answer(
            status=response.status,
            body=body,
            retry_after=float(after) if after.isdecimal() else None,
        )


def _blocks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """All of ``stream`` from its beginning, in pieces; it must have ``size`` bytes."""
    try:
        stream.seek(0)
        while block := stream.read(_BLOCK_SIZE):
            size -= len(block)
            if size < 0:
                break
            yield block
    except DAMAGED as error:
        raise _UnreadableError(reason(error)) from error
    if size:
        raise _UnreadableError("changed while it was read")


def _judge(answer: _Answer) -> Outcome:
    """What the server's last word means."""
    if answer.status != 200:
        return Outcome(Kind.REFUSED, answer.why())
    try:
        receipt = json.loads(answer.body)
        status, instance_id = receipt["Status"], str(receipt["ID"])
    except (ValueError, KeyError, TypeError):
        return Outcome(Kind.REFUSED, "200, but not the answer of an archive")
    match status:
        case "Success":
            return Outcome(Kind.STORED, instance_id=instance_id)
        case "AlreadyStored":
            return Outcome(Kind.ALREADY_STORED, instance_id=instance_id)
        case _:
            return Outcome(Kind.REFUSED, f"the archive does not want it ({status})")


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
