"""PDUs to and from a connection."""

import select
import socket
import ssl
import time
from collections.abc import Iterable

from repertory.actors.dicom.upper.pdus import (
    HEAD,
    KINDS,
    LARGEST,
    UNRECOGNIZED,
    BadPdu,
    abort,
)

FAREWELL = 2.0
"""Seconds that the other side has to close a connection over which everything was said."""

_BUFFER = 1 << 16
_LARGE_BUFFER = 1 << 18
_TOGETHER = 1 << 18
_SLOWEST = 1 << 14
"""Bytes that come in a second at least, besides the time for an answer."""


class Ended(Exception):
    """The other side is gone, or has aborted: there is nobody to be answered."""


class Silent(Ended):
    """The other side said nothing, or did not listen, for longer than it may."""


class PduStream:
    """A connection, read by one thread.

    What is read is a view into a buffer, which the next PDU takes the place of.
    """

    def __init__(self, connection: socket.socket, *, timeout: float | None) -> None:
        """Take a connection.

        Args:
            connection: connected, and with TLS where that is spoken.
            timeout: seconds that the other side may be silent; ``None`` is for ever.
        """
        self._connection = connection
        self._timeout = timeout
        self._buffer = memoryview(bytearray(_BUFFER))
        self._start = self._end = 0
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)
        connection.settimeout(timeout)

    @property
    def ip(self) -> str:
        """The address of the other side; "" where it is gone."""
        try:
            return str(self._connection.getpeername()[0]).removeprefix("::ffff:")
        except (OSError, IndexError):  # a pair of sockets has no addresses
            return ""

    def fileno(self) -> int:
        """The descriptor of the connection."""
        return self._connection.fileno()

    @property
    def has_buffered(self) -> bool:
        """Whether bytes were received that nobody has read yet."""
        return self._start < self._end

    def read(self, *, within: float | None = None) -> tuple[int, memoryview]:
        """The next PDU: its type, and what follows its head.

        Args:
            within: seconds that it may take in all (the ARTIM timer of PS3.8 section 9.1.5).

        Raises:
            BadPdu: it is of no known type, or too long.
            Ended: the connection is at its end.
            Silent: nothing came in time.
        """
        deadline = None if within is None else time.monotonic() + within
        try:
            kind, length = HEAD.unpack(self._take(HEAD.size, deadline))
            if kind not in KINDS:
                raise BadPdu(UNRECOGNIZED)
            if length > LARGEST:
                raise BadPdu
            return kind, self._take(length, deadline)
        finally:
            if deadline is not None:
                self._connection.settimeout(self._timeout)

    def has_input(self) -> bool:
        """Whether something has come that was not read yet, be it the end."""
        if self._start < self._end:
            return True
        if isinstance(self._connection, ssl.SSLSocket) and self._connection.pending():
            return True
        return bool(self._poll.poll(0))

    def write(self, parts: Iterable[bytes | memoryview]) -> None:
        """Send all of it, in large pieces.

        Raises:
            Ended: nobody is there.
            Silent: nobody listens.
        """
        waiting: list[bytes | memoryview] = []
        size = 0
        for part in parts:
            waiting.append(part)
            size += len(part)
            if size >= _TOGETHER:
                self._send(b"".join(waiting))
                waiting.clear()
                size = 0
        if waiting:
            self._send(b"".join(waiting))

    def stop(self) -> None:
        """Let whoever reads or writes find the end, at once; from any thread."""
        self._shutdown(socket.SHUT_RDWR)

    def abort(self, error: BadPdu | None = None, *, seconds: float = FAREWELL) -> None:
        """Break off, and say why where the other side is to blame; see ``linger``."""
        pdu = abort() if error is None else abort(by_provider=True, reason=error.reason)
        try:
            self.write([pdu])
        except Ended:
            return
        self.linger(seconds)

    def linger(self, seconds: float) -> None:
        """Wait until the other side has closed the connection, as who ends an association does.

        What still comes is thrown away (PS3.8 section 9.2.3, state 13).
        """
        deadline = time.monotonic() + seconds
        try:
            self._shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0:
                self._connection.settimeout(left)
                if not self._connection.recv_into(self._buffer):
                    return
        except OSError:
            return

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _shutdown(self, how: int) -> None:
        try:
            socket.socket.shutdown(self._connection, how)  # that of TLS forgets the keys
        except OSError:
            return  # it is gone already

    def _send(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except TimeoutError as error:
            raise Silent from error
        except OSError as error:
            raise Ended from error

    def _take(self, size: int, deadline: float | None) -> memoryview:
        if self._end - self._start < size:
            self._fill(size, deadline)
        start = self._start
        self._start = start + size
        return self._buffer[start : start + size]

    def _fill(self, size: int, deadline: float | None) -> None:
        if self._start == self._end:
            self._start = self._end = 0
        if self._start + size > len(self._buffer):
            self._make_room(size)
        self._receive(deadline)
        if self._end - self._start >= size:
            return
        # Whoever has begun goes on, and not by one byte at a time: that would take for ever.
        end = None
        if self._timeout is not None:
            end = time.monotonic() + self._timeout + size / _SLOWEST
        while self._end - self._start < size:
            if end is not None and time.monotonic() > end:
                raise Silent
            self._receive(deadline)

    def _receive(self, deadline: float | None) -> None:
        try:
            if deadline is not None:
                self._connection.settimeout(max(deadline - time.monotonic(), 0.001))
            received = self._connection.recv_into(self._buffer[self._end :])
        except TimeoutError as error:
            raise Silent from error
        except OSError as error:
            raise Ended from error
        if not received:
            raise Ended
        self._end += received

    def _make_room(self, size: int) -> None:
        """Move what is there to the front, of a larger buffer where it needs one."""
        rest = bytes(self._buffer[self._start : self._end])
        if size > _BUFFER // 4 and len(self._buffer) < size + _LARGE_BUFFER:
            self._buffer = memoryview(bytearray(size + _LARGE_BUFFER))
        self._buffer[: len(rest)] = rest
        self._start, self._end = 0, len(rest)
