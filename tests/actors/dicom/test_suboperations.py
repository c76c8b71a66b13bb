"""Files on their way out: read several at a time, and before they are asked for."""

import pytest

from repertory.actors.dicom.sending import Outgoing
from repertory.actors.dicom.suboperations import (
    AHEAD,
    AHEAD_BYTES,
    TOGETHER,
    ReadAhead,
    read_together,
)
from repertory.actors.messages.attachments import ReadFile, ReadFiles
from repertory.actors.messages.finding import DescribeFound
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.reply import Reply
from repertory.actors.storage_reading import StorageReading
from repertory.criteria import Criteria
from repertory.errors import FileCorrupted, FileLost, StorageFailed
from repertory.model import Attachment, ContentType, Level, ResourceId, ResourceRef
from repertory.testing.files import make_dicom

MR = "1.2.840.10008.5.1.4.1.1.4"


def instance(number, size=100):
    attachment = Attachment(
        uuid=f"{number:036d}",
        content_type=ContentType.DICOM,
        uncompressed_size=size,
        uncompressed_md5="",
        compressed_size=size,
        compressed_md5="",
    )
    return Outgoing(ResourceId(f"{number}"), MR, f"1.{number}", "1.2.840.10008.1.2.1", attachment)


class Reader:
    """Notes what is read, and has it at once."""

    def __init__(self):
        self.batches = []

    def __call__(self, batch):
        self.batches.append([int(it.id) for it in batch])
        replies = [Reply() for _ in batch]
        for reply, it in zip(replies, batch, strict=True):
            reply.set((it, it.id.encode()))
        return replies


def test_files_come_in_order_the_first_at_once_and_then_in_batches():
    reader = Reader()
    instances = [instance(number) for number in range(40)]

    begun = []
    for number, (it, reply) in enumerate(ReadAhead(instances, reader)):
        assert reply.get() == (it, f"{number}".encode())
        begun.append(sum(map(len, reader.batches)) - number)

    assert len(begun) == 40
    assert [len(batch) for batch in reader.batches[:4]] == [1, 2, 4, TOGETHER]
    assert max(len(batch) for batch in reader.batches) == TOGETHER
    assert max(begun) <= AHEAD + 1
    assert [it for batch in reader.batches for it in batch] == list(range(40))


def test_large_files_are_not_held_in_numbers():
    reader = Reader()
    instances = [instance(number, AHEAD_BYTES) for number in range(3)]

    for number, _ in enumerate(ReadAhead(instances, reader)):
        assert sum(map(len, reader.batches)) == number + 1


def test_some_files_are_read_at_one_go_and_errors_are_each_ones_own(stage):
    instances = [instance(number) for number in range(4)]
    stage.understudy(ReadFiles, answer=(b"0", None, FileLost(), b"3"))
    stage.understudy(ReadFile, answer=b"1")

    replies = read_together(stage.board, instances)

    assert [replies[it.id].get()[1] for it in (instances[0], instances[1], instances[3])] == [
        b"0",
        b"1",
        b"3",
    ]
    with pytest.raises(FileLost):
        replies[instances[2].id].get()
    assert [it.owner for it in stage.heard(ReadFile)] == [ResourceRef(Level.INSTANCE, "1")]


def test_what_keeps_all_from_being_read_is_told_of_each(stage):
    stage.understudy(ReadFiles, answer=StorageFailed("no"))

    for reply in read_together(stage.board, [instance(1), instance(2)]).values():
        with pytest.raises(StorageFailed):
            reply.get()


@pytest.mark.parametrize("is_near", [True, False])
def test_the_storage_reads_files_together(archive, tmp_path, monkeypatch, is_near):
    monkeypatch.setattr(StorageReading, "_is_near", lambda *_: is_near)
    contents = [make_dicom(study="1", series="1", instance=f"1.{it}") for it in range(3)]
    for content in contents:
        archive.stage.ask(StoreInstance(content=content))
    found = archive.stage.ask(DescribeFound(criteria=Criteria(level=Level.INSTANCE)))
    files = {it.description.main_tags["0008,0018"]: it.description for it in found}
    parts = [files[f"1.{it}"] for it in range(3)]
    (path,) = tmp_path.rglob(parts[1].attachment.uuid)
    path.write_bytes(contents[1][:500])
    (path,) = tmp_path.rglob(parts[2].attachment.uuid)
    path.unlink()

    read = archive.stage.ask(
        ReadFiles(files=tuple((it.attachment, ResourceRef(Level.INSTANCE, it.id)) for it in parts))
    )

    assert read[0] == contents[0]
    assert isinstance(read[1], FileCorrupted)
    assert read[2] is None  # to be asked for alone, where the index may know better
