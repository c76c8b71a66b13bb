import pytest

from repertory.actors.crew import ThreadCrew
from repertory.actors.messages.attachments import DescribeAttachment, RemoveReleased
from repertory.actors.messages.changes import ListChanges
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.reconstruction import (
    ReconstructArchive,
    ReconstructResource,
    RecordReconstruction,
)
from repertory.actors.messages.resources import DeleteResource, DescribeResource, ListResources
from repertory.actors.reconstructing import read_anew
from repertory.actors.storage import StorageActor
from repertory.errors import IndexBusy, UnknownResource
from repertory.model import Compression, Level, ResourceId
from repertory.storage.areas import FilesystemArea
from repertory.storage.areas.metered import metered
from repertory.storage.dicom import summarize
from repertory.storage.files import FileOptions, Files
from repertory.storage.main_tags import MainDicomTags
from repertory.testing.files import make_dicom, make_study

MORE_TAGS = MainDicomTags.defaults({Level.INSTANCE: ["0018,0050"], Level.STUDY: ["0018,0050"]})


@pytest.fixture
def play(archive):
    """Play the archive anew: other main tags, another form of files."""

    def play(main_tags=MORE_TAGS, **options):
        stage = archive.restart(without=(StorageActor,))
        stage.put_on(
            StorageActor,
            area=archive.area,
            crew=ThreadCrew(2, name="test"),
            main_tags=main_tags,
            options=FileOptions(**options),
        )
        return stage

    return play


def store(stage, **options):
    contents = make_study(**options)
    return [stage.ask(StoreInstance(content=content)).ids for content in contents]


def describe(stage, level, ids):
    return stage.ask(DescribeResource(level=level, id=ids.at(level)))


def path_of(archive, stage, ids):
    uuid = describe(stage, Level.INSTANCE, ids).attachment.uuid
    return archive.folder / "files" / uuid[:2] / uuid[2:4] / uuid


def reconstruct(stage, level, ids, **options):
    return stage.ask(ReconstructResource(level=level, id=ids.at(level), **options))


@pytest.mark.parametrize("level", list(Level))
def test_all_below_a_resource_and_its_parents_get_the_tags_that_are_wanted_now(
    archive, play, level
):
    stored = store(archive.stage)
    other = store(archive.stage, patient_id="OTHER")
    stage = play()
    report = reconstruct(stage, level, stored[0])

    counts = {Level.PATIENT: 6, Level.STUDY: 6, Level.SERIES: 3, Level.INSTANCE: 1}
    assert report.reconstructed == counts[level]
    assert report.failures == ()
    done = [ids for ids in stored if "0018,0050" in describe(stage, Level.INSTANCE, ids).main_tags]
    assert done == stored[: counts[level]]
    assert "0018,0050" in describe(stage, Level.STUDY, stored[0]).main_tags
    assert "0018,0050" not in describe(stage, Level.STUDY, other[0]).main_tags


def test_the_whole_archive_is_reconstructed(archive, play):
    stored = store(archive.stage) + store(archive.stage, patient_id="OTHER")
    stage = play()

    assert stage.ask(ReconstructArchive()).reconstructed == 12
    for ids in stored:
        assert "0018,0050" in describe(stage, Level.INSTANCE, ids).main_tags
        assert "0018,0050" in describe(stage, Level.STUDY, ids).main_tags


def test_an_empty_archive_is_reconstructed_at_once(play):
    assert play().ask(ReconstructArchive()).reconstructed == 0


def test_one_level_alone_is_refreshed_from_one_instance(archive, play):
    stored = store(archive.stage)
    stage = play()
    report = reconstruct(stage, Level.STUDY, stored[0], this_level_only=True)

    assert report.reconstructed == 1
    assert "0018,0050" in describe(stage, Level.STUDY, stored[0]).main_tags
    for ids in stored:
        assert "0018,0050" not in describe(stage, Level.INSTANCE, ids).main_tags


def test_files_are_rewritten_where_their_form_is_not_the_wanted_one(archive, play):
    stored = store(archive.stage, series=1)
    before = path_of(archive, archive.stage, stored[0]).read_bytes()
    changes = archive.stage.ask(ListChanges(limit=1000))
    stage = play(compression=Compression.ZSTANDARD)
    old = {describe(stage, Level.INSTANCE, ids).attachment for ids in stored}

    assert reconstruct(stage, Level.STUDY, stored[0], rewrite_files=True).failures == ()
    new = {describe(stage, Level.INSTANCE, ids).attachment for ids in stored}
    assert {it.compression for it in new} == {Compression.ZSTANDARD}
    assert {it.uncompressed_md5 for it in new} == {it.uncompressed_md5 for it in old}
    stage.ask(RemoveReleased())
    assert archive.files() == sorted(it.uuid for it in new)
    assert stage.ask(ListChanges(limit=1000)) == changes

    reconstruct(stage, Level.STUDY, stored[0], rewrite_files=True)
    assert {describe(stage, Level.INSTANCE, ids).attachment for ids in stored} == new
    stage = play()
    reconstruct(stage, Level.STUDY, stored[0], rewrite_files=True)
    assert path_of(archive, stage, stored[0]).read_bytes() == before


def test_of_a_large_file_no_more_is_read_than_its_header(tmp_path):
    read = []
    area = FilesystemArea(tmp_path, synchronize=False)
    area.open()
    files = Files(metered(area, lambda _, __, size: read.append(size)), FileOptions())
    content = make_dicom(size=1 << 20)
    attachment = files.write(content, 1)
    read.clear()

    assert read_anew(files, attachment, MORE_TAGS) == summarize(content, MORE_TAGS)
    assert sum(read) < 100_000


def test_files_stay_where_nobody_wants_them_rewritten(archive, play):
    stored = store(archive.stage, series=1)
    stage = play(compression=Compression.ZSTANDARD)
    before = archive.files()
    reconstruct(stage, Level.STUDY, stored[0])

    stage.ask(RemoveReleased())
    assert archive.files() == before


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path, _: path.unlink(), "is missing."),
        (
            lambda path, _: path.write_bytes(path.read_bytes()[:700]),
            "is not as it was when it was stored.",
        ),
        (
            lambda path, _: path.write_bytes(bytes(path.stat().st_size)),
            "is not as it was when it was stored.",
        ),
        (
            lambda path, other: path.write_bytes(other.read_bytes()),
            "A stored file is that of another instance.",
        ),
    ],
    ids=["lost", "truncated", "zeroed", "swapped"],
)
@pytest.mark.parametrize("whole", [True, False])
def test_an_instance_that_fails_is_told_and_the_others_are_done(
    archive, play, damage, reason, whole
):
    stored = store(archive.stage, size=70_000)
    damage(path_of(archive, archive.stage, stored[0]), path_of(archive, archive.stage, stored[1]))
    stage = play(verify=False)
    report = (
        stage.ask(ReconstructArchive()) if whole else reconstruct(stage, Level.STUDY, stored[0])
    )

    assert report.reconstructed == 5
    (failure,) = report.failures
    assert failure.id == stored[0].instance
    assert failure.reason.endswith(reason)
    assert "0018,0050" in describe(stage, Level.STUDY, stored[0]).main_tags


def test_one_level_is_refreshed_from_the_next_instance_where_the_first_is_lost(archive, play):
    stored = store(archive.stage)
    path_of(archive, archive.stage, stored[0]).unlink()
    stage = play()
    report = reconstruct(stage, Level.PATIENT, stored[0], this_level_only=True)

    assert report.reconstructed == 1
    assert [failure.id for failure in report.failures] == [stored[0].instance]


def test_a_resource_that_is_not_there_is_refused(play):
    nowhere = ResourceId("-".join(["0" * 8] * 5))

    with pytest.raises(UnknownResource):
        play().ask(ReconstructResource(level=Level.STUDY, id=nowhere))


def test_an_instance_that_is_deleted_meanwhile_is_no_failure(archive, play):
    stored = store(archive.stage)
    stage = play()
    stage.understudy(RecordReconstruction, answer=UnknownResource())

    assert reconstruct(stage, Level.STUDY, stored[0]).failures == ()


def test_what_the_index_refuses_is_told_and_its_new_file_taken_back(archive, play):
    stored = store(archive.stage, series=1)
    stage = play(compression=Compression.ZSTANDARD)
    stage.understudy(RecordReconstruction, answer=IndexBusy())
    before = archive.files()
    report = reconstruct(stage, Level.STUDY, stored[0], rewrite_files=True)

    assert report.reconstructed == 0
    assert len(report.failures) == 3
    stage.ask(ReconstructArchive())  # behind it, the crew has removed what it wrote
    assert archive.files() == before


def test_other_requests_are_answered_while_many_instances_are_reconstructed(archive, play):
    stored = store(archive.stage, series=4, instances=20)
    stage = play()
    running = stage.ask_soon(ReconstructArchive())
    late = store(stage, patient_id="LATE", series=1, instances=1)

    assert stage.ask(DescribeAttachment(level=Level.INSTANCE, id=late[0].instance))
    assert running.get(timeout=30).failures == ()
    assert len(stage.ask(ListResources(level=Level.INSTANCE))) == len(stored) + 1
    stage.ask(DeleteResource(level=Level.STUDY, id=stored[0].study))
