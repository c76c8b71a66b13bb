"""Storage commitment (PS3.4 annex J): who has an instance for good."""

from repertory.actors.messages.base import Command, Query, message
from repertory.actors.messages.instances import SopPair
from repertory.actors.messages.modalities import Target

PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
CLASS_INSTANCE_CONFLICT = 0x0119


@message
class UncommittedInstance:
    """An instance that somebody does not vouch for; ``reason`` is that of PS3.3 C.14.1.1."""

    instance: SopPair
    reason: int


@message
class CommitmentReport:
    """What became of a transaction in which others were asked to commit themselves.

    ``status`` is Pending, Success or Failure.
    """

    transaction: str
    remote_aet: str
    status: str
    committed: tuple[SopPair, ...] = ()
    failures: tuple[UncommittedInstance, ...] = ()


@message
class RequestCommitment(Command[str]):
    """Ask a modality to commit itself to keep instances (N-ACTION); the answer is the transaction.

    What it commits itself to, it reports later. ``transaction`` is the UID to ask by, "": a new
    one. To ask twice by the same does no harm.

    Raises:
        UnknownItem: there is no modality of this name.
        NetworkFailed: it does not answer, or does not want to.
    """

    target: Target
    instances: tuple[SopPair, ...]
    transaction: str = ""
    local_aet: str = ""
    timeout: int = 0


@message
class TakeCommitmentReport(Command[None]):
    """Take down what a modality reported of a transaction; the last report counts.

    Raises:
        UnknownItem: nobody was asked anything in that transaction, or it is forgotten.
    """

    transaction: str
    committed: tuple[SopPair, ...]
    failures: tuple[UncommittedInstance, ...]


@message
class DescribeCommitment(Query[CommitmentReport]):
    """What became of a transaction.

    Raises:
        UnknownItem: nobody was asked anything in that transaction, or it is forgotten.
    """

    transaction: str


@message
class ReportCommitment(Command[None]):
    """Tell a modality what the archive commits itself to keep (N-EVENT-REPORT).

    Raises:
        UnknownItem: there is no modality of this name.
        NetworkFailed: it does not answer, or does not want to know.
    """

    target: Target
    transaction: str
    committed: tuple[SopPair, ...]
    failures: tuple[UncommittedInstance, ...] = ()
    local_aet: str = ""
