"""C-MOVE and C-GET: instances are sent as others ask for them (PS3.4 C.4.2, C.4.3)."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import structlog
from pynetdicom.dimse_primitives import C_GET, C_MOVE

from repertory.actors.dicom import statuses
from repertory.actors.dicom.client import Caller
from repertory.actors.dicom.finding import LEVELS, QUERY_RETRIEVE_LEVEL
from repertory.actors.dicom.sending import (
    SUCCESSFUL,
    WARNINGS,
    Outgoing,
    Sender,
    data_set,
    outgoing,
    pairs,
)
from repertory.actors.messages.exports import RecordExport
from repertory.actors.switchboard import Switchboard
from repertory.criteria import Criteria
from repertory.errors import BadParameter, NetworkFailed, RepertoryError
from repertory.modalities import Modality
from repertory.model import Level, ResourceRef
from repertory.storage.dicom.wire import read_identifier, write_identifier

if TYPE_CHECKING:
    from repertory.actors.dicom.services import Exchange

log = structlog.get_logger(__name__)

UNIQUE_KEYS: Final = {
    "0010,0020": Level.PATIENT,
    "0020,000d": Level.STUDY,
    "0020,000e": Level.SERIES,
    "0008,0018": Level.INSTANCE,
}
FAILED_SOP_INSTANCES: Final = "0008,0058"
_WILDCARDS = frozenset("*?")


class Retrieving:
    """Sends what others ask for, to them or to whom they name."""

    def __init__(
        self, board: Switchboard, caller: Caller, modalities: Mapping[str, Modality], same: Any
    ) -> None:
        """Take what it works with.

        Args:
            board: the switchboard.
            caller: asks for associations.
            modalities: who can be the destination of a C-MOVE.
            same: whether two titles are the same.
        """
        self._board = board
        self._caller = caller
        self._modalities = modalities
        self._same = same

    def move(self, exchange: "Exchange") -> None:
        """C-MOVE: over another association, to the destination (PS3.4 C.4.2)."""
        request = exchange.request
        title = str(request.MoveDestination or "").strip()
        found = [(name, it) for name, it in self._modalities.items() if self._same(it.aet, title)]
        if not found:
            exchange.answer(C_MOVE(), statuses.MOVE_DESTINATION_UNKNOWN)
            return
        name, modality = found[0]
        instances = self._instances(exchange, C_MOVE())
        if instances is None:
            return
        originator = (exchange.caller.title, int(request.MessageID))
        with ExitStack() as stack:
            if instances:
                contexts = [(sop_class, [syntax]) for sop_class, syntax in pairs(instances)]
                try:
                    association = stack.enter_context(self._caller.associate(modality, contexts))
                except NetworkFailed as error:
                    log.warning("destination_unreachable", aet=title, reason=str(error))
                    answer = C_MOVE()
                    answer.NumberOfFailedSuboperations = min(len(instances), 0xFFFF)
                    exchange.answer(answer, statuses.CANNOT_PERFORM, comment=str(error))
                    return
                sender = Sender(association)
                self._send(exchange, C_MOVE, sender, instances, originator, remote=name)
            else:
                _finish(exchange, C_MOVE(), Tally(0))

    def get(self, exchange: "Exchange") -> None:
        """C-GET: over the association it came by (PS3.4 C.4.3)."""
        instances = self._instances(exchange, C_GET())
        if instances is None:
            return
        self._send(
            exchange,
            C_GET,
            Sender(exchange.association),
            instances,
            None,
            remote=exchange.caller.title,
        )

    def _instances(self, exchange: "Exchange", response: Any) -> list[Outgoing] | None:
        """What is asked for; ``None`` where the request was answered already."""
        identifier = exchange.request.Identifier
        try:
            criteria = _criteria(
                read_identifier(
                    identifier.getvalue() if identifier is not None else b"",
                    exchange.transfer_syntax,
                )
            )
            return outgoing(self._board, criteria)
        except RepertoryError as error:
            status = statuses.of_finding(error)
            log.info("query_refused", aet=exchange.caller.title, reason=type(error).__name__)
            exchange.answer(response, status, comment=str(error))
            return None

    def _send(
        self,
        exchange: "Exchange",
        kind: type[Any],
        sender: Sender,
        instances: list[Outgoing],
        originator: tuple[str, int] | None,
        *,
        remote: str,
    ) -> None:
        tally = Tally(len(instances))
        sent: list[ResourceRef] = []
        for number, instance in enumerate(instances, 1):
            if exchange.is_over or exchange.is_cancelled:
                break
            try:
                tally.note(instance, self._send_one(sender, instance, number, originator))
                sent.append(ResourceRef(Level.INSTANCE, instance.id))
            except NetworkFailed as error:
                tally.failed += instances[number - 1 :]
                log.warning("instances_not_sent", remote=remote, reason=str(error))
                break
            except RepertoryError as error:
                tally.failed.append(instance)
                log.warning("instance_not_sent", id=instance.id, reason=type(error).__name__)
            if tally.left:
                exchange.answer(tally.fill(kind(), pending=True), statuses.PENDING)
        if tally.left:
            exchange.answer(tally.fill(kind(), pending=True), statuses.CANCELLED)
        else:
            _finish(exchange, kind(), tally)
        if sent:
            self._board.ask_soon(RecordExport(resources=tuple(sent), remote=remote))

    def _send_one(
        self,
        sender: Sender,
        instance: Outgoing,
        number: int,
        originator: tuple[str, int] | None,
    ) -> int:
        if not sender.takes(instance):
            raise BadParameter("The other side does not take this SOP class in this syntax.")
        data = data_set(self._board, instance)
        return sender.send(instance, data, message_id=number, originator=originator)


class Tally:
    """How many sub-operations were done, and how (PS3.7 9.1.4.1)."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.completed = 0
        self.warnings = 0
        self.failed: list[Outgoing] = []

    @property
    def left(self) -> int:
        """How many remain."""
        return self.total - self.completed - self.warnings - len(self.failed)

    def note(self, instance: Outgoing, status: int) -> None:
        """Count an answer to C-STORE."""
        if status in SUCCESSFUL:
            self.completed += 1
        elif status in WARNINGS:
            self.warnings += 1
        else:
            self.failed.append(instance)

    def fill(self, response: Any, *, pending: bool) -> Any:
        """Write the numbers into an answer; they have two bytes each."""
        if pending:
            response.NumberOfRemainingSuboperations = min(self.left, 0xFFFF)
        response.NumberOfCompletedSuboperations = min(self.completed, 0xFFFF)
        response.NumberOfWarningSuboperations = min(self.warnings, 0xFFFF)
        response.NumberOfFailedSuboperations = min(len(self.failed), 0xFFFF)
        return response


def _finish(exchange: "Exchange", response: Any, tally: Tally) -> None:
    """Say what it came to; failures are named."""
    identifier = None
    status = statuses.SUCCESS
    if tally.failed:
        nothing = not tally.completed and not tally.warnings
        status = statuses.CANNOT_PERFORM if nothing else statuses.WITH_FAILURES
        failed = "\\".join(it.sop_instance for it in tally.failed)
        identifier = write_identifier({FAILED_SOP_INSTANCES: failed}, exchange.transfer_syntax)
    elif tally.warnings:
        status = statuses.WITH_FAILURES
    exchange.answer(tally.fill(response, pending=False), status, identifier=identifier)


def _criteria(identifier: Mapping[str, Any]) -> Criteria:
    """The instances that an identifier names: by unique keys alone (PS3.4 C.4.2.2.1).

    Raises:
        BadParameter: it names none, or has wildcards.
    """
    word = str(identifier.get(QUERY_RETRIEVE_LEVEL) or "").strip().upper()
    level = LEVELS.get(word)
    if level is None:
        raise BadParameter("QueryRetrieveLevel is none of the information model.")
    keys = [
        (tag, str(identifier[tag]))
        for tag, at in UNIQUE_KEYS.items()
        if at <= level and str(identifier.get(tag) or "").strip()
    ]
    if not any(UNIQUE_KEYS[tag] is level for tag, _ in keys):
        raise BadParameter("The identifier has no unique key of its level.")
    if any(_WILDCARDS & set(value) for _, value in keys):
        raise BadParameter("Unique keys cannot have wildcards.")
    return Criteria(level=Level.INSTANCE, tags=tuple(keys), case_sensitive=True)
