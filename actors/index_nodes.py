"""The index's handlers for nodes that share it."""

from typing import TypeVar

from repertory.actors.base import handles
from repertory.actors.index_part import IndexPart
from repertory.actors.messages.attachments import AttachmentsReleased
from repertory.actors.messages.base import Event
from repertory.actors.messages.nodes import (
    BeatNode,
    ClaimJob,
    ClaimReleased,
    EnterNode,
    LeaveNode,
    ListNodes,
    ReturnJob,
    SteerJob,
    TakeDuty,
)
from repertory.actors.reply import Reply
from repertory.deletion import ReleasedFile
from repertory.jobs import JobRecord
from repertory.nodes import Node, Pulse
from repertory.storage.index.base import IndexReader

R = TypeVar("R")


class IndexNodes(IndexPart):
    """A part of ``IndexActor``."""

    def enter(self, name: str, title: str) -> int:
        """Become a node, at the start; what other nodes do is left alone."""
        self._writer.begin(self.clock.now())
        count = self._writer.enter_node(name, title)
        self._writer.commit()
        return count

    @handles(EnterNode)
    def enter_node(self, command: EnterNode) -> Reply[int]:
        """Become a node again."""
        return self._change(lambda: self._writer.enter_node(command.name, command.title))

    @handles(BeatNode)
    def beat_node(self, command: BeatNode) -> Reply[Pulse | None]:
        """Say that this node lives."""

        def events(pulse: Pulse | None) -> tuple[Event, ...]:
            return (AttachmentsReleased(),) if pulse is not None and pulse.dismissed else ()

        return self._change(lambda: self._writer.beat(command.suspects, command.wants), events)

    @handles(LeaveNode)
    def leave_node(self, _command: LeaveNode) -> Reply[None]:
        """Be no node any more."""
        return self._change(self._writer.leave_node)

    @handles(TakeDuty)
    def take_duty(self, command: TakeDuty) -> Reply[bool]:
        """Take a duty."""
        return self._change(lambda: self._writer.take_duty(command.duty))

    @handles(ClaimJob)
    def claim_job(self, command: ClaimJob) -> Reply[JobRecord | None]:
        """Take a job."""
        return self._change(lambda: self._writer.claim_job(command.id))

    @handles(ReturnJob)
    def return_job(self, command: ReturnJob) -> Reply[None]:
        """Let go of a job."""
        return self._change(lambda: self._writer.return_job(command.id))

    @handles(SteerJob)
    def steer_job(self, command: SteerJob) -> Reply[JobRecord | None]:
        """Let a job be as it is wished."""
        return self._change(
            lambda: self._writer.steer_job(command.id, command.wish, self.clock.now())
        )

    @handles(ClaimReleased)
    def claim_released(self, command: ClaimReleased) -> Reply[tuple[ReleasedFile, ...]]:
        """Take files to be removed."""
        return self._change(lambda: self._writer.claim_released(command.limit, command.without))


class IndexReaderNodes:
    """A part of ``IndexReaderActor``."""

    _reader: IndexReader

    @handles(ListNodes)
    def list_nodes(self, _query: ListNodes) -> tuple[Node, ...]:
        """The nodes that are taken for alive."""
        return self._reader.list_nodes()
