"""What the archive answers within an association: C-ECHO, C-STORE, C-FIND (PS3.7 section 9)."""

from collections.abc import Callable, Iterator

import structlog

from repertory.actors.dicom import statuses
from repertory.actors.dicom.access import Caller, Guard
from repertory.actors.dicom.commitment import Committing
from repertory.actors.dicom.conversing import ECHO_NEEDS, STORE_NEEDS, Kind, converse
from repertory.actors.dicom.exchange import Request, Response
from repertory.actors.dicom.finding import Finding
from repertory.actors.dicom.query_filter import INCOMING_FIND, QueryFilter
from repertory.actors.dicom.retrieving import Retrieving
from repertory.actors.dicom.storing import Storing
from repertory.actors.dicom.turns import Turns
from repertory.actors.dicom.upper.association import Association, Message, Sink, in_memory
from repertory.actors.dicom.upper.commands import (
    C_ECHO_RQ,
    C_FIND_RQ,
    C_GET_RQ,
    C_MOVE_RQ,
    C_STORE_RQ,
    N_ACTION_RQ,
    N_EVENT_REPORT_RQ,
)
from repertory.actors.dicom.worklist import WORKLIST_FIND, WorklistFinding
from repertory.errors import RepertoryError
from repertory.modalities import Service

log = structlog.get_logger(__name__)


LOOK_AFTER = 16
"""Answers after which it is looked whether anybody still wants them."""


class Services:
    """Answers messages, each in the thread of its association.

    Those threads are no actors: they may wait for whoever answers.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        storing: Storing,
        finding: Finding,
        retrieving: Retrieving,
        worklists: WorklistFinding,
        committing: Committing,
        filters: QueryFilter,
        turns: Turns,
    ) -> None:
        self._guard = guard
        self._storing = storing
        self._finding = finding
        self._retrieving = retrieving
        self._worklists = worklists
        self._committing = committing
        self._filters = filters
        self._turns = turns
        self._kinds = {
            C_ECHO_RQ: Kind(self._echo, ECHO_NEEDS, is_free=True),
            C_STORE_RQ: Kind(storing.store, STORE_NEEDS, has_data=True),
            C_FIND_RQ: Kind(self._find, (*ECHO_NEEDS, "Priority"), has_data=True),
            C_MOVE_RQ: Kind(
                self._move, (*ECHO_NEEDS, "Priority", "MoveDestination"), has_data=True
            ),
            C_GET_RQ: Kind(self._get, (*ECHO_NEEDS, "Priority"), has_data=True),
            N_ACTION_RQ: Kind(
                self._action,
                ("MessageID", "RequestedSOPClassUID", "RequestedSOPInstanceUID", "ActionTypeID"),
            ),
            N_EVENT_REPORT_RQ: Kind(
                self._event, (*ECHO_NEEDS, "AffectedSOPInstanceUID", "EventTypeID")
            ),
        }

    def sink(self, caller: Caller, message: Message) -> Sink:
        """Who takes the data set of a message: instances are written as they come."""
        if message.command["CommandField"] == C_STORE_RQ:
            return self._storing.sink(message, caller)
        return in_memory(message)

    def serve(self, association: Association, caller: Caller, may_move: Callable[[], bool]) -> bool:
        """Answer messages until the other side releases the association, or it may move.

        Raises:
            BadPdu: the protocol is not kept.
            Ended: the other side is gone.
        """
        return converse(association, caller, self._kinds, self._turns, may_move=may_move)

    def _echo(self, request: Request) -> Iterator[Response]:
        """C-ECHO (PS3.7 9.1.5)."""
        allowed = self._guard.allows(request.caller, Service.ECHO)
        yield Response(statuses.SUCCESS if allowed else statuses.NOT_AUTHORIZED)

    def _find(self, request: Request) -> Iterator[Response]:
        """C-FIND (PS3.7 9.1.2, PS3.4 C.4.1)."""
        sop_class = request.context.abstract_syntax
        syntax = request.transfer_syntax
        of_worklists = sop_class == WORKLIST_FIND
        service = Service.FIND_WORKLIST if of_worklists else Service.FIND
        if not self._guard.allows(request.caller, service):
            yield Response(statuses.NOT_AUTHORIZED)
            return
        try:
            if of_worklists:
                answers, final = self._worklists.find(
                    request.data, transfer_syntax=syntax, caller=request.caller
                )
            else:
                answers, final = self._finding.find(
                    request.data,
                    sop_class=sop_class,
                    transfer_syntax=syntax,
                    adjust=lambda asked: self._filters.incoming(
                        INCOMING_FIND, asked, request.caller
                    ),
                )
        except RepertoryError as error:
            log.info("query_refused", aet=request.caller.title, reason=type(error).__name__)
            yield Response(statuses.of_finding(error), comment=str(error))
            return
        try:
            for number, (status, answer) in enumerate(answers):
                if number % LOOK_AFTER == 0 and request.is_cancelled:
                    yield Response(statuses.CANCELLED)
                    return
                yield Response(status, answer, more=True)
        except RepertoryError as error:
            log.warning("query_not_finished", aet=request.caller.title, reason=type(error).__name__)
            yield Response(statuses.of_finding(error), comment=str(error))
            return
        yield Response(final)

    def _move(self, request: Request) -> Iterator[Response]:
        """C-MOVE (PS3.7 9.1.4)."""
        if self._guard.allows(request.caller, Service.MOVE):
            yield from self._retrieving.move(request)
        else:
            yield Response(statuses.NOT_AUTHORIZED)

    def _get(self, request: Request) -> Iterator[Response]:
        """C-GET (PS3.7 9.1.3)."""
        if self._guard.allows(request.caller, Service.GET):
            yield from self._retrieving.get(request)
        else:
            yield Response(statuses.NOT_AUTHORIZED)

    def _action(self, request: Request) -> Iterator[Response]:
        """N-ACTION (PS3.7 10.1.4)."""
        command = request.command
        status = self._committing.ask(
            request.caller,
            sop_class=request.context.abstract_syntax,
            sop_instance=command["RequestedSOPInstanceUID"],
            action_type=command["ActionTypeID"],
            content=request.data or b"",
            transfer_syntax=request.transfer_syntax,
        )
        named = {
            "AffectedSOPInstanceUID": command["RequestedSOPInstanceUID"],
            "ActionTypeID": command["ActionTypeID"],
        }
        yield Response(status, fields=named)

    def _event(self, request: Request) -> Iterator[Response]:
        """N-EVENT-REPORT (PS3.7 10.1.1)."""
        command = request.command
        status = self._committing.report(
            request.caller,
            sop_class=request.context.abstract_syntax,
            event_type=command["EventTypeID"],
            content=request.data or b"",
            transfer_syntax=request.transfer_syntax,
        )
        named = {
            "AffectedSOPInstanceUID": command["AffectedSOPInstanceUID"],
            "EventTypeID": command["EventTypeID"],
        }
        yield Response(status, fields=named)
