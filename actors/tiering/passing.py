"""One pass over the rules: what its steps do."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from repertory.actors.base import handles
from repertory.actors.clock import Clock
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.housekeeping import RecordState
from repertory.actors.messages.places import ListMovable, MoveFiles
from repertory.actors.messages.tiering import FindTierable, SumReleased
from repertory.actors.pace import Pace
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Ref, Switchboard
from repertory.actors.tiering.planning import NO_ROOM
from repertory.actors.tiering.progress import Kept, Pass
from repertory.actors.tiering.tasks import RoomOf, Task
from repertory.errors import IndexBusy, IndexFailed, RepertoryError, ShuttingDown
from repertory.model import ResourceId
from repertory.places import Cursor, FilesPage, MoveReport
from repertory.tiering import TierFailure

log = structlog.get_logger(__name__)

BATCH = 64
"""Files that one step moves."""


@message
class TierMoved(Event):
    """What became of some files that a rule moves; the actor tells it to itself."""

    page: FilesPage
    answer: Reply[MoveReport]
    tenure: int


@dataclass(slots=True)
class Hand:
    """The studies that a task is at: some of them together, with how far these are.

    ``missing`` are the bytes that are still to be moved, infinite where room is not the point.
    """

    missing: float | None = None
    together: tuple[ResourceId, ...] = ()
    others: deque[ResourceId] = field(default_factory=deque)
    within: Cursor = Cursor()  # noqa: RUF009 - frozen


class Passing:
    """A part of ``TieringActor``: the steps of a pass."""

    actor_ref: Ref
    board: Switchboard
    clock: Clock
    _at_once: bool
    _failures: deque[TierFailure]
    _hand: Hand
    _kept: Kept
    _next_look: float
    _next_pass: float
    _pace: Pace
    _pause: float
    _plan: list[tuple[str, str]]
    _room_of: RoomOf
    _tasks: tuple[Task, ...]
    _tenure: int
    _under_way: bool

    if TYPE_CHECKING:

        @property
        def _interval(self) -> float: ...
        def _guarded(self, work: Callable[[], None]) -> None: ...
        def _recover(self) -> None: ...
        def _go_on(self, after: float = 0.0, *, rested: bool = False) -> None: ...

    def _keep(self, **changes: Any) -> None:
        """Let the index keep how far a pass is; a pass that is not named is over."""
        kept = replace(self._kept, **{"current": None, **changes})
        self.board.ask(RecordState(name="tiering", state=kept.text(self._plan)))
        self._kept = kept

    def _step(self) -> None:
        """Find what is next to be moved, and have it moved."""
        current = self._kept.current
        if current is None:
            return
        if current.task is None:
            self._end(current)
            return
        task, hand = self._tasks[current.task], self._hand
        if hand.missing is None:
            current.note(task.rule.name)
            hand.missing = self._missing(task, current)
        if not hand.together and not self._take_up(task, current):
            self._next_task(task, current)
            return
        if hand.together:
            self._list(task, current)
        else:
            self._go_on()

    def _take_up(self, task: Task, current: Pass) -> bool:
        """Take up the next studies; whether the task goes on."""
        hand = self._hand
        if (hand.missing or 0.0) <= 0:
            return False
        if not hand.others:
            if current.after is None:
                return False
            wanted = task.wanted(self.clock.now(), self._kept.since, current.after)
            page = self.board.ask(FindTierable(wanted=wanted))
            # Those before it are done; what is in hand when the archive ends is found once more.
            self._keep(current=current)
            current.after = page.after
            hand.others.extend(page.studies)
        count = 1 if task.makes_room else len(hand.others)
        hand.together = tuple(hand.others.popleft() for _ in range(min(count, len(hand.others))))
        hand.within = Cursor()
        return True

    def _list(self, task: Task, current: Pass) -> None:
        hand = self._hand
        question = ListMovable(
            ids=hand.together,
            after=hand.within,
            target=task.rule.target,
            source=task.source,
            limit=BATCH,
        )
        page = self.board.ask(question)
        if not page.files:
            self._put_down(task, current)
            self._go_on()
            return
        self._under_way = True
        moving = MoveFiles(files=tuple(page.files), target=task.rule.target)
        tenure = self._tenure

        def tell(reply: Reply[MoveReport]) -> None:
            self.board.tell(self.actor_ref, TierMoved(page=page, answer=reply, tenure=tenure))

        self.board.ask_soon(moving).on_done(tell)

    def _put_down(self, task: Task, current: Pass) -> None:
        current.note(task.rule.name, studies=len(self._hand.together))
        self._hand.together = ()

    @handles(TierMoved)
    def tier_moved(self, event: TierMoved) -> None:
        """Note what was moved, and go on."""
        if event.tenure != self._tenure:
            return
        self._under_way = False
        self._guarded(partial(self._take, event))

    def _take(self, event: TierMoved) -> None:
        current, hand = self._kept.current, self._hand
        if current is None or current.task is None:
            return
        task = self._tasks[current.task]
        error = event.answer.error
        if error is not None:
            if not isinstance(error, RepertoryError) or isinstance(
                error, IndexBusy | IndexFailed | ShuttingDown
            ):
                raise error
            # It would be the same with all others; the next pass tries again.
            current.note(task.rule.name, problem=str(error))
            log.warning("tiering_rule_stopped", rule=task.rule.name, error=type(error).__name__)
            self._next_task(task, current)
            return
        report = event.answer.get()
        current.note(
            task.rule.name, files=report.moved, size=report.size, failed=len(report.failures)
        )
        now = self.clock.now()
        self._failures.extend(TierFailure(it.file, it.reason, now) for it in report.failures)
        hand.missing = (hand.missing or 0.0) - report.size
        hand.within = event.page.cursor
        if hand.within.passed >= len(hand.together):
            self._put_down(task, current)
        self._pace.end(0)
        self._recover()
        self._go_on(after=self._pause)

    def _next_task(self, task: Task, current: Pass) -> None:
        if task.makes_room and (self._hand.missing or 0.0) > 0:
            # There is nothing more that could be moved: not to be tried every minute.
            self._next_look = self.clock.now() + self._interval
        current.next_task()
        self._hand = Hand()
        self._go_on()

    def _end(self, current: Pass) -> None:
        now = self.clock.now()
        report = current.report(now)
        if len(current.tasks) == len(self._tasks):
            self._keep(last=report, whole=now)
            self._next_pass = now + self._interval
        else:
            self._keep(last=report)
        self._at_once = False
        self._recover()
        files = sum(rule.files for rule in report.rules)
        if files:
            log.info("tiering_completed", files=files, size=sum(it.size for it in report.rules))
        self._go_on()

    def _missing(self, task: Task, current: Pass | None = None) -> float:
        """Bytes that a task has to move: all where it does not make room."""
        if not task.makes_room:
            return float("inf")
        # First what goes: so what is gone by the next look counts twice, and never not at all.
        released = self.board.ask(SumReleased(place=task.source))
        room = self._room_of(task.source)
        if room is None:
            if current is not None:
                current.note(task.rule.name, problem=NO_ROOM)
            return 0.0
        return task.missing(room, released)
