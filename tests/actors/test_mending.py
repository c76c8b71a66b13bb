import pytest
from structlog.testing import capture_logs

from repertory.actors.messages.attachments import (
    CountReleased,
    DescribeAttachment,
    ListReleased,
    ReadAttachment,
    ReadFile,
    ReadStoredFile,
    ReadTags,
    RecompressAttachment,
    RemoveReleased,
    VerifyFile,
)
from repertory.actors.messages.finding import FindResources
from repertory.actors.messages.instances import (
    AppendToUpload,
    BeginUpload,
    RecordInstance,
    StoreInstance,
)
from repertory.actors.messages.integrity import MarkFiles, MendInstance
from repertory.actors.messages.reconstruction import ReconstructResource
from repertory.actors.messages.resources import (
    DeleteResource,
    DescribeResource,
    DescribeStatistics,
)
from repertory.actors.messages.system import DescribeTotals
from repertory.actors.messages.tags import ReadContent
from repertory.criteria import Criteria
from repertory.errors import ArchiveFull, FileCorrupted, FileLost, StorageUnavailable
from repertory.integrity import Damage, IndexedFile
from repertory.model import Compression, Level, Metadata, ResourceRef, StoreStatus
from repertory.storage.areas.filesystem import FilesystemArea
from repertory.storage.files import FileOptions
from repertory.storage.index.packing import pack_uuid
from repertory.storage.index.policy import Overwriting, StorePolicy
from repertory.testing.files import IMPLICIT, make_dicom


def store(archive, content):
    return archive.stage.ask(StoreInstance(content=content))


def upload(archive, content):
    name = archive.stage.ask(BeginUpload())
    archive.stage.ask(AppendToUpload(upload=name, content=content))
    return archive.stage.ask(StoreInstance(content=name))


def file_of(archive, receipt):
    question = DescribeAttachment(level=Level.INSTANCE, id=receipt.ids.instance)
    return archive.stage.ask(question).attachment


def path_of(archive, receipt):
    uuid = file_of(archive, receipt).uuid
    return archive.folder / "files" / uuid[:2] / uuid[2:4] / uuid


def read(archive, receipt):
    question = ReadAttachment(level=Level.INSTANCE, id=receipt.ids.instance)
    return archive.stage.ask(question).content


@pytest.mark.parametrize("send", [store, upload])
@pytest.mark.parametrize("left", [None, b"", b"half a file"])
def test_a_good_copy_takes_the_place_of_a_damaged_file(archive, send, left):
    content = make_dicom()
    receipt = store(archive, content)
    old = file_of(archive, receipt)
    path = path_of(archive, receipt)
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    again = send(archive, content)

    assert (again.status, again.repaired) == (StoreStatus.ALREADY_STORED, True)
    assert again.ids == receipt.ids
    assert read(archive, receipt) == content
    new = file_of(archive, receipt)
    assert new.uuid != old.uuid
    assert new.revision == old.revision
    archive.stage.ask(RemoveReleased())
    assert archive.files() == [new.uuid]


@pytest.mark.parametrize("send", [store, upload])
def test_a_file_that_is_well_stays_and_the_copy_goes(archive, send):
    content = make_dicom()
    receipt = store(archive, content)
    before = archive.files()
    again = send(archive, content)

    assert (again.status, again.repaired) == (StoreStatus.ALREADY_STORED, False)
    assert archive.files() == before == [file_of(archive, receipt).uuid]
    assert archive.stage.ask(CountReleased()) == 0


def test_where_the_file_cannot_be_looked_at_just_now_the_copy_goes_too(archive, monkeypatch):
    content = make_dicom()
    receipt = store(archive, content)
    before = archive.files()

    def unreachable(*_):
        raise StorageUnavailable("The store cannot be reached.")

    monkeypatch.setattr(FilesystemArea, "size", unreachable)
    again = store(archive, content)

    assert (again.status, again.repaired) == (StoreStatus.ALREADY_STORED, False)
    assert archive.files() == before == [file_of(archive, receipt).uuid]


def mark(archive, receipt, damage):
    # The instance has the first number that instances get.
    file = IndexedFile((1 << 28) + 1, 1, pack_uuid(file_of(archive, receipt).uuid), 0, None)
    assert archive.stage.ask(MarkFiles(damaged=((file, damage),))) == 1


def test_a_file_that_was_marked_is_read_to_its_end_before_it_is_trusted(archive):
    content = make_dicom()
    receipt = store(archive, content)
    path = path_of(archive, receipt)
    damaged = bytearray(content)
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    # Its size is right: nobody has reason to read it.
    assert not store(archive, content).repaired
    mark(archive, receipt, Damage.CORRUPTED)
    assert file_of(archive, receipt).damage == "Corrupted"

    assert store(archive, content).repaired
    assert read(archive, receipt) == content
    assert file_of(archive, receipt).damage == ""


def test_a_file_that_was_marked_but_is_well_by_now_stays(archive):
    content = make_dicom()
    receipt = store(archive, content)
    mark(archive, receipt, Damage.LOST)

    assert not store(archive, content).repaired


def test_another_copy_of_the_instance_brings_its_own_size_and_syntax(archive):
    uids = {"study": "1.2.3", "series": "1.2.3.4", "instance": "1.2.3.4.5"}
    receipt = store(archive, make_dicom(**uids, size=20_000))
    path_of(archive, receipt).unlink()
    other = make_dicom(**uids, size=30_000, transfer_syntax=IMPLICIT)
    again = store(archive, other)

    assert again.repaired
    assert read(archive, receipt) == other
    for level in Level:
        statistics = archive.stage.ask(DescribeStatistics(level=level, id=receipt.ids.at(level)))
        assert statistics.disk_size == statistics.dicom_uncompressed_size == 30_000
    assert archive.stage.ask(DescribeTotals()).disk_size == 30_000
    metadata = archive.stage.ask(
        DescribeResource(level=Level.INSTANCE, id=receipt.ids.instance)
    ).metadata
    assert metadata[Metadata.TRANSFER_SYNTAX] == IMPLICIT
    assert int(metadata[Metadata.PIXEL_DATA_OFFSET]) == other.index(b"\xe0\x7f\x10\x00")


def test_a_file_that_was_replaced_in_the_meantime_is_not_replaced_again(archive):
    receipt = store(archive, make_dicom())
    content = make_dicom()
    heard = []
    archive.stage.understudy(
        RecordInstance, answer=lambda command: heard.append(command) or receipt
    )
    archive.stage.ask(StoreInstance(content=content))
    command = heard[0]
    mended = archive.stage.ask(
        MendInstance(
            id=receipt.ids.instance,
            replaces="00000000-0000-4000-8000-000000000000",
            attachment=command.attachment,
            summary=command.summary,
        )
    )

    assert not mended
    archive.stage.ask(RemoveReleased())
    assert archive.files() == [file_of(archive, receipt).uuid]
    assert archive.stage.ask(ListReleased()) == ()


def damage_noted(archive, receipt):
    # Nobody waits for the note; what is asked of the index after it is answered after it.
    archive.stage.ask(MarkFiles(damaged=()))
    return file_of(archive, receipt).damage


def anew(archive, **options):
    archive.options = FileOptions(**options)
    archive.restart()


@pytest.mark.parametrize("form", list(Compression))
@pytest.mark.parametrize("keep_md5", [True, False])
def test_a_damaged_file_is_replaced_by_one_of_another_form(archive, form, keep_md5):
    content = make_dicom(size=20_000)
    anew(archive, compression=form, keep_md5=keep_md5)
    receipt = store(archive, content)
    assert not store(archive, content).repaired

    for other in Compression:
        anew(archive, compression=other, keep_md5=keep_md5)
        cut = path_of(archive, receipt)
        cut.write_bytes(cut.read_bytes()[:-3])
        with pytest.raises(FileCorrupted):
            read(archive, receipt)
        assert damage_noted(archive, receipt) == "Corrupted"
        assert store(archive, content).repaired
        file = file_of(archive, receipt)
        assert (file.compression, file.damage) == (other, "")
        assert read(archive, receipt) == content
        for level in Level:
            question = DescribeStatistics(level=level, id=receipt.ids.at(level))
            assert archive.stage.ask(question).disk_size == file.compressed_size
    archive.stage.ask(RemoveReleased())
    assert archive.files() == [file_of(archive, receipt).uuid]


@pytest.mark.parametrize("overwriting", list(Overwriting))
def test_an_instance_with_a_lost_file_is_well_after_an_upload_however_it_is_overwritten(
    archive, overwriting
):
    archive.policy = StorePolicy(overwriting=overwriting)
    archive.restart()
    content = make_dicom()
    receipt = store(archive, content)
    path_of(archive, receipt).unlink()
    with pytest.raises(FileLost):
        read(archive, receipt)
    assert damage_noted(archive, receipt) == "Lost"
    again = store(archive, content)

    assert again.repaired is (overwriting is not Overwriting.ALWAYS)
    assert file_of(archive, receipt).damage == ""
    assert read(archive, receipt) == content
    archive.stage.ask(RemoveReleased())
    assert archive.files() == [file_of(archive, receipt).uuid]


def test_a_file_for_a_mending_that_is_refused_is_removed(archive):
    content = make_dicom()
    receipt = store(archive, content)
    path_of(archive, receipt).unlink()

    def refuse(_command):
        raise ArchiveFull

    archive.stage.understudy(MendInstance, answer=refuse)
    with pytest.raises(ArchiveFull):
        store(archive, content)
    assert archive.files() == []


def test_a_damaged_file_that_is_to_be_stored_in_another_form_is_marked(archive):
    receipt = store(archive, make_dicom())
    path_of(archive, receipt).write_bytes(b"")
    with pytest.raises(FileCorrupted):
        archive.stage.ask(
            RecompressAttachment(level=Level.INSTANCE, id=receipt.ids.instance, compressed=True)
        )

    assert damage_noted(archive, receipt) == "Corrupted"


def search(archive, receipt):
    # PatientAge is in no index: the files are looked into.
    found = archive.stage.ask(
        FindResources(criteria=Criteria(level=Level.INSTANCE, tags=(("PatientAge", "?*"),)))
    )
    assert found == ()


def reconstruct(archive, receipt):
    report = archive.stage.ask(
        ReconstructResource(level=Level.STUDY, id=receipt.ids.study, rewrite_files=True)
    )
    assert [failure.id for failure in report.failures] == [receipt.ids.instance]


def told(make):
    def ask(archive, receipt):
        owner = ResourceRef(Level.INSTANCE, receipt.ids.instance)
        with pytest.raises((FileCorrupted, FileLost), match=receipt.ids.instance):
            archive.stage.ask(make(file_of(archive, receipt), owner))

    return ask


WAYS_TO_READ = {
    "search": search,
    "reconstruct": reconstruct,
    "tags": told(lambda file, owner: ReadTags(id=owner.id)),
    "content": told(lambda file, owner: ReadContent(id=owner.id, path=())),
    "the rest of a download": told(
        lambda file, owner: ReadFile(attachment=file, start=0, length=10_000, owner=owner)
    ),
    "the stored bytes": told(
        lambda file, owner: ReadStoredFile(attachment=file, start=0, length=10_000, owner=owner)
    ),
    "its checksum": told(lambda file, owner: VerifyFile(attachment=file, owner=owner)),
}


@pytest.mark.parametrize("way", WAYS_TO_READ)
@pytest.mark.parametrize(("left", "damage"), [(None, "Lost"), (b"", "Corrupted")])
def test_whoever_reads_a_damaged_file_in_vain_marks_it_and_it_is_logged_once(
    archive, way, left, damage
):
    receipt = store(archive, make_dicom())
    path = path_of(archive, receipt)
    path.unlink()
    if left is not None:
        path.write_bytes(left)
    with capture_logs() as logs:
        WAYS_TO_READ[way](archive, receipt)
        assert damage_noted(archive, receipt) == damage
        WAYS_TO_READ[way](archive, receipt)
        archive.stage.settle()

    assert [it["damage"] for it in logs if it["event"] == "file_damaged"] == [damage]


def test_a_file_that_goes_with_its_instance_while_it_is_read_is_not_called_damaged(archive):
    receipt = store(archive, make_dicom())
    file = file_of(archive, receipt)
    owner = ResourceRef(Level.INSTANCE, receipt.ids.instance)
    archive.stage.ask(DeleteResource(level=Level.INSTANCE, id=receipt.ids.instance))
    archive.stage.ask(RemoveReleased())
    with capture_logs() as logs:
        with pytest.raises(FileLost):
            archive.stage.ask(ReadFile(attachment=file, start=0, length=1, owner=owner))
        archive.stage.settle()

    assert [it for it in logs if it["event"] == "file_damaged"] == []


def test_a_file_that_was_exchanged_while_it_was_read_is_not_marked(archive):
    content = make_dicom()
    receipt = store(archive, content)
    question = DescribeAttachment(level=Level.INSTANCE, id=receipt.ids.instance)
    stale = archive.stage.ask(question)
    path_of(archive, receipt).unlink()
    assert store(archive, content).repaired
    fresh = archive.stage.ask(question)
    answers = iter([stale, fresh])
    archive.stage.understudy(DescribeAttachment, answer=lambda _: next(answers))

    assert read(archive, receipt) == content


def test_duplicates_without_files_are_left_as_they_are(archive):
    content = make_dicom()
    receipt = store(archive, content)
    archive.store_dicom = False
    archive.restart()

    assert store(archive, content).status is StoreStatus.ALREADY_STORED
    assert archive.files() == [file_of(archive, receipt).uuid]
    assert archive.stage.ask(CountReleased()) == 0
