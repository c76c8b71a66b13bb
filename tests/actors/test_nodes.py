import random
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace

import pytest

from repertory.actors.crew import InlineCrew
from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.delivery import DeliveryActor
from repertory.actors.housekeeper import HousekeeperActor
from repertory.actors.index import IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.jobs.actor import JobsActor
from repertory.actors.jobs.base import Job
from repertory.actors.messages.attachments import CountReleased, ForgetReleased, RemoveAttachment
from repertory.actors.messages.changes import ListChanges
from repertory.actors.messages.deletion import (
    DescribeDeletionQueue,
    PauseRemovals,
    RecordFailedRemovals,
    ResumeRemovals,
)
from repertory.actors.messages.delivery import (
    DescribeTarget,
    PauseTarget,
    ReplayEvents,
    ResumeTarget,
)
from repertory.actors.messages.following import HoldLog, MoveTarget
from repertory.actors.messages.housekeeping import (
    DescribeHousekeeping,
    PauseHousekeeping,
    RunHousekeeping,
)
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.job_records import RecordJob
from repertory.actors.messages.jobs import (
    CancelJob,
    DeleteJob,
    DescribeJob,
    JobFailed,
    JobSucceeded,
    ListJobs,
    PauseJob,
    ResubmitJob,
    ResumeJob,
    RunJob,
    SubmitJob,
)
from repertory.actors.messages.nodes import DescribeNodes, LeaveNode, NodesLooked
from repertory.actors.messages.peers import DeletePeer, ListPeers, SetPeer
from repertory.actors.messages.places import MoveFiles
from repertory.actors.messages.resources import DeleteResource
from repertory.actors.messages.tiering import DescribeTiering, RunTiering
from repertory.actors.nodes import NodesActor
from repertory.actors.peers.actor import PeersActor
from repertory.actors.peers.connection import HttpOptions
from repertory.actors.reply import Reply
from repertory.actors.stability_monitor import StabilityMonitorActor
from repertory.actors.storage import StorageActor
from repertory.actors.subscriber import SubscriberActor
from repertory.actors.targets.base import Outcome, Rules
from repertory.actors.tiering.actor import TieringActor
from repertory.conf.housekeeper import HousekeeperSettings
from repertory.conf.tiering import TieringRuleSettings, TieringSettings
from repertory.errors import StorageFailed, UnknownItem, UnknownResource
from repertory.housekeeping import Configuration
from repertory.jobs import JobId, JobState
from repertory.model import ChangeType, Level
from repertory.nodes import CALLBACKS, DELIVERY, HOUSEKEEPING, TIERING, base_of
from repertory.peers import Peer
from repertory.places import MoveReport
from repertory.storage.areas import FilesystemArea
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing import ManualClock, Stage
from repertory.testing.databases import DatabaseMissing, make_engine
from repertory.testing.files import make_dicom, make_study
from repertory.testing.server import until

LEASE = 10.0
DUTIES = frozenset({CALLBACKS, DELIVERY, HOUSEKEEPING, TIERING})
STABLE = {ChangeType.STABLE_SERIES, ChangeType.STABLE_STUDY, ChangeType.STABLE_PATIENT}


class Receiver:
    """A target that notes what comes."""

    name = "pacs"
    kind = "Test"
    address = "memory"
    rules = Rules()

    def __init__(self):
        self.got = []

    def open(self, archive):
        """Nothing to prepare."""

    def deliver(self, events):
        self.got += [event.number for event in events]
        return Outcome(len(events))

    def abort(self):
        """Nothing is under way."""


class Director:
    """Has the steps of jobs in its hands: each waits until it is let go on."""

    def __init__(self):
        self.steps = []
        self.is_quick = False

    def under_way(self, name=None):
        return [it for it in self.steps if not it[3].done and name in (None, it[1])]

    def end(self, name, *, at, **more):
        _, _, turn, reply = self.under_way(name)[0]
        reply.set(turn.ends({"At": at}, progress=at / 10, **({"done": at >= 10} | more)))


def types_for(director, node):
    class Rehearsal(Job):
        type = "Rehearsal"

        def __init__(self, name):
            self.name = name

        @classmethod
        def read(cls, parameters):
            return cls(parameters.need("Name", str))

        def step(self, turn):
            reply = Reply()
            director.steps.append((node, self.name, turn, reply))
            if director.is_quick:
                at = turn.position.get("At", 0) + 1
                reply.set(turn.ends({"At": at}, progress=at / 10, done=at >= 10, pause=0.5))
            return reply

        def content(self, position):
            return {"At": position.get("At", 0)}

    return {"Rehearsal": Rehearsal}


class Node:
    """One node: a stage of its own, on the index and the folder of all."""

    def __init__(self, number, folder, director, stack, removals, *, at_once, saves_jobs):
        self.number = number
        self.target = Receiver()
        self.stage = stack.enter_context(Stage(clock=ManualClock()))
        name = f"node{number}.1"
        engine = make_engine("PostgreSQL", folder, is_shared=True)
        put_on = self.stage.put_on
        put_on(
            IndexActor,
            engine=engine,
            node=name,
            title=f"Node {number}",
            removes_at_once=at_once,
        )
        put_on(IndexReaderActor, engine=engine)
        put_on(NodesActor, name=name, title=f"Node {number}", wants=DUTIES, lease=LEASE)
        self.stage.listen(NodesLooked, JobSucceeded, JobFailed)
        put_on(
            StorageActor,
            area=FilesystemArea(folder / "files", synchronize=False),
            crew=InlineCrew(),
            main_tags=MAIN_DICOM_TAGS,
        )
        self.gates = []
        if removals is not None:

            def remove(command):
                removals[command.uuid] += 1
                reply = Reply()
                self.gates.append(reply)
                return reply

            self.stage.understudy(RemoveAttachment, answer=remove)
        put_on(DeletionQueueActor, at_once=at_once, shared=True)
        put_on(StabilityMonitorActor, shortest_age=60.0)
        put_on(
            JobsActor,
            types=types_for(director, number),
            history_size=100,
            concurrent=2,
            keeps=saves_jobs,
            shared=True,
        )
        put_on(DeliveryActor, targets=[self.target], crew=lambda _: InlineCrew(), shared=True)

    def ask(self, question):
        return self.stage.ask(question)

    def kill(self):
        """End without a word to the index, as by a power cut."""
        self.stage.understudy(LeaveNode, MoveTarget, ForgetReleased, RecordFailedRemovals)
        self.stage.close()

    @property
    def duties(self):
        state = self.ask(DescribeNodes())
        return {duty for duty, node in state.duties.items() if node == state.name}

    def submit(self, name, **more):
        id_ = self.ask(SubmitJob(type="Rehearsal", parameters={"Name": name}, **more))
        self.stage.settle()
        return id_

    def state(self, id_):
        self.stage.settle()
        return self.ask(DescribeJob(id=id_)).state

    def let_remove(self):
        """Answer every removal that is asked for until there is none."""
        while any(not gate.done for gate in self.gates):
            for gate in self.gates:
                if not gate.done:
                    gate.set(None)
            self.stage.settle()


class Cluster:
    """Some nodes, whose times are moved together; one may stand still."""

    def __init__(self, folder, stack):
        self.folder = folder
        self.director = Director()
        self.removals = None
        self.at_once, self.saves_jobs = False, True
        self.nodes = []
        self._count = 0
        self._stack = stack

    def add(self):
        self._count += 1
        node = Node(
            self._count,
            self.folder,
            self.director,
            self._stack,
            self.removals,
            at_once=self.at_once,
            saves_jobs=self.saves_jobs,
        )
        self.nodes.append(node)
        self.advance(2)
        return node

    def advance(self, seconds, *, but=()):
        for _ in range(int(seconds)):
            for node in self.nodes:
                if node not in but:
                    node.stage.clock.advance(1)
        for node in self.nodes:
            node.stage.settle()

    def give_up(self, node):
        """Let the others take a node for dead that has only stood still."""
        self.advance(LEASE + 4, but=[node])


@pytest.fixture
def cluster(tmp_path):
    with ExitStack() as stack:
        try:
            make_engine("PostgreSQL", tmp_path)
        except DatabaseMissing as reason:
            pytest.skip(str(reason))
        yield Cluster(tmp_path, stack)


@pytest.fixture
def pair(cluster):
    return cluster.add(), cluster.add()


# Who lives


def test_each_duty_has_one_node_until_that_is_gone(cluster, pair):
    one, two = pair
    assert (one.duties, two.duties) == (DUTIES, set())
    assert [node.title for node in two.ask(DescribeNodes()).nodes] == ["Node 1", "Node 2"]

    cluster.advance(100)
    assert (one.duties, two.duties) == (DUTIES, set())

    cluster.advance(LEASE - 2, but=[one])
    assert two.duties == set()
    cluster.advance(5, but=[one])
    assert two.duties == DUTIES
    assert [node.title for node in two.ask(DescribeNodes()).nodes] == ["Node 2"]


def test_a_node_that_was_given_up_begins_anew_under_another_name(cluster, pair):
    one, two = pair
    cluster.give_up(one)

    cluster.advance(3)

    assert one.ask(DescribeNodes()).name == "node1.2"
    assert base_of("node1.2") == base_of("node1.1")
    assert (one.duties, two.duties) == (set(), DUTIES)
    assert one.stage.heard(NodesLooked)[-1].duties == frozenset()
    cluster.advance(50)
    assert (one.duties, two.duties) == (set(), DUTIES)


def test_who_could_not_beat_because_another_one_wrote_is_not_given_up(cluster, pair):
    one, two = pair

    # Node 2 was kept waiting for a minute, and so was node 1: then both go on.
    two.stage.clock._elapsed += 60
    cluster.advance(20)

    assert one.duties == DUTIES
    assert one.ask(DescribeNodes()).name == "node1.1"


def test_what_a_node_leaves_in_good_order_is_taken_up_at_once(cluster, pair):
    one, two = pair
    cluster.nodes.remove(one)
    one.stage.close()

    cluster.advance(2)

    assert two.duties == DUTIES
    assert [event.left for event in two.stage.heard(NodesLooked) if event.left] == [("node1.1",)]


# Jobs


def test_a_job_is_seen_and_steered_from_every_node(cluster, pair):
    one, two = pair
    id_ = one.submit("one")
    assert [job.record.id for job in two.ask(ListJobs())] == [id_]
    assert two.state(id_) is JobState.RUNNING

    two.ask(PauseJob(id=id_))
    assert two.state(id_) is JobState.RUNNING
    cluster.advance(1)  # node 1 sees it, and its step ends
    cluster.director.end("one", at=1)
    cluster.advance(1)
    assert (one.state(id_), two.state(id_)) == (JobState.PAUSED, JobState.PAUSED)
    assert not cluster.director.under_way()

    two.ask(ResumeJob(id=id_))
    two.stage.settle()
    assert [it[0] for it in cluster.director.under_way()] == [2]
    assert one.state(id_) is JobState.RUNNING
    one.ask(CancelJob(id=id_))
    cluster.advance(2)  # node 2 sees it, and its step ends
    cluster.director.end("one", at=3)
    cluster.advance(1)
    assert (one.state(id_), two.state(id_)) == (JobState.FAILURE, JobState.FAILURE)
    assert [event.id for event in two.stage.heard(JobFailed)] == [id_]
    assert one.stage.heard(JobFailed) == []

    one.ask(ResubmitJob(id=id_))
    one.stage.settle()
    assert two.state(id_) is JobState.RUNNING
    with pytest.raises(UnknownItem):
        two.ask(DeleteJob(id=id_))
    cluster.director.end("one", at=10)
    cluster.advance(1)
    assert two.state(id_) is JobState.SUCCESS
    two.ask(DeleteJob(id=id_))
    with pytest.raises(UnknownResource):
        one.ask(DescribeJob(id=id_))


def test_a_job_is_over_whose_last_step_ends_before_the_pause(cluster, pair):
    one, two = pair
    id_ = one.submit("one")
    two.ask(PauseJob(id=id_))
    cluster.director.end("one", at=10)

    assert (one.state(id_), two.state(id_)) == (JobState.SUCCESS, JobState.SUCCESS)


def test_a_job_that_was_cancelled_at_another_node_stays_so_when_its_last_step_ends(cluster, pair):
    one, two = pair
    id_ = one.submit("one")
    two.ask(CancelJob(id=id_))
    assert two.state(id_) is JobState.FAILURE
    cluster.director.end("one", at=10)
    cluster.advance(2)

    assert (one.state(id_), two.state(id_)) == (JobState.FAILURE, JobState.FAILURE)
    assert [event.id for event in one.stage.heard(JobFailed)] == [id_]
    assert one.stage.heard(JobSucceeded) == []


def test_each_node_runs_as_many_jobs_as_it_may(cluster, pair):
    one, _ = pair
    for name in "abcdef":
        one.submit(name)
    cluster.advance(2)

    running = Counter(it[0] for it in cluster.director.under_way())

    assert running == {1: 2, 2: 2}
    for name in "abcd":
        cluster.director.end(name, at=10)
    cluster.advance(2)
    assert {it[1] for it in cluster.director.under_way()} == {"e", "f"}


def test_a_paused_job_is_resumed_where_somebody_wishes_before_its_node_noticed(cluster, pair):
    one, two = pair
    id_ = one.submit("one")

    two.ask(PauseJob(id=id_))
    two.ask(ResumeJob(id=id_))
    cluster.director.end("one", at=1)
    cluster.advance(2)

    assert [it[:2] for it in cluster.director.under_way()] == [(1, "one")]
    assert two.state(id_) is JobState.RUNNING


def test_another_node_goes_on_with_the_jobs_of_one_that_is_gone(cluster, pair):
    one, two = pair
    id_ = one.submit("one")
    cluster.director.end("one", at=4)
    one.stage.settle()

    cluster.give_up(one)

    assert [(it[0], it[2].position) for it in cluster.director.under_way()] == [
        (1, {"At": 4}),
        (2, {"At": 4}),
    ]
    # What the first one brings about late is refused.
    _, _, turn, reply = cluster.director.under_way()[0]
    reply.set(turn.ends({"At": 9}, progress=0.9))
    one.stage.settle()
    assert two.ask(DescribeJob(id=id_)).record.position == {"At": 4}
    _, _, turn, reply = cluster.director.under_way()[0]
    reply.set(turn.ends({"At": 10}, done=True))
    cluster.advance(3)
    assert one.state(id_) is two.state(id_) is JobState.SUCCESS
    assert [event.id for event in two.stage.heard(JobSucceeded)] == [id_]
    assert one.stage.heard(JobSucceeded) == []


def test_whoever_waits_for_a_job_hears_of_its_end_though_another_node_came_to_it(cluster, pair):
    one, _ = pair
    kept = one.stage.ask_soon(RunJob(type="Rehearsal", parameters={"Name": "kept"}))
    gone = one.stage.ask_soon(RunJob(type="Rehearsal", parameters={"Name": "gone"}, fleeting=True))
    cluster.advance(1)
    cluster.give_up(one)
    cluster.advance(3)

    for _, _, turn, reply in cluster.director.under_way():
        reply.set(turn.ends({}, done=True))
    cluster.advance(3)

    assert kept.get(timeout=0).state is JobState.SUCCESS
    assert gone.get(timeout=0).state is JobState.SUCCESS


def test_a_job_that_a_node_took_and_does_not_know_of_is_run(cluster, pair):
    one, _ = pair
    id_ = one.submit("one")
    # As if the index had recorded it, and the answer had been lost.
    record = one.ask(DescribeJob(id=id_)).record
    one.ask(RecordJob(job=replace(record, id=JobId("two"))))

    cluster.advance(3)

    assert len(cluster.director.under_way("one")) == 2
    assert one.state("two") is JobState.RUNNING


# Removing files


def delete_studies(node, count):
    for seed in range(count):
        ids = [
            node.ask(StoreInstance(content=content)).ids
            for content in make_study(series=1, instances=5, seed=seed, patient_id=f"P{seed}")
        ]
        node.ask(DeleteResource(level=Level.PATIENT, id=ids[0].patient))


@pytest.fixture
def sharing(cluster):
    cluster.removals = Counter()
    return cluster.add(), cluster.add()


def test_files_are_removed_once_by_all(cluster, sharing):
    one, two = sharing
    one.ask(PauseRemovals())
    cluster.advance(2)
    delete_studies(one, 50)

    two.ask(ResumeRemovals())
    cluster.advance(2)
    for _ in range(400):
        for node in sharing:
            for gate in node.gates:
                if not gate.done:
                    gate.set(None)
            node.stage.settle()
        if not one.ask(CountReleased()):
            break
    cluster.advance(2)

    assert one.ask(CountReleased()) == 0
    assert set(cluster.removals.values()) == {1}
    assert len(cluster.removals) == 250
    assert one.gates
    assert two.gates


def test_a_pause_holds_at_every_node(cluster, sharing):
    one, two = sharing
    two.ask(PauseRemovals())
    cluster.advance(2)

    delete_studies(one, 2)
    cluster.advance(3)

    assert not cluster.removals
    one.ask(ResumeRemovals())
    cluster.advance(2)
    assert cluster.removals


def test_a_pause_is_told_at_every_node_before_it_was_heeded(sharing):
    one, two = sharing
    two.ask(PauseRemovals())
    assert one.ask(DescribeDeletionQueue()).is_paused

    one.ask(ResumeRemovals())
    assert not two.ask(DescribeDeletionQueue()).is_paused


def test_files_that_a_dead_node_had_taken_are_removed_by_another(cluster, sharing):
    one, two = sharing
    delete_studies(one, 3)
    cluster.advance(2)
    first = next(node for node in sharing if node.gates)
    other = two if first is one else one
    assert len(first.gates) == 1

    cluster.give_up(first)
    other.let_remove()

    assert other.ask(CountReleased()) == 0
    assert len(cluster.removals) == 15
    assert sorted(cluster.removals.values()) == [1] * 14 + [2]  # the one that nobody knew of


def test_a_removal_that_failed_is_tried_again_by_its_own_node_alone(cluster, sharing):
    one, two = sharing
    delete_studies(one, 1)
    cluster.advance(2)
    first = next(node for node in sharing if node.gates)
    other = two if first is one else one
    first.gates[0].refuse(StorageFailed())
    first.stage.settle()
    first.let_remove()
    delete_studies(other, 1)
    other.stage.settle()
    other.let_remove()
    cluster.advance(5)

    assert [node for node in sharing if any(not gate.done for gate in node.gates)] == [first]
    first.let_remove()
    assert two.ask(CountReleased()) == 0
    assert sorted(cluster.removals.values()) == [1] * 9 + [2]


# Stability


def stable_changes(node):
    page = node.ask(ListChanges(limit=1000))
    return [change.type for change in page.changes if change.type in STABLE]


def test_each_stable_event_comes_once_whoever_received_the_instances(cluster, pair):
    for number, node in enumerate(pair * 2):
        node.ask(StoreInstance(content=make_study(series=1, instances=4, seed=1)[number]))
        cluster.advance(20)
    assert stable_changes(pair[0]) == []

    cluster.advance(120)

    assert len(stable_changes(pair[0])) == len(STABLE)


def test_what_a_dead_node_received_becomes_stable(cluster, pair):
    one, two = pair
    one.ask(StoreInstance(content=make_dicom()))

    cluster.advance(80, but=[one])

    assert len(stable_changes(two)) == len(STABLE)
    cluster.advance(80)
    assert len(stable_changes(two)) == len(STABLE)


# Events


def test_each_event_is_delivered_once_wherever_it_happened(cluster, pair):
    one, two = pair
    for node, name in ((one, "A"), (two, "B"), (one, "C"), (two, "D")):
        node.ask(StoreInstance(content=make_dicom(patient_id=name)))
        cluster.advance(2)

    assert one.target.got == [*range(1, 17)]
    assert two.target.got == []

    cluster.nodes.remove(one)
    one.stage.close()
    two.ask(StoreInstance(content=make_dicom(patient_id="E")))
    cluster.advance(3)
    assert two.target.got == [*range(17, 21)]


def test_another_node_goes_on_with_events_and_the_first_one_keeps_quiet(cluster, pair):
    one, two = pair
    one.ask(StoreInstance(content=make_dicom(patient_id="A")))
    cluster.advance(2)
    cluster.give_up(one)

    one.ask(StoreInstance(content=make_dicom(patient_id="B")))  # it lives, and does not know
    cluster.advance(3)

    assert one.target.got[:4] == [1, 2, 3, 4]
    assert sorted(set(one.target.got + two.target.got)) == [*range(1, 9)]
    assert two.target.got == [5, 6, 7, 8]
    two.ask(StoreInstance(content=make_dicom(patient_id="C")))
    cluster.advance(3)
    assert two.target.got == [*range(5, 13)]
    assert 9 not in one.target.got


def test_a_target_is_steered_from_every_node(cluster, pair):
    one, two = pair
    two.ask(PauseTarget(name="pacs"))
    cluster.advance(2)
    one.ask(StoreInstance(content=make_dicom(patient_id="A")))
    cluster.advance(2)
    assert one.target.got == []
    assert one.ask(DescribeTarget(name="pacs")).state == "Paused"

    two.ask(ResumeTarget(name="pacs"))
    cluster.advance(2)
    assert one.target.got == [1, 2, 3, 4]
    assert two.ask(DescribeTarget(name="pacs")).position == 4

    two.ask(ReplayEvents(name="pacs", since=2))
    cluster.advance(2)
    assert one.target.got == [1, 2, 3, 4, 3, 4]


def follow(node):
    """Let a callback be told at a node; what it was told."""
    told = []
    position = node.ask(HoldLog(reader="callback"))
    node.stage.put_on(
        SubscriberActor,
        connected=False,
        name="callback",
        callback=lambda event: told.append(event.number),
        types=frozenset(),
        position=position,
        shared=True,
    )
    return told


def test_callbacks_are_told_of_each_event_at_one_node(cluster, pair):
    one, two = pair
    first, second = follow(one), follow(two)
    cluster.advance(2)
    two.ask(StoreInstance(content=make_dicom(patient_id="A")))
    cluster.advance(3)
    assert (first, second) == ([1, 2, 3, 4], [])

    cluster.nodes.remove(one)
    one.kill()
    ids = two.ask(StoreInstance(content=make_dicom(patient_id="B"))).ids
    two.ask(DeleteResource(level=Level.PATIENT, id=ids.patient))
    cluster.advance(LEASE + 4)

    assert second == [*range(5, 13)]


# What is kept for all


def test_peers_that_are_entered_at_one_node_are_known_at_all(cluster, pair):
    one, two = pair
    for node in pair:
        node.stage.put_on(
            PeersActor,
            peers={},
            options=HttpOptions(),
            crew=InlineCrew(),
            in_database=True,
            shared=True,
        )

    one.ask(SetPeer(name="a", peer=Peer(url="http://a.example.org/")))
    two.ask(SetPeer(name="b", peer=Peer(url="http://b.example.org/")))
    cluster.advance(2)

    assert set(one.ask(ListPeers())) == set(two.ask(ListPeers())) == {"a", "b"}
    one.ask(DeletePeer(name="b"))
    cluster.advance(2)
    assert set(two.ask(ListPeers())) == {"a"}


# Housekeeping


def keep_house(node):
    configuration = Configuration(
        orthanc_version="1",
        storage_compression=False,
        encryption="",
        ingest_transcoding="",
        signatures={level: MAIN_DICOM_TAGS.signature(level) for level in Level},
    )
    settings = HousekeeperSettings(enable=True, throttle_delay=5)
    node.stage.put_on(HousekeeperActor, settings=settings, configuration=configuration, shared=True)


def test_one_node_keeps_house_at_a_time_and_another_goes_on_where_it_was(cluster, pair):
    one, two = pair
    for number in range(6):
        one.ask(StoreInstance(content=make_dicom(patient_id=f"P{number}", seed=number)))
    for node in pair:
        keep_house(node)
    cluster.advance(3)

    one.ask(RunHousekeeping(force=True))
    cluster.advance(12)
    done = two.ask(DescribeHousekeeping()).studies_done
    assert 0 < done < 6
    assert one.ask(DescribeHousekeeping()).studies_done == done

    cluster.give_up(one)
    cluster.advance(60)
    assert two.ask(DescribeHousekeeping()).studies_done == 6
    assert one.ask(DescribeHousekeeping()).studies_done == 6

    # What is wanted at a node brings the work there, and the other one stops.
    one.ask(RunHousekeeping(force=True))
    cluster.advance(3)
    assert HOUSEKEEPING in one.duties
    two.ask(PauseHousekeeping())
    cluster.advance(30)
    assert one.ask(DescribeHousekeeping()).is_paused
    assert HOUSEKEEPING in two.duties
    assert one.ask(DescribeHousekeeping()).studies_done < 6


def test_who_wants_something_of_housekeeping_right_after_somebody_did_elsewhere_is_answered(pair):
    for node in pair:
        keep_house(node)

    for node in (*pair, *pair):
        node.ask(RunHousekeeping(force=True))  # no beat passes
    for node in (*pair, *pair):
        assert node.ask(PauseHousekeeping()).is_paused


# Tiering


def move_by_rules(node, moved):
    """Let a node move files to the object store, as far as the index is concerned."""

    def move(command):
        moved.append([file.attachment.uuid for file in command.files])
        return MoveReport(moved=len(command.files))

    node.stage.understudy(MoveFiles, answer=move)
    rule = TieringRuleSettings(name="all", source="file-system", target="object-storage")
    settings = TieringSettings(enable=True, rules=[rule], busy_share=100)
    node.stage.put_on(
        TieringActor,
        settings=settings,
        storages=("file-system", "object-storage"),
        room_of=lambda _: None,
        pause=5.0,
        shared=True,
    )


def test_another_node_goes_on_with_a_pass_over_the_rules_of_one_that_is_gone(cluster, pair):
    one, two = pair
    for number in range(8):
        one.ask(StoreInstance(content=make_dicom(patient_id=f"P{number}", seed=number)))
    first, second = [], []
    move_by_rules(one, first)
    move_by_rules(two, second)
    one.ask(RunTiering())
    cluster.advance(3)
    assert first
    assert second == []
    assert one.ask(DescribeTiering()).current is not None
    until(lambda: two.ask(DescribeTiering()).current is not None)  # it is in the index

    cluster.give_up(one)
    cluster.advance(60)

    everything = {uuid for files in (*first, *second) for uuid in files}
    assert len(everything) == 8
    assert TIERING in two.duties
    assert [node.ask(DescribeTiering()).current for node in pair] == [None, None]


# Options


def test_without_delayed_deletion_a_node_answers_when_its_files_are_gone(cluster):
    cluster.at_once = True
    one, two = cluster.add(), cluster.add()
    ids = two.ask(StoreInstance(content=make_dicom())).ids
    one.ask(DeleteResource(level=Level.PATIENT, id=ids.patient))

    kept = FilesystemArea(cluster.folder / "files", synchronize=False)
    assert list(kept.names()) == []
    assert two.ask(CountReleased()) == 0


def test_jobs_of_nodes_are_kept_whatever_a_node_that_starts_would_forget(cluster):
    cluster.saves_jobs = False
    one = cluster.add()
    id_ = one.submit("one")
    two = cluster.add()

    assert (one.state(id_), two.state(id_)) == (JobState.RUNNING, JobState.RUNNING)


# Everything, with deaths at random


@pytest.mark.parametrize("seed", range(4))
def test_whoever_dies_nothing_is_lost_stuck_or_doubled(cluster, seed):
    chance = random.Random(seed)
    cluster.director.is_quick = True
    nodes = [cluster.add() for _ in range(2)]
    dead, stored, jobs = [], set(), []
    for number in range(30):
        node = chance.choice(cluster.nodes)
        for act in chance.sample(["store", "job", "delete", "wait"], 2):
            if act == "store":
                content = make_dicom(patient_id=f"P{number}", seed=number)
                stored.add(node.ask(StoreInstance(content=content)).ids.patient)
            elif act == "job":
                jobs.append(node.submit(f"job {number}", priority=chance.randrange(3)))
            elif act == "delete" and stored:
                id_ = chance.choice(sorted(stored))
                node.ask(DeleteResource(level=Level.PATIENT, id=id_))
                stored.remove(id_)
            else:
                cluster.advance(chance.randrange(1, 9))
        if chance.random() < 0.15:
            node = cluster.nodes.pop(chance.randrange(len(cluster.nodes)))
            node.kill()
            dead.append(node)
            nodes.append(cluster.add())
        elif chance.random() < 0.1:
            cluster.give_up(chance.choice(cluster.nodes))

    cluster.advance(200)

    last = cluster.nodes[-1]
    assert dead
    assert {last.state(id_) for id_ in jobs} == {JobState.SUCCESS}
    assert last.ask(CountReleased()) == 0
    kept = FilesystemArea(cluster.folder / "files", synchronize=False)
    assert len(list(kept.names())) == len(stored)
    page = last.ask(ListChanges(limit=10_000))
    stable = Counter((it.type, it.id) for it in page.changes if it.type in STABLE)
    assert set(stable.values()) == {1}
    assert {id_ for type_, id_ in stable if type_ is ChangeType.STABLE_PATIENT} == stored
    assert set().union(*(set(node.target.got) for node in nodes)) == {*range(1, page.last + 1)}
