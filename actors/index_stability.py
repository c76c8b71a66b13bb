"""The index's handlers for stability, and the timeline on which quiet is measured."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from repertory.actors.base import handles
from repertory.actors.index_part import IndexPart
from repertory.actors.messages.stability import (
    DeclareDue,
    DeclareStable,
    DeclareUnstable,
    ResourceDestabilized,
    ResourceStabilized,
)
from repertory.actors.reply import Reply
from repertory.items import Stabilized
from repertory.storage.index.policy import StorePolicy

log = structlog.get_logger(__name__)

R = TypeVar("R")

STEP = 1.0
"""Seconds that the wall clock may go astray before the periods follow it."""


class IndexStability(IndexPart):
    """A part of ``IndexActor``.

    What is quiet, and since when, is recorded on a timeline of its own: that of the wall clock
    when the index was opened, which goes on with the monotonic clock. So a wall clock that is set
    makes nothing stable too early or too late. The timeline then follows, and what is recorded
    with it, so that the next run finds times that it can compare with its own.
    """

    _policy: StorePolicy
    _read_only: bool
    _arriving: dict[str, Reply[Any] | None]
    _epoch: float
    _node: tuple[str, str] | None

    if TYPE_CHECKING:

        def _commit(self) -> None: ...

    @handles(DeclareDue)
    def declare_due(self, command: DeclareDue) -> Reply[Stabilized]:
        """Declare stable what was quiet for long enough."""
        self._follow_wall_clock()
        return self._change(
            lambda: self._writer.declare_due(self.moment(), command.limit, self.clock.now()),
            lambda done: tuple(
                ResourceStabilized(level=each.level, id=each.id) for each in done.resources
            ),
        )

    @handles(DeclareStable)
    def declare_stable(self, command: DeclareStable) -> Reply[bool]:
        """Declare a resource stable now."""
        event = ResourceStabilized(level=command.level, id=command.id)
        return self._change(
            lambda: self._writer.declare_stable(command.level, command.id, self.clock.now()),
            lambda declared: (event,) if declared else (),
        )

    @handles(DeclareUnstable)
    def declare_unstable(self, command: DeclareUnstable) -> Reply[bool]:
        """Let the quiet time of a resource begin anew."""
        event = ResourceDestabilized(level=command.level, id=command.id)
        return self._change(
            lambda: self._writer.declare_unstable(
                command.level, command.id, self.moment(), self._policy.stable_ages.longest
            ),
            lambda _: (event,),
        )

    def begin_timeline(self) -> None:
        """Let the timeline begin at what the wall clock says."""
        self._epoch = self.clock.now() - self.clock.monotonic()

    def moment(self) -> float:
        """Now, on the timeline."""
        return self._epoch + self.clock.monotonic()

    def limit_periods(self) -> None:
        """Since the last run the wall clock may have been set back, or StableAge made shorter."""
        self._apart(
            lambda: self._writer.limit_periods(self.moment(), self._policy.stable_ages.longest)
        )

    def _follow_wall_clock(self) -> None:
        astray = self.clock.now() - self.moment()
        if abs(astray) < STEP or self._read_only or self._arriving:
            return
        # Those before belong to the old timeline, and must not share the fate of this change.
        self._commit()
        if self._node is None:  # what other nodes recorded is by their clocks, which were not set
            self._apart(lambda: self._writer.shift_periods(astray))
        self._epoch += astray
        log.info("clock_followed", seconds=round(astray, 3))

    def _apart(self, work: Callable[[], object]) -> None:
        """Do something in a transaction of its own."""
        self._writer.begin()
        try:
            work()
            self._writer.commit()
        except BaseException:
            self._writer.rollback()
            raise
