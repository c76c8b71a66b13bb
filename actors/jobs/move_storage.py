"""Moving resources to another storage."""

from typing import Any, Self

from repertory.actors.jobs.base import Job, Parameters, Turn
from repertory.actors.messages.places import CountMovable, ListMovable, MoveFiles
from repertory.actors.reply import Reply
from repertory.errors import BadRequest
from repertory.jobs import JobFailure, JobStep, Object
from repertory.model import Level, ResourceId
from repertory.places import Cursor, FilesPage, MoveReport

BATCH = 64
"""Files that one step moves: their copies are recorded in one transaction."""

COUNTED_AT_ONCE = 2_000
LOOKED_AT_ONCE = 1_000
"""Resources that one question to the index is about."""


class MoveStorage(Job):
    """Moves all files of resources, and of all below them, to another storage.

    What lies there already is passed over. A file that cannot be moved is reported, stays where it
    is, and does not keep the others from going. A step that is repeated after a crash finds the
    files that were moved in their new place, and passes them over.
    """

    type = "MoveStorage"

    def __init__(self, ids: dict[Level, tuple[ResourceId, ...]], target: str, pause: float) -> None:
        self._by_level = ids
        self._ids = tuple(id_ for level in Level for id_ in ids[level])
        self._target = target
        self._pause = pause

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        """Identifiers in ``Patients``, ``Studies`` and so on; ``TargetStorage`` is a name."""
        ids = {level: _ids(parameters, level.plural.capitalize()) for level in Level}
        return cls(
            ids,
            parameters.need("TargetStorage", str),
            parameters.get("ThrottleMs", 0) / 1000,
        )

    def step(self, turn: Turn) -> Reply[JobStep]:
        """Count some of the files, or move some."""
        position = turn.position
        counted = int(position.get("Counted", 0))
        if counted < len(self._ids):
            return self._count(turn, counted)
        passed = int(position.get("Passed", 0))
        ids = self._ids[passed : passed + LOOKED_AT_ONCE]
        cursor = Cursor(
            0,
            int(position.get("Parent", 0)),
            int(position.get("Resource", 0)),
            int(position.get("ContentType", 0)),
        )
        question = ListMovable(ids=ids, after=cursor, target=self._target, limit=BATCH)
        return turn.board.ask_soon(question).then(lambda page: self._move(turn, page))

    def content(self, position: Object) -> Object:
        """The resources by level, as Orthanc has them; how many files there are, and are moved."""
        return {
            **{
                level.plural.capitalize(): list(ids) for level, ids in self._by_level.items() if ids
            },
            "Description": "Move to another storage",
            "TargetStorage": self._target,
            "FilesCount": position.get("Total", 0),
            "FilesSize": str(position.get("TotalSize", 0)),
            "MovedFilesCount": position.get("Moved", 0),
            "MovedSize": str(position.get("MovedSize", 0)),
            "FailedFilesCount": position.get("Failed", 0),
        }

    def _count(self, turn: Turn, counted: int) -> Reply[JobStep]:
        ids = self._ids[counted : counted + COUNTED_AT_ONCE]

        def ends(found: tuple[int, int]) -> JobStep:
            position = turn.position
            return turn.ends(
                {
                    **position,
                    "Counted": counted + len(ids),
                    "Total": position.get("Total", 0) + found[0],
                    "TotalSize": position.get("TotalSize", 0) + found[1],
                },
                done=not self._ids,
            )

        return turn.board.ask_soon(CountMovable(ids=ids, target=self._target)).then(ends)

    def _move(self, turn: Turn, page: FilesPage) -> JobStep | Reply[JobStep]:
        position = turn.position
        passed = int(position.get("Passed", 0)) + page.cursor.passed
        after: dict[str, Any] = {
            **position,
            "Passed": passed,
            "Parent": page.cursor.parent,
            "Resource": page.cursor.resource,
            "ContentType": page.cursor.content_type,
        }
        if not page.files:
            return turn.ends(after, progress=_progress(after), done=passed >= len(self._ids))

        def ends(report: MoveReport) -> JobStep:
            after["Moved"] = position.get("Moved", 0) + report.moved
            after["MovedSize"] = position.get("MovedSize", 0) + report.size
            after["Failed"] = position.get("Failed", 0) + len(report.failures)
            after["Done"] = position.get("Done", 0) + len(page.files)
            return turn.ends(
                after,
                progress=_progress(after),
                done=passed >= len(self._ids),
                failures=tuple(
                    JobFailure(
                        f"/{it.file.level.plural}/{it.file.id}"
                        f"/attachments/{int(it.file.attachment.content_type)}",
                        it.reason,
                    )
                    for it in report.failures
                ),
                pause=self._pause,
            )

        moving = MoveFiles(files=tuple(page.files), target=self._target)
        return turn.board.ask_soon(moving).then(ends)


def _progress(position: Object) -> float:
    done, total = int(position.get("Done", 0)), int(position.get("Total", 0))
    return min(done / max(total, 1), 1.0)


def _ids(parameters: Parameters, name: str) -> tuple[ResourceId, ...]:
    named: list[Any] = parameters.get(name, [])
    if not all(isinstance(id_, str) for id_ in named):
        raise BadRequest(f"The field {name} must be an array of strings.")
    return tuple(ResourceId(id_) for id_ in named)
