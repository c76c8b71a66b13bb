import io
import json
import zipfile

import pytest

from repertory.actors.archiving import ArchiverActor
from repertory.actors.archiving.archiver import IDLE_LIMIT
from repertory.actors.archiving.making import PIECE
from repertory.actors.crew import InlineCrew, ThreadCrew
from repertory.actors.messages.archives import (
    AbandonArchive,
    ArchiveForm,
    BeginArchive,
    ReadArchive,
)
from repertory.actors.messages.attachments import ReadAttachment, ReadFile
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.job_outputs import DescribeJobOutput
from repertory.actors.messages.jobs import RunJob
from repertory.actors.messages.resources import DeleteResource
from repertory.actors.reply import Reply
from repertory.errors import FileCorrupted, FileLost, IndexBusy, UnknownItem, UnknownResource
from repertory.jobs import JobState
from repertory.model import Level
from repertory.storage.files import FileOptions
from repertory.testing.files import make_dicom, make_study

NOBODY = "00000000-00000000-00000000-00000000-00000000"


def store(archive, contents):
    return [archive.stage.ask(StoreInstance(content=it)).ids for it in contents]


def put_on(archive):
    return archive.stage.put_on(
        ArchiverActor,
        makers=ThreadCrew(1, name="maker"),
        compressors=ThreadCrew(2, name="compressor"),
    )


def read(stage, question):
    id_ = stage.ask(question)
    content = b""
    while parcel := stage.ask(ReadArchive(archive=id_)):
        content += parcel
    return content


def unpack(content):
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        return {it.filename: packed.read(it) for it in packed.infolist()}


def files_of(stage, *ids, level=None, **form):
    return unpack(read(stage, BeginArchive(ids=ids, level=level, form=ArchiveForm(**form))))


def spoil(archive, ids):
    uuid = archive.stage.ask(ReadAttachment(level=Level.INSTANCE, id=ids.instance)).attachment.uuid
    path = archive.folder / "files" / uuid[:2] / uuid[2:4] / uuid
    path.write_bytes(path.read_bytes()[:-1])
    archive.restart()
    put_on(archive)


@pytest.fixture
def study():
    return make_study(series=3, instances=8, size=4000)


@pytest.mark.parametrize("level", [Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE])
def test_an_archive_has_every_file_below_a_resource(archive, study, level):
    put_on(archive)
    ids = store(archive, study)
    below = {it for it, its in zip(study, ids, strict=True) if its.at(level) == ids[0].at(level)}
    found = files_of(archive.stage, ids[0].at(level), level=level)

    assert sorted(found.values()) == sorted(below)


def test_resources_of_any_level_are_put_together_each_file_once(archive, study):
    put_on(archive)
    ids = store(archive, study)
    other = make_dicom(patient_id="OTHER")
    (others,) = store(archive, [other])
    found = files_of(archive.stage, ids[0].study, ids[0].instance, others.patient, ids[8].series)

    assert sorted(found.values()) == sorted([*study, other])


def test_a_large_file_goes_through_in_pieces(archive):
    put_on(archive)
    large = make_dicom(size=3 * PIECE + 1000)
    small = make_dicom(size=4000)
    ids = store(archive, [large, small])
    found = files_of(archive.stage, ids[0].patient)

    assert sorted(found.values()) == sorted([large, small])


def test_a_medium_has_a_directory(archive, study):
    put_on(archive)
    ids = store(archive, study)
    found = files_of(archive.stage, ids[0].study, media=True)
    directory = found.pop("DICOMDIR")

    assert sorted(found.values()) == sorted(study)
    assert set(found) == {f"IMAGES/IM{number}" for number in range(len(study))}
    assert directory.count(b"IMAGES\\IM") == len(study)


def test_the_first_parcel_comes_before_the_last_file_is_read(archive, study):
    put_on(archive)
    ids = store(archive, study)
    asked = []

    def answer(question):
        asked.append(question)
        return Reply()  # it never comes

    first = archive.stage.ask(BeginArchive(ids=(ids[0].study,)))
    assert archive.stage.ask(ReadArchive(archive=first))[:2] == b"PK"
    archive.stage.understudy(ReadAttachment, answer=answer)
    archive.stage.ask(AbandonArchive(archive=first))

    assert len(asked) == 0


def test_damaged_and_lost_instances_are_told_of_at_the_end(archive, study):
    ids = store(archive, study)
    spoil(archive, ids[3])
    found = files_of(archive.stage, ids[0].study)
    told = json.loads(found.pop("missing-instances.json"))

    assert sorted(found.values()) == sorted(it for it in study if it != study[3])
    (missing,) = told
    assert missing["ID"] == ids[3].instance
    assert missing["Name"].endswith("MR000004.dcm")
    assert "not as it was" in missing["Reason"]


def test_a_large_file_that_breaks_off_is_told_of(archive):
    put_on(archive)
    large, small = make_dicom(size=3 * PIECE), make_dicom(size=4000)
    ids = store(archive, [large, small])
    storage = archive.stage
    first = storage.ask(ReadAttachment(level=Level.INSTANCE, id=ids[0].instance, length=PIECE))
    rest = storage.ask(ReadAttachment(level=Level.INSTANCE, id=ids[1].instance))

    def answer(question):
        if question.id == ids[1].instance:
            return rest
        if question.start:
            raise FileLost
        return first

    storage.understudy(ReadAttachment, answer=answer)
    found = files_of(storage, ids[0].patient, ids[1].patient)
    told = json.loads(found.pop("missing-instances.json"))

    assert list(found.values()) == [small]
    assert [it["ID"] for it in told] == [ids[0].instance]


def test_who_is_not_permissive_learns_it_at_once(archive, study):
    ids = store(archive, study)
    spoil(archive, ids[0])
    question = BeginArchive(ids=(ids[0].study,), form=ArchiveForm(permissive=False))
    id_ = archive.stage.ask(question)
    with pytest.raises(FileCorrupted):
        archive.stage.ask(ReadArchive(archive=id_))
    with pytest.raises(UnknownItem):
        archive.stage.ask(ReadArchive(archive=id_))


def test_what_is_deleted_meanwhile_is_told_of(archive):
    put_on(archive)
    ids = store(archive, make_study(series=1, instances=40, size=2000))
    id_ = archive.stage.ask(BeginArchive(ids=(ids[0].study,)))
    content = archive.stage.ask(ReadArchive(archive=id_))
    archive.stage.ask(DeleteResource(level=Level.STUDY, id=ids[0].study))
    while parcel := archive.stage.ask(ReadArchive(archive=id_)):
        content += parcel
    found = unpack(content)
    told = json.loads(found.pop("missing-instances.json"))

    assert len(found) + len(told) == 40
    assert told[-1]["Reason"] == "It was deleted while the archive was made."


@pytest.mark.parametrize("level", [None, Level.STUDY])
def test_a_resource_that_is_not_there_is_told_before_anything_is_made(archive, level):
    put_on(archive)
    with pytest.raises(UnknownResource):
        archive.stage.ask(BeginArchive(ids=(NOBODY,), level=level))


def test_an_archive_of_nothing_is_empty(archive):
    put_on(archive)

    assert files_of(archive.stage) == {}


def test_an_archive_that_nobody_reads_is_forgotten(archive, study):
    put_on(archive)
    ids = store(archive, study)
    id_ = archive.stage.ask(BeginArchive(ids=(ids[0].study,)))
    archive.stage.clock.advance(IDLE_LIMIT)
    with pytest.raises(UnknownItem):
        archive.stage.ask(ReadArchive(archive=id_))


def test_an_archive_that_ended_or_was_abandoned_is_gone(archive, study):
    put_on(archive)
    ids = store(archive, study)
    id_ = archive.stage.ask(BeginArchive(ids=(ids[0].study,)))
    archive.stage.ask(AbandonArchive(archive=id_))
    archive.stage.ask(AbandonArchive(archive=id_))
    with pytest.raises(UnknownItem):
        archive.stage.ask(ReadArchive(archive=id_))


def test_only_one_reader_reads_at_a_time(archive, study):
    put_on(archive)
    ids = store(archive, study)
    pending = Reply()
    archive.stage.understudy(ReadAttachment, answer=lambda _: pending)
    id_ = archive.stage.ask(BeginArchive(ids=(ids[0].study,)))
    first = archive.stage.ask_soon(ReadArchive(archive=id_))
    with pytest.raises(IndexBusy):
        archive.stage.ask(ReadArchive(archive=id_))
    pending.refuse(FileLost())

    assert first.get(timeout=30)[:2] == b"PK"


def test_files_that_go_into_archives_do_not_drive_others_out_of_the_cache(archive, study):
    archive.options = FileOptions(cache_size=1 << 20)
    archive.restart()
    archive.stage.put_on(ArchiverActor, makers=InlineCrew(), compressors=InlineCrew())
    ids = store(archive, study)
    area = archive.area
    files_of(archive.stage, ids[0].study)
    reads = []
    before = area.read
    area.read = lambda *words: reads.append(words) or before(*words)
    files_of(archive.stage, ids[0].study)

    assert len(reads) == len(study)


def test_a_job_begins_an_archive_anew_that_was_forgotten(archive, study):
    real = put_on(archive)
    ids = store(archive, study)
    answers = [UnknownItem()]

    def read(question):
        # The first time, as if the archive had been started anew meanwhile.
        return answers.pop() if answers else real.ask(question, block=False)

    archive.stage.understudy(ReadArchive, answer=read)
    job = archive.stage.ask(RunJob(type="Archive", parameters={"Resources": [ids[0].study]}))

    assert job.state is JobState.SUCCESS
    output = archive.stage.ask(DescribeJobOutput(id=job.record.id, key="archive"))
    content = archive.stage.ask(
        ReadFile(attachment=output.attachment, start=0, length=output.attachment.uncompressed_size)
    )
    assert sorted(unpack(content).values()) == sorted(study)
    assert not answers
