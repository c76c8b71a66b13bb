import threading
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from repertory.actors.crew import InlineCrew, ThreadCrew
from repertory.actors.delivery import DeliveryActor
from repertory.actors.messages.changes import ClearChanges
from repertory.actors.messages.delivery import (
    DescribeTarget,
    DescribeTargets,
    PauseTarget,
    ReplayDeadLetters,
    ReplayEvents,
    ResumeTarget,
)
from repertory.actors.messages.following import (
    DropDeadLetters,
    ListDeadLetters,
    ListTargetPlaces,
    MoveTarget,
)
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import DeleteResource
from repertory.actors.targets.base import Outcome, Rules, Verdict
from repertory.errors import BadParameter, CannotStart, IndexFailed, UnknownItem
from repertory.model import ChangeType, Level
from repertory.testing import Stage
from repertory.testing.files import make_dicom

FOUR = [1, 2, 3, 4]
"""The numbers of the events of a first instance."""


class Receiver:
    """A target that notes what comes, and answers as a test has it."""

    kind = "Test"
    address = "memory"

    def __init__(self, name="pacs", **rules):
        self.name = name
        self.rules = Rules(**rules)
        self.answer = lambda _event: None
        self.got = []
        self.tried = []
        self.archive = None
        self.aborted = False

    def open(self, archive):
        self.archive = archive

    def deliver(self, events):
        for number, event in enumerate(events):
            self.tried.append(event.number)
            problem = self.answer(event)
            if problem is not None:
                return Outcome(number, *problem)
            self.got.append(event.number)
        return Outcome(len(events))

    def abort(self):
        self.aborted = True


REFUSED = (Verdict.REFUSED, "It answered 500.")
UNREACHABLE = (Verdict.UNREACHABLE, "It cannot be reached.")


@pytest.fixture
def deliver(archive):
    def deliver(*targets, crew=lambda _: InlineCrew()):
        return archive.stage.put_on(DeliveryActor, targets=targets, crew=crew)

    return deliver


def store(archive, **how):
    return archive.stage.ask(StoreInstance(content=make_dicom(**how))).ids


def state(archive, name="pacs"):
    archive.stage.settle()
    return archive.stage.ask(DescribeTarget(name=name))


def place(archive):
    archive.stage.settle()
    return archive.stage.ask(ListTargetPlaces())[0].position


def test_a_new_target_is_told_of_what_comes_from_now_on_in_order(archive, deliver):
    store(archive, patient_id="OLD")
    target = Receiver()
    deliver(target)
    store(archive, patient_id="A")
    store(archive, patient_id="B")
    now = state(archive)

    assert target.got == [*range(5, 13)]
    assert target.archive
    assert (now.state, now.position, now.newest, now.delivered) == ("Idle", 12, 12, 8)
    assert place(archive) == 12


def test_a_target_is_told_only_of_the_events_that_it_wants(archive, deliver):
    target = Receiver(types=frozenset({ChangeType.NEW_STUDY, ChangeType.DELETED}))
    deliver(target)
    ids = store(archive)
    archive.stage.ask(DeleteResource(level=Level.STUDY, id=ids.study))
    now = state(archive)

    assert target.got == [3, *range(5, 9)]
    assert now.events == ("Deleted", "NewStudy")
    assert now.position == now.newest


def test_what_came_while_the_archive_was_down_or_crashed_is_told_after_the_start(archive, deliver):
    target = Receiver()
    deliver(target)
    store(archive)
    archive.stage.settle()
    archive.restart()  # and nobody delivers
    ids = store(archive, patient_id="B")
    archive.stage.ask(DeleteResource(level=Level.PATIENT, id=ids.patient))
    archive.stage.ask(ClearChanges())
    archive.restart()
    again = Receiver()
    archive.stage.put_on(DeliveryActor, targets=[again], crew=lambda _: InlineCrew())
    archive.stage.settle()

    assert target.got == FOUR
    assert again.got == [*range(5, 13)]


def test_a_crash_before_the_place_is_recorded_lets_events_come_twice_and_none_never(stage, archive):
    archive.restart()
    first = Receiver()
    archive.stage.understudy(MoveTarget, answer=IndexFailed())
    with capture_logs() as logs:
        archive.stage.put_on(DeliveryActor, targets=[first], crew=lambda _: InlineCrew())
        store(archive)
        archive.stage.settle()
        archive.restart()
    second = Receiver()
    archive.stage.put_on(DeliveryActor, targets=[second], crew=lambda _: InlineCrew())
    archive.stage.settle()

    assert first.got == second.got == FOUR
    assert "place_unrecorded" in [line["event"] for line in logs]


def test_a_target_that_is_gone_is_tried_ever_later_and_gets_everything_in_order(archive, deliver):
    target = Receiver(attempts=2)
    target.answer = lambda _: UNREACHABLE
    moments = []
    deliver(target)
    store(archive)
    for _ in range(200):
        archive.stage.settle()
        moments.append(len(target.tried))
        archive.stage.clock.advance(1)
    now = state(archive)

    assert target.got == []
    assert set(target.tried) == {1}
    attempts = [second for second, (a, b) in enumerate(pairwise(moments)) if b > a]
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    assert gaps == sorted(gaps)
    assert gaps[-1] >= 30
    assert (now.state, now.position, now.failures) == ("Retrying", 0, len(target.tried))
    assert now.last_error == "It cannot be reached."
    assert 0 < now.retry_in <= 300
    assert now.dead_letters == 0

    target.answer = lambda _: None
    archive.stage.clock.advance(300)
    now = state(archive)
    assert target.got == [*FOUR, 5, 6, 7]  # the stable ones came meanwhile
    assert (now.state, now.failures, now.retry_in) == ("Idle", 0, None)


def test_a_target_that_asks_for_patience_is_given_it(archive, deliver):
    target = Receiver()
    target.answer = lambda _: (Verdict.UNREACHABLE, "It answered 429.", 60.0)
    deliver(target)
    store(archive)
    archive.stage.clock.advance(59)
    assert target.tried == [1]
    archive.stage.clock.advance(1)

    assert target.tried == [1, 1]


def test_an_event_that_is_refused_again_and_again_becomes_a_dead_letter_and_the_next_go_on(
    archive, deliver
):
    target = Receiver(attempts=3)
    target.answer = lambda event: REFUSED if event.number == 2 else None
    deliver(target)
    with capture_logs() as logs:
        store(archive)
        archive.stage.clock.advance(10)
    now = state(archive)
    (letter,) = archive.stage.ask(ListDeadLetters(name="pacs"))

    assert target.got == [1, 3, 4]
    assert target.tried.count(2) == 3
    assert (now.dead_letters, now.position) == (1, 4)
    assert (letter.event.number, letter.attempts) == (2, 3)
    assert letter.reason == "It answered 500."
    assert letter.event.study
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["event_buried"]


def test_dead_letters_are_delivered_once_more_when_somebody_asks(archive, deliver):
    target = Receiver(attempts=1)
    target.answer = lambda event: REFUSED if event.number in (2, 3) else None
    deliver(target)
    store(archive)
    archive.stage.settle()
    assert state(archive).dead_letters == 2
    assert archive.stage.ask(ReplayDeadLetters(name="pacs")) == 2
    assert state(archive).dead_letters == 2  # they failed again, and stayed
    target.answer = lambda _: None
    first, second = archive.stage.ask(ListDeadLetters(name="pacs"))
    assert archive.stage.ask(ReplayDeadLetters(name="pacs", numbers=(second.number,))) == 1
    assert state(archive).dead_letters == 1
    assert archive.stage.ask(ReplayDeadLetters(name="pacs")) == 1

    assert state(archive).dead_letters == 0
    assert target.got == [1, 4, 3, 2]
    with pytest.raises(UnknownItem):
        archive.stage.ask(ReplayDeadLetters(name="pacs", numbers=(first.number,)))


def test_dead_letters_are_dropped(archive, deliver):
    target = Receiver(attempts=1)
    target.answer = lambda _: REFUSED
    deliver(target)
    store(archive)
    archive.stage.settle()
    assert archive.stage.ask(DropDeadLetters(name="pacs")) == 4

    assert state(archive).dead_letters == 0


def test_a_target_that_fails_or_hangs_keeps_neither_the_archive_nor_another_target_waiting(
    archive, deliver
):
    hangs, release = threading.Event(), threading.Event()
    slow, good, bad = Receiver("slow"), Receiver("good"), Receiver("bad")

    def hang(_):
        hangs.set()
        release.wait(20)

    slow.answer = hang
    bad.answer = lambda _: UNREACHABLE
    ref = deliver(slow, good, bad, crew=lambda name: ThreadCrew(1, name=name))
    store(archive)
    assert hangs.wait(20)
    for number in range(120):
        store(archive, patient_id=f"P{number}")
    moment = threading.Event()
    while archive.stage.ask(DescribeTarget(name="good")).delivered < 121 * 4:
        moment.wait(0.005)
    slow_now = archive.stage.ask(DescribeTarget(name="slow"))
    waiting = ref.actor_inbox.qsize()
    release.set()

    assert good.got == [*range(1, 485)]
    assert (slow_now.state, slow_now.position) == ("Delivering", 0)
    assert waiting < 20
    while archive.stage.ask(DescribeTarget(name="slow")).delivered < 121 * 4:
        moment.wait(0.005)
    assert slow.got == good.got


def test_what_waits_for_a_target_is_in_the_index_and_not_in_memory(archive, deliver):
    target = Receiver()
    target.answer = lambda _: UNREACHABLE
    deliver(target)
    for number in range(60):
        store(archive, patient_id=f"P{number}")
    now = state(archive)
    assert (now.position, now.newest, now.state) == (0, 240, "Retrying")
    target.answer = lambda _: None
    archive.stage.ask(ResumeTarget(name="pacs"))
    archive.stage.settle()
    assert target.got == [*range(1, 241)]


def test_a_paused_target_misses_nothing_and_stays_paused_over_a_restart(archive, deliver):
    deliver(Receiver())
    paused = archive.stage.ask(PauseTarget(name="pacs"))
    ids = store(archive)
    archive.stage.ask(DeleteResource(level=Level.STUDY, id=ids.study))
    archive.stage.settle()
    archive.restart()
    target = Receiver()
    archive.stage.put_on(DeliveryActor, targets=[target], crew=lambda _: InlineCrew())
    assert paused.state == state(archive).state == "Paused"
    assert target.got == []
    archive.stage.ask(ResumeTarget(name="pacs"))
    archive.stage.settle()

    assert target.got == [*range(1, 9)]


def test_who_resumes_a_target_that_waits_has_it_tried_at_once(archive, deliver):
    target = Receiver()
    target.answer = lambda _: UNREACHABLE
    deliver(target)
    store(archive)
    archive.stage.settle()
    target.answer = lambda _: None
    archive.stage.ask(ResumeTarget(name="pacs"))
    archive.stage.settle()

    assert target.got == FOUR


def test_a_target_is_told_again_from_a_number_on(archive, deliver):
    target = Receiver()
    deliver(target)
    store(archive)
    archive.stage.settle()
    archive.stage.ask(ReplayEvents(name="pacs", since=2))
    archive.stage.settle()

    assert target.got == [*FOUR, 3, 4]
    assert place(archive) == 4


def test_a_replay_passes_over_what_a_target_cannot_take(archive, deliver):
    target = Receiver()
    target.answer = lambda _: REFUSED
    deliver(target)
    store(archive)
    archive.stage.settle()
    archive.stage.ask(ReplayEvents(name="pacs", since=4))
    target.answer = lambda _: None
    store(archive, patient_id="B")
    archive.stage.clock.advance(60)

    assert target.got == [5, 6, 7, 8]
    assert place(archive) == 8


@pytest.mark.parametrize("since", [-1, 5])
def test_a_replay_from_a_number_that_was_never_given_is_refused(archive, deliver, since):
    deliver(Receiver())
    store(archive)
    with pytest.raises(BadParameter):
        archive.stage.ask(ReplayEvents(name="pacs", since=since))


@pytest.mark.parametrize(
    "question",
    [
        DescribeTarget(name="nobody"),
        PauseTarget(name="nobody"),
        ResumeTarget(name="nobody"),
        ReplayEvents(name="nobody", since=0),
        ReplayDeadLetters(name="nobody"),
    ],
    ids=lambda question: type(question).__name__,
)
def test_a_target_that_is_not_there_is_unknown(archive, deliver, question):
    deliver()
    with pytest.raises(UnknownItem):
        archive.stage.ask(question)
    assert archive.stage.ask(DescribeTargets()) == ()


def test_two_targets_of_one_name_are_refused(archive, deliver):
    with pytest.raises(CannotStart, match="pacs"):
        deliver(Receiver(), Receiver())


def test_a_target_that_raises_by_a_defect_is_tried_again(archive, deliver):
    target = Receiver()
    defects = [ValueError("DOE^JOHN")]

    def answer(_):
        if defects:
            raise defects.pop()

    target.answer = answer
    deliver(target)
    with capture_logs() as logs:
        store(archive)
        archive.stage.clock.advance(2)

    assert target.got == FOUR
    assert "DOE" not in str(logs)


def test_stopping_cuts_off_what_is_under_way_and_records_what_arrived(archive, deliver):
    target = Receiver()
    ref = deliver(target)
    store(archive)
    archive.stage.settle()
    target.answer = lambda _: UNREACHABLE
    store(archive, patient_id="B")
    archive.stage.settle()
    archive.stage.take_off(ref)

    assert target.aborted
    assert place(archive) == 4


def test_in_a_read_only_archive_nobody_is_told(archive):
    target = Receiver()
    archive.stage.put_on(DeliveryActor, targets=[target], read_only=True)

    assert archive.stage.ask(DescribeTargets()) == ()
    assert target.archive is None


def test_what_a_target_does_not_want_costs_no_transaction_each(archive, deliver):
    deliver(Receiver(types=frozenset({ChangeType.COMPLETED_SERIES})))
    for number in range(5):
        store(archive, patient_id=f"P{number}")
        archive.stage.settle()

    assert state(archive).position == 20
    assert place(archive) == 0
    archive.restart(Stage())
    assert place(archive) == 20
