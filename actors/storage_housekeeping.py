"""The storage area's part in housekeeping: files are read anew, and stored anew."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from repertory.actors.base import handles
from repertory.actors.crew import Crew
from repertory.actors.mending import Mending
from repertory.actors.messages.housekeeping import DoChores, RecordChores
from repertory.actors.messages.transcoding import TranscodedFile
from repertory.actors.reconstructing import ids_of, read_anew
from repertory.actors.reply import Reply
from repertory.actors.transcoding_anew import (
    CANNOT,
    ask_anew,
    describe_anew,
    note_refusal,
    write_anew,
)
from repertory.errors import ArchiveFull, RepertoryError, ShuttingDown, UnknownItem
from repertory.housekeeping import (
    ChoresReceipt,
    ChoresRecord,
    DonePortion,
    DoneTask,
    InstanceFailure,
    Portion,
    Task,
)
from repertory.model import Attachment, Compression, Level, ResourceId, Summary
from repertory.places import Copy, OwnedFile
from repertory.storage.copying import copy_file
from repertory.storage.files import Files
from repertory.storage.main_tags import MainDicomTags
from repertory.storage.pixels.rules import IngestRules

if TYPE_CHECKING:
    from repertory.actors.switchboard import Switchboard

log = structlog.get_logger(__name__)


class TakesBack(Protocol):
    """Removes a file once the index has refused it; the storage actor's."""

    def __call__(self, attachment: Attachment, reply: Reply[Any]) -> None:
        """Remove ``attachment`` when ``reply`` is a refusal."""


class StorageHousekeeping:
    """A part of ``StorageActor``, apart from it for length only."""

    board: "Switchboard"
    _crew: Crew
    _files: Files
    _main_tags: MainDicomTags
    _mending: Mending
    take_back: TakesBack
    _ingest: IngestRules
    _closing = False

    @handles(DoChores)
    def do_chores(self, command: DoChores) -> Reply[tuple[ChoresReceipt, ...]]:
        """Do some portions as one piece of work, and let the index record them at once."""
        return self._crew.do(lambda: self._do_chores(command))

    def _do_chores(self, command: DoChores) -> Reply[tuple[ChoresReceipt, ...]]:
        written: list[Attachment] = []
        done: list[DonePortion] = []
        try:
            for portion in command.portions:
                work = _Work(
                    self._files,
                    self._main_tags,
                    self._mending,
                    portion,
                    written=written,
                    transcoded=self._transcoded_anew,
                )
                work.do()
                made = (tuple(work.done), tuple(work.failures), tuple(work.others))
                done.append(DonePortion(portion, *made))
        except BaseException:
            for attachment in written:
                self._files.remove(attachment.uuid, attachment.content_type, attachment.location)
            raise
        record = ChoresRecord(command.name, command.state, tuple(done))
        reply = self.board.ask_soon(RecordChores(record=record))
        for attachment in written:
            self.take_back(attachment, reply)
        return reply

    def _transcoded_anew(self, task: Task, summary: Summary) -> TranscodedFile | None:
        """The file of an instance as files shall be, which is waited for; ``None``: it stays."""
        attachment = task.attachment
        if attachment is None or not self._ingest.want_again(summary):
            return None
        if self._closing:  # or the archive would stop only after the last image
            raise ShuttingDown
        try:
            return ask_anew(self.board, self._files, attachment, self._ingest).get(
                timeout=self.board.patience
            )
        except CANNOT as error:
            note_refusal(task.ids.instance, summary, error)
            return None


class _Work:
    """One portion of a study: of a parent, the first instance that can be read tells the tags."""

    def __init__(
        self,
        files: Files,
        main_tags: MainDicomTags,
        mending: Mending,
        portion: Portion,
        *,
        written: list[Attachment],
        transcoded: Callable[[Task, Summary], TranscodedFile | None],
    ) -> None:
        self._files = files
        self._main_tags = main_tags
        self._mending = mending
        self._portion = portion
        self._written = written
        self._transcoded = transcoded
        self._refreshed: set[ResourceId] = set()
        self.done: list[DoneTask] = []
        self.others: list[Copy] = []
        self.failures: list[InstanceFailure] = []

    def do(self) -> None:
        """Do all tasks; one that fails does not keep the others from it.

        Raises:
            ArchiveFull: there is no room: none of the others would succeed either.
        """
        for task in self._portion.tasks:
            try:
                self._do(task)
            except (ArchiveFull, ShuttingDown):
                raise
            except RepertoryError as error:
                self.failures.append(InstanceFailure(task.ids.instance, str(error)))
            except Exception:
                # A file that we fail at must not keep the rest of the archive from it.
                log.exception("reconstruction_failed", id=task.ids.instance)
                reason = "It could not be reconstructed by a defect; see the log."
                self.failures.append(InstanceFailure(task.ids.instance, reason))
        for file in self._portion.others:
            self._do_other(file)

    def _do_other(self, file: OwnedFile) -> None:
        """Store a file that is no DICOM file anew, as it is."""
        it = file.attachment
        if file.trash:
            self._do_trashed(file)
            return
        try:
            with self._mending.watching(file.level, file.id, it):
                self.others.append(Copy(file, self._rewrite(it, it.compression, 0)))
        except (ArchiveFull, ShuttingDown):
            raise
        except RepertoryError as error:
            # A study is set aside for an instance: the file's own, or the first that is at hand.
            first = self._portion.tasks[0].ids.instance if self._portion.tasks else file.id
            owner = file.id if file.level is Level.INSTANCE else first
            reason = f"The attachment {int(it.content_type)} of a {file.level.word}: {error}"
            self.failures.append(InstanceFailure(owner, reason))

    def _do_trashed(self, file: OwnedFile) -> None:
        """Store a file in the trash anew; one that cannot be read stays as it is."""
        it = file.attachment
        try:
            area = self._files.area_at(it.location)
            new = replace(it, uuid=self._files.new_name())
            copy_file(area, area, it, new)  # decrypted, and encrypted as new files are
        except (ArchiveFull, ShuttingDown):
            raise
        except RepertoryError as error:
            log.warning("trashed_file_kept", uuid=it.uuid, error=type(error).__name__)
        else:
            self._written.append(new)
            self.others.append(Copy(file, new))

    def _do(self, task: Task) -> None:
        levels = frozenset(it for it in task.levels if task.ids.at(it) not in self._refreshed)
        if not levels and not task.rewrite and not task.obsolete:
            return
        attachment, summary, new = task.attachment, None, None
        if (levels or task.rewrite) and attachment is None:
            raise UnknownItem("The instance has no file.")
        ids = task.ids
        if attachment is not None and (levels or task.rewrite):
            with self._mending.watching(Level.INSTANCE, ids.instance, attachment):
                wanted = _at(self._main_tags, levels)
                summary = read_anew(self._files, attachment, wanted)
            ids = ids_of(summary, ids.instance)
        if attachment is not None and summary is not None and task.rewrite:
            with self._mending.watching(Level.INSTANCE, ids.instance, attachment):
                before = summary
                new, summary = self._anew(task, attachment, summary)
                if summary is not before:  # its transfer syntax is another one
                    levels |= {Level.INSTANCE}
        self._refreshed.update(task.ids.at(level) for level in levels)
        self.done.append(
            DoneTask(
                number=task.number,
                ids=ids,
                summary=summary,
                levels=levels,
                replaces="" if attachment is None else attachment.uuid,
                attachment=new,
                obsolete=task.obsolete,
            )
        )

    def _anew(
        self, task: Task, attachment: Attachment, summary: Summary
    ) -> tuple[Attachment | None, Summary]:
        """The file as new ones are, and what is in it; ``None`` where it is so already."""
        transcoded = self._transcoded(task, summary) if self._portion.transcodes else None
        described = None
        if transcoded is not None:
            described = describe_anew(transcoded, summary, self._main_tags)
        if transcoded is not None and described is not None:
            new = write_anew(self._files, transcoded, attachment, described)
            self._written.append(new)
            return new, described
        form = attachment.compression if self._portion.form is None else self._portion.form
        if attachment.compression == form and not self._portion.anew:
            return None, summary
        return self._rewrite(attachment, form, summary.pixel_data_offset or 0), summary

    def _rewrite(self, attachment: Attachment, form: Compression, head: int) -> Attachment:
        new = self._files.rewrite(attachment, form, head=head)
        self._written.append(new)
        return new


@lru_cache(maxsize=64)
def _at(main_tags: MainDicomTags, levels: frozenset[Level]) -> MainDicomTags:
    """The main tags of some levels alone: what is not refreshed need not be read.

    With those of a study, its patient's: it keeps them as well.
    """
    if Level.STUDY in levels:
        levels |= {Level.PATIENT}
    by_level = {level: main_tags.by_level.get(level, frozenset()) for level in levels}
    return MainDicomTags(by_level, main_tags.encoding)
