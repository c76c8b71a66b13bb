"""C-MOVE and C-GET: instances are sent as others ask for them (PS3.4 C.4.2, C.4.3)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import structlog

from repertory.actors.dicom import statuses
from repertory.actors.dicom.exchange import Request, Response
from repertory.actors.dicom.finding import LEVELS, QUERY_RETRIEVE_LEVEL
from repertory.actors.dicom.forms import Fitted, Forms
from repertory.actors.dicom.requesting import Requestor
from repertory.actors.dicom.sending import SUCCESSFUL, WARNINGS, Outgoing, outgoing
from repertory.actors.dicom.suboperations import ReadAhead, Sender, reading
from repertory.actors.dicom.upper.pdus import BadPdu
from repertory.actors.dicom.upper.stream import Ended
from repertory.actors.messages.exports import RecordExport
from repertory.actors.messages.jobs import SubmitJob
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.criteria import Criteria
from repertory.errors import BadParameter, NetworkFailed, RepertoryError
from repertory.jobs import Object
from repertory.modalities import Modality
from repertory.model import Level, ResourceRef
from repertory.storage.dicom.wire import read_identifier, write_identifier

log = structlog.get_logger(__name__)

UNIQUE_KEYS: Final = {
    "0010,0020": Level.PATIENT,
    "0020,000d": Level.STUDY,
    "0020,000e": Level.SERIES,
    "0008,0018": Level.INSTANCE,
}
FAILED_SOP_INSTANCES: Final = "0008,0058"
_MOST: Final = 0xFFFF
_WILDCARDS = frozenset("*?")


class Retrieving:
    """Sends what others ask for, to them or to whom they name."""

    def __init__(
        self,
        board: Switchboard,
        requestor: Requestor,
        modalities: Mapping[str, Modality],
        same: Any,
        *,
        forms: Forms,
        defers: int | None = None,
    ) -> None:
        """Take what it works with.

        Args:
            board: the switchboard.
            requestor: asks for associations.
            modalities: who can be the destination of a C-MOVE.
            same: whether two titles are the same.
            forms: in which transfer syntaxes instances are sent.
            defers: where C-MOVE is answered at once and becomes a job (SynchronousCMove false),
                how often the job is tried again; ``None``: it is answered when all is sent.
        """
        self._board = board
        self._requestor = requestor
        self._modalities = modalities
        self._same = same
        self._forms = forms
        self._defers = defers

    def move(self, request: Request) -> Iterator[Response]:
        """C-MOVE: over another association, to the destination (PS3.4 C.4.2)."""
        title = str(request.command["MoveDestination"]).strip()
        found = [(name, it) for name, it in self._modalities.items() if self._same(it.aet, title)]
        if not found:
            yield Response(statuses.MOVE_DESTINATION_UNKNOWN)
            return
        name, modality = found[0]
        try:
            instances = self._instances(request)
        except RepertoryError as error:
            yield _refusal(request, error)
            return
        if not instances:
            yield _final(request, Tally(0))
            return
        if self._defers is not None:
            yield self._defer(request, name, instances, self._defers)
            return
        contexts = self._forms.propose(modality, instances)
        with ExitStack() as stack:
            try:
                association = stack.enter_context(self._requestor.associate(modality, contexts))
            except NetworkFailed as error:
                log.warning("destination_unreachable", aet=title, reason=str(error))
                counts = {"NumberOfFailedSuboperations": min(len(instances), _MOST)}
                yield Response(statuses.CANNOT_PERFORM, comment=str(error), fields=counts)
                return
            sender = Sender(association)
            originator = (request.caller.title, request.id)

            def send(instance: Outgoing, content: bytes, number: int) -> int:
                try:
                    return sender.send(instance, content, message_id=number, originator=originator)
                except (BadPdu, Ended) as error:
                    raise NetworkFailed(f"{modality.aet} gave no answer to C-STORE.") from error

            read = reading(self._board, sender, self._forms, modality)
            sending = Sending(instances, read, send, remote=name)
            yield from self._send(request, sending, more=False)

    def get(self, request: Request) -> Iterator[Response]:
        """C-GET: over the association it came by (PS3.4 C.4.3)."""
        try:
            instances = self._instances(request)
        except RepertoryError as error:
            yield _refusal(request, error)
            return
        sender = Sender(request.association)

        def send(instance: Outgoing, content: bytes, number: int) -> int:
            return sender.send(instance, content, message_id=number)

        title = request.caller.title
        known = (it for it in self._modalities.values() if self._same(it.aet, title))
        read = reading(self._board, sender, self._forms, next(known, None))
        sending = Sending(instances, read, send, remote=title)
        # What is pending is told together with the next instance.
        yield from self._send(request, sending, more=True)

    def _defer(
        self, request: Request, name: str, instances: list[Outgoing], retries: int
    ) -> Response:
        """Enter a job that sends them: success says that it is kept, not that they are there."""
        originator = request.caller.title
        parameters: Object = {
            "Modality": name,
            "Instances": [it.id for it in instances],
            "Description": "C-MOVE",
            "LocalAet": self._modalities[name].local_aet or self._requestor.aet,
            "MoveOriginatorAet": originator,
            "MoveOriginatorID": request.id,
            "Retries": retries,
        }
        try:
            self._board.ask(SubmitJob(type="DicomModalityStore", parameters=parameters))
        except RepertoryError as error:
            return _refusal(request, error)
        tally = Tally(len(instances))
        tally.completed = tally.total
        return _final(request, tally)

    def _instances(self, request: Request) -> list[Outgoing]:
        """What is asked for."""
        criteria = _criteria(read_identifier(request.data, request.transfer_syntax))
        return outgoing(self._board, criteria)

    def _send(self, request: Request, sending: "Sending", *, more: bool) -> Iterator[Response]:
        tally = Tally(len(sending.instances))
        sent: list[ResourceRef] = []
        try:
            files = ReadAhead(sending.instances, sending.read)
            for number, (instance, file) in enumerate(files, 1):
                if request.is_cancelled:
                    break
                try:
                    form, content = file.get(timeout=self._board.patience)
                    tally.note(instance, sending.send(form, content, number))
                    sent.append(ResourceRef(Level.INSTANCE, instance.id))
                except NetworkFailed as error:
                    tally.failed += sending.instances[number - 1 :]
                    log.warning("instances_not_sent", remote=sending.remote, reason=str(error))
                    break
                except RepertoryError as error:
                    tally.failed.append(instance)
                    log.warning("instance_not_sent", id=instance.id, reason=type(error).__name__)
                if tally.left:
                    fields = tally.fields(pending=True)
                    yield Response(statuses.PENDING, fields=fields, more=more)
            if tally.left:
                yield Response(statuses.CANCELLED, fields=tally.fields(pending=True))
            else:
                yield _final(request, tally)
        finally:
            if sent:
                self._board.ask_soon(RecordExport(resources=tuple(sent), remote=sending.remote))


@dataclass(frozen=True, slots=True)
class Sending:
    """What is to be sent, and how: ``read`` gives it its form, ``send`` returns a status."""

    instances: list[Outgoing]
    read: Callable[[Sequence[Outgoing]], list[Reply[Fitted]]]
    send: Callable[[Outgoing, bytes, int], int]
    remote: str


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

    def fields(self, *, pending: bool) -> dict[str, int]:
        """The numbers as elements of a response; they have two bytes each."""
        numbers = {
            "NumberOfCompletedSuboperations": self.completed,
            "NumberOfWarningSuboperations": self.warnings,
            "NumberOfFailedSuboperations": len(self.failed),
        }
        if pending:
            numbers["NumberOfRemainingSuboperations"] = self.left
        return {keyword: min(number, _MOST) for keyword, number in numbers.items()}


def _refusal(request: Request, error: RepertoryError) -> Response:
    log.info("query_refused", aet=request.caller.title, reason=type(error).__name__)
    return Response(statuses.of_finding(error), comment=str(error))


def _final(request: Request, tally: Tally) -> Response:
    """Say what it came to; failures are named."""
    identifier = None
    status = statuses.SUCCESS
    if tally.failed:
        nothing = not tally.completed and not tally.warnings
        status = statuses.CANNOT_PERFORM if nothing else statuses.WITH_FAILURES
        failed = "\\".join(it.sop_instance for it in tally.failed)
        identifier = write_identifier({FAILED_SOP_INSTANCES: failed}, request.transfer_syntax)
    elif tally.warnings:
        status = statuses.WITH_FAILURES
    return Response(status, identifier, fields=tally.fields(pending=False))


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
