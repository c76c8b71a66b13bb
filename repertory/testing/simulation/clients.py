"""What clients ask, and what the model learns from the answers."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from repertory.actors.messages.attachments import (
    DeleteAttachment,
    ReadAttachment,
    RecompressAttachment,
    RemoveReleased,
    StoreAttachment,
)
from repertory.actors.messages.base import Question
from repertory.actors.messages.changes import ClearChanges
from repertory.actors.messages.instances import (
    AppendToUpload,
    BeginUpload,
    StoreInstance,
    StoreZip,
)
from repertory.actors.messages.integrity import AwaitCheck, BeginCheck
from repertory.actors.messages.jobs import RunJob, SubmitJob
from repertory.actors.messages.labels import AddLabel, RemoveLabel
from repertory.actors.messages.metadata import DeleteMetadata, SetMetadata
from repertory.actors.messages.reconstruction import ReconstructResource
from repertory.actors.messages.resources import DeleteResource
from repertory.errors import (
    ArchiveFull,
    Failed,
    FileLost,
    IndexBusy,
    LimitReached,
    NoReplyInTime,
    Refused,
    RepertoryError,
    RevisionConflict,
    ShuttingDown,
    StorageFailed,
    UnknownItem,
    UnknownResource,
)
from repertory.jobs import JobDescription, JobId, JobState, Object
from repertory.model import ContentType, Level, ResourceId, StoreReceipt, StoreStatus
from repertory.testing.simulation.books import Violation
from repertory.testing.simulation.catalog import (
    COUNT,
    content_of,
    id_of,
    resources_below,
    resources_of_patient,
    version_of,
)
from repertory.testing.simulation.model import ABSENT, PRESENT, Deed, Model
from repertory.testing.simulation.plans import Step
from repertory.testing.simulation.world import World

NUMBER = 2000
"""Of the users' metadata and attachments in the runs."""

LABEL = "simulated"
GONE = (UnknownResource, UnknownItem)
NOTHING_DONE = (Refused, StorageFailed, IndexBusy, ShuttingDown)


class Clients:
    """Does what a plan wants clients to do; one strand for each request."""

    def __init__(self, world: World, model: Model) -> None:
        self._world = world
        self._model = model
        self.jobs: dict[JobId, dict[Deed, bool]] = {}
        self.answered = 0
        self.refused = 0

    def act(self, step: Step) -> None:
        """Do one step; runs in a strand of its own."""
        act: Callable[..., None] = getattr(self, step.kind)
        act(*step.values)

    def ask(self, question: Question[Any]) -> Any:
        """Ask the archive; what it should not answer is a violation."""
        scheduler = self._world.scheduler
        try:
            answer = self._world.board.ask(question)
        except RepertoryError as error:
            self.refused += 1
            name = type(error).__name__
            scheduler.note(f"{type(question).__name__} was refused: {name}")
            if isinstance(error, Failed | ArchiveFull) and not self._may_fail(error):
                what = f"{type(question).__name__} was answered by {name}: {error}"
                raise Violation("no failure without a reason", what) from error
            raise
        self.answered += 1
        scheduler.note(f"{type(question).__name__} was answered")
        return answer

    def _may_fail(self, error: RepertoryError) -> bool:
        world = self._world
        trouble = world.disk.faults + world.faults.faults
        if isinstance(error, LimitReached):
            return world.setup.patients > 0
        # A file that is replaced or removed while it is read: whoever reads may be too late.
        return bool(trouble) or isinstance(
            error, ShuttingDown | FileLost | IndexBusy | NoReplyInTime
        )

    @contextmanager
    def _deeds(self, *deeds: Deed) -> Iterator[None]:
        """Note when they end, and that they had no effect where they were refused."""
        try:
            yield
        except NOTHING_DONE:
            for deed in deeds:
                deed.took_effect = False
        except RepertoryError as error:
            self._world.scheduler.note(f"perhaps done: {type(error).__name__}")
        finally:
            if not self._world.scheduler.is_dead:
                for deed in deeds:
                    deed.ended = self._world.scheduler.steps

    def _write(self, value: Any, *register: Any) -> Deed:
        deed = Deed(value, self._world.scheduler.steps)
        self._model.of(*register).deeds.append(deed)
        return deed

    # Instances

    def store(self, number: int, version: int) -> None:
        """Upload an instance."""
        deed = self._write(version, "file", number)
        with self._deeds(deed, *self._recycling([number])):
            content = content_of(number, version)
            self._learn(deed, self.ask(StoreInstance(content=content)))

    def store_in_pieces(self, number: int, version: int) -> None:
        """Upload an instance in two pieces."""
        deed = self._write(version, "file", number)
        with self._deeds(deed, *self._recycling([number])):
            content = content_of(number, version)
            upload = self.ask(BeginUpload())
            self.ask(AppendToUpload(upload=upload, content=content[:1000]))
            self.ask(AppendToUpload(upload=upload, content=content[1000:]))
            self._learn(deed, self.ask(StoreInstance(content=upload)))

    def store_zip(self, *numbers: int) -> None:
        """Upload several instances in one archive."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            for place, number in enumerate(numbers):
                info = zipfile.ZipInfo(f"{place}.dcm")
                file.writestr(info, content_of(number, 0))
        deeds = [self._write(0, "file", number) for number in numbers]
        recycling = self._recycling(numbers)
        try:
            with self._deeds(*deeds, *recycling):
                receipts = self.ask(StoreZip(content=archive.getvalue()))
                if len(receipts) != len(deeds):
                    raise Violation("every file of a ZIP", f"{len(receipts)} of {len(deeds)}")
                for deed, receipt in zip(deeds, receipts, strict=True):
                    self._learn(deed, receipt)
        finally:
            # Files that were stored before the one that failed stay.
            for deed in (*deeds, *recycling):
                if deed.took_effect is False:
                    deed.took_effect = None

    def _learn(self, deed: Deed, receipt: StoreReceipt) -> None:
        deed.took_effect = True
        if receipt.status is not StoreStatus.SUCCESS and not receipt.repaired:
            deed.value = PRESENT

    def forget_upload(self) -> None:
        """Begin an upload, and never end it."""
        upload = self._try(BeginUpload())
        if upload is not None:
            self._try(AppendToUpload(upload=upload, content=b"the beginning"))

    def clear_changes(self) -> None:
        """Empty the log of changes."""
        self._try(ClearChanges())

    def expect_recycling(self) -> None:
        """The archive starts with a limit: any patient may go."""
        began = self._world.scheduler.steps
        for register in self._model.registers.values():
            register.deeds.append(Deed(ABSENT, began, began))

    def _recycling(self, numbers: Iterable[int]) -> list[Deed]:
        """What may go to make room for instances: other patients, where their number is limited."""
        deeds = []
        if self._world.setup.patients:
            kept = [resources_of_patient(number) for number in numbers]
            for name, register in self._model.registers.items():
                if len(kept) > 1 or place_of(name) not in kept[0]:
                    deeds.append(Deed(ABSENT, self._world.scheduler.steps))
                    register.deeds.append(deeds[-1])
        return deeds

    def read(self, number: int) -> None:
        """Read an instance's file."""
        began = self._world.scheduler.steps
        register = self._model.of("file", number)
        question = ReadAttachment(level=Level.INSTANCE, id=id_of(Level.INSTANCE, number))
        value: int | None
        try:
            value = version_of(number, self.ask(question).content)
        except GONE:
            value = ABSENT
        except RepertoryError as error:
            self._excuse(error, len(register.deeds))
            return
        self._expect("file", number, value=value, began=began)

    def _excuse(self, error: RepertoryError, deeds: int) -> None:
        """A file may be lost to a reader only if somebody replaces or deletes it meanwhile."""
        troubles = self._world.disk.faults + self._world.faults.faults
        if isinstance(error, FileLost) and not deeds and not troubles:
            raise Violation("what was answered is readable", f"{error}") from error

    def _expect(self, *register: Any, value: Any, began: int) -> None:
        ended = self._world.scheduler.steps
        known = self._model.of(*register)
        if not known.allows(value, began=began, ended=ended):
            possible = known.possible(began=began, ended=ended)
            what = f"{register} is {value!r}, and may only be one of {possible}"
            raise Violation("what was answered is true", what)

    def tags(self, number: int) -> None:
        """Reconstruct one instance alone."""
        self._try(
            ReconstructResource(
                level=Level.INSTANCE,
                id=id_of(Level.INSTANCE, number),
                this_level_only=True,
            )
        )

    def delete(self, level: int, number: int) -> None:
        """Delete a resource."""
        deeds = self._deletion(Level(level), number)
        with self._deeds(*deeds):
            self.ask(DeleteResource(level=Level(level), id=id_of(Level(level), number)))
            for deed, is_sure in deeds.items():
                deed.took_effect = True if is_sure else None

    def delete_several(self, level: int, number: int) -> None:
        """Delete two resources, as a bulk deletion does."""
        self.delete(level, number)
        self.delete(level, (number + 5) % 16)

    def _deletion(self, level: Level, number: int) -> dict[Deed, bool]:
        """What a deletion deletes for sure, and what else it may: parents that it leaves empty."""
        surely = resources_below(level, number)
        perhaps = resources_of_patient(number)
        deeds: dict[Deed, bool] = {}
        for name, register in self._model.registers.items():
            place = place_of(name)
            if place in perhaps and (place in surely or place[0] < Level.INSTANCE):
                deed = Deed(ABSENT, self._world.scheduler.steps)
                register.deeds.append(deed)
                deeds[deed] = place in surely
        return deeds

    def bulk_delete(self, level: int, number: int) -> None:
        """Have a job delete two resources, and wait for it."""
        parameters, deeds = self._bulk(level, number)
        try:
            done = self.ask(RunJob(type="BulkDelete", parameters=parameters))
        except Refused:
            for deed in deeds:
                deed.took_effect = False
        except RepertoryError as error:
            # The archive stops, and goes on with the job when it starts again.
            self._world.scheduler.note(f"perhaps done later: {type(error).__name__}")
        else:
            self._note_end(deeds, is_done=done.state is JobState.SUCCESS)

    def submit_deletion(self, level: int, number: int) -> None:
        """Have a job delete two resources, and do not wait for it."""
        parameters, deeds = self._bulk(level, number)
        try:
            job = self.ask(SubmitJob(type="BulkDelete", parameters=parameters))
        except Refused:
            for deed in deeds:
                deed.took_effect = False
        except RepertoryError as error:
            self._world.scheduler.note(f"perhaps done later: {type(error).__name__}")
        else:
            self.jobs[job] = deeds

    def note_jobs(self, jobs: Iterable[JobDescription]) -> None:
        """All jobs are over: whoever submitted one looks what became of it."""
        states = {job.record.id: job.state for job in jobs}
        for job, deeds in self.jobs.items():
            self._note_end(deeds, is_done=states.get(job) is JobState.SUCCESS)
        self.jobs.clear()

    def _bulk(self, level: int, number: int) -> tuple[Object, dict[Deed, bool]]:
        word, ids = Level(level).word, [number, (number + 5) % COUNT]
        deeds = {
            deed: is_sure
            for one in ids
            for deed, is_sure in self._deletion(Level(level), one).items()
        }
        for deed in deeds:
            deed.outlives = True
        named = [{"Level": word, "ID": id_of(Level(level), one)} for one in ids]
        return {"Resources": named}, deeds

    def _note_end(self, deeds: dict[Deed, bool], *, is_done: bool) -> None:
        for deed, is_sure in deeds.items():
            deed.ended = self._world.scheduler.steps
            deed.took_effect = True if is_sure and is_done else None

    # What belongs to resources

    def set_metadata(self, level: int, number: int, value: int) -> None:
        """Write a metadata."""
        id_ = id_of(Level(level), number)
        deed = self._write(str(value), "metadata", Level(level), id_)
        with self._deeds(deed):
            question = SetMetadata(level=Level(level), id=id_, number=NUMBER, value=str(value))
            self.ask(question)
            deed.took_effect = True

    def delete_metadata(self, level: int, number: int) -> None:
        """Delete it."""
        id_ = id_of(Level(level), number)
        deed = self._write(ABSENT, "metadata", Level(level), id_)
        with self._deeds(deed):
            self.ask(DeleteMetadata(level=Level(level), id=id_, number=NUMBER))
            deed.took_effect = True

    def add_label(self, level: int, number: int, _value: int) -> None:
        """Give a label."""
        id_ = id_of(Level(level), number)
        deed = self._write(LABEL, "label", Level(level), id_)
        with self._deeds(deed):
            self.ask(AddLabel(level=Level(level), id=id_, label=LABEL))
            deed.took_effect = True

    def remove_label(self, level: int, number: int) -> None:
        """Take it."""
        id_ = id_of(Level(level), number)
        deed = self._write(ABSENT, "label", Level(level), id_)
        with self._deeds(deed):
            self.ask(RemoveLabel(level=Level(level), id=id_, label=LABEL))
            deed.took_effect = True

    def attach(self, level: int, number: int, value: int) -> None:
        """Store an attachment."""
        id_ = id_of(Level(level), number)
        deed = self._write(b"%d" % value * 300, "attachment", Level(level), id_)
        with self._deeds(deed):
            question = StoreAttachment(
                level=Level(level), id=id_, content_type=NUMBER, content=deed.value
            )
            self.ask(question)
            deed.took_effect = True

    def detach(self, level: int, number: int) -> None:
        """Delete it."""
        id_ = id_of(Level(level), number)
        deed = self._write(ABSENT, "attachment", Level(level), id_)
        with self._deeds(deed):
            self.ask(DeleteAttachment(level=Level(level), id=id_, content_type=NUMBER))
            deed.took_effect = True

    def read_attachment(self, level: int, number: int) -> None:
        """Read it."""
        id_ = id_of(Level(level), number)
        began = self._world.scheduler.steps
        name = ("attachment", Level(level), id_)
        try:
            question = ReadAttachment(level=Level(level), id=id_, content_type=NUMBER)
            value = self.ask(question).content
        except GONE:
            value = ABSENT
        except RepertoryError as error:
            self._excuse(error, len(self._model.of(*name).deeds))
            return
        self._expect(*name, value=value, began=began)

    # What changes nothing that can be read

    def compress(self, level: int, number: int) -> None:
        """Compress an instance's file, or an attachment."""
        self._recompress(level, number, compressed=True)

    def uncompress(self, level: int, number: int) -> None:
        """Uncompress it."""
        self._recompress(level, number, compressed=False)

    def _recompress(self, level: int, number: int, *, compressed: bool) -> None:
        content_type = ContentType.DICOM if level == Level.INSTANCE else NUMBER
        self._try(
            RecompressAttachment(
                level=Level(level),
                id=id_of(Level(level), number),
                content_type=content_type,
                compressed=compressed,
            )
        )

    def reconstruct(self, level: int, number: int) -> None:
        """Reconstruct a resource, and bring its files into the form of new ones."""
        self._try(
            ReconstructResource(
                level=Level(level), id=id_of(Level(level), number), rewrite_files=True
            )
        )

    def flush(self) -> None:
        """Wait until what was released is removed."""
        self._try(RemoveReleased())

    def check(self) -> None:
        """Check the whole archive while it is used."""
        self._try(BeginCheck(checksums=True))
        try:
            state = self.ask(AwaitCheck())
        except RepertoryError:
            return
        troubles = self._world.disk.faults + self._world.faults.faults
        report = state.report
        if report is not None and not troubles and (report.damaged or report.counters):
            raise Violation("a check finds nothing", f"{report}")

    def _try(self, question: Question[Any]) -> Any:
        try:
            return self.ask(question)
        except (*GONE, RevisionConflict, Failed, ArchiveFull):
            return None


def all_names() -> Iterator[tuple[Any, ...]]:
    """The registers that there are."""
    for number in range(COUNT):
        yield "file", number
    for place in sorted({(level, id_of(level, one)) for level in Level for one in range(COUNT)}):
        for kind in ("metadata", "label", "attachment"):
            yield kind, *place


def place_of(name: tuple[Any, ...]) -> tuple[Level, ResourceId]:
    """The resource that a register belongs to."""
    if name[0] == "file":
        return Level.INSTANCE, id_of(Level.INSTANCE, name[1])
    return name[1], name[2]
