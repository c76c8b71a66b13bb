"""C-GET: instances come back over the association that asks for them (PS3.4 C.4.3)."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Final

import pynetdicom  # noqa: F401 - whole, before its parts (tests/house/test_imports.py)
import structlog
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_GET, C_STORE
from pynetdicom.presentation import StoragePresentationContexts

from repertory.actors.dicom import statuses
from repertory.actors.dicom.calling import PLAIN_SYNTAXES, need
from repertory.actors.dicom.client import MOST_CONTEXTS, Caller
from repertory.actors.dicom.sending import SUCCESSFUL
from repertory.actors.messages.instances import SopPair, StoreInstance
from repertory.actors.switchboard import Switchboard
from repertory.errors import NetworkFailed, RepertoryError
from repertory.modalities import Modality
from repertory.model import Level, Origin, OriginKind
from repertory.storage.dicom.wire import file_head, write_identifier

log = structlog.get_logger(__name__)

PATIENT_ROOT_GET: Final = "1.2.840.10008.5.1.4.1.2.1.3"
STUDY_ROOT_GET: Final = "1.2.840.10008.5.1.4.1.2.2.3"

_COMPRESSED: Final = (
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.5",
)


def storage_contexts(accepted: Sequence[str] = ()) -> list[tuple[str, tuple[str, ...]]]:
    """The SOP classes to be received, each with all transfer syntaxes; as many as fit.

    Args:
        accepted: which; none: those of the standard that are in use.
    """
    usual = [str(it.abstract_syntax) for it in StoragePresentationContexts]
    syntaxes: tuple[str, ...] = (*PLAIN_SYNTAXES, *_COMPRESSED)
    return [(it, syntaxes) for it in (accepted or usual)][: MOST_CONTEXTS - 1]


def get(
    caller: Caller,
    board: Switchboard,
    modality: Modality,
    level: Level,
    identifier: Mapping[str, Any],
    *,
    title: str,
    timeout: float,
) -> int:
    """C-GET; how many instances came. It ends when everything was sent.

    Raises:
        NetworkFailed: the other side does not do so, or some instances did not come.
    """
    model = PATIENT_ROOT_GET if level is Level.PATIENT else STUDY_ROOT_GET
    wanted = storage_contexts()
    with caller.associate(
        modality,
        [(model, PLAIN_SYNTAXES), *wanted],
        local_aet=title,
        timeout=timeout,
        serves=[sop_class for sop_class, _ in wanted],
    ) as association:
        context = need(association, model, modality)
        request = C_GET()
        request.MessageID = 1
        request.AffectedSOPClassUID = model
        request.Priority = 0x0002
        data = write_identifier(identifier, str(context.transfer_syntax[0]))
        request.Identifier = BytesIO(data)
        association.dimse.send_msg(request, context.context_id)
        syntaxes = {
            it.context_id or 0: str(it.transfer_syntax[0]) for it in association.accepted_contexts
        }
        origin = Origin(
            kind=OriginKind.DICOM_PROTOCOL,
            remote_ip=association.acceptor.address or "",
            remote_aet=modality.aet,
            called_aet=title,
        )
        came = 0
        while True:
            at, message = association.dimse.get_msg(block=True)
            number = at or 0
            if isinstance(message, C_STORE) and number in syntaxes:
                status = _store(board, message, syntaxes[number], origin)
                came += status in SUCCESSFUL
                _answer(association, message, number, status)
            elif not isinstance(message, C_GET) or message.Status is None:
                raise NetworkFailed("The other side gave no answer in time, or broke off.")
            elif message.Status not in (statuses.PENDING, statuses.PENDING_WITH_UNSUPPORTED_KEYS):
                break
    if message.Status not in SUCCESSFUL:
        failed = message.NumberOfFailedSuboperations or 0
        raise NetworkFailed(
            f"{modality.aet} answers C-GET by status {message.Status:04X}:"
            f" {came} instances came, {failed} did not."
        )
    return came


def _store(board: Switchboard, message: Any, syntax: str, origin: Origin) -> int:
    """Archive what came; the status that tells what became of it."""
    pair = SopPair(
        sop_class=str(message.AffectedSOPClassUID),
        sop_instance=str(message.AffectedSOPInstanceUID),
    )
    head = file_head(
        sop_class=pair.sop_class,
        sop_instance=pair.sop_instance,
        transfer_syntax=syntax,
        source_title=origin.remote_aet,
    )
    data, message.DataSet = message.DataSet, None
    content = head if data is None else b"".join((head, data.getbuffer()))
    try:
        board.ask(StoreInstance(content=content, origin=origin, announced=pair))
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


def _answer(association: Association, message: Any, number: int, status: int) -> None:
    response = C_STORE()
    response.MessageIDBeingRespondedTo = message.MessageID
    response.AffectedSOPClassUID = message.AffectedSOPClassUID
    response.AffectedSOPInstanceUID = message.AffectedSOPInstanceUID
    response.Status = status
    association.dimse.send_msg(response, number)
