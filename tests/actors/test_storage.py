import io
import os
import threading
import uuid as uuids
import zipfile

import pytest

from repertory.actors.crew import InlineCrew
from repertory.actors.messages.attachments import ReadAttachment, ReadFile, RemoveAttachment
from repertory.actors.messages.instances import (
    AbandonUpload,
    AppendToUpload,
    BeginUpload,
    RecordInstance,
    StoreInstance,
    StoreZip,
)
from repertory.actors.messages.resources import ListResources
from repertory.actors.storage import STORED_HERE, StorageActor
from repertory.errors import (
    ArchiveFull,
    BadRange,
    FileCorrupted,
    FileLost,
    IndexBusy,
    IndexFailed,
    MissingTag,
    NoReplyInTime,
    NotDicom,
    StorageFailed,
    TooLarge,
    UnknownItem,
    UnknownResource,
)
from repertory.model import Level, ResourceId, StoreReceipt, StoreStatus
from repertory.storage.areas import FilesystemArea, MemoryArea
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing.files import make_dicom, write_large_dicom
from repertory.testing.server import until


def zipped(*contents, compression=zipfile.ZIP_DEFLATED):
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", compression) as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"folder/{number}", content)
    return body.getvalue()


def send(stage, content, piece=50_000):
    upload = stage.ask(BeginUpload())
    for start in range(0, len(content), piece):
        stage.ask(AppendToUpload(upload=upload, content=content[start : start + piece]))
    return upload


@pytest.fixture
def area():
    return MemoryArea()


@pytest.fixture
def storage(stage, area):
    """A storage actor, and an understudy for the index that takes everything."""
    stage.understudy(
        RecordInstance,
        answer=lambda command: StoreReceipt(command.ids, StoreStatus.SUCCESS, 1),
    )
    stage.put_on(
        StorageActor,
        area=area,
        crew=InlineCrew(),
        main_tags=MAIN_DICOM_TAGS,
        unpacking_limit=1 << 20,
    )
    return stage


def test_the_index_answers_whoever_stores(storage, area):
    content = make_dicom()
    receipt = storage.ask(StoreInstance(content=content))

    (command,) = storage.heard(RecordInstance)
    assert receipt.ids == command.ids
    assert area.files == {command.attachment.uuid: content}
    assert command.attachment.uncompressed_size == len(content)


def test_what_is_not_dicom_leaves_no_file(storage, area):
    with pytest.raises(NotDicom):
        storage.ask(StoreInstance(content=b"%PDF-1.7"))

    assert area.files == {}
    assert storage.heard(RecordInstance) == []


def test_a_file_without_identifier_leaves_no_file(storage, area):
    with pytest.raises(MissingTag, match="StudyInstanceUID"):
        storage.ask(StoreInstance(content=make_dicom(tags={"StudyInstanceUID": None})))

    assert area.files == {}


@pytest.mark.parametrize("refusal", [ArchiveFull(), IndexBusy()])
def test_a_file_that_the_index_refuses_is_taken_back(storage, area, refusal):
    storage.understudy(RecordInstance, answer=refusal)
    with pytest.raises(type(refusal)):
        storage.ask(StoreInstance(content=make_dicom()))

    assert area.files == {}


@pytest.mark.parametrize("doubt", [IndexFailed(), NoReplyInTime()])
def test_a_file_whose_row_may_be_there_is_never_taken_back(storage, area, doubt):
    storage.understudy(RecordInstance, answer=doubt)
    with pytest.raises(type(doubt)):
        storage.ask(StoreInstance(content=make_dicom()))

    assert len(area.files) == 1


def test_a_body_in_pieces_is_stored_like_any_other(storage, area):
    content = make_dicom(size=400_000)
    storage.ask(StoreInstance(content=send(storage, content)))

    assert list(area.files.values()) == [content]


def test_an_upload_that_other_nodes_have_cleared_away_fails(storage, area):
    upload = send(storage, make_dicom())
    area.staging_path(upload).unlink()

    with pytest.raises(StorageFailed, match="gone"):
        storage.ask(StoreInstance(content=upload))


def test_an_upload_is_used_once(storage):
    upload = send(storage, make_dicom())
    storage.ask(StoreInstance(content=upload))
    with pytest.raises(UnknownItem):
        storage.ask(StoreInstance(content=upload))
    with pytest.raises(UnknownItem):
        storage.ask(AppendToUpload(upload=upload, content=b"more"))


def test_an_abandoned_upload_leaves_nothing(storage, area):
    upload = send(storage, make_dicom())
    path = area.staging_path(upload)
    assert path.exists()
    storage.ask(AbandonUpload(upload=upload))
    storage.ask(AbandonUpload(upload=upload))

    assert not path.exists()


def test_an_upload_that_is_not_dicom_leaves_nothing(storage, area):
    upload = send(storage, b"text" * 1000)
    with pytest.raises(NotDicom):
        storage.ask(StoreInstance(content=upload))

    assert not area.staging_path(upload).exists()
    assert area.files == {}


def test_a_large_file_is_stored_without_being_held(archive, tmp_path):
    path = tmp_path / "large.dcm"
    write_large_dicom(path, 40 << 20)
    stage = archive.stage
    upload = stage.ask(BeginUpload())
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            stage.ask(AppendToUpload(upload=upload, content=piece))
    receipt = stage.ask(StoreInstance(content=upload))

    got = stage.ask(ReadAttachment(level=Level.INSTANCE, id=receipt.ids.instance, length=1 << 20))
    assert got.attachment.uncompressed_size == 40 << 20
    assert len(got.content) == 1 << 20


@pytest.mark.parametrize("in_pieces", [False, True])
def test_the_files_of_a_zip_are_stored_and_the_rest_is_passed_over(storage, area, in_pieces):
    first, second = make_dicom(), make_dicom()
    body = zipped(first, b"readme", second, make_dicom(tags={"SOPInstanceUID": None}), b"")
    receipts = storage.ask(StoreZip(content=send(storage, body) if in_pieces else body))

    assert len(receipts) == 2
    assert sorted(area.files.values()) == sorted([first, second])
    assert [r.ids for r in receipts] == [c.ids for c in storage.heard(RecordInstance)]


def test_a_large_file_in_a_zip_goes_over_the_disk(stage, area):
    stage.understudy(
        RecordInstance,
        answer=lambda command: StoreReceipt(command.ids, StoreStatus.SUCCESS, 1),
    )
    stage.put_on(StorageActor, area=area, crew=InlineCrew(), main_tags=MAIN_DICOM_TAGS)
    content = make_dicom(size=6 << 20)
    stage.ask(StoreZip(content=zipped(content, compression=zipfile.ZIP_STORED)))

    assert list(area.files.values()) == [content]
    assert list((area.staging_path("x").parent).iterdir()) == []


def test_a_zip_that_is_corrupt_anywhere_stores_nothing(storage, area):
    body = bytearray(zipped(make_dicom(), make_dicom()))
    body[len(body) * 3 // 4] ^= 0xFF
    with pytest.raises(NotDicom, match="corrupt"):
        storage.ask(StoreZip(content=bytes(body)))

    assert area.files == {}


def test_a_truncated_zip_stores_nothing(storage, area):
    body = zipped(make_dicom(), make_dicom())
    for length in range(0, len(body), 97):
        with pytest.raises(NotDicom, match="corrupt"):
            storage.ask(StoreZip(content=body[:length]))

    assert area.files == {}


def test_a_zip_bomb_is_refused_before_it_is_unpacked(storage, area):
    body = zipped(*[b"\0" * 900_000 for _ in range(3)])
    assert len(body) < 10_000
    with pytest.raises(TooLarge):
        storage.ask(StoreZip(content=body))

    assert area.files == {}


def test_an_empty_zip_is_no_error(storage):
    assert storage.ask(StoreZip(content=zipped())) == ()


def test_a_range_is_read_from_the_file(archive):
    content = make_dicom()
    stage = archive.stage
    instance = stage.ask(StoreInstance(content=content)).ids.instance

    def read(start, length=None):
        query = ReadAttachment(level=Level.INSTANCE, id=instance, start=start, length=length)
        return stage.ask(query)

    whole = read(0)
    assert whole.content == content
    assert read(100, 50).content == content[100:150]
    assert read(len(content) - 5).content == content[-5:]
    rest = ReadFile(attachment=whole.attachment, start=128, length=4)
    assert stage.ask(rest) == b"DICM"
    with pytest.raises(BadRange):
        read(len(content))


def test_an_unknown_instance_has_no_file(archive):
    with pytest.raises(UnknownResource):
        archive.stage.ask(ReadAttachment(level=Level.INSTANCE, id=ResourceId("nonsense")))


def test_a_file_that_was_removed_from_outside_is_lost_and_the_error_names_no_path(archive):
    instance = archive.stage.ask(StoreInstance(content=make_dicom())).ids.instance
    (uuid,) = archive.files()
    archive.area.remove(uuid, 1)
    with pytest.raises(FileLost) as loss:
        archive.stage.ask(ReadAttachment(level=Level.INSTANCE, id=instance))

    assert str(archive.folder) not in str(loss.value)


def test_a_file_that_was_truncated_from_outside_is_corrupted(archive):
    instance = archive.stage.ask(StoreInstance(content=make_dicom())).ids.instance
    (uuid,) = archive.files()
    os.truncate(archive.folder / "files" / uuid[:2] / uuid[2:4] / uuid, 1000)
    with pytest.raises(FileCorrupted):
        archive.stage.ask(ReadAttachment(level=Level.INSTANCE, id=instance))


def test_a_start_finishes_files_that_the_index_knows_and_removes_the_others(archive):
    content = make_dicom()
    instance = archive.stage.ask(StoreInstance(content=content)).ids.instance
    (uuid,) = archive.files()
    # A power cut that lost the last renaming, and one more file that was on its way.
    placed = archive.folder / "files" / uuid[:2] / uuid[2:4] / uuid
    placed.rename(archive.area.staging_path(uuid))
    archive.area.staging_path(str(uuids.uuid4())).write_bytes(content[:500])
    archive.area.staging_path("not-a-uuid").write_bytes(b"")
    archive.restart()

    assert archive.area.leftovers() == ()
    assert archive.files() == [uuid]
    query = ReadAttachment(level=Level.INSTANCE, id=instance)
    assert archive.stage.ask(query).content == content


def test_a_body_in_pieces_keeps_its_name_from_the_staging_folder_on(storage):
    upload = send(storage, make_dicom())
    storage.ask(StoreInstance(content=upload))
    (command,) = storage.heard(RecordInstance)

    assert command.attachment.uuid == upload


def test_removing_a_file_twice_does_no_harm(archive):
    archive.stage.ask(StoreInstance(content=make_dicom()))
    (uuid,) = archive.files()
    archive.stage.ask(RemoveAttachment(uuid=uuid, content_type=1))
    archive.stage.ask(RemoveAttachment(uuid=uuid, content_type=1))

    assert archive.files() == []


def test_an_instance_sent_twice_is_stored_once_and_the_second_file_goes(archive):
    content = make_dicom()
    first = archive.stage.ask(StoreInstance(content=content))
    second = archive.stage.ask(StoreInstance(content=content))
    archive.stage.settle()

    assert (first.status, second.status) == (StoreStatus.SUCCESS, StoreStatus.ALREADY_STORED)
    assert first.ids == second.ids
    assert len(archive.files()) == 1
    assert archive.stage.ask(ListResources(level=Level.INSTANCE)) == (first.ids.instance,)


def test_whoever_waits_anyway_writes_the_file_while_few_do(archive, monkeypatch):
    board, writers, gate = archive.stage.board, [], threading.Event()
    original = FilesystemArea.create

    def create(area, *parts):
        writers.append(threading.current_thread().name)
        if threading.current_thread().name.startswith("sender"):
            gate.wait(20)
        return original(area, *parts)

    monkeypatch.setattr(FilesystemArea, "create", create)
    senders = [
        threading.Thread(
            target=lambda it=number: board.ask_here(StoreInstance(content=make_dicom(seed=it))),
            name=f"sender-{number}",
        )
        for number in range(STORED_HERE)
    ]
    for sender in senders:
        sender.start()
    until(lambda: len(writers) == STORED_HERE)

    board.ask_here(StoreInstance(content=make_dicom(seed="one more")))
    gate.set()
    for sender in senders:
        sender.join(20)

    assert sorted(writers[:-1]) == [f"sender-{number}" for number in range(STORED_HERE)]
    assert not writers[-1].startswith(("sender", "MainThread"))  # of the storage's own
    assert len(archive.stage.ask(ListResources(level=Level.INSTANCE))) == STORED_HERE + 1


def test_what_is_no_instance_is_refused_to_whoever_writes_it(archive):
    with pytest.raises(NotDicom):
        archive.stage.board.ask_here(StoreInstance(content=b"%PDF-1.7"))

    assert archive.files() == []
