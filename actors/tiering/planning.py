"""Finding out what a pass would move, without moving anything."""

from collections.abc import Sequence

from repertory.actors.messages.places import CountMovable
from repertory.actors.messages.tiering import FindTierable, SumReleased
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.actors.tiering.progress import Pass
from repertory.actors.tiering.tasks import RoomOf, Task
from repertory.model import ResourceId
from repertory.tiering import PassReport

TOGETHER = 100
"""Studies that are counted by one question, as long as all of them are wanted."""

NO_ROOM = "Nobody can say how much room there is on the disk."


class Planning:
    """Goes over the tasks as a pass does, a page of studies for each step.

    What one task would take from a storage is not counted by those after it.
    """

    def __init__(
        self,
        *,
        board: Switchboard,
        tasks: Sequence[Task],
        room_of: RoomOf,
        now: float,
        since: float,
    ) -> None:
        self._board = board
        self._tasks = tasks
        self._room_of = room_of
        self._now = now
        self._since = since
        self._pass = Pass(now, list(range(len(tasks))))
        self._taken: dict[str, set[ResourceId]] = {task.source: set() for task in tasks}
        self._sizes = dict.fromkeys(self._taken, 0)
        self._missing: float | None = None
        self.outcome: Reply[PassReport] = Reply()

    def step(self) -> bool:
        """Look at the next page; whether there is anything left to look at."""
        if self._pass.task is None:
            self.outcome.set(self._pass.report(self._now))
            return False
        task = self._tasks[self._pass.task]
        if self._missing is None:
            self._pass.note(task.rule.name)
            self._missing = self._begin(task)
        if self._missing <= 0 or self._pass.after is None:
            self._next()
            return True
        wanted = task.wanted(self._now, self._since, self._pass.after)
        page = self._board.ask(FindTierable(wanted=wanted))
        self._count(task, [it for it in page.studies if it not in self._taken[task.source]])
        self._pass.after = page.after
        return True

    def _begin(self, task: Task) -> float:
        """Bytes that the task is to move: all where it does not make room."""
        if not task.makes_room:
            return float("inf")
        released = self._board.ask(SumReleased(place=task.source))
        room = self._room_of(task.source)
        if room is None:
            self._pass.note(task.rule.name, problem=NO_ROOM)
            return 0.0
        return task.missing(room, released + self._sizes[task.source])

    def _count(self, task: Task, studies: Sequence[ResourceId]) -> None:
        """Count studies; where room is to be made, to the one that makes enough of it."""
        for start in range(0, len(studies), TOGETHER):
            ids = tuple(studies[start : start + TOGETHER])
            if self._missing is None or self._missing <= 0:
                return
            files, size = self._board.ask(
                CountMovable(ids=ids, target=task.rule.target, source=task.source)
            )
            if size > self._missing and len(ids) > 1:
                for one in ids:
                    self._count(task, (one,))
                continue
            self._pass.note(task.rule.name, studies=len(ids), files=files, size=size)
            self._taken[task.source].update(ids)
            self._sizes[task.source] += size
            self._missing -= size

    def _next(self) -> None:
        self._missing = None
        self._pass.next_task()
