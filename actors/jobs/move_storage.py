"""Moving resources to another storage."""

from typing import Any, Self

from repertory.actors.jobs.base import Job, Parameters, Turn
from repertory.actors.messages.places import (
    CountMovable,
    ListMovable,
    ListMovableTrash,
    MoveFiles,
)
from repertory.actors.reply import Reply
from repertory.errors import BadParameter, BadRequest
from repertory.jobs import JobFailure, JobStep, Object
from repertory.model import Level, ResourceId
from repertory.places import Cursor, FilesPage, MoveReport, OwnedFile, TrashCursor

BATCH = 64
"""Files that one step moves where each is followed by a pause, or by a rest."""

LONG_BATCH = 512
"""The same where none is: between two steps nothing is copied."""

BATCH_SIZE = 128 << 20
"""Bytes that one step moves, and one file: a job that is to pause waits for the end of its step."""

COUNTED_AT_ONCE = 2_000
LOOKED_AT_ONCE = 1_000
"""Resources that one question to the index is about."""


class MoveStorage(Job):
    """Moves all files of resources, and of all below them, to another storage; the trash, too.

    What lies there already is passed over. A file that cannot be moved is reported, stays where it
    is, and does not keep the others from going. A step that is repeated after a crash finds the
    files that were moved in their new place, and passes them over.
    """

    type = "MoveStorage"

    def __init__(
        self,
        ids: dict[Level, tuple[ResourceId, ...]],
        target: str,
        pause: float,
        *,
        trash: bool = False,
        busy_share: int = 100,
    ) -> None:
        self._by_level = ids
        self._trash = trash
        self._ids = tuple(id_ for level in Level for id_ in ids[level])
        self._target = target
        self._pause = pause
        self.busy_share = busy_share

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        """Identifiers in ``Patients``, ``Studies`` and so on; a ``TargetStorage``; ``Trash``.

        ``BusyShare``, and ``ThrottleMs`` after each step: without them, as fast as it can.
        """
        ids = {level: _ids(parameters, level.plural.capitalize()) for level in Level}
        busy_share = parameters.get("BusyShare", 100)
        if not 1 <= busy_share <= 100:
            raise BadParameter("The field BusyShare must be between 1 and 100.")
        return cls(
            ids,
            parameters.need("TargetStorage", str),
            parameters.get("ThrottleMs", 0) / 1000,
            trash=parameters.get("Trash", False),
            busy_share=busy_share,
        )

    def step(self, turn: Turn) -> Reply[JobStep]:
        """Count some of the files, or move some."""
        position = turn.position
        counted = int(position.get("Counted", 0))
        if counted < len(self._ids):
            return self._count(turn, counted)
        passed = int(position.get("Passed", 0))
        if passed >= len(self._ids) and self._trash:
            return self._list_trash(turn)
        ids = self._ids[passed : passed + LOOKED_AT_ONCE]
        cursor = Cursor(
            0,
            int(position.get("Parent", 0)),
            int(position.get("Resource", 0)),
            int(position.get("ContentType", 0)),
        )
        limit = BATCH if self._pause or turn.steps_back else LONG_BATCH
        question = ListMovable(
            ids=ids, after=cursor, target=self._target, limit=limit, most=BATCH_SIZE
        )
        return turn.board.ask_soon(question).then(lambda page: self._move(turn, page))

    def content(self, position: Object) -> Object:
        """The resources by level, as Orthanc has them; how many files there are, and are moved."""
        return {
            **{
                level.plural.capitalize(): list(ids) for level, ids in self._by_level.items() if ids
            },
            "Description": "Move to another storage",
            "TargetStorage": self._target,
            "Trash": self._trash,
            "BusyShare": self.busy_share,
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
                done=not self._ids and not self._trash,
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
        done = passed >= len(self._ids) and not self._trash
        if not page.files:
            return turn.ends(after, progress=_progress(after), done=done)
        return self._move_files(turn, tuple(page.files), after, done=done)

    def _list_trash(self, turn: Turn) -> Reply[JobStep]:
        """Move what lies in the trash, in the order of its rows."""
        after = TrashCursor(*(int(it) for it in turn.position.get("Trash", (0, 0, 0))))

        def move(files: tuple[OwnedFile, ...]) -> JobStep | Reply[JobStep]:
            if not files:
                return turn.ends(turn.position, progress=1.0, done=True)
            last = files[-1]
            at = [last.trash, last.row, int(last.attachment.content_type)]
            position = {**turn.position, "Trash": at}
            position["Total"] = position.get("Total", 0) + len(files)
            size = sum(it.attachment.compressed_size for it in files)
            position["TotalSize"] = position.get("TotalSize", 0) + size
            return self._move_files(turn, files, position, done=False)

        question = ListMovableTrash(after=after, target=self._target, limit=BATCH)
        return turn.board.ask_soon(question).then(move)

    def _move_files(
        self, turn: Turn, files: tuple[OwnedFile, ...], after: Object, *, done: bool
    ) -> Reply[JobStep]:
        def ends(report: MoveReport) -> JobStep:
            after["Moved"] = after.get("Moved", 0) + report.moved
            after["MovedSize"] = after.get("MovedSize", 0) + report.size
            after["Failed"] = after.get("Failed", 0) + len(report.failures)
            after["Done"] = after.get("Done", 0) + len(files)
            return turn.ends(
                after,
                progress=_progress(after),
                done=done,
                failures=tuple(JobFailure(_path(it.file), it.reason) for it in report.failures),
                pause=self._pause,
            )

        moving = MoveFiles(files=files, target=self._target)
        return turn.board.ask_soon(moving).then(ends)


def _path(file: OwnedFile) -> str:
    """A file as clients know it; one in the trash by its entry."""
    trash = f"/trash/{file.trash}" if file.trash else ""
    content_type = int(file.attachment.content_type)
    return f"{trash}/{file.level.plural}/{file.id}/attachments/{content_type}"


def _progress(position: Object) -> float:
    done, total = int(position.get("Done", 0)), int(position.get("Total", 0))
    return min(done / max(total, 1), 1.0)


def _ids(parameters: Parameters, name: str) -> tuple[ResourceId, ...]:
    named: list[Any] = parameters.get(name, [])
    if not all(isinstance(id_, str) for id_ in named):
        raise BadRequest(f"The field {name} must be an array of strings.")
    return tuple(ResourceId(id_) for id_ in named)
