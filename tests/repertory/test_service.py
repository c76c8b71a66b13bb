import asyncio
import http.client
import threading

import pytest

from repertory import Repertory, Settings
from repertory.actors.base import RepertoryActor
from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.index import IndexActor
from repertory.actors.messages.attachments import (
    CountReleased,
    DescribeAttachment,
    RemoveReleased,
)
from repertory.actors.messages.deletion import PauseRemovals, ResumeRemovals
from repertory.actors.messages.finding import DescribeFound
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import DeleteResource, ListResources
from repertory.actors.messages.system import CallIn, DescribeIndex, DescribeTotals
from repertory.conf.resources import DelayedDeletionSettings
from repertory.criteria import Criteria
from repertory.errors import CannotStart, Forbidden, ShuttingDown
from repertory.model import Compression, Level
from repertory.testing import ManualClock
from repertory.testing.files import make_dicom, make_study
from repertory.testing.server import until


def settings_for(folder, **options):
    return Settings(storage_directory=str(folder), http_server_enabled=False, **options)


@pytest.fixture
def archive(tmp_path):
    with Repertory(settings_for(tmp_path)) as archive:
        yield archive


def test_a_study_is_stored_listed_and_deleted(archive, tmp_path):
    receipts = [archive.ask(StoreInstance(content=content)) for content in make_study()]
    (study,) = archive.ask(ListResources(level=Level.STUDY))
    assert study == receipts[0].ids.study
    archive.ask(DeleteResource(level=Level.STUDY, id=study))

    assert archive.ask(ListResources(level=Level.STUDY)) == ()


def test_files_that_come_together_share_a_folder(archive, tmp_path):
    for content in make_study(series=1, instances=10):
        archive.ask(StoreInstance(content=content))

    files = files_of(tmp_path)
    assert len(files) == 10
    assert len({path.parent for path in files}) == 1


def test_an_archive_is_asked_from_a_coroutine(archive):
    async def main():
        contents = make_study(series=2, instances=5)
        stored = [archive.ask_async(StoreInstance(content=content)) for content in contents]
        await asyncio.gather(*stored)
        return await archive.ask_async(DescribeTotals())

    assert asyncio.run(main()).instances == 10


def test_two_archives_in_one_process_know_nothing_of_each_other(tmp_path):
    with (
        Repertory(settings_for(tmp_path / "one")) as one,
        Repertory(settings_for(tmp_path / "two")) as two,
    ):
        one.ask(StoreInstance(content=make_dicom()))
        assert two.ask(DescribeTotals()).instances == 0
        one.stop()

        two.ask(StoreInstance(content=make_dicom()))
        assert two.ask(DescribeTotals()).instances == 1


def test_stopping_leaves_no_thread_behind(tmp_path):
    before = set(threading.enumerate())
    with Repertory(settings_for(tmp_path)) as archive:
        archive.ask(StoreInstance(content=make_dicom()))
    for thread in set(threading.enumerate()) - before:
        thread.join(10)

    assert set(threading.enumerate()) <= before


def test_a_stopped_archive_says_so_and_can_be_started_again(tmp_path):
    archive = Repertory(settings_for(tmp_path))
    with pytest.raises(ShuttingDown):
        archive.ask(DescribeTotals())
    with archive:
        archive.ask(StoreInstance(content=make_dicom()))
    with pytest.raises(ShuttingDown):
        archive.ask(DescribeTotals())
    with archive:
        assert archive.ask(DescribeTotals()).instances == 1


def test_a_second_archive_on_the_same_folder_is_refused_and_the_first_goes_on(archive, tmp_path):
    with pytest.raises(CannotStart, match="Another") as refusal:
        Repertory(settings_for(tmp_path)).start()

    assert str(tmp_path) not in str(refusal.value)
    assert archive.ask(StoreInstance(content=make_dicom()))


def test_an_archive_that_could_not_start_has_let_go_of_everything(tmp_path):
    files = tmp_path / "files"
    files.write_bytes(b"not a folder")
    index = tmp_path / "index"
    with pytest.raises(CannotStart, match="StorageDirectory"):
        Repertory(settings_for(files, index_directory=str(index))).start()
    files.unlink()

    with Repertory(settings_for(files, index_directory=str(index))) as archive:
        assert archive.ask(DescribeTotals()).instances == 0


class Failing(RepertoryActor):
    """Dies of the first message that nobody waits for."""

    rank = 9

    def on_receive(self, message):
        if not isinstance(message, CallIn):
            raise RuntimeError("on purpose")  # noqa: TRY004 - any error will do


def put_on_a_failing_actor(archive):
    ref = Failing.start(board=archive.board)
    archive._cast.append((Failing, ref))
    return ref


def test_the_death_of_an_actor_ends_the_waiting_with_an_error(archive):
    put_on_a_failing_actor(archive).tell("die")

    assert archive.wait(10) == 1
    assert archive.failed == "Failing"
    assert archive.board.dead == "Failing"


def test_the_death_of_an_actor_is_told_to_the_host(tmp_path):
    told, heard = [], threading.Event()

    def on_failure(actor):
        told.append(actor)
        heard.set()

    with Repertory(settings_for(tmp_path), on_failure=on_failure) as archive:
        put_on_a_failing_actor(archive).tell("die")
        assert heard.wait(10)
        with pytest.raises(TimeoutError):
            archive.wait(0)

    assert told == ["Failing"]


def test_a_request_to_stop_ends_the_waiting(archive):
    with pytest.raises(TimeoutError):
        archive.wait(0)
    archive.request_shutdown()

    assert archive.wait(10) == 0
    assert not archive.restart_requested


def test_a_request_to_start_anew_is_told_to_whoever_waits(archive):
    archive.reset()

    assert archive.wait(10) == 0
    assert archive.restart_requested


def test_actors_start_in_the_order_of_their_rank(archive):
    ranks = [actor.rank for actor, _ in archive._cast]

    assert ranks == sorted(ranks)
    assert archive._cast[0][0] is IndexActor
    assert DeletionQueueActor in [actor for actor, _ in archive._cast]


def test_time_can_be_given_to_an_archive(tmp_path):
    clock = ManualClock()
    with Repertory(settings_for(tmp_path), clock=clock) as archive:
        archive.ask(StoreInstance(content=make_dicom()))

        assert archive.board.clock is clock


def request(archive, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", archive.port, timeout=30)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def files_of(folder):
    return [path for path in folder.glob("??/??/*") if path.is_file()]


def test_without_delayed_deletion_the_files_are_gone_when_the_request_is_answered(tmp_path):
    settings = Settings(
        storage_directory=str(tmp_path),
        http_port=0,
        delayed_deletion=DelayedDeletionSettings(enable=False),
    )
    with Repertory(settings) as archive:
        for content in make_study(series=2, instances=20):
            request(archive, "POST", "/instances", content)
        assert len(files_of(tmp_path)) == 40
        (study,) = archive.ask(ListResources(level=Level.STUDY))
        status, _ = request(archive, "DELETE", f"/studies/{study}")

        assert status == 200
        assert files_of(tmp_path) == []


def test_without_delayed_deletion_a_file_that_cannot_go_holds_no_answer_up(tmp_path):
    settings = settings_for(
        tmp_path, delayed_deletion=DelayedDeletionSettings(enable=False, throttle_delay_ms=60_000)
    )
    with Repertory(settings) as archive:
        for content in make_study(instances=3):
            study = archive.ask(StoreInstance(content=content)).ids.study
        stuck = files_of(tmp_path)[0]
        stuck.unlink()
        stuck.mkdir()
        archive.ask(DeleteResource(level=Level.STUDY, id=study))

        assert files_of(tmp_path) == []
        assert archive.ask(CountReleased()) == 1


def test_without_delayed_deletion_what_is_recycled_or_overwritten_is_gone_as_well(tmp_path):
    settings = settings_for(
        tmp_path,
        maximum_patient_count=1,
        overwrite_instances=True,
        delayed_deletion=DelayedDeletionSettings(enable=False),
    )
    with Repertory(settings) as archive:
        for content in (make_dicom(seed=1), make_dicom(seed=1), make_dicom(patient_id="Q")):
            archive.ask(StoreInstance(content=content))

            assert len(files_of(tmp_path)) == 1


def test_the_queue_does_not_depend_on_the_name_of_the_server(tmp_path):
    with Repertory(settings_for(tmp_path, database_server_identifier="north")) as archive:
        archive.ask(PauseRemovals())
        receipt = archive.ask(StoreInstance(content=make_dicom()))
        archive.ask(DeleteResource(level=Level.STUDY, id=receipt.ids.study))
        assert archive.ask(DescribeIndex()).identifier == "north"
    with Repertory(settings_for(tmp_path, database_server_identifier="south")) as archive:
        assert archive.ask(DescribeIndex()).identifier == "south"
        assert archive.ask(CountReleased()) == 1
        archive.ask(ResumeRemovals())
        until(lambda: archive.ask(CountReleased()) == 0)


def test_a_server_without_a_name_keeps_the_one_that_its_index_was_given(tmp_path):
    names = set()
    for _ in range(2):
        with Repertory(settings_for(tmp_path)) as archive:
            names.add(archive.ask(DescribeIndex()).identifier)

    assert len(names) == 1
    assert names != {""}


@pytest.mark.parametrize(
    ("word", "form"),
    [("Zstandard", Compression.ZSTANDARD), ("ZlibWithSize", Compression.ZLIB_WITH_SIZE)],
)
def test_files_are_compressed_as_the_settings_say(tmp_path, word, form):
    settings = settings_for(tmp_path, storage_compression=True, storage_compression_format=word)
    with Repertory(settings) as archive:
        receipt = archive.ask(StoreInstance(content=make_dicom(size=50_000)))
        question = DescribeAttachment(level=Level.INSTANCE, id=receipt.ids.instance)
        attachment = archive.ask(question).attachment

    assert attachment.compression is form
    assert attachment.compressed_size < attachment.uncompressed_size


def test_limits_and_overwriting_are_as_the_settings_say(tmp_path):
    settings = settings_for(tmp_path, maximum_patient_count=1, overwrite_instances=True)
    with Repertory(settings) as archive:
        for _ in range(2):
            receipt = archive.ask(StoreInstance(content=make_dicom(seed=1)))
        assert receipt.overwritten
        assert archive.ask(StoreInstance(content=make_dicom(patient_id="Q"))).recycled == (
            receipt.ids.patient,
        )


def test_a_read_only_archive_answers_and_changes_nothing(tmp_path):
    with Repertory(settings_for(tmp_path)) as archive:
        archive.ask(PauseRemovals())
        receipt = archive.ask(StoreInstance(content=make_dicom()))
        archive.ask(DeleteResource(level=Level.STUDY, id=receipt.ids.study))
        archive.ask(StoreInstance(content=make_dicom()))
    with Repertory(settings_for(tmp_path, read_only=True)) as archive:
        assert archive.ask(DescribeTotals()).instances == 1
        with pytest.raises(Forbidden):
            archive.ask(StoreInstance(content=make_dicom()))
        archive.ask(RemoveReleased())
        assert archive.ask(CountReleased()) == 1


def test_extra_main_tags_are_kept_searched_and_shown(tmp_path):
    options = {"Study": ["PatientWeight"], "Series": ["0018,0050"]}
    settings = settings_for(tmp_path, extra_main_dicom_tags=options, storage_access_on_find="Never")
    with Repertory(settings) as archive:
        archive.ask(StoreInstance(content=make_dicom(tags={"PatientWeight": "71"})))
        criteria = Criteria(level=Level.STUDY, tags=(("PatientWeight", "7?"),))
        (found,) = archive.ask(DescribeFound(criteria=criteria, requested=("PatientWeight",)))
        signatures = archive.ask(DescribeIndex()).signatures

    assert found.description.main_tags["0010,1030"] == "71"
    assert found.description.tag_names == {
        "0010,1030": "PatientWeight",
        "0018,0050": "SliceThickness",
    }
    assert found.requested == {"PatientWeight": "71"}
    assert "0010,1030" in signatures[Level.STUDY]
    assert "0018,0050" in signatures[Level.SERIES]


def test_an_extra_main_tag_that_is_unknown_keeps_the_archive_from_starting(tmp_path):
    settings = settings_for(tmp_path, extra_main_dicom_tags={"Study": ["PatientWeigth"]})

    with pytest.raises(CannotStart, match="Did you mean PatientWeight"):
        Repertory(settings).start()


def test_a_tag_that_the_index_has_only_kept_since_is_read_from_older_files(tmp_path):
    with Repertory(settings_for(tmp_path)) as archive:
        archive.ask(StoreInstance(content=make_dicom(tags={"PatientWeight": "71"})))
    options = {"Study": ["PatientWeight", "PatientComments"]}
    with Repertory(settings_for(tmp_path, extra_main_dicom_tags=options)) as archive:
        archive.ask(StoreInstance(content=make_dicom(tags={"PatientWeight": "72"})))
        wanted = ("PatientWeight", "PatientComments", "PatientID")
        criteria = Criteria(level=Level.STUDY)
        found = archive.ask(DescribeFound(criteria=criteria, requested=wanted))

    assert [it.requested for it in found] == [
        {"PatientID": "TEST", "PatientWeight": "71"},
        {"PatientID": "TEST", "PatientWeight": "72"},
    ]
