"""Associations that others ask for: who comes, and what is agreed on (PS3.8 section 7.1)."""

from collections.abc import Callable

import structlog

from repertory.actors.dicom.access import Caller, Guard
from repertory.actors.dicom.negotiation import Negotiator
from repertory.actors.dicom.options import ServerOptions
from repertory.actors.dicom.upper.associating import (
    PROTOCOL_VERSION,
    AssociateAccept,
    AssociateRequest,
    UserInformation,
    read_request,
    write_accept,
)
from repertory.actors.dicom.upper.association import Association, Message, Sink
from repertory.actors.dicom.upper.pdus import (
    ABORT,
    ASSOCIATE_RQ,
    UNEXPECTED,
    BadPdu,
    rejection,
)
from repertory.actors.dicom.upper.stream import FAREWELL, Ended, PduStream
from repertory.storage.dicom.wire import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

log = structlog.get_logger(__name__)

_FOR_GOOD, _FOR_NOW = 1, 2
_BY_USER, _BY_ACSE, _BY_PRESENTATION = 1, 2, 3
_CALLING_TITLE, _CALLED_TITLE = 3, 7
_VERSION, _LIMIT = 2, 2
"""Results, sources and reasons of a rejection (PS3.8 table 9-21)."""


class Acceptor:
    """Decides who has an association, and of which contexts."""

    def __init__(self, options: ServerOptions, guard: Guard, negotiator: Negotiator) -> None:
        self._options = options
        self._guard = guard
        self._negotiator = negotiator

    def accept(
        self,
        stream: PduStream,
        ip: str,
        *,
        has_room: Callable[[], bool],
        sink: Callable[[Caller, Message], Sink],
    ) -> tuple[Association, Caller] | None:
        """Wait for a request, and answer it; ``None`` where it was rejected.

        Raises:
            BadPdu: something else came.
            Ended: nothing came in time, or nobody is there any more.
        """
        kind, body = stream.read(within=self._options.timeout or None)
        if kind == ABORT:
            raise Ended
        if kind != ASSOCIATE_RQ:
            raise BadPdu(UNEXPECTED)
        request = read_request(body)
        caller = Caller(title=request.calling, called=request.called, ip=ip)
        refusal = self._refusal(request, caller, has_room)
        if refusal is not None:
            reason, (result, source, code) = refusal
            log.warning("association_rejected", aet=caller.title, ip=ip, reason=reason)
            stream.write([rejection(result=result, source=source, reason=code)])
            stream.linger(FAREWELL)
            return None
        answers, contexts, roles = self._negotiator.answer(request.contexts, request.user.roles)
        association = Association(
            stream,
            contexts,
            largest=request.user.largest,
            sink=lambda message: sink(caller, message),
        )
        user = UserInformation(
            largest=self._options.pdu_length,
            implementation_class=IMPLEMENTATION_CLASS_UID,
            implementation_version=IMPLEMENTATION_VERSION_NAME,
            roles=roles,
        )
        accept = AssociateAccept(request.called, request.calling, answers, user)
        stream.write([write_accept(accept)])
        return association, caller

    def _refusal(
        self, request: AssociateRequest, caller: Caller, has_room: Callable[[], bool]
    ) -> tuple[str, tuple[int, int, int]] | None:
        if not request.version & PROTOCOL_VERSION:
            return "protocol_version", (_FOR_GOOD, _BY_ACSE, _VERSION)
        if not self._guard.is_called(caller):
            return "called_title", (_FOR_GOOD, _BY_USER, _CALLED_TITLE)
        if not self._guard.knows(caller):
            return "calling_title", (_FOR_GOOD, _BY_USER, _CALLING_TITLE)
        if not has_room():
            return "too_many", (_FOR_NOW, _BY_PRESENTATION, _LIMIT)
        return None
