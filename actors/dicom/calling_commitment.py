"""What the archive says to others about storage commitment; each call waits (PS3.4 annex J)."""

from collections.abc import Iterable

from repertory.actors.dicom import commitment_data as data
from repertory.actors.dicom.calling import ONLY, PLAIN_SYNTAXES, need
from repertory.actors.dicom.requesting import Requestor
from repertory.actors.dicom.sending import SUCCESSFUL
from repertory.actors.dicom.upper.commands import N_ACTION_RQ, N_EVENT_REPORT_RQ, status_of
from repertory.actors.messages.commitment import UncommittedInstance
from repertory.actors.messages.instances import SopPair
from repertory.errors import NetworkFailed
from repertory.modalities import Modality


def request(
    requestor: Requestor,
    modality: Modality,
    transaction: str,
    instances: Iterable[SopPair],
    *,
    local_aet: str,
    timeout: float,
) -> None:
    """N-ACTION: ask for commitment."""
    with requestor.associate(
        modality, [(data.PUSH_MODEL, PLAIN_SYNTAXES)], local_aet=local_aet, timeout=timeout
    ) as association:
        context = need(association, data.PUSH_MODEL, modality)
        command = {
            "CommandField": N_ACTION_RQ,
            "MessageID": ONLY,
            "RequestedSOPClassUID": data.PUSH_MODEL,
            "RequestedSOPInstanceUID": data.PUSH_MODEL_INSTANCE,
            "ActionTypeID": data.REQUEST,
        }
        content = data.write_request(transaction, instances, context.transfer_syntax)
        answer = association.call(context, command, content)
        status = status_of(answer.command, N_ACTION_RQ, ONLY)
    if status not in SUCCESSFUL:
        raise NetworkFailed(f"{modality.aet} answers N-ACTION by status {status:04X}.")


def report(
    requestor: Requestor,
    modality: Modality,
    transaction: str,
    committed: tuple[SopPair, ...],
    failures: tuple[UncommittedInstance, ...],
    *,
    local_aet: str,
) -> None:
    """N-EVENT-REPORT, over an association of our own, on which we are the SCP (J.3.3)."""
    with requestor.associate(
        modality,
        [(data.PUSH_MODEL, PLAIN_SYNTAXES)],
        local_aet=local_aet,
        serves=[data.PUSH_MODEL],
    ) as association:
        context = need(association, data.PUSH_MODEL, modality)
        command = {
            "CommandField": N_EVENT_REPORT_RQ,
            "MessageID": ONLY,
            "AffectedSOPClassUID": data.PUSH_MODEL,
            "AffectedSOPInstanceUID": data.PUSH_MODEL_INSTANCE,
            "EventTypeID": data.SOME_FAILED if failures else data.ALL_COMMITTED,
        }
        content = data.write_report(transaction, committed, failures, context.transfer_syntax)
        answer = association.call(context, command, content)
        status = status_of(answer.command, N_EVENT_REPORT_RQ, ONLY)
    if status not in SUCCESSFUL:
        raise NetworkFailed(f"{modality.aet} answers N-EVENT-REPORT by status {status:04X}.")
