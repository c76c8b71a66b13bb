"""What the archive answers within an association: C-ECHO, C-STORE, C-FIND (PS3.7 section 9)."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import structlog
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_ECHO, C_FIND, C_GET, C_MOVE, C_STORE
from pynetdicom.presentation import PresentationContext

from repertory.actors.dicom import statuses
from repertory.actors.dicom.access import Caller, Guard
from repertory.actors.dicom.finding import Finding
from repertory.actors.dicom.listener import caller_of
from repertory.actors.dicom.retrieving import Retrieving
from repertory.actors.messages.instances import SopPair, StoreInstance
from repertory.actors.switchboard import Switchboard
from repertory.errors import RepertoryError
from repertory.modalities import Service
from repertory.model import Origin, OriginKind
from repertory.storage.dicom.wire import file_head

log = structlog.get_logger(__name__)

COMMENT_LENGTH = 64
"""Letters of an ErrorComment (PS3.7 table E.1-1, LO)."""


class Services:
    """Answers messages, each in the thread of its association.

    Those threads are no actors: they may wait for whoever answers.
    """

    def __init__(
        self, board: Switchboard, guard: Guard, finding: Finding, retrieving: Retrieving
    ) -> None:
        self._board = board
        self._guard = guard
        self._finding = finding
        self._retrieving = retrieving
        self._answers: dict[type[Any], Callable[[Exchange], None]] = {
            C_ECHO: self._echo,
            C_STORE: self._store,
            C_FIND: self._find,
            C_MOVE: self._move,
            C_GET: self._get,
        }

    def serve(self, association: Association, request: Any, context_id: int) -> None:
        """Answer one message; what goes wrong ends the association, and nothing else."""
        context = _context(association, context_id)
        answering: Any = association
        answer = self._answers.get(type(request))
        caller = caller_of(association)
        if context is None or answer is None or not request.is_valid_request:
            log.warning("message_refused", aet=caller.title, message_type=type(request).__name__)
            association.abort(block=False)
            return
        association.dimse.cancel_req = {}
        answering._is_paused = True  # noqa: SLF001 - as pynetdicom's own services do
        try:
            answer(Exchange(association, request, context, caller))
        except Exception:
            log.exception("association_failed", aet=caller.title)
            association.abort(block=False)
        finally:
            answering._is_paused = False  # noqa: SLF001
            # Whoever waited for our answer was not silent.
            association.dul._idle_timer.restart()  # noqa: SLF001

    def _echo(self, exchange: "Exchange") -> None:
        """C-ECHO (PS3.7 9.1.5)."""
        allowed = self._guard.allows(exchange.caller, Service.ECHO)
        exchange.answer(C_ECHO(), statuses.SUCCESS if allowed else statuses.NOT_AUTHORIZED)

    def _store(self, exchange: "Exchange") -> None:
        """C-STORE (PS3.7 9.1.1): success says that the instance is as safe as by the REST API."""
        request, response = exchange.request, C_STORE()
        response.AffectedSOPInstanceUID = request.AffectedSOPInstanceUID
        if not self._guard.allows(exchange.caller, Service.STORE):
            exchange.answer(response, statuses.NOT_AUTHORIZED)
            return
        named = str(request.AffectedSOPClassUID)
        if named != exchange.context.abstract_syntax or not exchange.context.as_scp:
            exchange.answer(response, statuses.SOP_CLASS_NOT_SUPPORTED)
            return
        try:
            self._board.ask(self._instance(exchange))
        except RepertoryError as error:
            status = statuses.of_storing(error)
            log.warning(
                "instance_refused",
                aet=exchange.caller.title,
                reason=type(error).__name__,
                status=f"{status:04X}",
            )
            exchange.answer(response, status, comment=str(error))
            return
        exchange.answer(response, statuses.SUCCESS)

    def _instance(self, exchange: "Exchange") -> StoreInstance:
        request, caller = exchange.request, exchange.caller
        pair = SopPair(
            sop_class=str(request.AffectedSOPClassUID),
            sop_instance=str(request.AffectedSOPInstanceUID),
        )
        head = file_head(
            sop_class=pair.sop_class,
            sop_instance=pair.sop_instance,
            transfer_syntax=exchange.transfer_syntax,
            source_title=caller.title,
        )
        data = request.DataSet
        content = head if data is None else b"".join((head, data.getbuffer()))
        origin = Origin(
            kind=OriginKind.DICOM_PROTOCOL,
            remote_ip=caller.ip,
            remote_aet=caller.title,
            called_aet=caller.called,
        )
        request.DataSet = None  # or it stays in memory until the next one has come
        return StoreInstance(content=content, origin=origin, announced=pair)

    def _find(self, exchange: "Exchange") -> None:
        """C-FIND (PS3.7 9.1.2, PS3.4 C.4.1)."""
        if not self._guard.allows(exchange.caller, Service.FIND):
            exchange.answer(C_FIND(), statuses.NOT_AUTHORIZED)
            return
        identifier = exchange.request.Identifier
        try:
            answers, final = self._finding.find(
                identifier.getvalue() if identifier is not None else b"",
                sop_class=exchange.context.abstract_syntax or "",
                transfer_syntax=exchange.transfer_syntax,
            )
        except RepertoryError as error:
            status = statuses.of_finding(error)
            log.info("query_refused", aet=exchange.caller.title, reason=type(error).__name__)
            exchange.answer(C_FIND(), status, comment=str(error))
            return
        for status, answer in answers:
            if exchange.is_over:
                return
            if exchange.is_cancelled:
                exchange.answer(C_FIND(), statuses.CANCELLED)
                return
            exchange.answer(C_FIND(), status, identifier=answer)
        exchange.answer(C_FIND(), final)

    def _move(self, exchange: "Exchange") -> None:
        """C-MOVE (PS3.7 9.1.4)."""
        if self._guard.allows(exchange.caller, Service.MOVE):
            self._retrieving.move(exchange)
        else:
            exchange.answer(C_MOVE(), statuses.NOT_AUTHORIZED)

    def _get(self, exchange: "Exchange") -> None:
        """C-GET (PS3.7 9.1.3)."""
        if self._guard.allows(exchange.caller, Service.GET):
            self._retrieving.get(exchange)
        else:
            exchange.answer(C_GET(), statuses.NOT_AUTHORIZED)


class Exchange:
    """One message and its answers."""

    def __init__(
        self, association: Association, request: Any, context: PresentationContext, caller: Caller
    ) -> None:
        self.association = association
        self.request = request
        self.context = context
        self.caller = caller

    @property
    def transfer_syntax(self) -> str:
        """The one that was agreed on."""
        return str(self.context.transfer_syntax[0])

    @property
    def is_over(self) -> bool:
        """Whether nobody is there any more to be answered."""
        return not self.association.dul.is_alive() or self.association.acse.is_aborted()

    @property
    def is_cancelled(self) -> bool:
        """Whether a C-CANCEL came for this message (PS3.7 9.3.2.3)."""
        return self.request.MessageID in self.association.dimse.cancel_req

    def answer(
        self, response: Any, status: int, *, identifier: bytes | None = None, comment: str = ""
    ) -> None:
        """Send an answer."""
        response.MessageIDBeingRespondedTo = self.request.MessageID
        response.AffectedSOPClassUID = self.request.AffectedSOPClassUID
        response.Status = status
        if identifier is not None:
            response.Identifier = BytesIO(identifier)
        if comment:
            response.ErrorComment = comment.encode("ascii", "replace").decode()[:COMMENT_LENGTH]
        self.association.dimse.send_msg(response, self.context.context_id or 0)


def _context(association: Association, number: int) -> PresentationContext | None:
    return next((it for it in association.accepted_contexts if it.context_id == number), None)
