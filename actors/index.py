"""The index: one actor writes it, others answer queries about what was committed."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.index_arrivals import IndexArrivals
from repertory.actors.index_deletion import IndexDeletion
from repertory.actors.index_following import IndexFollowing
from repertory.actors.index_housekeeping import IndexHousekeeping
from repertory.actors.index_items import IndexItems
from repertory.actors.index_jobs import IndexJobs
from repertory.actors.index_listening import IndexListening
from repertory.actors.index_nodes import IndexNodes
from repertory.actors.index_places import IndexPlaces
from repertory.actors.index_properties import IndexProperties
from repertory.actors.index_repeating import Work
from repertory.actors.index_stability import IndexStability
from repertory.actors.index_tiering import IndexTiering
from repertory.actors.index_trash import IndexTrash
from repertory.actors.index_values import IndexValues
from repertory.actors.messages.attachments import (
    AttachmentsReleased,
    RecordRecompression,
    RemoveReleased,
)
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.changes import ChangesInDoubt, ChangesLogged, ClearChanges
from repertory.actors.messages.instances import InstanceStored, RecordInstance
from repertory.actors.messages.integrity import (
    CorrectTallies,
    CorrectTotals,
    MarkFiles,
    MendInstance,
    NoteDamage,
)
from repertory.actors.messages.reconstruction import RecordReconstruction
from repertory.actors.messages.resources import DeleteResource, ResourceDeleted
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import (
    Forbidden,
    IndexFailed,
    NoReplyInTime,
    RepertoryError,
    ShuttingDown,
)
from repertory.model import (
    Attachment,
    DeletionReceipt,
    Level,
    StoreReceipt,
    StoreStatus,
)
from repertory.storage.index.base import IndexEngine, IndexWriter
from repertory.storage.index.policy import StorePolicy

log = structlog.get_logger(__name__)

R = TypeVar("R")

GROUP_LIMIT = 500
"""Changes after which a group is committed even if more mail waits: bounds what a crash undoes."""


@message
class CommitGroup(Event):
    """Commit the changes made since the last commit; the index tells it to itself."""

    group: int


class IndexActor(
    IndexFollowing,
    IndexItems,
    IndexStability,
    IndexJobs,
    IndexDeletion,
    IndexTrash,
    IndexHousekeeping,
    IndexPlaces,
    IndexTiering,
    IndexArrivals,
    IndexValues,
    IndexProperties,
    IndexNodes,
    IndexListening,
    RepertoryActor,
):
    """The sole writer of the index.

    Changes are committed in groups: the first begins a transaction and puts a message to commit
    behind whatever mail has come; all that lies before it joins. Replies and events wait for the
    commit, so that what was answered is on the medium. Without load a group is one change, and
    waits for nothing.
    """

    rank = 1

    def __init__(
        self,
        *,
        board: Switchboard,
        engine: IndexEngine,
        policy: StorePolicy = StorePolicy(),  # noqa: B008 - frozen
        read_only: bool = False,
        log_exports: bool = False,
        removes_at_once: bool = False,
        retention: float = 0.0,
        configuration: str = "",
        node: str = "",
        title: str = "",
    ) -> None:
        """Take what the actor works with.

        Args:
            board: the switchboard.
            engine: the database.
            policy: what happens when the archive is full, and to instances that are there.
            read_only: whether to refuse every change (``ReadOnly``).
            log_exports: whether to keep the log of exports (``LogExportedResources``).
            removes_at_once: whether a change that releases files is answered when they are gone
                (``DelayedDeletion.Enable`` false).
            retention: seconds that what is deleted can be restored (``Trash.RetentionDays``).
            configuration: that on which the form of what is stored depends, for housekeeping.
            node: the name of this node, where several share the index.
            title: what people call it.
        """
        super().__init__(board=board)
        self._engine = engine
        self._policy = policy
        self._read_only = read_only
        self._writer: IndexWriter
        self._log_exports = log_exports
        self._removes_at_once = removes_at_once
        self._retention = retention
        self._configuration = configuration
        self._node = (node, title) if node else None
        self._is_noted = False
        self._last_change = 0
        self._group = 0
        self._outcomes: list[tuple[Reply[Any], Any, RepertoryError | None, tuple[Event, ...]]] = []
        self._works: list[Work] = []
        self._arriving, self._is_due = {}, False

    def open(self) -> None:
        """Lock the index and bring its schema up to date."""
        self._engine.open()
        self._writer = self._engine.writer()
        self._last_change = self._writer.last_change
        self.begin_timeline()
        self.wind_up()
        if not self._read_only:
            self.limit_periods()
            count = self.enter(*self._node) if self._node else self.release_unfinished_copies()
            if count:
                log.info("copies_released", count=count)
            if self._policy.is_limited:
                self._recycle()

    def _recycle(self) -> None:
        """The limits may be lower than last time."""
        self._writer.begin(self.clock.now())
        recycled = self._writer.recycle(self._policy, self.clock.now())
        self._writer.commit()
        if recycled:
            log.info("patients_recycled", count=len(recycled))
            for id_ in recycled:
                self.board.publish(ResourceDeleted(level=Level.PATIENT, id=id_))
            self.board.publish(AttachmentsReleased())

    def close(self) -> None:
        """Commit what is left, and let go of the index."""
        if self._arriving:  # whoever writes their files is gone
            self._fail(ShuttingDown())
        self._commit()
        self.listen_no_more()
        self._writer.close()
        self._engine.close()

    @handles(RecordInstance)
    def record_instance(self, command: RecordInstance) -> Reply[StoreReceipt]:
        """Enter an instance, or release its file where it is there already."""

        def events(receipt: StoreReceipt) -> tuple[Event, ...]:
            if receipt.status is not StoreStatus.SUCCESS:
                return (AttachmentsReleased(),) if command.release_duplicate else ()
            stored = InstanceStored(ids=receipt.ids, activity=receipt.activity)
            if not (receipt.recycled or receipt.overwritten or receipt.emptied_trash):
                return (stored,)
            if receipt.recycled:
                log.info("patients_recycled", count=len(receipt.recycled))
            recycled = (ResourceDeleted(level=Level.PATIENT, id=id_) for id_ in receipt.recycled)
            return (*recycled, stored, AttachmentsReleased())

        announced = command.attachment.uuid if command.is_arriving and command.attachment else ""
        if announced:
            self._arriving[announced] = None  # the group may be full, and is not to be committed
        reply = self._store(
            lambda: self._writer.record_instance(
                ids=command.ids,
                summary=command.summary,
                attachment=command.attachment,
                origin=command.origin,
                now=self.clock.now(),
                policy=self._policy,
                release_duplicate=command.release_duplicate,
                moment=self.moment(),
            ),
            events,
        )
        if announced in self._arriving:
            self._arriving[announced] = reply
        return reply

    @handles(DeleteResource)
    def delete_resource(self, command: DeleteResource) -> Reply[DeletionReceipt]:
        """Delete a resource; its files are listed as released in the same transaction."""
        deleted = ResourceDeleted(level=command.level, id=command.id)
        return self._change(
            lambda: self._writer.delete_resource(
                command.level, command.id, self.clock.now(), self._keeping()
            ),
            lambda _: (deleted, AttachmentsReleased()),
        )

    @handles(RecordRecompression)
    def record_recompression(self, command: RecordRecompression) -> Reply[Attachment]:
        """Let a file take the place of another one."""
        return self._store(
            lambda: self._writer.replace_file(
                command.level,
                command.id,
                command.attachment,
                command.replaces,
                self.clock.now(),
            ),
            lambda _: (AttachmentsReleased(),),
        )

    @handles(RecordReconstruction)
    def record_reconstruction(self, command: RecordReconstruction) -> Reply[None]:
        """Refresh an instance and its parents."""
        return self._store(
            lambda: self._writer.record_reconstruction(
                ids=command.ids,
                summary=command.summary,
                levels=command.levels,
                replaces=command.replaces,
                attachment=command.attachment,
            ),
            lambda _: (AttachmentsReleased(),),
        )

    @handles(ClearChanges)
    def clear_changes(self, _command: ClearChanges) -> Reply[None]:
        """Empty the log of changes."""
        return self._change(self._writer.clear_changes)

    @handles(MarkFiles)
    def mark_files(self, command: MarkFiles) -> Reply[int]:
        """Mark files as damaged, or take the marks off them."""
        return self._change(lambda: self._writer.mark_files(command.damaged, command.sound))

    @handles(NoteDamage)
    def note_damage(self, command: NoteDamage) -> Reply[bool]:
        """Mark a file that could not be read."""
        return self._change(
            lambda: self._writer.note_damage(
                command.level, command.id, command.content_type, command.uuid, command.damage
            )
        )

    @handles(CorrectTallies)
    def correct_tallies(self, command: CorrectTallies) -> Reply[int]:
        """Correct the counters of patients."""
        return self._change(lambda: self._writer.correct_tallies(command.patients))

    @handles(CorrectTotals)
    def correct_totals(self, _command: CorrectTotals) -> Reply[int]:
        """Correct the counters of the whole archive."""
        return self._change(self._writer.correct_totals)

    @handles(MendInstance)
    def mend_instance(self, command: MendInstance) -> Reply[bool]:
        """Give an instance a good file; the other one is released in the same transaction."""
        return self._store(
            lambda: self._writer.mend_instance(
                command.id, command.replaces, command.attachment, command.summary
            ),
            lambda _: (AttachmentsReleased(),),
        )

    @handles(CommitGroup)
    def commit_group(self, event: CommitGroup) -> None:
        """Commit, unless that group is committed already."""
        if event.group == self._group:
            self._commit()

    def _change(
        self,
        work: Callable[[], R],
        events: Callable[[R], tuple[Event, ...]] = lambda _: (),
    ) -> Reply[R]:
        reply: Reply[R] = Reply()
        if self._read_only:
            reply.refuse(Forbidden("The archive is read-only."))
            return reply
        if not self._outcomes:
            # What it raises reaches the asker: nothing was begun.
            self._writer.begin(self.clock.now(), is_repeatable=True)
            self.tell_self(CommitGroup(group=self._group))
        self._works.append((reply, work, events))
        failure = self._run(reply, work, events)
        if failure is not None and self._writer.is_void:
            self._recover(failure)
        elif failure is None and len(self._outcomes) >= GROUP_LIMIT:
            self._commit()
        return reply

    def _run(
        self, reply: Reply[R], work: Callable[[], R], events: Callable[[R], tuple[Event, ...]]
    ) -> RepertoryError | None:
        """Make one change of the group; why it was not made, if it was not."""
        failure: RepertoryError
        try:
            value = work()
        except RepertoryError as error:
            # A refusal, too, may rest on changes that are not committed yet: it waits with them.
            failure = error
        except Exception:
            # A defect in one change is that change's failure; the writer goes on.
            log.exception("change_failed")
            failure = IndexFailed()
        else:
            self._outcomes.append((reply, value, None, events(value)))
            return None
        self._outcomes.append((reply, None, failure, ()))
        return failure

    def _commit(self) -> None:
        if self._must_wait() or not self._outcomes or not self._end_group():
            return
        removal: Reply[None] | None = None
        for reply, value, refusal, events in self._take_outcomes():
            if refusal is not None:
                reply.refuse(refusal)
            elif self._removes_at_once and AttachmentsReleased() in events:
                # Whether or not they could be removed: the change itself is done.
                removal = removal or self.board.ask_soon(RemoveReleased())
                removal.on_done(partial(_answer, reply, value))
            else:
                reply.set(value)
        if self._last_change != self._writer.last_change:
            self._last_change = self._writer.last_change
            self.board.publish(ChangesLogged())

    def _fail(self, error: RepertoryError) -> None:
        """Undo the group, and tell everyone in it."""
        log.error("group_undone", error=type(error).__name__, changes=len(self._outcomes))
        try:
            self._writer.rollback()
        finally:
            outcomes = self._outcomes
            self._forget_group()
            for reply, _, refusal, _ in outcomes:
                reply.refuse(refusal or error)
        if isinstance(error, NoReplyInTime):
            for event in (ChangesInDoubt(), AttachmentsReleased(), ChangesLogged()):
                self.board.publish(event)

    def _take_outcomes(
        self,
    ) -> list[tuple[Reply[Any], Any, RepertoryError | None, tuple[Event, ...]]]:
        outcomes = self._outcomes
        self._group += 1
        self._outcomes, self._works = [], []
        bell = False
        for _, _, _, events in outcomes:
            for event in events:
                if isinstance(event, AttachmentsReleased):
                    bell = True
                else:
                    self.board.publish(event)
        if bell:
            self.board.publish(AttachmentsReleased())
        return outcomes

    def _forget_group(self) -> None:
        """Begin with the next one: this one was undone."""
        self._is_noted = self._is_due = False
        self._group += 1
        self._outcomes, self._works, self._arriving = [], [], {}


def _answer(reply: Reply[R], value: R, _removal: Reply[None]) -> None:
    reply.set(value)
