import pytest

from repertory.actors.jobs import retrying
from repertory.actors.jobs.peer_store import CHUNK
from repertory.actors.messages.jobs import DescribeJob, SubmitJob
from repertory.actors.messages.modalities import UnsentInstance
from repertory.actors.messages.peers import PeerReceipt, SendToPeer
from repertory.errors import BadParameter, BadRequest, NetworkFailed
from repertory.jobs import JobState


def submit(archive, count=1, **more):
    instances = [f"i{number}" for number in range(count)]
    parameters = {"Peer": "one", "Address": ["http://h/"], "Instances": instances, **more}
    return archive.stage.ask(SubmitJob(type="OrthancPeerStore", parameters=parameters))


def described(archive, job):
    archive.stage.settle()
    return archive.stage.ask(DescribeJob(id=job))


def test_instances_are_sent_some_at_a_time_and_their_bytes_are_counted(archive):
    archive.stage.understudy(
        SendToPeer, answer=lambda it: PeerReceipt(size=len(it.instances) << 20)
    )
    job = described(
        archive, submit(archive, CHUNK + 1, Compress=True, Transcode="1.2.840.10008.1.2")
    )

    assert job.state is JobState.SUCCESS
    first, second = archive.stage.heard(SendToPeer)
    assert (len(first.instances), len(second.instances)) == (CHUNK, 1)
    assert (first.compress, first.transcode) == (True, "1.2.840.10008.1.2")
    content = job.content
    assert content["Size"] == str((CHUNK + 1) << 20)
    assert (content["SizeMB"], content["InstancesCount"]) == (CHUNK + 1, CHUNK + 1)


@pytest.mark.parametrize("permissive", [True, False])
def test_what_a_peer_does_not_take_ends_the_job_unless_it_is_permissive(archive, permissive):
    unsent = UnsentInstance(id="i1", reason="The peer answers by status 400.")
    archive.stage.understudy(SendToPeer, answer=PeerReceipt(size=5, unsent=(unsent,)))
    job = described(archive, submit(archive, 3, Permissive=permissive))

    if permissive:
        assert job.state is JobState.SUCCESS
        assert job.content["FailedInstancesCount"] == 1
        assert job.record.failure_count == 1
    else:
        assert job.state is JobState.FAILURE
        assert job.record.error.details == unsent.reason


def test_a_peer_that_is_not_there_is_tried_again_if_that_is_wanted(archive):
    archive.stage.understudy(SendToPeer, answer=NetworkFailed())
    assert described(archive, submit(archive)).state is JobState.FAILURE

    job = submit(archive, Retries=2)
    assert described(archive, job).state is JobState.RETRY
    archive.stage.understudy(SendToPeer, answer=PeerReceipt(size=1))
    archive.stage.clock.advance(retrying.FIRST_DELAY)
    assert described(archive, job).state is JobState.SUCCESS


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"Transcode": "1.2"}, BadParameter),
        ({"Retries": -1}, BadParameter),
        ({"Instances": [5]}, BadRequest),
        ({"Peer": 5}, BadRequest),
    ],
)
def test_what_makes_no_sense_is_refused(archive, parameters, error):
    with pytest.raises(error):
        submit(archive, **parameters)


def test_a_job_without_instances_is_done(archive):
    assert described(archive, submit(archive, 0)).state is JobState.SUCCESS
