"""Jobs, their steps, and what they could not do."""

import json
from collections.abc import Sequence
from typing import Any

from repertory.errors import IndexFailed, LeaseLost
from repertory.jobs import JobError, JobFailure, JobId, JobRecord, JobState, JobStep
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations.duties import lives
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.job_outputs import put_outputs, release_outputs
from repertory.storage.index.packing import LARGEST

_COLUMNS = (
    "number, id, type, priority, parameters, user_data, fleeting, state, position, progress,"
    " runtime, created_at, completed_at, error, error_details, node"
)
_FAILURES = "SELECT COUNT(*) FROM job_failures WHERE job_failures.job = jobs.number"
LIST = f"SELECT {_COLUMNS}, ({_FAILURES}) FROM jobs ORDER BY number"  # noqa: S608 - constants
DESCRIBE = f"SELECT {_COLUMNS}, ({_FAILURES}) FROM jobs WHERE id = ?"  # noqa: S608 - constants
INSERT = (
    "INSERT INTO jobs (id, type, priority, parameters, user_data, fleeting, state, position,"
    " progress, runtime, created_at, node) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
FIND = "SELECT number, fleeting, node, state FROM jobs WHERE id = ?"
UPDATE_STEP = "UPDATE jobs SET position = ?, progress = ?, runtime = ? WHERE number = ?"
COMPLETE = (
    "UPDATE jobs SET state = ?, completed_at = ?, error = NULL, error_details = NULL, node = NULL"
    " WHERE number = ?"
)
UPDATE = (
    "UPDATE jobs SET state = ?, runtime = ?, completed_at = ?, error = ?, error_details = ?,"
    " node = ? WHERE number = ?"
)
BEGIN_AFRESH = "UPDATE jobs SET position = '{}', progress = 0 WHERE number = ?"
LIST_FAILURES = (
    "SELECT job_failures.item, job_failures.reason FROM job_failures"
    " JOIN jobs ON jobs.number = job_failures.job WHERE jobs.id = ?"
    " ORDER BY job_failures.item LIMIT ? OFFSET ?"
)
COUNT_FAILURES = "SELECT COUNT(*) FROM job_failures WHERE job = ?"
FORGET_FAILURE = "DELETE FROM job_failures WHERE job = ? AND item = ?"
INSERT_FAILURE = "INSERT INTO job_failures (job, item, reason) VALUES (?, ?, ?)"


def list_jobs(db: Database) -> tuple[JobRecord, ...]:
    """All jobs, first submitted first."""
    return tuple(map(_job, db.all(LIST)))


def find_job(db: Database, id_: JobId) -> JobRecord | None:
    """One job; ``None`` where it is gone."""
    row = db.one(DESCRIBE, (id_,))
    return None if row is None else _job(row)


def list_job_failures(db: Database, id_: JobId, since: int, limit: int) -> tuple[JobFailure, ...]:
    """What a job could not do, in the order of the items; ``limit`` 0 is no limit."""
    bound = min(limit, LARGEST) if limit > 0 else LARGEST
    rows = db.all(LIST_FAILURES, (id_, bound, min(max(since, 0), LARGEST)))
    return tuple(JobFailure(*row) for row in rows)


def record_job(db: Database, group: Group, job: JobRecord) -> int:
    """Enter a new job; its number."""
    values = (
        job.id,
        job.type,
        job.priority,
        _write(job.parameters),
        _write(job.user_data),
        int(job.fleeting),
        job.state.value,
        _write(job.position),
        job.progress,
        job.runtime,
        job.created_at,
        _owner(db, group, job),
    )
    group.writing = True
    db.execute(INSERT, values)
    row = db.one(FIND, (job.id,))
    if row is None:
        raise IndexFailed("A job that was recorded is not there.")
    return int(row[0])


def record_job_step(db: Database, group: Group, step: JobStep, runtime: float, now: float) -> int:
    """Take down what a step came to; how many things the job could not do by now.

    A step that is taken down twice, and one of a job that is gone, does no harm.
    """
    row = db.one(FIND, (step.job,))
    if row is None:
        return 0
    number, fleeting, node, state = row
    _need_running(group, node, state)
    group.writing = True
    put_outputs(db, group, number, step.outputs)
    if step.done and fleeting:
        _forget(db, group, (number,))
        return 0
    progress = 1.0 if step.done else step.progress
    db.execute(UPDATE_STEP, (_write(step.position), progress, runtime, number))
    if step.done:
        db.execute(COMPLETE, (JobState.SUCCESS.value, now, number))
    items = {failure.item: failure.reason for failure in step.failures}
    db.execute_many(FORGET_FAILURE, [(number, item) for item in items])
    db.execute_many(INSERT_FAILURE, [(number, item, reason) for item, reason in items.items()])
    return int((db.one(COUNT_FAILURES, (number,)) or (0,))[0])


def record_job_change(db: Database, group: Group, job: JobRecord, *, afresh: bool) -> None:
    """Write the state of a job, and why it is so; its position is that of the step before.

    ``afresh`` puts it back to its beginning, and forgets what it made and could not do.
    """
    row = db.one(FIND, (job.id,))
    if row is None:
        return
    number, _, node, _ = row
    if node is not None or not afresh:
        need_job(group, node)
    group.writing = True
    kind, details = (job.error.kind, job.error.details) if job.error else (None, None)
    owner = _owner(db, group, job)
    values = (job.state.value, job.runtime, job.completed_at, kind, details, owner, number)
    db.execute(UPDATE, values)
    if afresh:
        db.execute(BEGIN_AFRESH, (number,))
        db.execute("DELETE FROM job_failures WHERE job = ?", (number,))
        release_outputs(db, group, (number,))


def _owner(db: Database, group: Group, job: JobRecord) -> str | None:
    """Whose a job is; nobody would take it from a node that was given up, or has another name."""
    is_ours = not group.node or job.node == group.node
    return job.node if job.node is not None and is_ours and lives(db, group) else None


def forget_jobs(db: Database, group: Group, ids: Sequence[JobId]) -> None:
    """Remove jobs; to forget one twice does no harm."""
    rows = [row for row in (db.one(FIND, (id_,)) for id_ in ids) if row is not None]
    group.writing = True
    # What another node runs is not for this one to forget.
    ours = [row[0] for row in rows if not group.node or row[2] in (None, group.node)]
    _forget(db, group, ours)


def need_job(group: Group, node: str | None) -> None:
    """Raise ``LeaseLost`` unless a job is this node's; alone, one has all."""
    if group.node and node != group.node:
        raise LeaseLost


def check_job(db: Database, group: Group, id_: JobId) -> None:
    """Raise ``LeaseLost`` if another node runs a job, or has cancelled it."""
    row = db.one(FIND, (id_,)) if group.node else None
    if row is not None:
        _need_running(group, row[2], row[3])


def _need_running(group: Group, node: str | None, state: str) -> None:
    need_job(group, node)
    if group.node and state == JobState.FAILURE.value:
        raise LeaseLost  # somebody was told that it is cancelled


def _forget(db: Database, group: Group, numbers: Sequence[int]) -> None:
    release_outputs(db, group, numbers)
    for table, column in (("job_failures", "job"), ("jobs", "number")):
        condition, value = db.among(column, numbers)
        db.execute(f"DELETE FROM {table} WHERE {condition}", (value,))  # noqa: S608 - of constants


def _job(row: Row) -> JobRecord:
    (
        number,
        id_,
        type_,
        priority,
        parameters,
        user_data,
        fleeting,
        state,
        position,
        progress,
        runtime,
        created_at,
        completed_at,
        error,
        details,
        node,
        failures,
    ) = row
    return JobRecord(
        number=number,
        id=JobId(id_),
        type=type_,
        priority=priority,
        parameters=json.loads(parameters),
        user_data=json.loads(user_data),
        fleeting=bool(fleeting),
        state=JobState(state),
        position=json.loads(position),
        progress=progress,
        runtime=runtime,
        created_at=created_at,
        completed_at=completed_at,
        error=None if error is None else JobError(error, details or ""),
        failure_count=failures,
        node=node,
    )


def _write(value: Any) -> str:
    # As ASCII: a lone surrogate, which JSON can hold, is none that a database would take.
    return json.dumps(value, separators=(",", ":"))
