"""The files that jobs made."""

from collections.abc import Sequence

from repertory.errors import UnknownItem
from repertory.jobs import JobId, JobOutput
from repertory.model import Attachment
from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group
from repertory.storage.index.packing import ATTACHMENT_COLUMNS, pack_attachment, unpack_attachment

_OF_JOB = "job = (SELECT number FROM jobs WHERE id = ?) AND key = ?"
DESCRIBE = f"SELECT media_type, filename, {ATTACHMENT_COLUMNS} FROM job_outputs WHERE {_OF_JOB}"  # noqa: S608
LIST = f"SELECT {ATTACHMENT_COLUMNS} FROM job_outputs"  # noqa: S608 - a constant
FIND = "SELECT uuid FROM job_outputs WHERE job = ? AND key = ?"
INSERT = (
    f"INSERT INTO job_outputs (job, key, media_type, filename, {ATTACHMENT_COLUMNS})"  # noqa: S608
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
LIST_DOOMED = "SELECT uuid, content_type, compressed_size, location FROM job_outputs WHERE {}"
DELETE = "DELETE FROM job_outputs WHERE {}"


def describe_job_output(db: Database, id_: JobId, key: str) -> JobOutput:
    """A file that a job made; ``UnknownItem`` where there is none under that key."""
    row = db.one(DESCRIBE, (id_, key))
    if row is None:
        raise UnknownItem("The job has no such output.")
    media_type, filename, *packed = row
    return JobOutput(
        key=key,
        attachment=unpack_attachment(tuple(packed)),
        media_type=media_type,
        filename=filename,
    )


def list_job_outputs(db: Database) -> tuple[Attachment, ...]:
    """All files that jobs made and that are still there."""
    return tuple(unpack_attachment(row) for row in db.all(LIST))


def put_outputs(db: Database, group: Group, job: int, outputs: Sequence[JobOutput]) -> None:
    """Enter the files that a step made; what it made before, if it was repeated, is released."""
    for output in outputs:
        packed = pack_attachment(output.attachment)
        if db.one(FIND, (job, output.key)) == (packed[1],):
            continue  # the step is taken down a second time
        _release(db, group, "job = ? AND key = ?", (job, output.key))
        db.execute(INSERT, (job, output.key, output.media_type, output.filename, *packed))


def release_outputs(db: Database, group: Group, jobs: Sequence[int]) -> None:
    """Release all files of jobs."""
    condition, value = db.among("job", jobs)
    _release(db, group, condition, (value,))


def delete_job_output(db: Database, group: Group, id_: JobId, key: str) -> None:
    """Release a file that a job made; ``UnknownItem`` where there is none under that key."""
    describe_job_output(db, id_, key)
    group.writing = True
    _release(db, group, _OF_JOB, (id_, key))


def _release(db: Database, group: Group, condition: str, values: Sequence[object]) -> None:
    for row in db.all(LIST_DOOMED.format(condition), values):
        group.release_row(*row)
    db.execute(DELETE.format(condition), values)
