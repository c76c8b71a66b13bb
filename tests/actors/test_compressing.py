"""Compressed files on the way in, on the way out, and from one form to another."""

import zlib
from dataclasses import replace

import pytest

from repertory.actors.crew import InlineCrew
from repertory.actors.messages.attachments import (
    DescribeAttachment,
    ReadAttachment,
    ReadFile,
    ReadHeader,
    ReadTags,
    RecompressAttachment,
    RecordRecompression,
    RemoveReleased,
)
from repertory.actors.messages.instances import AppendToUpload, BeginUpload, StoreInstance
from repertory.actors.messages.resources import DeleteResource, DescribeResource
from repertory.actors.storage import StorageActor
from repertory.errors import FileCorrupted, FileLost, RevisionConflict, UnknownItem
from repertory.model import Compression, Level, TagForm
from repertory.storage.areas import MemoryArea
from repertory.storage.compression import FRAME, decompress
from repertory.storage.files import FileOptions
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing.files import make_dicom

FORMS = list(Compression)
PACKED = [Compression.ZLIB_WITH_SIZE, Compression.ZSTANDARD]


def store(stage, content):
    return stage.ask(StoreInstance(content=content)).ids.instance


def describe(stage, id_):
    return stage.ask(DescribeAttachment(level=Level.INSTANCE, id=id_)).attachment


def stored(archive, attachment):
    return archive.area.read(attachment.uuid, 1)


@pytest.fixture
def compressing(archive):
    """The archive, anew with new files in some form."""

    def compressing(form, **options):
        archive.options = FileOptions(compression=form, **options)
        archive.restart()
        return archive

    return compressing


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("by_upload", [True, False])
def test_new_files_are_stored_in_the_wanted_form_and_come_out_as_they_were(
    compressing, form, by_upload
):
    archive = compressing(form)
    content = body = make_dicom(size=200_000)
    if by_upload:
        body = archive.stage.ask(BeginUpload())
        archive.stage.ask(AppendToUpload(upload=body, content=content))
    id_ = store(archive.stage, body)

    attachment = describe(archive.stage, id_)
    assert attachment.compression is form
    assert decompress(stored(archive, attachment), form, len(content)) == content
    read = archive.stage.ask(ReadAttachment(level=Level.INSTANCE, id=id_))
    assert read.content == content
    piece = ReadFile(attachment=attachment, start=100_000, length=70)
    assert archive.stage.ask(piece) == content[100_000:100_070]


@pytest.mark.parametrize("form", FORMS)
def test_tags_and_header_are_the_same_whatever_the_form(compressing, form):
    archive = compressing(form)
    id_ = store(archive.stage, make_dicom(patient_id="FORM"))

    tags = archive.stage.ask(ReadTags(id=id_, form=TagForm.SIMPLIFIED))
    assert tags["PatientID"] == "FORM"
    header = archive.stage.ask(ReadHeader(id=id_, form=TagForm.SIMPLIFIED))
    assert header["TransferSyntaxUID"] == "1.2.840.10008.1.2.1"


@pytest.mark.parametrize("form", PACKED)
def test_tags_are_read_from_the_beginning_of_the_stored_file(compressing, form):
    archive = compressing(form, level=1)
    id_ = store(archive.stage, make_dicom(size=3 * FRAME))
    attachment = describe(archive.stage, id_)
    path = archive.folder / "files" / attachment.uuid[:2] / attachment.uuid[2:4] / attachment.uuid
    with path.open("r+b") as file:
        file.seek(1 << 20)
        file.write(bytes(1000))

    assert archive.stage.ask(ReadTags(id=id_, form=TagForm.SHORT))["0010,0020"] == "TEST"
    with pytest.raises(FileCorrupted):
        archive.stage.ask(ReadAttachment(level=Level.INSTANCE, id=id_))


@pytest.mark.parametrize("form", PACKED)
def test_a_file_is_compressed_and_uncompressed_on_demand(archive, form):
    archive.options = FileOptions(packed=form)
    stage = archive.restart()
    content = make_dicom(size=100_000)
    id_ = store(stage, content)
    first = describe(stage, id_)

    packed = stage.ask(RecompressAttachment(level=Level.INSTANCE, id=id_, compressed=True))
    assert packed == describe(stage, id_)
    assert packed.compression is form
    assert packed.uuid != first.uuid
    assert packed.revision == 1
    assert packed.uncompressed_md5 == first.uncompressed_md5
    assert packed.compressed_size < first.compressed_size
    plain = stage.ask(RecompressAttachment(level=Level.INSTANCE, id=id_, compressed=False))
    assert plain.compression is Compression.NONE
    assert plain.revision == 2
    stage.ask(RemoveReleased())
    assert archive.files() == [plain.uuid]
    assert stored(archive, plain) == content


@pytest.mark.parametrize("compressed", [True, False])
def test_a_file_that_has_the_form_already_stays(compressing, compressed):
    form = Compression.ZSTANDARD if compressed else Compression.NONE
    archive = compressing(form)
    id_ = store(archive.stage, make_dicom())
    first = describe(archive.stage, id_)
    question = RecompressAttachment(level=Level.INSTANCE, id=id_, compressed=compressed)

    assert archive.stage.ask(question) == first
    assert archive.files() == [first.uuid]


def test_a_damaged_file_is_not_compressed(archive):
    stage = archive.stage
    id_ = store(stage, make_dicom(size=20_000))
    attachment = describe(stage, id_)
    path = archive.folder / "files" / attachment.uuid[:2] / attachment.uuid[2:4] / attachment.uuid
    path.write_bytes(path.read_bytes()[:-1] + b"?")

    with pytest.raises(FileCorrupted):
        stage.ask(RecompressAttachment(level=Level.INSTANCE, id=id_, compressed=True))
    assert replace(describe(stage, id_), damage="") == attachment
    assert archive.files() == [attachment.uuid]


def test_a_file_that_nobody_has_is_not_compressed(archive):
    id_ = store(archive.stage, make_dicom())

    with pytest.raises(UnknownItem):
        archive.stage.ask(
            RecompressAttachment(level=Level.INSTANCE, id=id_, content_type=1024, compressed=True)
        )


def test_a_file_that_is_another_one_by_now_is_left_and_the_new_one_taken_back(archive):
    stage = archive.stage
    id_ = store(stage, make_dicom())
    attachment = describe(stage, id_)
    stage.understudy(RecordRecompression, answer=RevisionConflict())

    with pytest.raises(RevisionConflict):
        stage.ask(RecompressAttachment(level=Level.INSTANCE, id=id_, compressed=True))
    assert archive.files() == [attachment.uuid]


def test_who_reads_while_the_file_is_replaced_gets_the_new_one(archive):
    stage = archive.stage
    content = make_dicom()
    id_ = store(stage, content)
    old = stage.ask(DescribeAttachment(level=Level.INSTANCE, id=id_))
    stage.ask(RecompressAttachment(level=Level.INSTANCE, id=id_, compressed=True))
    stage.ask(RemoveReleased())
    new = stage.ask(DescribeAttachment(level=Level.INSTANCE, id=id_))
    answers = iter([old, new])
    stage.understudy(DescribeAttachment, answer=lambda _: next(answers))

    assert stage.ask(ReadAttachment(level=Level.INSTANCE, id=id_)).content == content


def test_a_lost_file_is_not_looked_for_for_ever(archive):
    id_ = store(archive.stage, make_dicom())
    archive.area.remove(describe(archive.stage, id_).uuid, 1)

    with pytest.raises(FileLost):
        archive.stage.ask(ReadTags(id=id_))


def test_orthancs_own_compressed_files_are_read(archive):
    archive.options = FileOptions(compression=Compression.ZLIB_WITH_SIZE)
    stage = archive.restart()
    content = make_dicom(size=5000)
    attachment = describe(stage, store(stage, content))

    assert zlib.decompress(stored(archive, attachment)[8:]) == content


def test_the_sizes_of_both_forms_are_summed_up_and_go_with_the_instance(compressing):
    archive = compressing(Compression.ZSTANDARD)
    stage = archive.stage
    id_ = store(stage, make_dicom(size=50_000))
    packed = describe(stage, id_)
    stage.ask(RecompressAttachment(level=Level.INSTANCE, id=id_, compressed=False))
    stage.ask(DeleteResource(level=Level.INSTANCE, id=id_))
    stage.ask(RemoveReleased())

    assert packed.compressed_size < packed.uncompressed_size == 50_000
    assert archive.files() == []


def test_where_no_files_are_kept_the_index_knows_the_instance_all_the_same(archive):
    board = archive.restart(without=(StorageActor,))
    area = MemoryArea()
    board.put_on(
        StorageActor, area=area, crew=InlineCrew(), main_tags=MAIN_DICOM_TAGS, store_dicom=False
    )
    upload = board.ask(BeginUpload())
    board.ask(AppendToUpload(upload=upload, content=make_dicom(number=2)))
    for body in (make_dicom(), upload):
        id_ = store(board, body)
        assert board.ask(DescribeResource(level=Level.INSTANCE, id=id_)).attachment is None
        with pytest.raises(UnknownItem):
            board.ask(ReadAttachment(level=Level.INSTANCE, id=id_))
    assert area.files == {}
