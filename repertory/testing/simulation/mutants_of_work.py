"""Bugs planted in what the archive does for itself: removals, jobs, events, archives, trash."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from repertory.actors.archiving.archiver import ArchiverActor
from repertory.actors.archiving.making import Archive
from repertory.actors.base import handles
from repertory.actors.courier import Courier
from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.delivery import DeliveryActor
from repertory.actors.index import IndexActor
from repertory.actors.jobs.actor import JobsActor
from repertory.actors.jobs.live import LiveJob
from repertory.actors.messages.archives import ArchiveId, BeginArchive, ReadArchive
from repertory.actors.messages.base import Event
from repertory.actors.messages.following import MoveTarget
from repertory.actors.reply import Reply
from repertory.actors.targets.base import Outcome, Verdict
from repertory.errors import RepertoryError
from repertory.events import ArchiveEvent
from repertory.jobs import JobState
from repertory.model import Level, ResourceId
from repertory.storage.index.operations.stability import DECLARE_STABLE, FIND_TALLY
from repertory.storage.index.packing import pack_id
from repertory.storage.index.policy import StorePolicy
from repertory.storage.index.writer import DatabaseWriter
from repertory.testing.simulation.setups import STABLE_AGE
from repertory.trash import RestoreReceipt


class ForgetsThePause(DeletionQueueActor):
    """Knows in memory alone that it is paused."""

    def open(self) -> None:
        """Go on."""
        self._work()


class DeclaresWithoutAWord(DatabaseWriter):
    """Marks as stable what a user declares, and does not log it."""

    def declare_stable(self, level: Level, id_: ResourceId, now: float) -> bool:
        """Log it as something that was stable already."""
        row = self._db.one(FIND_TALLY, (pack_id(id_), int(level)))
        if row is None or row[1] is None:
            return super().declare_stable(level, id_, now)
        self._db.execute(DECLARE_STABLE, (row[0],))
        return True


class ForgetsWhenItWasUnstable(DatabaseWriter):
    """Lets what a user declares unstable be quiet since before."""

    def declare_unstable(
        self, level: Level, id_: ResourceId, moment: float, longest: float
    ) -> bool:
        """Take it for quiet since half of its time."""
        return super().declare_unstable(level, id_, moment - STABLE_AGE / 2, longest)


class PausesInMemory(JobsActor):
    """Knows in memory alone which jobs are paused."""

    def _record(
        self, job: LiveJob, state: JobState, *, error: RepertoryError | None = None
    ) -> None:
        if state is not JobState.PAUSED:
            super()._record(job, state, error=error)


class _LeavesOut(Archive):
    def _instance(self, id_: ResourceId, name: str, read: Any) -> Iterator[bytes]:
        if self.instances % 2:
            yield from super()._instance(id_, name, read)


class LeavesOut(ArchiverActor):
    """Leaves each second instance out of an archive, and says nothing of it."""

    @handles(BeginArchive)
    def begin_archive(self, command: BeginArchive) -> Reply[ArchiveId]:
        """Let another class make it."""
        reply = super().begin_archive(command)
        list(self._open.values())[-1].archive.__class__ = _LeavesOut
        return reply


class EndsTooEarly(ArchiverActor):
    """Takes an archive for read once the first bytes are."""

    @handles(ReadArchive)
    def read_archive(self, command: ReadArchive) -> Reply[bytes]:
        """Forget it."""
        reply = super().read_archive(command)
        reply.on_done(partial(self._forget, command.archive))
        return reply

    def _forget(self, archive: ArchiveId, _reply: Reply[bytes]) -> None:
        self._open.pop(archive, None)


class RestoresOverOthers(DatabaseWriter):
    """Lets what comes back from the trash take the place of what came anew."""

    def restore_trash(self, name: str, policy: StorePolicy, now: float) -> RestoreReceipt:
        """Delete what is there first."""
        receipt = super().restore_trash(name, policy, now)
        if not receipt.kept:
            return receipt
        what = receipt.resource
        self.delete_resource(what.level, what.id, now)
        return replace(receipt, kept=0)


class _Hasty(Courier):
    def _deliver(self, batch: list[ArchiveEvent], then: Callable[[Outcome], None]) -> None:
        move = MoveTarget(name=self.name, position=batch[-1].number)
        self._board.ask_soon(move)
        super()._deliver(batch, then)


class NotesBeforeDelivery(DeliveryActor):
    """Notes that a target was told before it is."""

    _courier_class: type[Courier] = _Hasty

    def open(self) -> None:
        """Take other couriers."""
        super().open()
        for courier in self._couriers.values():
            courier.__class__ = self._courier_class


class _Impatient(Courier):
    def _outcome_came(self, outcome: Outcome) -> None:
        unreachable = outcome.verdict is Verdict.UNREACHABLE
        left = len(self._events) - outcome.delivered
        super()._outcome_came(outcome)
        if unreachable and left > 1:
            self._events.rotate(-1)


class PutsOff(NotesBeforeDelivery):
    """Tells the next event while it waits to tell the one before."""

    _courier_class = _Impatient


class ForgetsConfigurations(IndexActor):
    """Does not note under which configuration something is stored."""

    def _store(
        self, work: Callable[[], Any], events: Callable[[Any], tuple[Event, ...]] = lambda _: ()
    ) -> Reply[Any]:
        return self._change(work, events)
