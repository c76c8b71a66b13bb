"""Files that were announced before they came."""

from repertory.actors.messages.instances import SopPair
from repertory.errors import WrongInstance
from repertory.model import Summary


def compare(announced: SopPair | None, summary: Summary) -> None:
    """Refuse what is not the instance that was announced; its class may be missing.

    Raises:
        WrongInstance: it is another one.
    """
    if announced is None:
        return
    if summary.identity.sop_instance_uid != announced.sop_instance:
        raise WrongInstance("The SOPInstanceUID of the file is not the one that was announced.")
    if summary.sop_class_uid not in ("", announced.sop_class):
        raise WrongInstance("The SOPClassUID of the file is not the one that was announced.")
