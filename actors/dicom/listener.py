"""The listening socket, and the connections that come by it (PS3.8 section 9).

Each association has a thread. A silent client, a length that lies, a handshake that does not end
and a crowd of connections cost no more than their own share, and only until ``timeout``.
"""

import select
import socket
import threading
from contextlib import suppress
from functools import partial

import structlog

from repertory.actors.dicom.accepting import Acceptor
from repertory.actors.dicom.access import Caller
from repertory.actors.dicom.conversing import farewell
from repertory.actors.dicom.handing_over import HandingOver
from repertory.actors.dicom.options import ServerOptions
from repertory.actors.dicom.securing import insist, tls_context
from repertory.actors.dicom.services import Services
from repertory.actors.dicom.upper.association import Association
from repertory.actors.dicom.upper.stream import PduStream
from repertory.errors import CannotStart, RepertoryError

log = structlog.get_logger(__name__)

_BACKLOG = 128
_SPARE = 16
"""Connections beyond the limit of associations that are told so; the others are cut off."""

_STOP_PATIENCE = 10.0
_BREATH = 0.1
"""Seconds to wait where no connection can be taken, for want of descriptors perhaps."""


class Listener:
    """Listens, admits, and serves each association in a thread of its own."""

    def __init__(
        self, options: ServerOptions, acceptor: Acceptor, services: Services, handing: HandingOver
    ) -> None:
        self._options = options
        self._acceptor = acceptor
        self._services = services
        self._handing = handing
        self._tls = None if options.tls is None else tls_context(options.tls)
        self._lock = threading.Lock()
        self._visitors: dict[threading.Thread, _Visitor] = {}
        self._established = 0
        self._closing = False
        try:
            self._socket = _listen(options.address, options.port)
        except OSError as error:
            raise CannotStart(
                f"DicomPort {options.port} cannot be listened on: {error.strerror}."
            ) from error
        self._bell, self._rope = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="dicom-listener", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self._socket.getsockname()[1])

    @property
    def associations(self) -> int:
        """How many are open, with those that are asked for just now."""
        return len(self._visitors)

    def close(self) -> None:
        """Take no more, end those that are there, and wait for what they have begun."""
        self._rope.close()
        self._thread.join(_STOP_PATIENCE)
        self._bell.close()
        self._socket.close()
        with self._lock:
            self._closing = True
            left = list(self._visitors.items())
        for _, visitor in left:
            visitor.shut(socket.SHUT_RD)
        for thread, visitor in left:
            thread.join(_STOP_PATIENCE)
            visitor.shut(socket.SHUT_RDWR)
            thread.join(_STOP_PATIENCE)

    # Connections

    def _run(self) -> None:
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        waiting.register(self._bell, select.POLLIN)
        while self._bell.fileno() not in dict(waiting.poll()):
            try:
                connection, address = self._socket.accept()
            except OSError as error:
                # It is gone already, or there are no descriptors left; that takes a while to pass.
                log.warning("connection_not_taken", reason=type(error).__name__)
                select.select([self._bell], [], [], _BREATH)
                continue
            if len(self._visitors) >= self._options.associations + _SPARE:
                connection.close()
                continue
            visitor = _Visitor(connection, str(address[0]).removeprefix("::ffff:"))
            thread = threading.Thread(
                target=partial(self._attend, visitor), name="dicom-association", daemon=True
            )
            with self._lock:
                self._visitors[thread] = visitor
            thread.start()

    def _attend(self, visitor: "_Visitor") -> None:
        try:
            connection = self._greet(visitor)
            if connection is not None:
                self._converse(connection, visitor)
        except Exception:
            # Raised further it would end the thread without a word: it ends its association alone.
            log.exception("association_failed")
        finally:
            visitor.connection.close()
            with self._lock:
                self._visitors.pop(threading.current_thread(), None)

    def _greet(self, visitor: "_Visitor") -> socket.socket | None:
        """Make the connection ready, with a handshake that may take as long as it wants."""
        connection = visitor.connection
        try:
            connection.settimeout(self._options.timeout or None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                secured = self._tls.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
                visitor.connection = connection = secured
                secured.do_handshake()
                insist(secured, self._options.tls)
        except OSError as error:
            log.warning("association_not_begun", ip=visitor.ip, reason=type(error).__name__)
            return None
        return connection

    def _converse(self, connection: socket.socket, visitor: "_Visitor") -> None:
        stream = PduStream(connection, timeout=self._options.timeout or None)
        association: Association | None = None
        is_counted = False

        def has_room() -> bool:
            nonlocal is_counted
            with self._lock:
                is_counted = self._established < self._options.associations
                self._established += is_counted
            return is_counted

        try:
            with farewell(
                stream,
                visitor.ip,
                association=lambda: association,
                is_closing=lambda: self._closing,
            ):
                accepted = self._acceptor.accept(
                    stream, visitor.ip, has_room=has_room, sink=self._services.sink
                )
                if accepted is not None:
                    association, caller = accepted
                    self._serve(stream, association, caller)
        finally:
            if is_counted:
                with self._lock:
                    self._established -= 1

    def _serve(self, stream: PduStream, association: Association, caller: Caller) -> None:
        """Serve an association here, or elsewhere; one that was alone moves when others come."""
        is_alone = self._is_alone()
        while not self._is_served_elsewhere(stream, association, caller, is_alone=is_alone):
            # Whom nobody took though there were others stays for good.
            may_move = (lambda: not self._is_alone()) if is_alone else (lambda: False)
            if self._services.serve(association, caller, may_move):
                return
            is_alone = self._is_alone()

    def _is_alone(self) -> bool:
        with self._lock:
            return self._established == 1

    def _is_served_elsewhere(
        self, stream: PduStream, association: Association, caller: Caller, *, is_alone: bool
    ) -> bool:
        """Let another process serve an association to its end, if there is one that does."""
        if self._tls is not None or stream.has_buffered or self._closing:
            return False
        served = self._handing.hand_over(association, caller, stream.fileno(), is_alone=is_alone)
        if served is None:
            return False
        try:
            return served.get()
        except RepertoryError:  # the process that served it is gone: so is the association
            log.warning("association_broken_off", ip=caller.ip, reason="process")
            return True


class _Visitor:
    """Who is there, and the connection by which it came."""

    def __init__(self, connection: socket.socket, ip: str) -> None:
        self.connection = connection
        self.ip = ip

    def shut(self, how: int) -> None:
        """Let who reads, or writes, find the end of the connection, from another thread."""
        with suppress(OSError):  # it is gone already
            socket.socket.shutdown(self.connection, how)  # that of TLS would forget its keys


def _listen(address: str, port: int) -> socket.socket:
    """All addresses where none is given, as before of version 4 alone."""
    found = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((address, port))
        found.listen(_BACKLOG)
    except OSError:
        found.close()
        raise
    return found
