"""Associations that the archive asks for (PS3.8 section 7.1)."""

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pynetdicom import build_context, build_role
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

from repertory.actors.dicom.options import ClientOptions
from repertory.errors import CannotStart, NetworkFailed
from repertory.modalities import Modality
from repertory.storage.dicom.wire import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

MOST_CONTEXTS = 128
"""Presentation contexts of one association: their numbers are odd and have one byte."""

_PAUSE = 0.0005
_LONGEST_PDU = 1 << 20
_READ_SIZE = 1 << 16
_SLOWEST = 1 << 14
"""Bytes that come in a second at least, besides the time for an answer."""
_END_PATIENCE = 10.0


class Caller:
    """Asks others for associations, and ends them all if it has to stop."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self.encoding = options.encoding
        self._open: set[Association] = set()
        self._closed = False

    @contextmanager
    def associate(
        self,
        modality: Modality,
        contexts: Iterable[tuple[str, Iterable[str]]],
        *,
        local_aet: str = "",
        timeout: float = 0.0,
        serves: Iterable[str] = (),
    ) -> Iterator[Association]:
        """An association for as long as the context lasts; its reactor stands still meanwhile.

        Args:
            modality: who is called.
            contexts: SOP classes, each with the transfer syntaxes to propose.
            local_aet: the title to call by, where it is not the modality's or our own.
            timeout: seconds to wait for an answer, where it is not the modality's or our own.
            serves: SOP classes of which we are the provider here (PS3.7 D.3.3.4).

        Raises:
            NetworkFailed: nobody is there, or who is there does not want us.
        """
        title = local_aet or modality.local_aet or self._options.aet
        seconds = timeout or modality.timeout or self._options.timeout or None
        entity = _Entity(title)
        entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        entity.acse_timeout = entity.dimse_timeout = entity.connection_timeout = seconds
        entity.network_timeout = None  # we are the ones who let time go by
        proposed = [build_context(it, list(syntaxes)) for it, syntaxes in contexts]
        if self._closed:
            raise NetworkFailed("The archive is stopping.")
        association = entity.associate(
            modality.host,
            modality.port,
            contexts=proposed[:MOST_CONTEXTS],
            ae_title=modality.aet,
            max_pdu=self._options.pdu_length,
            ext_neg=[build_role(it, scp_role=True) for it in serves],
            tls_args=tls_of(self._options, modality),
        )
        try:
            if not association.is_established:
                raise NetworkFailed(_reason(association, modality))
            self._open.add(association)
            _pause(association)
            yield association
            if association.is_established:
                association.release()
        finally:
            self._open.discard(association)
            _end(association)
            if entity.connection is not None:
                entity.connection.close()

    def close(self) -> None:
        """Break off what is open: whoever waits for an answer gets none."""
        self._closed = True
        for association in tuple(self._open):
            association.dimse.msg_queue.put((None, None))


def tls_of(options: ClientOptions, modality: Modality) -> tuple[ssl.SSLContext, str] | None:
    """How a modality is spoken to by TLS, and the name that it is called by; ``None`` without.

    Raises:
        NetworkFailed: it wants TLS, and we have no certificate.
        CannotStart: a certificate or key cannot be read.
    """
    if not modality.use_tls:
        return None
    tls = options.tls
    if tls is None:
        raise NetworkFailed("UseDicomTls needs DicomTlsCertificate and DicomTlsPrivateKey.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False  # DICOM's certificates name devices, not hosts
    try:
        context.load_cert_chain(tls.certificate, tls.private_key)
        if tls.trusted is not None:
            context.load_verify_locations(tls.trusted)
        else:
            context.verify_mode = ssl.CERT_NONE
    except OSError as error:
        raise CannotStart(f"The certificates of the DICOM protocol: {error}.") from error
    return context, modality.host


class _Entity(ApplicationEntity):
    """Holds its connection: pynetdicom forgets one that could not be made, and leaves it open."""

    connection: socket.socket | None = None

    def _create_socket(self, *parts: Any) -> AssociationSocket:
        reader = super()._create_socket(*parts)
        self.connection = reader.socket
        if self.connection is not None:
            # A message is two PDUs: without this the second waits for the first's receipt.
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # pynetdicom's own waits for ever for the rest of what was begun.
        receiving: Any = reader
        receiving.recv = partial(_receive, reader, self.connection_timeout)
        return reader


def _receive(reader: AssociationSocket, patience: float | None, size: int) -> bytearray:
    """As many bytes of a PDU; fewer where the connection ends.

    Raises:
        OSError: it is longer than any that is sent in good faith, or does not come in time.
    """
    if size > _LONGEST_PDU:
        raise OSError("PDU too long")
    end = None if patience is None else time.monotonic() + patience + size / _SLOWEST
    received = bytearray()
    connection = reader.socket
    while connection is not None and len(received) < size:
        if end is not None:
            connection.settimeout(max(end - time.monotonic(), _PAUSE))
        piece = connection.recv(min(size - len(received), _READ_SIZE))
        if not piece:
            break
        received += piece
    return received


def _reason(association: Association, modality: Modality) -> str:
    if association.is_rejected:
        return f"{modality.aet} rejected the association."
    return f"{modality.aet} cannot be reached, or broke off: no association."


def _pause(association: Association) -> None:
    """Let the association's own thread stand still, or it would take the answers."""
    pausing: Any = association
    pausing._reactor_checkpoint.clear()  # noqa: SLF001 - as pynetdicom's own requests do
    pause = threading.Event()  # pynetdicom tells nobody when it has come so far
    while not pausing._is_paused:  # noqa: SLF001
        pause.wait(_PAUSE)


def _end(association: Association) -> None:
    """Leave neither a thread nor a socket behind."""
    if association.is_established:
        association.abort(block=False)
    association.kill()
    reader = association.dul.socket
    if reader is not None:
        reader.close()
    for thread in (association, association.dul):
        if thread.is_alive():
            thread.join(_END_PATIENCE)
