"""The index's handlers for housekeeping, of the one that writes and of those that read."""

from collections.abc import Callable
from typing import TypeVar

from repertory.actors.base import handles
from repertory.actors.index_part import IndexPart
from repertory.actors.messages.attachments import AttachmentsReleased
from repertory.actors.messages.housekeeping import (
    DescribeKeptState,
    DescribeUnfinished,
    EstimateWork,
    FindPortions,
    RecordChores,
    RecordState,
    SetStudyFirst,
)
from repertory.actors.reply import Reply
from repertory.housekeeping import (
    ChoresReceipt,
    DonePortion,
    KeptState,
    Portion,
    Unfinished,
    Workload,
)
from repertory.nodes import HOUSEKEEPING, TIERING
from repertory.storage.index.base import IndexReader

R = TypeVar("R")


def _replaces(portion: DonePortion) -> bool:
    replaced = any(task.attachment is not None or task.obsolete for task in portion.done)
    return replaced or bool(portion.others)


class IndexHousekeeping(IndexPart):
    """A part of ``IndexActor``, apart from it for length only."""

    def _on(self, duty: str, work: Callable[[], R]) -> Callable[[], R]:
        """Work that only the node with a duty may do."""

        def checked() -> R:
            self._writer.need_duty(duty)
            return work()

        return checked

    @handles(RecordChores)
    def record_chores(self, command: RecordChores) -> Reply[tuple[ChoresReceipt, ...]]:
        """Record some portions; files that were replaced are released."""
        record = command.record
        return self._store(
            self._on(HOUSEKEEPING, lambda: self._writer.record_chores(record, self.clock.now())),
            lambda _: (AttachmentsReleased(),) if any(map(_replaces, record.portions)) else (),
        )

    @handles(RecordState)
    def record_state(self, command: RecordState) -> Reply[None]:
        """Keep how far housekeeping is, or tiering."""

        def record() -> None:
            self._writer.record_state(command.name, command.state, paused=command.paused)

        duty = TIERING if command.name == TIERING else HOUSEKEEPING
        return self._change(record if command.state is None else self._on(duty, record))

    @handles(SetStudyFirst)
    def set_study_first(self, command: SetStudyFirst) -> Reply[None]:
        """Put a study before all others."""
        return self._change(
            lambda: self._writer.put_first(command.name, command.id, command.form, self.clock.now())
        )


class IndexReaderHousekeeping:
    """A part of ``IndexReaderActor``, apart from it for length only."""

    _reader: IndexReader

    @handles(DescribeKeptState)
    def describe_kept_state(self, query: DescribeKeptState) -> KeptState:
        """What is kept of the passes of this server."""
        return self._reader.describe_kept_state(query.number)

    @handles(DescribeUnfinished)
    def describe_unfinished(self, query: DescribeUnfinished) -> Unfinished:
        """What a pass has left, and what failed."""
        return self._reader.describe_unfinished(query.name, query.position, query.last, query.limit)

    @handles(FindPortions)
    def find_portions(self, query: FindPortions) -> tuple[Portion, ...]:
        """What is to be done next."""
        return self._reader.find_portions(query.wanted)

    @handles(EstimateWork)
    def estimate_work(self, query: EstimateWork) -> Workload:
        """How much there is to do."""
        return self._reader.estimate(query.chores, query.position, query.last, query.limit)
