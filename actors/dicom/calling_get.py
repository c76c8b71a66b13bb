"""C-GET: instances come back over the association that asks for them (PS3.4 C.4.3)."""

from collections.abc import Mapping
from typing import Any, Final

import structlog

from repertory.actors.dicom import statuses
from repertory.actors.dicom.calling import ONLY, PLAIN_SYNTAXES, need, query
from repertory.actors.dicom.requesting import Requestor
from repertory.actors.dicom.sending import SUCCESSFUL
from repertory.actors.dicom.storing import Received, Spool
from repertory.actors.dicom.upper.association import Association, Message, Sink, in_memory
from repertory.actors.dicom.upper.commands import (
    C_GET_RQ,
    C_STORE_RQ,
    RESPONSE,
    status_of,
)
from repertory.actors.dicom.upper.pdus import UNEXPECTED, BadPdu
from repertory.actors.dicom.upper.stream import Ended
from repertory.actors.dicom.wanted import Wanted
from repertory.actors.messages.instances import SopPair, StoreInstance
from repertory.actors.switchboard import Switchboard
from repertory.errors import NetworkFailed, RepertoryError
from repertory.modalities import Modality
from repertory.model import Level, Origin, OriginKind
from repertory.storage.dicom.wire import file_head, write_identifier

log = structlog.get_logger(__name__)

PATIENT_ROOT_GET: Final = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_ROOT_GET: Final = "1.2.840.10008.5.1.4.1.2.2.3"

_NEEDED: Final = ("MessageID", "AffectedSOPClassUID", "AffectedSOPInstanceUID")


def get(
    requestor: Requestor,
    board: Switchboard,
    modality: Modality,
    level: Level,
    identifier: Mapping[str, Any],
    *,
    classes: Wanted,
    spool_threshold: int,
    title: str,
    timeout: float,
) -> int:
    """C-GET; how many instances came. It ends when everything was sent.

    Args:
        requestor: asks for the association.
        board: the switchboard.
        modality: who is asked.
        level: what the identifier is about.
        identifier: what is asked for.
        classes: which instances are taken: SOP classes with their transfer syntaxes.
        spool_threshold: bytes above which a file goes to the disk while it comes.
        title: what we are called.
        timeout: seconds to wait for an answer; 0 is the usual.

    Raises:
        NetworkFailed: the other side does not do so, or some instances did not come.
    """
    model = PATIENT_ROOT_GET if level is Level.PATIENT else STUDY_ROOT_GET

    def sink(message: Message) -> Sink:
        command = message.command
        if command["CommandField"] != C_STORE_RQ:
            return in_memory(message)
        head = file_head(
            sop_class=str(command.get("AffectedSOPClassUID", "")),
            sop_instance=str(command.get("AffectedSOPInstanceUID", "")),
            transfer_syntax=message.context.transfer_syntax,
            source_title=modality.aet,
        )
        return Spool(board, head, spool_threshold)

    with requestor.associate(
        modality,
        [(model, PLAIN_SYNTAXES), *classes],
        local_aet=title,
        timeout=timeout,
        serves=[sop_class for sop_class, _ in classes],
        sink=sink,
    ) as association:
        context = need(association, model, modality)
        data = write_identifier(identifier, context.transfer_syntax)
        association.send(context, query(C_GET_RQ, model), data)
        origin = Origin(
            kind=OriginKind.DICOM_PROTOCOL,
            remote_ip=association.ip,
            remote_aet=modality.aet,
            called_aet=title,
        )
        came = 0
        while True:
            message = association.receive()
            if message is None:
                raise Ended
            if message.command["CommandField"] == C_STORE_RQ:
                came += _take(board, association, message, origin) in SUCCESSFUL
                continue
            status = status_of(message.command, C_GET_RQ, ONLY)
            if status not in (statuses.PENDING, statuses.PENDING_WITH_UNSUPPORTED_KEYS):
                break
    if status not in SUCCESSFUL:
        failed = message.command.get("NumberOfFailedSuboperations", 0)
        raise NetworkFailed(
            f"{modality.aet} answers C-GET by status {status:04X}:"
            f" {came} instances came, {failed} did not."
        )
    return came


def _take(board: Switchboard, association: Association, message: Message, origin: Origin) -> int:
    """Archive what came, and answer; the status that tells what became of it."""
    command, received = message.command, message.data
    if received is None or not all(it in command for it in _NEEDED):
        raise BadPdu(UNEXPECTED)
    message.data = None  # or it stays in memory until the next one has come
    status = _store(board, command, received, origin)
    answer = {
        "CommandField": C_STORE_RQ | RESPONSE,
        "MessageIDBeingRespondedTo": command["MessageID"],
        "AffectedSOPClassUID": command["AffectedSOPClassUID"],
        "AffectedSOPInstanceUID": command["AffectedSOPInstanceUID"],
        "Status": status,
    }
    association.send(message.context, answer)
    return status


def _store(
    board: Switchboard, command: Mapping[str, Any], received: Received, origin: Origin
) -> int:
    pair = SopPair(
        sop_class=str(command["AffectedSOPClassUID"]),
        sop_instance=str(command["AffectedSOPInstanceUID"]),
    )
    try:
        if received.error is not None:
            received.discard(board)
            raise received.error
        board.ask_here(StoreInstance(content=received.content, origin=origin, announced=pair))
    except RepertoryError as error:
        status = statuses.of_storing(error)
        log.warning(
            "instance_refused",
            aet=origin.remote_aet,
            reason=type(error).__name__,
            status=f"{status:04X}",
        )
        return status
    return statuses.SUCCESS
