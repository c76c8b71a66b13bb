"""What the archive says to others about storage commitment; each call waits (PS3.4 annex J)."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any

import pynetdicom  # noqa: F401 - whole, before its parts (tests/house/test_imports.py)
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT

from repertory.actors.dicom import commitment_data as data
from repertory.actors.dicom.calling import PLAIN_SYNTAXES, answer_of, need
from repertory.actors.dicom.client import Caller
from repertory.actors.dicom.sending import SUCCESSFUL
from repertory.actors.messages.commitment import UncommittedInstance
from repertory.actors.messages.instances import SopPair
from repertory.errors import NetworkFailed
from repertory.modalities import Modality


def request(
    caller: Caller,
    modality: Modality,
    transaction: str,
    instances: Iterable[SopPair],
    *,
    local_aet: str,
    timeout: float,
) -> None:
    """N-ACTION: ask for commitment."""
    with caller.associate(
        modality, [(data.PUSH_MODEL, PLAIN_SYNTAXES)], local_aet=local_aet, timeout=timeout
    ) as association:
        context = need(association, data.PUSH_MODEL, modality)
        primitive = N_ACTION()
        primitive.MessageID = 1
        primitive.RequestedSOPClassUID = data.PUSH_MODEL
        primitive.RequestedSOPInstanceUID = data.PUSH_MODEL_INSTANCE
        primitive.ActionTypeID = data.REQUEST
        content = data.write_request(transaction, instances, str(context.transfer_syntax[0]))
        primitive.ActionInformation = BytesIO(content)
        association.dimse.send_msg(primitive, context.context_id)
        _check(answer_of(association, N_ACTION), modality, "N-ACTION")


def report(
    caller: Caller,
    modality: Modality,
    transaction: str,
    committed: tuple[SopPair, ...],
    failures: tuple[UncommittedInstance, ...],
    *,
    local_aet: str,
) -> None:
    """N-EVENT-REPORT, over an association of our own, on which we are the SCP (J.3.3)."""
    with caller.associate(
        modality,
        [(data.PUSH_MODEL, PLAIN_SYNTAXES)],
        local_aet=local_aet,
        serves=[data.PUSH_MODEL],
    ) as association:
        context = need(association, data.PUSH_MODEL, modality)
        primitive = N_EVENT_REPORT()
        primitive.MessageID = 1
        primitive.AffectedSOPClassUID = data.PUSH_MODEL
        primitive.AffectedSOPInstanceUID = data.PUSH_MODEL_INSTANCE
        primitive.EventTypeID = data.SOME_FAILED if failures else data.ALL_COMMITTED
        syntax = str(context.transfer_syntax[0])
        content = data.write_report(transaction, committed, failures, syntax)
        primitive.EventInformation = BytesIO(content)
        association.dimse.send_msg(primitive, context.context_id)
        _check(answer_of(association, N_EVENT_REPORT), modality, "N-EVENT-REPORT")


def _check(answer: Any, modality: Modality, message: str) -> None:
    if answer.Status not in SUCCESSFUL:
        raise NetworkFailed(f"{modality.aet} answers {message} by status {answer.Status:04X}.")
