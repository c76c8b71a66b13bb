"""Associations that the archive asks for (PS3.8 section 7.1)."""

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum

from repertory.actors.dicom.keeping import Held, Keeper, end, purpose_of
from repertory.actors.dicom.options import ClientOptions
from repertory.actors.dicom.securing import insist, tls_of
from repertory.actors.dicom.upper.associating import (
    MOST_CONTEXTS,
    AssociateAccept,
    AssociateRequest,
    Proposed,
    Result,
    Roles,
    UserInformation,
    read_accept,
    write_request,
)
from repertory.actors.dicom.upper.association import (
    Association,
    Context,
    Message,
    Sink,
    in_memory,
)
from repertory.actors.dicom.upper.pdus import (
    ABORT,
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    UNEXPECTED,
    BadPdu,
)
from repertory.actors.dicom.upper.stream import Ended, PduStream, Silent
from repertory.errors import NetworkFailed
from repertory.modalities import Modality
from repertory.storage.dicom.wire import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME


class Keep(Enum):
    """Whether an association is kept when it was used, and one that was kept may be taken."""

    NOT = 0
    FRESH = 1
    TAKE = 2


class Stale(NetworkFailed):
    """An association that was kept broke off when it was used again."""


class Requestor:
    """Asks others for associations, and ends them all if it has to stop."""

    def __init__(self, options: ClientOptions, keeper: Keeper | None = None) -> None:
        """Take how others are called, and who keeps associations that may be wanted again."""
        self._options = options
        self._keeper = keeper
        self.aet = options.aet
        self.encoding = options.encoding
        self._open: set[PduStream] = set()
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
        sink: Callable[[Message], Sink] = in_memory,
        keep: Keep = Keep.NOT,
    ) -> Iterator[Association]:
        """An association for as long as the context lasts.

        Args:
            modality: who is called.
            contexts: SOP classes, each with the transfer syntaxes to propose.
            local_aet: the title to call by, where it is not the modality's or our own.
            timeout: seconds to wait for an answer, where it is not the modality's or our own.
            serves: SOP classes of which we are the provider here (PS3.7 D.3.3.4).
            sink: chooses who takes the data set of a message that comes.
            keep: whether one that was kept may be taken, and this one is kept.

        Raises:
            NetworkFailed: nobody is there, who is there does not want us, or it breaks off.
            Stale: one that was kept breaks off: perhaps it was gone already.
        """
        seconds = timeout or modality.timeout or self._options.timeout or None
        proposed = tuple(
            Proposed(2 * number + 1, sop_class, tuple(syntaxes))
            for number, (sop_class, syntaxes) in enumerate(contexts)
        )[:MOST_CONTEXTS]
        request = AssociateRequest(
            called=modality.aet,
            calling=local_aet or modality.local_aet or self._options.aet,
            contexts=proposed,
            user=UserInformation(
                largest=self._options.pdu_length,
                implementation_class=IMPLEMENTATION_CLASS_UID,
                implementation_version=IMPLEMENTATION_VERSION_NAME,
                roles={it: Roles(scu=False, scp=True) for it in serves},
            ),
        )
        if self._closed:
            raise NetworkFailed("The archive is stopping.")
        keeper = self._keeper if keep is not Keep.NOT else None
        purpose = purpose_of(
            modality,
            request.calling,
            seconds,
            ((it.abstract_syntax, it.transfer_syntaxes) for it in proposed),
        )
        held = keeper.take(purpose) if keeper is not None and keep is Keep.TAKE else None
        stream = self._connect(modality, seconds) if held is None else held.stream
        self._open.add(stream)
        is_kept = False
        try:
            if self._closed:  # meanwhile
                raise NetworkFailed("The archive is stopping.")
            if held is None:
                association = _negotiate(stream, request, modality, seconds, sink)
            else:
                association, purpose = held.association, held.purpose
            try:
                yield association
            except (BadPdu, Ended) as error:
                stream.abort(seconds=0)
                kind = NetworkFailed if held is None else Stale
                raise kind(f"{modality.aet} gave no answer in time, or broke off.") from error
            except BaseException:  # whatever it is, the other side is not left waiting; it goes on
                stream.abort(seconds=0)
                raise
            finally:
                association.discard()
            is_kept = keeper is not None and keeper.keep(Held(purpose, stream, association))
            if not is_kept:
                end(association)
        finally:
            self._open.discard(stream)
            if not is_kept:
                stream.close()

    def close(self) -> None:
        """Break off what is open: whoever waits for an answer gets none."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.close()
        for stream in tuple(self._open):
            stream.stop()

    def _connect(self, modality: Modality, seconds: float | None) -> PduStream:
        tls = tls_of(self._options, modality)
        connection: socket.socket | None = None
        try:
            connection = socket.create_connection((modality.host, modality.port), timeout=seconds)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                connection = secured = tls.wrap_socket(connection, server_hostname=modality.host)
                insist(secured, self._options.tls)
        except OSError as error:
            if connection is not None:
                connection.close()
            raise NetworkFailed(
                f"{modality.aet} cannot be reached, or broke off: no association."
            ) from error
        return PduStream(connection, timeout=seconds)


def _negotiate(
    stream: PduStream,
    request: AssociateRequest,
    modality: Modality,
    seconds: float | None,
    sink: Callable[[Message], Sink],
) -> Association:
    try:
        stream.write([write_request(request)])
        kind, body = stream.read(within=seconds)
        if kind == ASSOCIATE_RJ:
            raise NetworkFailed(f"{modality.aet} rejected the association.")
        accept = _accepted(kind, body)
        proposed = {it.number: it for it in request.contexts}
        contexts = {
            it.number: Context(
                it.number,
                proposed[it.number].abstract_syntax,
                it.transfer_syntax,
                as_scp=proposed[it.number].abstract_syntax in request.user.roles,
                as_scu=proposed[it.number].abstract_syntax not in request.user.roles,
            )
            for it in accept.contexts
            if it.result == Result.ACCEPTED and it.number in proposed
        }
        return Association(stream, contexts, largest=accept.user.largest, sink=sink)
    except (BadPdu, Ended) as error:
        reason = "gave no answer in time" if isinstance(error, Silent) else "broke off"
        raise NetworkFailed(f"{modality.aet} {reason}: no association.") from error


def _accepted(kind: int, body: memoryview) -> AssociateAccept:
    if kind == ABORT:
        raise Ended
    if kind != ASSOCIATE_AC:
        raise BadPdu(UNEXPECTED)
    return read_accept(body)
