"""Which node runs which job, where several share an index."""

from repertory.errors import JobCancelled
from repertory.jobs import JobId, JobRecord, JobState
from repertory.storage.index.database import Database
from repertory.storage.index.operations.duties import lives
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.jobs import find_job

CLAIM = "UPDATE jobs SET node = ? WHERE id = ? AND node IS NULL AND state = 'Pending'"
RETURN = "UPDATE jobs SET node = NULL WHERE id = ? AND node = ?"
WISH = "UPDATE jobs SET state = ? WHERE id = ?"
CANCEL = "UPDATE jobs SET state = ?, completed_at = ?, error = ?, error_details = ? WHERE id = ?"


def claim_job(db: Database, group: Group, id_: JobId) -> JobRecord | None:
    """Take a job that waits, and that nobody has; as it is then, ``None``: it was not taken."""
    if not lives(db, group):
        return None
    group.writing = True
    return find_job(db, id_) if db.execute(CLAIM, (group.node, id_)) else None


def return_job(db: Database, group: Group, id_: JobId) -> None:
    """Let go of a job."""
    group.writing = True
    db.execute(RETURN, (id_, group.node))


def steer_job(
    db: Database, group: Group, id_: JobId, wish: JobState, now: float
) -> JobRecord | None:
    """Let a job be paused, wait again, or be cancelled, whoever runs it; ``None``: it is gone.

    What is over stays as it is. The node that runs it sees what is wished when its step is over,
    or with its next beat, and lets go of it then.
    """
    job = find_job(db, id_)
    if job is None or job.state.is_final or job.state is wish:
        return job
    group.writing = True
    if wish is JobState.FAILURE:
        error = JobCancelled()
        db.execute(CANCEL, (wish.value, now, type(error).__name__, str(error), id_))
    else:
        db.execute(WISH, (wish.value, id_))
    return find_job(db, id_)
