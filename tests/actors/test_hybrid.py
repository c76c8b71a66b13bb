import hashlib
from dataclasses import replace

import apsw
import pytest

from repertory.actors.crew import InlineCrew
from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.hybrid_router import HybridRouterActor, Side
from repertory.actors.index import IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.integrity import IntegrityActor
from repertory.actors.jobs import JOBS, move_storage
from repertory.actors.jobs.actor import JobsActor
from repertory.actors.messages.attachments import (
    DescribeAttachment,
    ReadAttachment,
    ReadFile,
    ReadFiles,
    ReadHeader,
    ReadStoredFile,
    ReadTags,
    RecompressAttachment,
    StoreAttachment,
    VerifyFile,
)
from repertory.actors.messages.base import Event
from repertory.actors.messages.instances import (
    AbandonUpload,
    AppendToUpload,
    BeginUpload,
    StoreInstance,
    StoreZip,
)
from repertory.actors.messages.integrity import AwaitCheck, BeginCheck, ListDamaged
from repertory.actors.messages.jobs import (
    DescribeJob,
    ListJobFailures,
    ResubmitJob,
    SubmitJob,
)
from repertory.actors.messages.places import (
    AddPlaces,
    CopyFile,
    DescribeWriter,
    ListPlaces,
    MoveFiles,
    RecordMoves,
)
from repertory.actors.messages.reconstruction import ReconstructResource
from repertory.actors.messages.resources import DeleteResource
from repertory.actors.messages.scripting import FilterInstance, FiltersChanged
from repertory.actors.messages.tags import ReadContent, ReadModule, ReadSharedTags
from repertory.actors.messages.transcoding import ReadTranscoded, Transcode, TranscodedFile
from repertory.actors.reply import Reply
from repertory.actors.storage import StorageActor
from repertory.errors import (
    ArchiveFull,
    BadParameter,
    FileLost,
    IndexBusy,
    StorageFailed,
    UnknownItem,
)
from repertory.jobs import JobState
from repertory.model import Level, ResourceRef, StoreStatus
from repertory.places import OwnedFile
from repertory.storage.areas import FilesystemArea, MemoryArea
from repertory.storage.index.packing import unpack_uuid
from repertory.storage.index.sqlite.engine import FILE_NAME, SqliteEngine
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing import Stage
from repertory.testing.files import IMPLICIT, make_dicom, make_study

DISK, OTHER = 0, 2


class WatchedArea(MemoryArea):
    """Counts what is asked of it, and refuses what a test wants it to."""

    def __init__(self):
        super().__init__()
        self.asked = []
        self.refusal = None
        self.room = None
        self.spoils = False
        self.on_create = None
        self.own_sum = ""

    def create(self, uuid, content_type, content):
        self.asked.append(("create", uuid))
        if self.refusal is not None:
            raise self.refusal
        if self.room is not None:
            if not self.room:
                raise ArchiveFull
            self.room -= 1
        super().create(uuid, content_type, b"spoilt" if self.spoils else content)
        if self.on_create is not None:
            self.on_create()
        return self.own_sum

    def read(self, uuid, content_type, start=0, length=None):
        self.asked.append(("read", uuid))
        return super().read(uuid, content_type, start, length)

    def remove(self, uuid, content_type):
        self.asked.append(("remove", uuid))
        super().remove(uuid, content_type)


class Hybrid:
    """An archive with two storages: files in a folder, and others in memory."""

    def __init__(self, folder, *, writer=DISK):
        self.folder = folder
        self.disk = FilesystemArea(folder / "files", synchronize=False)
        self.other = WatchedArea()
        self.crews = {DISK: InlineCrew(), OTHER: InlineCrew()}
        self.stage = None
        self.restart(writer=writer)

    def restart(self, *, writer=DISK, spares=(), without_other=False):
        if self.stage is not None:
            self.stage.close()
        stage = self.stage = Stage()
        engine = SqliteEngine(self.folder / "index")
        stage.put_on(IndexActor, engine=engine)
        stage.put_on(IndexReaderActor, engine=engine)
        stage.ask(AddPlaces(names=("other",)))
        areas = {DISK: self.disk} if without_other else {DISK: self.disk, OTHER: self.other}
        sides = {}
        for number, area in areas.items():
            ref = stage.put_on(
                StorageActor,
                connected=False,
                area=area,
                crew=self.crews[number],
                main_tags=MAIN_DICOM_TAGS,
                location=number,
                others={n: it for n, it in areas.items() if n != number},
            )
            sides[number] = Side(["file-system", "", "other"][number], ref)
        stage.put_on(HybridRouterActor, sides=sides, writer=writer, spares=spares)
        stage.put_on(DeletionQueueActor)
        stage.put_on(JobsActor, types=JOBS)
        stage.put_on(IntegrityActor, young=0.0)

    def ask(self, question):
        return self.stage.ask(question)

    def store(self, content):
        return self.ask(StoreInstance(content=content)).ids

    def file_of(self, ids):
        return self.ask(DescribeAttachment(level=Level.INSTANCE, id=ids.instance)).attachment

    def owned(self, ids):
        return OwnedFile(Level.INSTANCE, ids.instance, self.file_of(ids))

    def move(self, *all_ids, target="other"):
        files = tuple(self.owned(ids) for ids in all_ids)
        report = self.ask(MoveFiles(files=files, target=target))
        self.stage.settle()
        return report

    def on_disk(self):
        return sorted(self.disk.names())

    def places(self):
        return {it.name: (it.files, it.size) for it in self.ask(ListPlaces()) if it.files}

    def check(self):
        self.ask(BeginCheck(checksums=True))
        return self.ask(AwaitCheck()).report


@pytest.fixture
def hybrid(tmp_path):
    archive = Hybrid(tmp_path)
    yield archive
    archive.stage.close()


@pytest.fixture
def writes_elsewhere(tmp_path):
    archive = Hybrid(tmp_path, writer=OTHER)
    yield archive
    archive.stage.close()


def test_new_files_go_to_the_storage_that_writes_and_the_index_knows(writes_elsewhere):
    content = make_dicom()

    ids = writes_elsewhere.store(content)

    assert writes_elsewhere.file_of(ids).location == OTHER
    assert writes_elsewhere.on_disk() == []
    assert list(writes_elsewhere.other.files.values()) == [content]
    assert writes_elsewhere.places() == {"other": (1, len(content))}


def test_whatever_is_asked_about_a_file_is_answered_by_the_storage_that_has_it(hybrid):
    content = make_dicom(patient_id="P")
    ids = hybrid.store(content)
    hybrid.move(ids)
    it = hybrid.file_of(ids)
    hybrid.other.asked.clear()

    assert hybrid.ask(ReadAttachment(level=Level.INSTANCE, id=ids.instance)).content == content
    assert hybrid.ask(ReadFile(attachment=it, start=0, length=9)) == content[:9]
    assert hybrid.ask(ReadStoredFile(attachment=it, start=0, length=9)) == content[:9]
    hybrid.ask(VerifyFile(attachment=it))
    assert hybrid.ask(ReadTags(id=ids.instance))["0010,0020"]["Value"] == "P"
    assert hybrid.ask(ReadHeader(id=ids.instance))
    assert hybrid.ask(ReadContent(id=ids.instance, path=("0010-0020",))).strip() == b"P"
    shared = hybrid.ask(ReadSharedTags(level=Level.STUDY, id=ids.study))
    assert shared["0010,0020"]["Value"] == "P"
    module = ReadModule(level=Level.STUDY, id=ids.study, module=Level.PATIENT)
    assert hybrid.ask(module)["0010,0020"]["Value"] == "P"
    assert hybrid.ask(ReconstructResource(level=Level.STUDY, id=ids.study)).reconstructed == 1
    assert {word for word, _ in hybrid.other.asked} == {"read"}
    assert hybrid.on_disk() == []


def test_an_upload_stays_with_the_storage_that_began_it(writes_elsewhere):
    ask = writes_elsewhere.ask
    content = make_dicom()
    upload = ask(BeginUpload())
    ask(AppendToUpload(upload=upload, content=content))

    ids = ask(StoreInstance(content=upload)).ids

    assert writes_elsewhere.file_of(ids).location == OTHER
    other = ask(BeginUpload())
    ask(AbandonUpload(upload=other))
    with pytest.raises(UnknownItem):
        ask(AppendToUpload(upload=other, content=b"x"))
    with pytest.raises(UnknownItem):
        ask(StoreZip(content=other))


def test_a_deletion_touches_one_place(hybrid):
    here, there = (hybrid.store(make_dicom(instance=f"1.2.{n}")) for n in (1, 2))
    hybrid.move(there)
    name = hybrid.file_of(there).uuid
    hybrid.other.asked.clear()

    hybrid.ask(DeleteResource(level=Level.INSTANCE, id=here.instance))
    hybrid.stage.settle()
    assert hybrid.other.asked == []
    assert hybrid.on_disk() == []

    hybrid.ask(DeleteResource(level=Level.INSTANCE, id=there.instance))
    hybrid.stage.settle()
    assert hybrid.other.asked == [("remove", name)]
    assert hybrid.places() == {}


def test_a_file_that_lies_elsewhere_than_recorded_is_found_and_the_record_corrected(hybrid):
    content = make_dicom()
    ids = hybrid.store(content)
    it = hybrid.file_of(ids)
    hybrid.other.files[it.uuid] = content
    hybrid.disk.remove(it.uuid, 1)

    found = hybrid.ask(ReadAttachment(level=Level.INSTANCE, id=ids.instance))
    hybrid.stage.settle()

    assert found.content == content
    assert hybrid.file_of(ids).location == OTHER
    assert hybrid.places() == {"other": (1, len(content))}
    assert hybrid.ask(ListDamaged()) == ()


def test_a_file_that_lies_nowhere_is_lost(hybrid):
    ids = hybrid.store(make_dicom())
    it = hybrid.file_of(ids)
    hybrid.disk.remove(it.uuid, 1)

    with pytest.raises(FileLost):
        hybrid.ask(ReadAttachment(level=Level.INSTANCE, id=ids.instance))
    hybrid.stage.settle()

    assert len(hybrid.ask(ListDamaged())) == 1


def test_a_storage_that_is_configured_no_more_is_no_damage(hybrid):
    ids = hybrid.store(make_dicom())
    hybrid.move(ids)
    hybrid.restart(without_other=True)

    with pytest.raises(StorageFailed, match="not configured"):
        hybrid.ask(ReadAttachment(level=Level.INSTANCE, id=ids.instance))
    hybrid.stage.settle()

    assert hybrid.ask(ListDamaged()) == ()
    hybrid.ask(DeleteResource(level=Level.STUDY, id=ids.study))
    hybrid.restart()
    hybrid.stage.settle()
    assert hybrid.other.files == {}


def test_a_moved_file_has_another_name_and_is_otherwise_what_it_was(hybrid):
    content = make_dicom()
    ids = hybrid.store(content)
    before = hybrid.file_of(ids)

    report = hybrid.move(ids)

    after = hybrid.file_of(ids)
    assert (report.moved, report.size, report.passed, report.failures) == (1, len(content), 0, ())
    assert after.uuid != before.uuid
    assert after.compressed_md5 == before.compressed_md5
    assert after.revision == before.revision
    assert hybrid.other.files == {after.uuid: content}
    assert hybrid.on_disk() == []
    assert hybrid.check().is_sound


def test_a_file_can_be_moved_there_and_back(hybrid):
    content = make_dicom()
    ids = hybrid.store(content)

    hybrid.move(ids)
    hybrid.move(ids, target="file-system")

    assert hybrid.on_disk() == [hybrid.file_of(ids).uuid]
    assert hybrid.other.files == {}
    assert hybrid.places() == {"file-system": (1, len(content))}
    assert hybrid.check().is_sound


def test_what_lies_there_already_is_passed_over(hybrid):
    ids = hybrid.store(make_dicom())
    hybrid.move(ids)

    report = hybrid.move(ids)

    assert (report.moved, report.passed) == (0, 1)
    assert len(hybrid.other.files) == 1


def test_there_is_no_moving_to_a_storage_that_nobody_knows(hybrid):
    ids = hybrid.store(make_dicom())

    with pytest.raises(BadParameter):
        hybrid.move(ids, target="nowhere")


def test_a_long_read_goes_on_after_its_file_was_moved(hybrid):
    content = make_dicom()
    ids = hybrid.store(content)
    before = hybrid.file_of(ids)
    hybrid.move(ids)
    assert hybrid.on_disk() == []

    owner = ResourceRef(Level.INSTANCE, ids.instance)
    read = ReadFile(attachment=before, start=100, length=200, owner=owner)

    assert hybrid.ask(read) == content[100:300]
    hybrid.stage.settle()
    assert hybrid.ask(ListDamaged()) == ()


def test_a_long_read_of_a_deleted_file_ends(hybrid):
    ids = hybrid.store(make_dicom())
    before = hybrid.file_of(ids)
    hybrid.ask(DeleteResource(level=Level.STUDY, id=ids.study))
    hybrid.stage.settle()

    owner = ResourceRef(Level.INSTANCE, ids.instance)
    with pytest.raises(FileLost):
        hybrid.ask(ReadFile(attachment=before, start=0, length=9, owner=owner))


def test_a_lost_source_is_a_failure_and_not_taken_for_moved(hybrid):
    lost, good = (hybrid.store(make_dicom(instance=f"1.2.{n}")) for n in (1, 2))
    hybrid.disk.remove(hybrid.file_of(lost).uuid, 1)

    report = hybrid.move(lost, good)

    assert report.moved == 1
    (failure,) = report.failures
    assert failure.file.id == lost.instance
    assert "missing" in failure.reason
    assert hybrid.file_of(lost).location == DISK
    assert hybrid.file_of(good).location == OTHER
    assert len(hybrid.other.files) == 1
    (mark,) = hybrid.ask(ListDamaged())
    assert mark.id == lost.instance


def test_a_damaged_source_is_a_failure_and_stays(hybrid, tmp_path):
    ids = hybrid.store(make_dicom())
    name = hybrid.file_of(ids).uuid
    path = tmp_path / "files" / name[:2] / name[2:4] / name
    spoilt = bytearray(path.read_bytes())
    spoilt[-1] ^= 1
    path.write_bytes(spoilt)

    report = hybrid.move(ids)

    assert report.moved == 0
    assert "not as it was" in report.failures[0].reason
    assert hybrid.other.files == {}
    assert hybrid.on_disk() == [name]


def test_a_copy_that_reads_back_otherwise_is_a_failure_and_goes(hybrid):
    ids = hybrid.store(make_dicom())
    hybrid.other.spoils = True

    report = hybrid.move(ids)

    assert len(report.failures) == 1
    assert hybrid.other.files == {}
    assert hybrid.file_of(ids).location == DISK


def test_a_copy_whose_sum_the_storage_tells_is_not_read_back(hybrid):
    content = make_dicom()
    ids = hybrid.store(content)
    hybrid.other.own_sum = hashlib.md5(content).hexdigest()

    hybrid.move(ids)

    assert [what for what, _ in hybrid.other.asked] == ["create"]
    assert hybrid.file_of(ids).location == OTHER


def test_a_storage_that_tells_sums_finds_a_damaged_source_and_keeps_no_copy(hybrid, tmp_path):
    content = make_dicom()
    ids = hybrid.store(content)
    name = hybrid.file_of(ids).uuid
    spoilt = content[:-1] + bytes([content[-1] ^ 1])
    (tmp_path / "files" / name[:2] / name[2:4] / name).write_bytes(spoilt)
    hybrid.other.tells_sums, hybrid.other.own_sum = True, hashlib.md5(spoilt).hexdigest()

    report = hybrid.move(ids)

    assert report.moved == 0
    assert "not as it was" in report.failures[0].reason
    assert hybrid.other.files == {}
    assert hybrid.file_of(ids).location == DISK


@pytest.mark.parametrize("sum_of", [None, b"something else"])
def test_a_storage_that_tells_another_sum_this_time_is_read_back(hybrid, sum_of):
    content = make_dicom()
    ids = hybrid.store(content)
    hybrid.other.tells_sums = True
    hybrid.other.own_sum = hashlib.md5(sum_of or content).hexdigest()

    report = hybrid.move(ids)

    assert report.moved == 1
    assert [what for what, _ in hybrid.other.asked] == ["create", "read"][: 2 if sum_of else 1]


def test_another_sum_than_that_of_the_file_has_the_copy_read_back(hybrid):
    """Such as the tag of an object that the store encrypts."""
    ids = hybrid.store(make_dicom())
    hybrid.other.own_sum = hashlib.md5(b"something else").hexdigest()

    report = hybrid.move(ids)

    assert report.moved == 1
    assert [what for what, _ in hybrid.other.asked] == ["create", "read"]


def test_a_storage_that_refuses_everything_ends_the_move_with_its_reason(hybrid):
    all_ids = [hybrid.store(content) for content in make_study(instances=10)]
    hybrid.other.refusal = StorageFailed("The store is not there.")

    with pytest.raises(StorageFailed, match="not there"):
        hybrid.move(*all_ids)
    hybrid.stage.settle()

    tried = [name for word, name in hybrid.other.asked if word == "create"]
    assert len(tried) < len(all_ids)
    assert hybrid.places()["file-system"][0] == len(all_ids)


def test_an_index_that_does_not_record_the_move_has_the_copies_removed(hybrid):
    ids = hybrid.store(make_dicom())
    hybrid.stage.understudy(RecordMoves, answer=IndexBusy())

    with pytest.raises(IndexBusy):
        hybrid.move(ids)
    hybrid.stage.settle()

    assert hybrid.other.files == {}
    assert hybrid.file_of(ids).location == DISK
    assert hybrid.check().is_sound


def test_a_file_that_is_deleted_while_it_is_copied_leaves_no_copy(hybrid):
    ids = hybrid.store(make_dicom())
    deletion = DeleteResource(level=Level.STUDY, id=ids.study)
    hybrid.other.on_create = lambda: hybrid.stage.ask_soon(deletion).get(timeout=10)

    report = hybrid.move(ids)

    assert (report.moved, report.passed) == (0, 1)
    assert hybrid.other.files == {}
    assert hybrid.on_disk() == []
    assert hybrid.check().is_sound


def test_a_file_that_is_replaced_while_it_is_copied_stays_where_it_is(hybrid):
    content = make_dicom()
    ids = hybrid.store(content)
    compress = RecompressAttachment(level=Level.INSTANCE, id=ids.instance, compressed=True)
    asked = []
    hybrid.crews[DISK] = InlineCrew()
    hybrid.other.on_create = lambda: asked.append(hybrid.stage.ask_soon(compress).get(timeout=10))

    report = hybrid.move(ids)

    assert (report.moved, report.passed) == (0, 1)
    assert hybrid.file_of(ids).location == DISK
    assert hybrid.other.files == {}
    assert hybrid.ask(ReadAttachment(level=Level.INSTANCE, id=ids.instance)).content == content
    assert hybrid.check().is_sound


def test_a_file_is_compressed_where_it_lies(hybrid):
    content = make_dicom(size=20_000)
    ids = hybrid.store(content)
    hybrid.move(ids)

    hybrid.ask(RecompressAttachment(level=Level.INSTANCE, id=ids.instance, compressed=True))
    hybrid.stage.settle()

    it = hybrid.file_of(ids)
    assert it.location == OTHER
    assert it.compressed_size < len(content)
    assert list(hybrid.other.files) == [it.uuid]
    assert hybrid.places() == {"other": (1, it.compressed_size)}
    hybrid.move(ids, target="file-system")
    assert hybrid.file_of(ids).compressed_size == it.compressed_size
    assert hybrid.ask(ReadAttachment(level=Level.INSTANCE, id=ids.instance)).content == content


def test_orphans_of_every_storage_are_found_and_set_aside(hybrid):
    ids = hybrid.store(make_dicom())
    hybrid.move(ids)
    hybrid.other.create("aa000000-0000-4000-8000-000000000001", 1, b"orphan")
    hybrid.disk.create("bb000000-0000-4000-8000-000000000002", 1, b"orphan")
    hybrid.stage.clock.advance(1)

    report = hybrid.check()
    assert len(report.orphans) == 2
    hybrid.ask(BeginCheck(repair=True))
    assert hybrid.ask(AwaitCheck()).report.moved == 2
    assert hybrid.check().is_sound


class HangingCrew:
    """A crew of a store that does not answer."""

    def do(self, _work):
        return Reply()

    def close(self):
        """Nothing waits."""


def test_a_store_that_hangs_keeps_nobody_from_the_files_on_disk(hybrid):
    first, second = (hybrid.store(make_dicom(instance=f"1.2.{n}")) for n in (1, 2))
    hybrid.move(first)
    hybrid.crews[OTHER] = HangingCrew()
    hybrid.restart()

    hanging = hybrid.stage.ask_soon(ReadAttachment(level=Level.INSTANCE, id=first.instance))
    moving = hybrid.stage.ask_soon(MoveFiles(files=(hybrid.owned(second),), target="other"))

    assert hybrid.ask(ReadAttachment(level=Level.INSTANCE, id=second.instance)).content
    hybrid.store(make_dicom(instance="1.2.3"))
    assert not hanging.done
    assert not moving.done


def test_the_next_disk_takes_over_when_one_is_full(hybrid):
    hybrid.restart(writer=OTHER, spares=(OTHER, DISK))
    hybrid.other.room = 3

    stored = [hybrid.store(make_dicom(instance=f"1.2.{number}")) for number in range(9)]

    assert [hybrid.file_of(ids).location for ids in stored] == [OTHER] * 3 + [DISK] * 6
    assert hybrid.ask(DescribeWriter()) == "file-system"
    assert hybrid.check().is_sound


def test_an_upload_that_fills_a_disk_is_refused_and_the_next_one_goes_to_another(hybrid):
    hybrid.restart(writer=OTHER, spares=(OTHER, DISK))
    hybrid.other.room = 0
    hybrid.other.adopt = hybrid.other.create
    for taken in (False, True):
        upload = hybrid.ask(BeginUpload())
        hybrid.ask(AppendToUpload(upload=upload, content=make_dicom()))
        store = hybrid.stage.ask_soon(StoreInstance(content=upload))
        assert store.get(timeout=10) if taken else refusal_of(store)


def refusal_of(reply):
    with pytest.raises(ArchiveFull):
        reply.get(timeout=10)
    return True


def test_the_archive_is_full_when_all_disks_are(hybrid):
    hybrid.restart(writer=OTHER, spares=(OTHER,))
    hybrid.other.room = 1
    hybrid.store(make_dicom(instance="1.2.1"))

    with pytest.raises(ArchiveFull):
        hybrid.store(make_dicom(instance="1.2.2"))
    hybrid.other.room = None
    hybrid.store(make_dicom(instance="1.2.2"))


# The job


def submit(hybrid, target="other", **ids):
    parameters = {"TargetStorage": target, **ids}
    return hybrid.ask(SubmitJob(type="MoveStorage", parameters=parameters))


def outcome(hybrid, job):
    hybrid.stage.settle()
    return hybrid.ask(DescribeJob(id=job))


def test_a_job_moves_all_attachments_at_all_levels(hybrid):
    stored = {ids.instance: ids for ids in map(hybrid.store, make_study(instances=3))}
    ids = next(iter(stored.values()))
    for level, id_ in (
        (Level.PATIENT, ids.patient),
        (Level.STUDY, ids.study),
        (Level.SERIES, ids.series),
        (Level.INSTANCE, ids.instance),
    ):
        hybrid.ask(StoreAttachment(level=level, id=id_, content_type=1030, content=b"notes"))

    job = outcome(hybrid, submit(hybrid, Patients=[ids.patient]))

    assert job.state is JobState.SUCCESS
    assert job.content["MovedFilesCount"] == job.content["FilesCount"] == len(stored) + 4
    assert job.content["Patients"] == [ids.patient]
    assert hybrid.on_disk() == []
    assert list(hybrid.places()) == ["other"]
    assert hybrid.check().is_sound


def test_a_job_of_one_instance_moves_it_alone(hybrid):
    first, second, *_ = [hybrid.store(content) for content in make_study(instances=2)]

    job = outcome(hybrid, submit(hybrid, Instances=[first.instance]))

    assert job.content["MovedFilesCount"] == 1
    assert hybrid.file_of(first).location == OTHER
    assert hybrid.file_of(second).location == DISK


def test_a_job_goes_through_more_files_than_one_step_moves(hybrid, monkeypatch):
    monkeypatch.setattr(move_storage, "BATCH_SIZE", 10 * len(make_dicom()))
    all_ids = [hybrid.store(content) for content in make_study(instances=80)]
    lost = all_ids[70]
    hybrid.disk.remove(hybrid.file_of(lost).uuid, 1)
    studies = sorted({ids.study for ids in all_ids})

    id_ = submit(hybrid, Studies=studies)
    job = outcome(hybrid, id_)

    assert job.state is JobState.SUCCESS
    assert job.content["MovedFilesCount"] == len(all_ids) - 1
    assert job.content["FailedFilesCount"] == 1
    (failure,) = hybrid.ask(ListJobFailures(id=id_))
    assert failure.item == f"/instances/{lost.instance}/attachments/1"
    assert len(hybrid.other.files) == len(all_ids) - 1


def test_a_job_moves_less_at_a_time_and_rests_while_requests_are_served(hybrid):
    all_ids = [hybrid.store(content) for content in make_study(instances=80)]
    asked = iter(range(0, 10_000, 10))
    hybrid.stage.board.count_visits_of(lambda: next(asked))

    id_ = submit(hybrid, Studies=sorted({ids.study for ids in all_ids}), BusyShare=10)
    moved = []
    while (job := outcome(hybrid, id_)).state is JobState.RUNNING:
        assert (job.content["BusyShare"], job.content["BackingOff"]) == (10, True)
        moved.append(job.content["MovedFilesCount"])
        hybrid.stage.clock.advance(0.02)

    assert moved == [0, 64, 128]
    assert job.state is JobState.SUCCESS
    assert job.content["MovedFilesCount"] == len(all_ids)


@pytest.mark.parametrize("share", [0, 101])
def test_a_share_of_the_time_is_a_percentage(hybrid, share):
    ids = hybrid.store(make_dicom())

    with pytest.raises(BadParameter, match="BusyShare"):
        submit(hybrid, Studies=[ids.study], BusyShare=share)


def test_a_job_fails_when_the_other_storage_is_full_and_goes_on_when_resubmitted(hybrid):
    all_ids = [hybrid.store(content) for content in make_study(instances=50)]
    hybrid.other.room = 80

    id_ = submit(hybrid, Studies=[all_ids[0].study])
    job = outcome(hybrid, id_)

    assert job.state is JobState.FAILURE
    assert job.record.error.kind == "ArchiveFull"
    assert hybrid.places()["other"][0] == len(hybrid.other.files)
    assert hybrid.check().is_sound

    hybrid.other.room = None
    hybrid.ask(ResubmitJob(id=id_))
    assert outcome(hybrid, id_).state is JobState.SUCCESS
    assert hybrid.on_disk() == []
    assert hybrid.places()["other"][0] == len(all_ids)
    assert hybrid.check().is_sound


def test_a_resource_that_is_gone_by_its_turn_is_passed_over(hybrid):
    ids = hybrid.store(make_dicom())
    gone = "00000000-00000000-00000000-00000000-00000001"

    job = outcome(hybrid, submit(hybrid, Studies=[gone, ids.study], Series=["nonsense"]))

    assert job.state is JobState.SUCCESS
    assert job.content["MovedFilesCount"] == 1


def test_copies_that_a_crash_cut_short_are_removed_at_the_next_start(hybrid):
    ids = hybrid.store(make_dicom())
    hybrid.crews[OTHER] = HangingCrew()
    hybrid.restart()
    hybrid.stage.ask_soon(MoveFiles(files=(hybrid.owned(ids),), target="other"))
    hybrid.stage.settle()
    (name,) = copies_of(hybrid)
    hybrid.other.files[name] = b"half of it"
    hybrid.crews[OTHER] = InlineCrew()

    hybrid.restart()
    hybrid.stage.settle()

    assert hybrid.other.files == {}
    assert copies_of(hybrid) == []
    assert hybrid.file_of(ids).location == DISK


def copies_of(hybrid):
    connection = apsw.Connection(str(hybrid.folder / "index" / FILE_NAME))
    try:
        return [unpack_uuid(row[0]) for row in connection.execute("SELECT uuid FROM copies")]
    finally:
        connection.close()


def test_the_router_answers_all_that_a_storage_alone_is_asked():
    asked = {kind for kind in StorageActor.handlers if not issubclass(kind, Event)}

    # Files are copied by the router's own order, from one storage to the other.
    assert asked - set(HybridRouterActor.handlers) == {CopyFile}


@pytest.mark.parametrize("location", [DISK, OTHER])
def test_a_file_is_transcoded_wherever_it_lies(hybrid, location):
    content = make_dicom()
    ids = hybrid.store(content)
    if location == OTHER:
        hybrid.move(ids)
    new = TranscodedFile(content=b"new", transfer_syntax=IMPLICIT)
    hybrid.stage.understudy(Transcode, answer=new)

    assert hybrid.ask(ReadTranscoded(id=ids.instance, syntaxes=(IMPLICIT,))) == new
    (asked,) = hybrid.stage.heard(Transcode)
    assert asked.content == content


@pytest.mark.parametrize("writer", [DISK, OTHER])
def test_a_filter_of_the_scripts_guards_every_storage(tmp_path, writer):
    archive = Hybrid(tmp_path, writer=writer)
    archive.stage.understudy(FilterInstance, answer=False)
    archive.stage.board.publish(FiltersChanged(names=frozenset({"ReceivedInstanceFilter"})))

    receipt = archive.ask(StoreInstance(content=make_dicom()))

    assert receipt.status is StoreStatus.FILTERED_OUT
    assert (archive.on_disk(), archive.other.files) == ([], {})
    archive.stage.close()


def test_files_of_one_storage_are_read_together_and_those_of_several_alone(hybrid):
    ids = hybrid.store(make_dicom())
    here = hybrid.file_of(ids)
    owner = ResourceRef(Level.INSTANCE, ids.instance)

    (content,) = hybrid.stage.ask(ReadFiles(files=((here, owner),)))
    apart = hybrid.stage.ask(ReadFiles(files=((here, owner), (replace(here, location=9), owner))))

    assert len(content) == here.uncompressed_size
    assert apart == (None, None)
