"""Housekeeping: the archive is brought in line with its configuration, study by study."""

from repertory.actors.messages.base import Command, Query, message
from repertory.housekeeping import (
    Chores,
    ChoresReceipt,
    ChoresRecord,
    HousekeepingPlan,
    HousekeepingStatus,
    KeptState,
    Portion,
    PortionWanted,
    Position,
    Unfinished,
    Workload,
)
from repertory.model import Compression, ResourceId


@message
class DescribeHousekeeping(Query[HousekeepingStatus]):
    """How far housekeeping is, and which studies failed."""


@message
class PlanHousekeeping(Query[HousekeepingPlan]):
    """Which triggers make a pass necessary, and how much it does, or would do."""


@message
class PauseHousekeeping(Command[HousekeepingStatus]):
    """Do no more, over restarts too; what is under way, some instances of a study, is finished."""


@message
class ResumeHousekeeping(Command[HousekeepingStatus]):
    """Go on after a pause."""


@message
class RunHousekeeping(Command[HousekeepingStatus]):
    """Go on now, whatever the schedule says, until the pass is done; it ends a pause, too.

    ``force`` begins a pass over everything; with ``rewrite_files``, files that have not the form
    that new ones get are stored anew.
    """

    force: bool = False
    rewrite_files: bool = False


@message
class PutStudyFirst(Command[HousekeepingStatus]):
    """Take one study before all others, whether or not a pass runs.

    Raises:
        UnknownResource: there is no such study.
    """

    id: ResourceId


# What the housekeeper asks of the others


@message
class DescribeKeptState(Query[KeptState]):
    """What is kept of the passes of this server, under a number (``GlobalPropertyId``)."""

    number: int


@message
class FindPortions(Query[tuple[Portion, ...]]):
    """What is to be done next: one portion at least, though there be nothing in it.

    A study in which somebody was when taking it out of turn comes first, then those that were put
    first, then what the pass has next, then those that failed and whose time has come.
    """

    wanted: PortionWanted


@message
class DescribeUnfinished(Query[Unfinished]):
    """How many studies a pass has left, and which failed: the first ``limit`` of them."""

    name: str
    position: Position
    last: int
    limit: int


@message
class EstimateWork(Query[Workload]):
    """How much ``chores`` have to do with the next studies, ``limit`` of them at most."""

    chores: Chores
    position: Position
    last: int
    limit: int


@message
class DoChores(Command[tuple[ChoresReceipt, ...]]):
    """Do what is to be done with some portions, and record it with the ``state`` after them.

    An instance that fails does not keep the others from it; its study is set aside, and tried
    again. An instance that is deleted meanwhile is no failure.
    """

    name: str
    state: str
    portions: tuple[Portion, ...]


@message
class RecordChores(Command[tuple[ChoresReceipt, ...]]):
    """Record what was done with some portions, what failed, and the state after them, at once."""

    record: ChoresRecord


@message
class RecordState(Command[None]):
    """Keep the state of housekeeping, or whether it is paused; ``None`` leaves what there is."""

    name: str
    state: str | None = None
    paused: bool | None = None


@message
class SetStudyFirst(Command[None]):
    """Note that a study is to be taken before all others, with ``form`` for its files.

    Raises:
        UnknownResource: there is no such study.
    """

    name: str
    id: ResourceId
    form: Compression | None
