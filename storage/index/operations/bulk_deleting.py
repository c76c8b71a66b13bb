"""Deleting many resources in one transaction, as many as it should hold."""

from collections.abc import Sequence

from repertory.jobs import BulkReceipt, BulkStep, Target
from repertory.model import Level, ResourceRef
from repertory.storage.index.database import Database
from repertory.storage.index.operations.deleting import delete_resource
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.jobs import check_job, record_job_step
from repertory.storage.index.operations.trashing import Keeping
from repertory.storage.index.packing import pack_id

FIND = (
    "SELECT resources.level, tallies.instances FROM resources"
    " LEFT JOIN tallies ON tallies.resource = resources.id"
    " WHERE resources.public_id = ? ORDER BY resources.level"
)


def delete_resources(  # noqa: PLR0917 - the database, the group, then what is to be done
    db: Database,
    group: Group,
    targets: Sequence[Target],
    room: int,
    step: BulkStep | None,
    monotonic: float,
    now: float,
    keeping: Keeping | None,
) -> BulkReceipt:
    """Delete resources in their order, until about ``room`` instances are gone.

    Those that are not there are passed over. At least one is gone through, however large it is.
    ``step`` is that of the job whose work it is, and is taken down in the same transaction.
    """
    passed = instances = 0
    deleted: list[ResourceRef] = []
    if step is not None:
        check_job(db, group, step.job)
    group.settle()
    for target in targets:
        if passed and instances >= room:
            break
        passed += 1
        found = _find(db, target)
        if found is None:
            continue
        level, count = found
        delete_resource(db, group, level, target.id, now, keeping)
        deleted.append(ResourceRef(level, target.id))
        instances += count
    taken = None
    if step is not None:
        taken = step.after(passed, len(deleted))
        record_job_step(db, group, taken, taken.run_time.at(monotonic), now)
    return BulkReceipt(passed=passed, deleted=tuple(deleted), step=taken)


def _find(db: Database, target: Target) -> tuple[Level, int] | None:
    digest = pack_id(target.id)
    # What waits in the group is not in the tallies yet, but the resources are.
    for level, instances in db.all(FIND, (digest,)) if digest is not None else ():
        if target.level in {None, Level(level)}:
            return Level(level), max(instances or 1, 1)
    return None
