"""The listening socket, and the associations that come by it (PS3.8 section 9).

pynetdicom does this, with a thread that reads and one that answers for each association. What is
added bounds it: a silent client, a length that lies, a handshake that does not end and a crowd of
connections cost no more than their own share, and only until ``timeout``.
"""

import socket
import ssl
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.transport import (
    AddressInformation,
    AssociationSocket,
    RequestHandler,
    ThreadedAssociationServer,
)

from repertory.actors.dicom.access import Caller, Guard
from repertory.actors.dicom.negotiation import VERIFICATION, Negotiator
from repertory.actors.dicom.options import ServerOptions, TlsOptions
from repertory.errors import CannotStart
from repertory.storage.dicom.wire import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

log = structlog.get_logger(__name__)

Serve = Callable[[Association, Any, int], None]
"""Answers a message of an association; the number is that of its presentation context."""

LARGEST_PDU = 1 << 20
"""Bytes. Some send more than they were told to; what is longer than this is an attack."""

_STOP_PATIENCE = 10.0
_READ_SIZE = 1 << 16


class Listener:
    """Listens, admits, and hands each message to ``serve`` in the association's own thread."""

    def __init__(
        self, options: ServerOptions, guard: Guard, negotiator: Negotiator, serve: Serve
    ) -> None:
        self._options = options
        self._guard = guard
        self._negotiator = negotiator
        entity = ApplicationEntity(options.access.aet)
        # Each association takes its contexts from what is proposed; one is needed to begin.
        entity.add_supported_context(VERIFICATION)
        entity.maximum_associations = options.associations
        entity.maximum_pdu_size = options.pdu_length
        entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        timeout = options.timeout or None
        entity.acse_timeout = timeout
        entity.dimse_timeout = timeout
        entity.network_timeout = timeout
        try:
            self._server = _Server(entity, options, serve, self._requested)
        except OSError as error:
            raise CannotStart(
                f"DicomPort {options.port} cannot be listened on: {error.strerror}."
            ) from error
        self._thread = threading.Thread(
            target=partial(self._server.serve_forever, poll_interval=0.1),
            name="dicom-listener",
            daemon=True,
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The TCP port."""
        return int(self._server.server_address[1])

    @property
    def associations(self) -> int:
        """How many are open."""
        return len(self._server.active_associations)

    def close(self) -> None:
        """Take no more, end those that are there, and wait for what they have begun."""
        self._server.stop()
        self._thread.join(_STOP_PATIENCE)
        left = self._server.active_associations
        for association in left:
            association.abort(block=False)
        for association in left:
            association.join(_STOP_PATIENCE)
            association.dul.join(_STOP_PATIENCE)

    def _requested(self, event: evt.Event) -> None:
        """Look at who comes and at what is proposed, before pynetdicom negotiates."""
        association = event.assoc
        caller = caller_of(association)
        if not self._guard.is_called(caller):
            _reject(association, caller, "called_title", 0x07)
        elif not self._guard.knows(caller):
            _reject(association, caller, "calling_title", 0x03)
        else:
            request = association.requestor.primitive
            proposed = request.presentation_context_definition_list if request else []
            roles = association.requestor.role_selection
            association.acceptor.supported_contexts = self._negotiator.supported(
                proposed, [str(uid) for uid, role in roles.items() if role.scp_role]
            )


def caller_of(association: Association) -> Caller:
    """Who is at the other end."""
    request: Any = association.requestor.primitive
    return Caller(
        title=str(request.calling_ae_title).strip(),
        called=str(request.called_ae_title).strip(),
        ip=association.requestor.address.removeprefix("::ffff:"),
    )


def _reject(association: Association, caller: Caller, reason: str, code: int) -> None:
    """Reject for good: by the service user, with PS3.8 table 9-21's reason."""
    log.warning("association_rejected", aet=caller.title, ip=caller.ip, reason=reason)
    association.acse.send_reject(0x01, 0x01, code)
    association.kill()


class _Handler(RequestHandler):
    """Makes an association of a connection."""

    server: "_Server"

    def _create_association(self) -> Association:
        association = super()._create_association()
        reader: Any = association.dul.socket
        reader.recv = partial(_receive, reader)
        answering: Any = association
        answering._serve_request = partial(self.server.serve, association)  # noqa: SLF001
        return association


def _receive(reader: AssociationSocket, size: int) -> bytearray:
    """As many bytes of a PDU; fewer where the connection ends.

    Raises:
        OSError: it is longer than any that is sent in good faith.
    """
    if size > LARGEST_PDU:
        raise OSError("PDU too long")
    received = bytearray()
    while len(received) < size:
        piece = reader.socket.recv(min(size - len(received), _READ_SIZE))  # type: ignore[union-attr]
        if not piece:
            break
        received += piece
    return received


class _Server(ThreadedAssociationServer):
    """pynetdicom's server, with bounds, and without a log of its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        entity: ApplicationEntity,
        options: ServerOptions,
        serve: Serve,
        requested: Callable[[evt.Event], None],
    ) -> None:
        self._limit = options.associations + 16
        self._timeout = options.timeout or None
        self._tls = None if options.tls is None else tls_context(options.tls)
        self.serve = serve
        super().__init__(
            entity,
            (options.address, options.port),
            options.access.aet,
            entity.supported_contexts,
            evt_handlers=[(evt.EVT_REQUESTED, requested)],
            request_handler=_Handler,
        )
        self._entity = entity

    def _bind_defaults(self) -> None:
        for event in evt._INTERVENTION_EVENTS:  # noqa: SLF001 - as the class above does
            self.bind(event, evt.get_default_handler(event))

    def stop(self) -> None:
        """Let ``serve_forever`` end, and nobody in while the others are sent away."""
        self.socket.close()  # type: ignore[union-attr]
        self._BaseServer__shutdown_request = True  # as ``shutdown``, which waits for ever

    def get_request(self) -> tuple[socket.socket, Any]:
        """A connection; whoever is silent within a message is not waited for without end."""
        client, address = self.socket.accept()  # type: ignore[union-attr]
        client.settimeout(self._timeout)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client, address

    def verify_request(self, _request: Any, _address: Any) -> bool:
        """Whether there is room: beyond the limit some are told so, the others are cut off."""
        return len(self.active_associations) < self._limit

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Greet in a thread of its own: a handshake may take as long as it wants."""
        try:
            if self._tls is not None:
                request = self._tls.wrap_socket(request, server_side=True)
            self.finish_request(request, client_address)
        except OSError as error:
            ip = AddressInformation.from_tuple(client_address).address
            log.warning("association_not_begun", ip=ip, reason=type(error).__name__)
            self.shutdown_request(request)


def tls_context(options: TlsOptions) -> ssl.SSLContext:
    """TLS as the BCP 195 profile wants it (PS3.15 B.9): 1.2 or newer.

    Raises:
        CannotStart: a certificate or key cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(options.certificate, options.private_key)
        if options.trusted is not None:
            context.load_verify_locations(options.trusted)
    except OSError as error:
        raise CannotStart(f"The certificates of the DICOM protocol: {error}.") from error
    if options.trusted is not None:
        context.verify_mode = ssl.CERT_REQUIRED if options.remote_required else ssl.CERT_OPTIONAL
    return context
