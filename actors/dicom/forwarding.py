"""Sending a file to a modality that need not be in the archive."""

from repertory.actors.dicom.requesting import Requestor
from repertory.actors.dicom.sending import SUCCESSFUL, WARNINGS, Outgoing
from repertory.actors.dicom.suboperations import Sender
from repertory.actors.messages.modalities import ForwardedInstance
from repertory.errors import NetworkFailed
from repertory.modalities import Modality
from repertory.model import ResourceId
from repertory.storage.dicom import summarize
from repertory.storage.dicom.wire import EXPLICIT


def outgoing_of(content: bytes) -> Outgoing:
    """What has to be negotiated for a file.

    Raises:
        NotDicom, MissingTag: it is no DICOM file that can be sent.
    """
    summary = summarize(content)
    return Outgoing(
        id=ResourceId(""),
        sop_class=summary.sop_class_uid,
        sop_instance=summary.identity.sop_instance_uid,
        transfer_syntax=summary.transfer_syntax or EXPLICIT,
    )


def forward(requestor: Requestor, modality: Modality, instance: Outgoing, content: bytes) -> None:
    """C-STORE of a file.

    Raises:
        NetworkFailed: no association came about, or the other side does not take it.
    """
    contexts = [(instance.sop_class, [instance.transfer_syntax])]
    with requestor.associate(modality, contexts) as association:
        sender = Sender(association)
        if not sender.takes(instance):
            raise NetworkFailed(f"{modality.aet} does not take it in its transfer syntax.")
        status = sender.send(instance, content, message_id=1)
    if status not in SUCCESSFUL | WARNINGS:
        raise NetworkFailed(f"{modality.aet} answers C-STORE by status {status:04X}.")


def receipt_of(instance: Outgoing) -> ForwardedInstance:
    """What was sent."""
    return ForwardedInstance(sop_class=instance.sop_class, sop_instance=instance.sop_instance)
