"""Metadata, attachments and changes through the archive's own actors."""

import hashlib

import pytest

from repertory.actors.crew import InlineCrew
from repertory.actors.messages.attachments import (
    CheckAttachment,
    CountReleased,
    DeleteAttachment,
    ListAttachments,
    ReadFile,
    ReadStoredFile,
    RemoveReleased,
    SetAttachment,
    StoreAttachment,
    VerifyFile,
)
from repertory.actors.messages.changes import ChangesLogged, ClearChanges, ListChanges
from repertory.actors.messages.exports import (
    ClearExports,
    DescribeLastExport,
    ListExports,
    RecordExport,
)
from repertory.actors.messages.instances import AppendToUpload, BeginUpload, StoreInstance
from repertory.actors.messages.labels import AddLabel, ListAllLabels, ListLabels, RemoveLabel
from repertory.actors.messages.metadata import (
    DeleteMetadata,
    DescribeMetadata,
    ListMetadata,
    SetMetadata,
)
from repertory.actors.messages.resources import (
    DeleteResource,
    DescribeProtection,
    DescribeStatistics,
    SetProtection,
)
from repertory.actors.storage import StorageActor
from repertory.errors import (
    ArchiveFull,
    FileCorrupted,
    FileLost,
    Forbidden,
    IndexBusy,
    IndexFailed,
    RevisionConflict,
    UnknownItem,
    UnknownResource,
    Unsupported,
)
from repertory.items import UNWRITTEN, Revision, written
from repertory.model import ChangeType, Level, ResourceRef
from repertory.storage.areas import MemoryArea
from repertory.storage.files import FileOptions
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing import Stage
from repertory.testing.files import make_dicom

NOBODY = "11111111-11111111-11111111-11111111-11111111"
LEVELS = list(Level)


@pytest.fixture
def stage(archive):
    return archive.stage


@pytest.fixture
def ids(stage):
    return stage.ask(StoreInstance(content=make_dicom())).ids


def place_of(ids, level=Level.STUDY):
    return {"level": level, "id": ids.at(level)}


@pytest.mark.parametrize("level", LEVELS)
def test_a_file_of_the_users_is_stored_read_replaced_and_deleted(archive, stage, ids, level):
    place = place_of(ids, level)
    stored = [
        stage.ask(StoreAttachment(**place, content_type=1024, content=content))
        for content in (b"one", b"")
    ]
    assert [written(it) for it in stored] == [
        Revision(0, hashlib.md5(b"one").hexdigest()),
        Revision(1, hashlib.md5(b"").hexdigest()),
    ]
    assert stage.ask(ReadFile(attachment=stored[1], start=0, length=10)) == b""
    stage.ask(RemoveReleased())
    assert stored[0].uuid not in archive.files()
    assert stored[1].uuid in archive.files()

    stage.ask(DeleteAttachment(**place, content_type=1024))
    stage.ask(RemoveReleased())
    assert stored[1].uuid not in archive.files()
    assert [it.content_type for it in stage.ask(ListAttachments(**place))] == (
        [1] if level is Level.INSTANCE else []
    )


def test_a_file_that_came_in_pieces_is_adopted(archive, stage, ids):
    upload = stage.ask(BeginUpload())
    for piece in (b"a" * 70_000, b"b" * 70_000):
        stage.ask(AppendToUpload(upload=upload, content=piece))
    stored = stage.ask(StoreAttachment(**place_of(ids), content_type=1024, content=upload))

    assert stored.uncompressed_size == 140_000
    assert stored.uncompressed_md5 == hashlib.md5(b"a" * 70_000 + b"b" * 70_000).hexdigest()
    assert stage.ask(ReadStoredFile(attachment=stored, start=69_999, length=2)) == b"ab"
    assert not archive.area.staging_path(upload).exists()


def test_an_attachment_that_is_refused_leaves_no_file(archive, stage, ids):
    place = place_of(ids)
    first = stage.ask(StoreAttachment(**place, content_type=1024, content=b"one"))
    before = archive.files()
    refusals = {
        RevisionConflict: {**place, "expected": UNWRITTEN},
        UnknownResource: {"level": Level.STUDY, "id": NOBODY},
    }
    for refusal, asked in refusals.items():
        with pytest.raises(refusal):
            stage.ask(StoreAttachment(**asked, content_type=1024, content=b"two"))
        stage.settle()
        assert archive.files() == before
    with pytest.raises(Forbidden):
        stage.ask(StoreAttachment(**place, content_type=1, content=b"two"))

    assert stage.ask(ListAttachments(**place)) == (first,)
    assert stage.ask(CountReleased()) == 0


def test_a_refusal_is_known_before_the_body_is_received(stage, ids):
    place = place_of(ids)
    stage.ask(CheckAttachment(**place, content_type=1024))
    with pytest.raises(Forbidden):
        stage.ask(CheckAttachment(**place, content_type=1023))
    with pytest.raises(UnknownItem):
        stage.ask(CheckAttachment(level=Level.STUDY, id=NOBODY, content_type=1024))


@pytest.mark.parametrize("content_type", [0, 1, 3, 1023, 65536])
def test_what_is_the_archives_own_is_not_deleted_alone(stage, ids, content_type):
    place = place_of(ids, Level.INSTANCE)
    with pytest.raises(Forbidden):
        stage.ask(DeleteAttachment(**place, content_type=content_type))


def test_an_obsolete_json_file_may_be_deleted(stage, ids):
    place = place_of(ids, Level.INSTANCE)
    (dicom,) = stage.ask(ListAttachments(**place))
    with pytest.raises(UnknownItem):
        stage.ask(DeleteAttachment(**place, content_type=2, expected=written(dicom)))


def test_the_sizes_follow(stage, ids):
    before = stage.ask(DescribeStatistics(**place_of(ids)))
    stage.ask(StoreAttachment(**place_of(ids, Level.SERIES), content_type=1024, content=b"12345"))
    after = stage.ask(DescribeStatistics(**place_of(ids)))

    assert after.disk_size == before.disk_size + 5
    assert after.dicom_disk_size == before.dicom_disk_size


@pytest.mark.parametrize("size", [0, 5, 3 << 20])
def test_a_file_that_is_whole_is_verified(stage, ids, size):
    content = b"x" * size
    stored = stage.ask(StoreAttachment(**place_of(ids), content_type=1024, content=content))

    assert stage.ask(VerifyFile(attachment=stored)) is None


@pytest.mark.parametrize(
    "damage",
    [lambda b: bytes([b[0] ^ 1]) + b[1:], lambda b: b[:-1], lambda b: b + b"x", lambda _: b""],
    ids=["bit flipped", "shorter", "longer", "empty"],
)
def test_a_file_that_is_damaged_is_found_on_the_medium(archive, stage, ids, damage):
    (stored,) = stage.ask(ListAttachments(**place_of(ids, Level.INSTANCE)))
    stage.ask(ReadFile(attachment=stored, start=0, length=stored.uncompressed_size))
    path = archive.area._path(stored.uuid)
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(FileCorrupted):
        stage.ask(VerifyFile(attachment=stored))


def test_a_file_that_is_lost_is_told_without_its_path(archive, stage, ids):
    (stored,) = stage.ask(ListAttachments(**place_of(ids, Level.INSTANCE)))
    archive.area.remove(stored.uuid, 1)

    with pytest.raises(FileLost) as refused:
        stage.ask(VerifyFile(attachment=stored))
    assert str(archive.folder) not in str(refused.value)
    with pytest.raises(FileLost):
        stage.ask(ReadStoredFile(attachment=stored, start=0, length=1))


def test_a_stored_file_that_is_cut_short_is_not_read_as_if_it_were_whole(archive, stage, ids):
    (stored,) = stage.ask(ListAttachments(**place_of(ids, Level.INSTANCE)))
    path = archive.area._path(stored.uuid)
    path.write_bytes(path.read_bytes()[:100])

    with pytest.raises(FileCorrupted):
        stage.ask(ReadStoredFile(attachment=stored, start=90, length=20))


@pytest.fixture
def storage(bare_stage):
    """A storage actor with a memory area, and understudies for the index."""
    area = MemoryArea()
    bare_stage.put_on(
        StorageActor,
        area=area,
        crew=InlineCrew(),
        main_tags=MAIN_DICOM_TAGS,
        options=FileOptions(keep_md5=False),
    )
    bare_stage.area = area
    return bare_stage


@pytest.fixture
def bare_stage():
    with Stage() as stage:
        yield stage


@pytest.mark.parametrize(
    ("refusal", "left"), [(IndexBusy(), 0), (ArchiveFull(), 0), (IndexFailed(), 1)]
)
def test_a_file_is_taken_back_unless_its_row_may_be_there(storage, refusal, left):
    storage.understudy(SetAttachment, answer=refusal)
    with pytest.raises(type(refusal)):
        storage.ask(StoreAttachment(level=Level.STUDY, id=NOBODY, content_type=1024, content=b"x"))

    assert len(storage.area.files) == left


def test_without_sums_nothing_can_be_verified(storage):
    storage.understudy(SetAttachment, answer=lambda command: command.attachment)
    stored = storage.ask(
        StoreAttachment(level=Level.STUDY, id=NOBODY, content_type=1024, content=b"x")
    )

    assert written(stored) == Revision(0, "")
    with pytest.raises(Unsupported):
        storage.ask(VerifyFile(attachment=stored))


def test_metadata_are_written_read_and_deleted(stage, ids):
    place = place_of(ids)
    first = stage.ask(SetMetadata(**place, number=1024, value="one"))
    stage.ask(SetMetadata(**place, number=1024, value="two", expected=first.revision))

    assert stage.ask(ListMetadata(**place))[1024] == "two"
    found = stage.ask(DescribeMetadata(**place, number=1024))
    with pytest.raises(RevisionConflict):
        stage.ask(DeleteMetadata(**place, number=1024, expected=first.revision))
    stage.ask(DeleteMetadata(**place, number=1024, expected=found.revision))
    assert stage.ask(DescribeMetadata(**place, number=1024)) is None


@pytest.mark.parametrize("number", [0, 7, 8, 1023, 65536])
def test_the_archives_own_metadata_are_not_written_by_users(stage, ids, number):
    with pytest.raises(Forbidden):
        stage.ask(SetMetadata(**place_of(ids), number=number, value="x"))
    with pytest.raises(Forbidden):
        stage.ask(DeleteMetadata(**place_of(ids), number=number))


def test_labels_are_given_and_taken(stage, ids):
    for label in "ab":
        stage.ask(AddLabel(**place_of(ids), label=label))
    stage.ask(RemoveLabel(**place_of(ids), label="a"))

    assert stage.ask(ListLabels(**place_of(ids))) == ("b",)
    assert stage.ask(ListAllLabels()) == ("b",)


def test_items_are_kept_over_a_restart(archive, ids):
    archive.stage.ask(SetMetadata(**place_of(ids), number=1024, value="one"))
    archive.stage.ask(SetProtection(id=ids.patient, protected=True))
    stored = archive.stage.ask(StoreAttachment(**place_of(ids), content_type=1024, content=b"x"))
    stage = archive.restart()

    assert stage.ask(ListAttachments(**place_of(ids))) == (stored,)
    assert stage.ask(ListMetadata(**place_of(ids)))[1024] == "one"
    assert stage.ask(DescribeProtection(id=ids.patient))


def test_the_doorbell_rings_once_for_each_group_that_logs_something(stage, ids):
    stage.listen(ChangesLogged)
    stage.ask(SetMetadata(**place_of(ids), number=1024, value="one"))
    assert len(stage.heard(ChangesLogged)) == 1
    stage.ask(AddLabel(**place_of(ids), label="quiet"))
    stage.ask(ClearChanges())
    assert len(stage.heard(ChangesLogged)) == 1
    stage.ask(DeleteResource(level=Level.STUDY, id=ids.study))
    assert len(stage.heard(ChangesLogged)) == 2


def test_what_rang_can_be_read(stage, ids):
    seen = []

    def look(_):
        seen.append(stage.board.ask_soon(ListChanges(since=4)))

    stage.board.listen(ChangesLogged, look)
    stage.ask(SetMetadata(**place_of(ids), number=1024, value="one"))
    stage.settle()

    (page,) = [reply.get(timeout=10) for reply in seen]
    assert [change.type for change in page.changes] == [ChangeType.UPDATED_METADATA]


@pytest.mark.parametrize("logged", [True, False])
def test_exports_are_logged_where_that_is_wanted(archive, ids, logged):
    archive.log_exports = logged
    stage = archive.restart()
    sent = (ResourceRef(Level.STUDY, ids.study), ResourceRef(Level.INSTANCE, ids.instance))
    stage.ask(RecordExport(resources=sent, remote="PACS"))

    exports = stage.ask(ListExports()).exports
    assert [(e.level, e.id) for e in exports] == [(r.level, r.id) for r in sent][: 2 * logged]
    assert stage.ask(DescribeLastExport()).last == 2 * logged
    stage.ask(ClearExports())
    assert stage.ask(ListExports()).exports == ()
