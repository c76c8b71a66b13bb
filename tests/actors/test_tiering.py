import json
import random
import threading
from collections import Counter

import pytest

from repertory.actors.crew import InlineCrew
from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.hybrid_router import HybridRouterActor, Side
from repertory.actors.index import IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.integrity import IntegrityActor
from repertory.actors.jobs import JOBS
from repertory.actors.jobs.actor import JobsActor
from repertory.actors.messages.attachments import DescribeAttachment, ReadAttachment, ReadTags
from repertory.actors.messages.housekeeping import RecordState
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.integrity import AwaitCheck, BeginCheck
from repertory.actors.messages.jobs import SubmitJob
from repertory.actors.messages.labels import AddLabel
from repertory.actors.messages.places import AddPlaces, MoveFiles, RecordMoves
from repertory.actors.messages.resources import DeleteResource
from repertory.actors.messages.tiering import (
    DescribeKeptTiering,
    DescribeTiering,
    FindReadStudies,
    FindTierable,
    PauseTiering,
    PlanTiering,
    RecordAccesses,
    ResumeTiering,
    RunTiering,
)
from repertory.actors.pace import Pace
from repertory.actors.reply import Reply
from repertory.actors.storage import StorageActor
from repertory.actors.tiering import recalling
from repertory.actors.tiering.actor import TieringActor
from repertory.conf.tiering import RecallSettings, TieringRuleSettings, TieringSettings
from repertory.errors import ArchiveFull, FileLost, IndexBusy, StorageFailed
from repertory.model import Level, ResourceRef
from repertory.places import OwnedFile
from repertory.storage.areas import MemoryArea
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing import Stage
from repertory.testing.files import make_dicom
from repertory.tiering import Room, StudiesPage

DAY = 86_400.0
NUMBERS = {"disk": 0, "store": 1, "tape": 2}
NAMES = {0: "file-system", 1: "object-storage", 2: "tape"}


class FullArea(MemoryArea):
    """Refuses what a test wants it to."""

    def __init__(self):
        super().__init__()
        self.refusal = None
        self.reading = None
        self.on_create = None

    def create(self, uuid, content_type, content):
        if self.refusal is not None:
            raise self.refusal
        super().create(uuid, content_type, content)
        if self.on_create is not None:
            self.on_create()

    def read(self, uuid, content_type, start=0, length=None):
        if self.reading is not None:
            raise self.reading
        return super().read(uuid, content_type, start, length)


def refuse(*_):
    raise StorageFailed


def rule(name="r", target="object-storage", **more):
    return TieringRuleSettings(name=name, target=target, **more)


class Tiers:
    """An archive with three storages and rules; the room on each is what a test says."""

    def __init__(self, folder):
        self.folder = folder
        self.areas = {number: FullArea() for number in NAMES}
        self.room = {}
        self.capacity = {}
        self.stage = None
        self.stored = 0

    def start(self, *rules, recall=None, rests=False, **more):
        """Begin anew with some rules; with ``rests``, no pass begins by itself."""
        clock = None
        if self.stage is not None:
            clock = self.stage.clock
            self.stage.close()
        stage = self.stage = Stage()
        if clock is not None:
            stage.clock.advance(clock.monotonic())
        engine = SqliteEngine(self.folder / "index")
        stage.put_on(IndexActor, engine=engine)
        stage.put_on(IndexReaderActor, engine=engine)
        stage.ask(AddPlaces(names=("tape",)))
        sides = {}
        for number, area in self.areas.items():
            ref = stage.put_on(
                StorageActor,
                connected=False,
                area=area,
                crew=InlineCrew(),
                main_tags=MAIN_DICOM_TAGS,
                location=number,
                others={n: it for n, it in self.areas.items() if n != number},
            )
            sides[number] = Side(NAMES[number], ref)
        recall = recall or RecallSettings()
        far = frozenset(n for n, name in NAMES.items() if recall.enable and name == recall.source)
        stage.put_on(HybridRouterActor, sides=sides, writer=0, notes_reads=True, far=far)
        stage.put_on(DeletionQueueActor)
        stage.put_on(JobsActor, types=JOBS)
        stage.put_on(IntegrityActor, young=0.0)
        if rests:
            stage.ask(RecordState(name="tiering", paused=True))
        more = {"interval_minutes": 1440, "busy_share": 100, **more}
        settings = TieringSettings(enable=True, rules=list(rules), recall=recall, **more)
        stage.put_on(
            TieringActor, settings=settings, storages=tuple(NAMES.values()), room_of=self.room_of
        )
        stage.settle()

    def ask(self, question):
        return self.stage.ask(question)

    def room_of(self, name):
        """What a test says, or what is left of a disk of some size."""
        if name not in self.capacity:
            return self.room.get(name)
        number = next(number for number, it in NAMES.items() if it == name)
        total = self.capacity[name]
        return Room(total - sum(map(len, self.areas[number].files.values())), total)

    def store(self, study=None, *, size=None, **tags):
        """A study of one instance."""
        self.stored += 1
        number = study or self.stored
        content = make_dicom(
            patient_id=f"P{number}",
            study=f"1.{number}",
            series=f"1.{number}.{self.stored}",
            instance=f"1.{number}.{self.stored}.1",
            size=size,
            tags=tags,
        )
        return self.ask(StoreInstance(content=content)).ids

    def file_of(self, ids):
        return self.ask(DescribeAttachment(level=Level.INSTANCE, id=ids.instance)).attachment

    def place_of(self, *all_ids):
        return [{0: "disk", 1: "store", 2: "tape"}[self.file_of(it).location] for it in all_ids]

    def move(self, ids, target):
        file = OwnedFile(Level.INSTANCE, ids.instance, self.file_of(ids))
        self.ask(MoveFiles(files=(file,), target=NAMES[NUMBERS[target]]))
        self.stage.settle()

    def read(self, ids):
        content = self.ask(ReadAttachment(level=Level.INSTANCE, id=ids.instance)).content
        self.stage.settle()
        return content

    def run(self):
        self.ask(RunTiering())
        self.stage.settle()

    def status(self):
        return self.ask(DescribeTiering())

    def label(self, ids, label):
        self.ask(AddLabel(level=Level.STUDY, id=ids.study, label=label))

    def pass_days(self, days):
        self.stage.clock.advance(days * DAY)

    def reports(self):
        return {it.name: it for it in self.status().last.rules}

    def read_at(self, ids):
        found = self.ask(FindReadStudies(read=(ResourceRef(Level.STUDY, ids.study),)))
        return found[0].read_at

    def is_sound(self):
        self.ask(BeginCheck(checksums=True))
        return self.ask(AwaitCheck()).report.is_sound


@pytest.fixture
def tiers(tmp_path):
    archive = Tiers(tmp_path)
    yield archive
    archive.stage.close()


# Conditions


def test_what_came_long_ago_moves_and_what_came_of_late_stays(tiers):
    tiers.start(rule(received_before_days=30))
    old = tiers.store()
    tiers.pass_days(29)
    new = tiers.store()
    tiers.run()
    assert tiers.place_of(old, new) == ["disk", "disk"]

    tiers.pass_days(2)

    assert tiers.place_of(old, new) == ["store", "disk"]
    assert tiers.areas[0].files.keys() == {tiers.file_of(new).uuid}
    assert tiers.is_sound()


def test_another_instance_makes_a_study_young_again(tiers):
    tiers.start(rule(received_before_days=30))
    old = tiers.store(study=7)
    tiers.pass_days(20)
    new = tiers.store(study=7)

    tiers.pass_days(20)

    assert tiers.place_of(old, new) == ["disk", "disk"]


def test_what_was_read_of_late_stays_where_a_rule_asks_for_it(tiers):
    tiers.start(rule(not_read_for_days=30))
    read, unread = tiers.store(), tiers.store()
    tiers.pass_days(20)
    tiers.read(read)

    tiers.pass_days(15)

    assert tiers.place_of(read, unread) == ["disk", "store"]
    tiers.pass_days(20)
    assert tiers.place_of(read, unread) == ["store", "store"]


def test_what_was_read_before_anybody_took_notes_counts_as_read_when_that_began(tiers):
    tiers.start(rests=True)
    it = tiers.store()
    tiers.pass_days(300)
    tiers.stage.ask(RecordState(name="tiering", state="", paused=False))
    tiers.start(rule(not_read_for_days=30))

    tiers.pass_days(29)
    assert tiers.place_of(it) == ["disk"]

    tiers.pass_days(2)
    assert tiers.place_of(it) == ["store"]


@pytest.mark.parametrize("words", [["MR"], ["us", " mr "]])
def test_a_rule_may_be_about_modalities_and_then_whole_studies_move(tiers, words):
    tiers.start(rule(modalities=words))
    mr, ct = tiers.store(Modality="MR"), tiers.store(Modality="CT")
    report = tiers.store(study=1, Modality="SR")

    tiers.run()

    assert tiers.place_of(mr, report, ct) == ["store", "store", "disk"]


def test_a_rule_may_be_about_labels(tiers):
    tiers.start(rule(labels=["done", "old"], without_labels=["keep"]))
    done, kept, plain = tiers.store(), tiers.store(), tiers.store()
    tiers.label(done, "done")
    tiers.label(kept, "old")
    tiers.label(kept, "keep")

    tiers.run()

    assert tiers.place_of(done, kept, plain) == ["store", "disk", "disk"]


def test_all_conditions_of_a_rule_must_be_met(tiers):
    tiers.start(rule(received_before_days=10, modalities=["CT"], labels=["done"]))
    cases = [(m, d) for m in ("CT", "MR") for d in (True, False)]
    studies = [tiers.store(Modality=modality) for modality, _ in cases]
    for ids, (_, is_done) in zip(studies, cases, strict=True):
        if is_done:
            tiers.label(ids, "done")
    tiers.run()
    assert tiers.place_of(*studies) == ["disk"] * 4

    tiers.pass_days(11)

    assert tiers.place_of(*studies) == ["store", "disk", "disk", "disk"]


# Rules in their order


def test_a_study_stays_where_the_first_rule_that_it_meets_has_it(tiers):
    keep = rule("keep", target="file-system", labels=["keep"])
    tiers.start(keep, rule("age", received_before_days=1))
    kept, other = tiers.store(), tiers.store()
    tiers.label(kept, "keep")
    tiers.move(kept, "tape")

    for _ in range(3):
        tiers.pass_days(2)
        assert tiers.place_of(kept, other) == ["disk", "store"]


def test_a_rule_that_says_nothing_of_a_storage_decides_nothing_there(tiers):
    first = rule("first", source="tape", received_before_days=1)
    tiers.start(first, rule("second", source="file-system", received_before_days=2))
    it = tiers.store()

    tiers.pass_days(3)

    assert tiers.place_of(it) == ["store"]


def test_a_rule_without_a_source_takes_from_everywhere(tiers):
    tiers.start(rule(target="tape", received_before_days=1))
    here, there = tiers.store(), tiers.store()
    tiers.move(there, "store")

    tiers.pass_days(2)

    assert tiers.place_of(here, there) == ["tape", "tape"]


# Room on a disk

ROOM_RULE = {"source": "file-system", "free_below": "10%", "free_until": "20%"}


def fill(tiers, *, free, total=1000):
    tiers.room["file-system"] = Room(free, total)


def test_room_is_made_by_those_that_were_not_read_for_longest(tiers):
    tiers.start(rule(**ROOM_RULE), rests=True)
    studies = []
    for _ in range(4):
        studies.append(tiers.store(size=60_000))
        tiers.pass_days(1)
    tiers.read(studies[0])
    tiers.pass_days(1)
    tiers.capacity["file-system"] = 300_000
    tiers.run()
    assert tiers.place_of(*studies) == ["disk"] * 4

    # 10 % are 26,000 bytes, and 20,000 are free; 20 % are 52,000.
    tiers.capacity["file-system"] = 260_000
    tiers.stage.clock.advance(120)
    assert tiers.place_of(*studies) == ["disk", "store", "disk", "disk"]

    tiers.capacity["file-system"] = 190_000
    tiers.stage.clock.advance(120)
    assert tiers.place_of(*studies) == ["disk", "store", "store", "disk"]


def test_room_is_made_by_those_that_came_first_where_a_rule_says_so(tiers):
    fill(tiers, free=99_000, total=1_000_000)
    tiers.start(rule(first_out="LastReceived", **ROOM_RULE), rests=True)
    studies = []
    for _ in range(3):
        studies.append(tiers.store(size=60_000))
        tiers.pass_days(1)
    tiers.read(studies[0])
    tiers.areas[0].remove = refuse  # what waits to be removed counts as room

    tiers.run()

    assert tiers.place_of(*studies) == ["store", "store", "disk"]


def test_what_waits_for_removal_counts_as_free(tiers):
    fill(tiers, free=99_000, total=1_000_000)
    tiers.start(rule(**ROOM_RULE), rests=True)
    studies = [tiers.store(size=150_000) for _ in range(3)]
    tiers.areas[0].remove = refuse

    tiers.run()
    tiers.run()

    assert sorted(tiers.place_of(*studies)) == ["disk", "disk", "store"]


def test_where_nobody_can_say_how_full_a_disk_is_nothing_moves_and_the_status_says_so(tiers):
    tiers.start(rule(**ROOM_RULE))
    it = tiers.store()

    tiers.run()

    assert tiers.place_of(it) == ["disk"]
    assert "room" in tiers.reports()["r"].problem


def test_sizes_may_be_given_in_bytes(tiers):
    fill(tiers, free=2 << 20, total=1 << 40)
    tiers.start(rule(source="file-system", free_below="3 MB", free_until="3MB"))
    small = tiers.store(size=2000)
    large = tiers.store(size=1 << 20)
    last = tiers.store()

    tiers.run()

    assert tiers.place_of(small, large, last) == ["store", "store", "disk"]


def test_a_disk_that_cannot_be_emptied_is_not_gone_over_every_minute(tiers):
    fill(tiers, free=0)
    tiers.start(rule(**ROOM_RULE), rests=True)
    tiers.ask(ResumeTiering())
    tiers.stage.clock.advance(3600)
    looks = []
    tiers.stage.understudy(
        FindTierable, answer=lambda it: looks.append(it) or StudiesPage((), None)
    )

    tiers.stage.clock.advance(3600)
    assert looks == []

    tiers.stage.clock.advance(24 * 3600)
    assert looks


# Passes


def test_a_plan_says_what_would_move_and_moves_nothing(tiers):
    tiers.capacity["file-system"] = 150_000
    age = rule("age", received_before_days=5)
    room = rule("room", source="file-system", free_below="60%", free_until="80%")
    tiers.start(age, room, rests=True)
    old = [tiers.store(size=20_000) for _ in range(3)]
    tiers.pass_days(6)
    young = [tiers.store(size=30_000) for _ in range(3)]
    sizes = [tiers.file_of(ids).compressed_size for ids in (*old, *young)]

    plan = {it.name: it for it in tiers.ask(PlanTiering()).rules}

    assert tiers.place_of(*old, *young) == ["disk"] * 6
    assert (plan["age"].studies, plan["age"].files, plan["age"].size) == (3, 3, sum(sizes[:3]))
    # The rule of age makes room, too.
    assert (plan["room"].studies, plan["room"].size) == (2, sum(sizes[3:5]))
    # While a file is being removed it may count twice as room; the next pass sees what is so.
    tiers.run()
    tiers.run()
    assert tiers.place_of(*old, *young) == ["store"] * 5 + ["disk"]


def test_passes_follow_each_other_at_an_interval(tiers):
    tiers.start(rule(received_before_days=1), interval_minutes=60)
    it = tiers.store()
    tiers.stage.clock.advance(DAY - 60)
    assert tiers.place_of(it) == ["disk"]

    tiers.stage.clock.advance(3700)

    assert tiers.place_of(it) == ["store"]
    assert tiers.status().condition == "Idle"
    assert tiers.status().next_pass > tiers.stage.clock.now()


def test_rules_rest_outside_of_their_hours_but_not_when_they_are_told_to_run(tiers):
    tiers.start(rule(labels=["x"]), schedule={"Monday": []})
    it = tiers.store()
    tiers.label(it, "x")
    tiers.pass_days(8)
    assert tiers.place_of(it) == ["disk"]
    assert tiers.status().condition == "WaitingForHours"

    tiers.run()

    assert tiers.place_of(it) == ["store"]


def test_a_pass_steps_back_while_requests_are_served(tiers):
    tiers.start(rule(labels=["x"]), rests=True, busy_share=10)
    it = tiers.store()
    tiers.label(it, "x")

    tiers.run()  # which is asked by somebody
    assert tiers.place_of(it) == ["disk"]

    tiers.stage.clock.advance(1)
    assert tiers.place_of(it) == ["store"]


def test_a_pause_holds_over_a_restart_until_somebody_ends_it(tiers):
    tiers.start(rule(labels=["x"]))
    tiers.ask(PauseTiering())
    it = tiers.store()
    tiers.label(it, "x")
    tiers.start(rule(labels=["x"]))
    tiers.pass_days(2)
    assert tiers.place_of(it) == ["disk"]
    assert tiers.status().condition == "Paused"

    tiers.ask(ResumeTiering())
    tiers.stage.settle()

    assert tiers.place_of(it) == ["store"]


def test_a_pause_takes_effect_between_two_steps(tiers):
    tiers.start(rule(labels=["x"]), rests=True)
    studies = [tiers.store() for _ in range(130)]
    for ids in studies:
        tiers.label(ids, "x")
    paused = []

    def pause():
        if not paused:
            paused.append(tiers.stage.ask_soon(PauseTiering()))

    tiers.areas[1].on_create = pause
    tiers.run()

    assert tiers.place_of(*studies).count("store") == 64
    tiers.ask(ResumeTiering())
    tiers.stage.settle()
    assert tiers.place_of(*studies).count("store") == 130
    assert tiers.is_sound()


def test_a_pass_goes_on_where_it_was_after_a_restart(tiers):
    tiers.start(rule(labels=["x"]), rests=True)
    studies = [tiers.store() for _ in range(130)]
    for ids in studies:
        tiers.label(ids, "x")
    stopped = []

    def stop():
        if not stopped:
            stopped.append(tiers.stage.ask_soon(PauseTiering()))

    tiers.areas[1].on_create = stop
    tiers.run()
    tiers.start(rule(labels=["x"]))
    assert tiers.status().current is not None

    tiers.ask(ResumeTiering())
    tiers.stage.settle()

    assert tiers.place_of(*studies).count("store") == 130
    assert tiers.status().current is None


def test_a_pass_over_other_rules_is_not_gone_on_with(tiers):
    tiers.start(rule(labels=["x"]), rests=True)
    text = tiers.ask(DescribeKeptTiering()).text
    kept = json.loads(text)
    kept["Current"] = {"started": 1.0, "tasks": [5], "place": 0, "after": None, "rules": {}}
    kept["Plan"] = [["other", "tape"]]
    tiers.ask(RecordState(name="tiering", state=json.dumps(kept)))

    tiers.start(rule(labels=["x"]))

    assert tiers.status().current is None


@pytest.mark.parametrize("text", ["{", "[]", '{"Since": "x"}', "{}"])
def test_what_is_kept_and_cannot_be_read_begins_anew(tiers, text):
    tiers.start(rule(labels=["x"]), rests=True)
    tiers.ask(RecordState(name="tiering", state=text))

    tiers.start(rule(labels=["x"]))
    it = tiers.store()
    tiers.label(it, "x")
    tiers.run()
    tiers.ask(ResumeTiering())
    tiers.stage.settle()

    assert tiers.place_of(it) == ["store"]


# What goes wrong


def test_a_file_that_is_lost_is_reported_and_the_others_move(tiers):
    tiers.start(rule(labels=["x"]), rests=True)
    lost, sound = tiers.store(), tiers.store()
    for ids in (lost, sound):
        tiers.label(ids, "x")
    tiers.areas[0].remove(tiers.file_of(lost).uuid, 1)

    tiers.run()

    assert tiers.place_of(lost, sound) == ["disk", "store"]
    assert tiers.reports()["r"].failed == 1
    failure = tiers.status().failures[0]
    assert failure.file.id == lost.instance
    assert failure.reason


@pytest.mark.parametrize("refusal", [ArchiveFull(), StorageFailed()])
def test_a_storage_that_refuses_stops_its_rule_and_no_other_and_loses_nothing(tiers, refusal):
    tiers.start(rule("store", labels=["x"]), rule("tape", target="tape", labels=["y"]))
    refused = [tiers.store() for _ in range(5)]
    for ids in refused:
        tiers.label(ids, "x")
    other = tiers.store()
    tiers.label(other, "y")
    tiers.areas[1].refusal = refusal

    tiers.run()

    assert tiers.place_of(*refused, other) == ["disk"] * 5 + ["tape"]
    assert tiers.reports()["store"].problem
    assert not tiers.reports()["tape"].problem
    assert tiers.is_sound()
    tiers.areas[1].refusal = None
    tiers.run()
    assert tiers.place_of(*refused) == ["store"] * 5


def test_a_study_that_is_deleted_while_it_moves_is_gone_and_leaves_nothing(tiers):
    tiers.start(rule(labels=["x"]), rests=True)
    it = tiers.store()
    tiers.label(it, "x")
    deleted = []

    def delete():
        if not deleted:
            question = DeleteResource(level=Level.STUDY, id=it.study)
            deleted.append(tiers.stage.ask_soon(question))

    tiers.areas[1].on_create = delete
    tiers.run()

    assert tiers.areas[0].files == tiers.areas[1].files == {}
    assert tiers.is_sound()


def test_an_index_that_is_busy_delays_a_pass(tiers):
    tiers.start(rule(labels=["x"]), rests=True)
    it = tiers.store()
    tiers.label(it, "x")
    seats = tiers.stage.board._seats[RecordMoves]
    tiers.stage.understudy(RecordMoves, answer=IndexBusy())
    tiers.run()
    assert tiers.place_of(it) == ["disk"]
    assert tiers.status().problem

    tiers.stage.board.take_over(RecordMoves, seats[0], rank=1)
    tiers.stage.clock.advance(5)

    assert tiers.place_of(it) == ["store"]
    assert not tiers.status().problem
    assert tiers.is_sound()


# Moves that meet


def test_a_file_that_is_being_moved_is_not_moved_a_second_time_at_once(tiers):
    tiers.start(rests=True)
    it = tiers.store()
    file = OwnedFile(Level.INSTANCE, it.instance, tiers.file_of(it))
    created, others = [], []

    def again():
        created.append(None)
        if not others:
            move = MoveFiles(files=(file,), target="object-storage")
            others.append(tiers.stage.ask_soon(move))
            others.append(tiers.stage.ask_soon(MoveFiles(files=(file,), target="tape")))
            # What is answered after them: so both have come while the file is on its way.
            both = threading.Event()
            nothing = MoveFiles(files=(), target="tape")
            tiers.stage.ask_soon(nothing).on_done(lambda _: both.set())
            assert both.wait(10)

    tiers.areas[1].on_create = again
    first = tiers.ask(MoveFiles(files=(file,), target="object-storage"))
    tiers.stage.settle()

    assert first.moved == 1
    assert (others[0].get().moved, others[0].get().passed) == (0, 1)
    assert others[1].get().moved == 1
    assert len(created) == 1
    assert tiers.place_of(it) == ["tape"]
    assert tiers.is_sound()


def test_a_file_that_somebody_else_failed_to_move_is_tried_by_the_next(tiers):
    tiers.start(rests=True)
    it = tiers.store()
    file = OwnedFile(Level.INSTANCE, it.instance, tiers.file_of(it))
    others = []

    real = tiers.areas[1].create

    def create(uuid, content_type, content):
        if not others:
            move = MoveFiles(files=(file,), target="object-storage")
            others.append(tiers.stage.ask_soon(move))
            raise StorageFailed
        real(uuid, content_type, content)

    tiers.areas[1].create = create
    first = tiers.ask(MoveFiles(files=(file,), target="object-storage"))
    tiers.stage.settle()

    assert (first.moved, len(first.failures)) == (0, 1)
    assert others[0].get().moved == 1
    assert tiers.place_of(it) == ["store"]


# Remembering reads


def test_reads_are_kept_to_the_hour_and_written_together(tiers):
    tiers.start(rests=True)
    first, second = tiers.store(), tiers.store()
    tiers.stage.clock.advance(1800)
    for _ in range(50):
        tiers.read(first)
        tiers.ask(ReadTags(id=second.instance))
    assert tiers.read_at(first) == 0

    tiers.stage.clock.advance(11)

    hour = int(tiers.stage.clock.now() // 3600 * 3600)
    assert tiers.read_at(first) == tiers.read_at(second) == hour
    tiers.stage.clock.advance(3600)
    tiers.read(first)
    tiers.stage.clock.advance(11)
    assert (tiers.read_at(first), tiers.read_at(second)) == (hour + 3600, hour)


def test_a_second_read_in_the_same_hour_writes_nothing(tiers):
    tiers.start(rests=True)
    it = tiers.store()
    tiers.read(it)
    tiers.stage.clock.advance(11)
    tiers.stage.understudy(RecordAccesses)
    tiers.read(it)
    tiers.stage.clock.advance(11)

    assert tiers.stage.heard(RecordAccesses) == []


def test_a_read_of_what_was_deleted_meanwhile_is_forgotten(tiers):
    tiers.start(rests=True)
    it = tiers.store()
    tiers.read(it)
    tiers.ask(DeleteResource(level=Level.STUDY, id=it.study))

    tiers.stage.clock.advance(11)

    assert tiers.ask(FindReadStudies(read=(ResourceRef(Level.STUDY, it.study),))) == ()


# Recall


def recalls(prefetch="None", **more):
    return RecallSettings(enable=True, prefetch=prefetch, **{"busy_share": 100} | more)


def far_study(tiers, series=2, instances=2):
    """A study in the object store."""
    found = []
    for s in range(series):
        for i in range(instances):
            content = make_dicom(
                patient_id="P", study="9.1", series=f"9.1.{s}", instance=f"9.1.{s}.{i}"
            )
            found.append(tiers.ask(StoreInstance(content=content)).ids)
    for ids in found:
        tiers.move(ids, "store")
    return found


def test_nothing_comes_back_unless_it_is_wanted(tiers):
    tiers.start(rests=True)
    it = far_study(tiers)[0]

    tiers.read(it)

    assert tiers.place_of(it) == ["store"]
    assert tiers.status().recall.pending == 0


@pytest.mark.parametrize(
    ("prefetch", "expected"),
    [
        ("None", ["disk", "store", "store", "store"]),
        ("Series", ["disk", "disk", "store", "store"]),
        ("Study", ["disk", "disk", "disk", "disk"]),
    ],
)
def test_what_is_read_comes_back_with_its_series_or_study(tiers, prefetch, expected):
    tiers.start(recall=recalls(prefetch), rests=True)
    studies = far_study(tiers)

    tiers.read(studies[0])

    assert tiers.place_of(*studies) == expected
    report = tiers.status().recall
    assert (report.files, report.pending, report.failed) == (expected.count("disk"), 0, 0)
    assert tiers.is_sound()


def test_tags_that_are_read_bring_nothing_back(tiers):
    tiers.start(recall=recalls("Study"), rests=True)
    studies = far_study(tiers)

    tiers.ask(ReadTags(id=studies[0].instance))
    tiers.stage.settle()

    assert tiers.place_of(*studies) == ["store"] * 4


def test_a_study_comes_back_once_however_many_of_its_instances_are_read(tiers):
    tiers.start(recall=recalls("Study"), rests=True)
    studies = far_study(tiers, series=2, instances=5)
    uuids = []
    tiers.areas[0].on_create = lambda: uuids.append(None)
    replies = [
        tiers.stage.ask_soon(ReadAttachment(level=Level.INSTANCE, id=ids.instance))
        for ids in studies
    ]
    for reply in replies:
        reply.get()
    tiers.stage.settle()

    assert len(uuids) == 10
    assert tiers.status().recall.files == 10
    assert tiers.place_of(*studies) == ["disk"] * 10


def test_a_full_disk_keeps_nobody_from_reading_and_is_reported(tiers):
    tiers.start(recall=recalls("Study"), rests=True)
    studies = far_study(tiers)
    tiers.areas[0].refusal = ArchiveFull()

    assert tiers.read(studies[0])

    report = tiers.status().recall
    assert "room" in report.problem
    assert report.failed == 4
    assert tiers.place_of(*studies) == ["store"] * 4
    tiers.read(studies[1])
    assert tiers.status().recall.dropped == 1
    tiers.areas[0].refusal = None
    tiers.stage.clock.advance(61)
    tiers.read(studies[2])
    assert tiers.place_of(*studies) == ["disk"] * 4
    assert tiers.is_sound()


def test_nothing_comes_back_to_a_disk_with_too_little_room(tiers):
    tiers.start(recall=recalls(minimum_free="5%"), rests=True)
    it = far_study(tiers)[0]
    fill(tiers, free=49, total=1000)
    tiers.read(it)
    assert tiers.place_of(it) == ["store"]
    assert "MinimumFree" in tiers.status().recall.problem

    tiers.stage.clock.advance(61)
    fill(tiers, free=50, total=1000)
    tiers.read(it)

    assert tiers.place_of(it) == ["disk"]


def test_only_so_many_wait_to_come_back(tiers):
    tiers.start(recall=recalls(maximum_pending=3), rests=True)
    studies = far_study(tiers, series=1, instances=10)
    held = []
    tiers.stage.understudy(MoveFiles, answer=lambda message: held.append(message) or Reply())
    for ids in studies:
        tiers.read(ids)

    report = tiers.status().recall
    assert (report.pending, report.dropped) == (4, 6)


def test_an_object_that_is_gone_is_reported_and_the_rest_comes_back(tiers):
    tiers.start(recall=recalls("Study"), rests=True)
    studies = far_study(tiers)
    tiers.areas[1].remove(tiers.file_of(studies[3]).uuid, 1)

    tiers.read(studies[0])

    report = tiers.status().recall
    assert (report.files, report.failed) == (3, 1)
    assert report.problem
    with pytest.raises(FileLost):
        tiers.read(studies[3])


def test_what_comes_back_makes_room_for_requests(tiers, monkeypatch):
    monkeypatch.setattr(recalling, "BATCH", 2)
    monkeypatch.setattr(Pace, "rest", lambda pace: 8.0 if pace._share == 20 else 0.0)
    tiers.start(recall=recalls("Study", busy_share=20), rests=True)
    studies = far_study(tiers)

    def came_back(*, after):
        tiers.stage.clock.advance(after)
        tiers.stage.settle()
        return tiers.place_of(*studies).count("disk"), tiers.status().recall.pending

    tiers.read(studies[0])

    assert came_back(after=0) == (2, 1)
    assert came_back(after=7.9) == (2, 1)
    assert came_back(after=0.2) == (4, 1)
    assert came_back(after=8.1) == (4, 0)


def test_a_store_that_fails_is_reported_and_other_studies_come_back_later(tiers):
    tiers.start(recall=recalls(), rests=True)
    first, second, *_ = far_study(tiers)
    tiers.areas[0].refusal = StorageFailed()
    tiers.read(first)
    assert tiers.status().recall.failed == 1

    tiers.areas[0].refusal = None
    tiers.read(second)

    assert tiers.place_of(first, second) == ["store", "disk"]


def test_what_came_back_stays_for_some_days(tiers):
    tiers.start(rule(received_before_days=1), recall=recalls("Study", keep_days=7))
    it = far_study(tiers)[0]
    tiers.pass_days(30)
    assert tiers.place_of(it) == ["store"]

    tiers.read(it)
    tiers.pass_days(6)
    assert tiers.place_of(it) == ["disk"]

    tiers.pass_days(2)
    assert tiers.place_of(it) == ["store"]


def test_what_came_back_makes_room_all_the_same(tiers):
    tiers.start(rule(**ROOM_RULE), recall=recalls("Study"))
    fill(tiers, free=500_000, total=1_000_000)
    it = far_study(tiers)[0]
    tiers.read(it)
    assert tiers.place_of(it) == ["disk"]

    fill(tiers, free=0, total=1_000_000)
    tiers.run()

    assert tiers.place_of(it) == ["store"]


# All of it at random


class Chaos:
    """Does this and that to an archive, and knows what must be in it."""

    def __init__(self, tiers, seed):
        self.tiers = tiers
        self.chance = random.Random(seed)
        self.known = {}
        self.rules = (
            rule("keep", target="file-system", labels=["keep"]),
            rule("done", labels=["done"]),
            rule("old", target="tape", received_before_days=0.1),
            rule("room", source="file-system", free_below="40%", free_until="60%"),
        )
        tiers.capacity["file-system"] = 200_000
        self.start()

    def start(self):
        self.tiers.start(
            *self.rules, recall=recalls(self.chance.choice(["None", "Series", "Study"]))
        )

    def step(self):
        acts = [self.store] * 4 + [self.read] * 3 + [self.label] * 2 + [self.move, self.delete]
        acts += [self.run, self.wait, self.wait, self.spoil, self.mend, self.restart, self.pause]
        self.chance.choice(acts)()

    def pick(self):
        return self.chance.choice(sorted(self.known, key=lambda it: it.instance))

    def store(self):
        number = self.chance.randint(1, 6)
        self.tiers.stored += 1
        name = f"1.{number}.{self.tiers.stored}"
        size = self.chance.choice([2_000, 20_000])
        content = make_dicom(
            patient_id=f"P{number}", study=f"1.{number}", series=name, instance=name, size=size
        )
        try:
            self.known[self.tiers.ask(StoreInstance(content=content)).ids] = content
        except (StorageFailed, ArchiveFull):
            assert self.tiers.areas[0].refusal is not None

    def read(self):
        if self.known:
            ids = self.pick()
            question = ReadAttachment(level=Level.INSTANCE, id=ids.instance)
            assert self.tiers.ask(question).content == self.known[ids]

    def label(self):
        if self.known:
            self.tiers.label(self.pick(), self.chance.choice(["keep", "done"]))

    def move(self):
        if self.known:
            target = self.chance.choice(sorted(NAMES.values()))
            parameters = {"Studies": [self.pick().study], "TargetStorage": target}
            self.tiers.ask(SubmitJob(type="MoveStorage", parameters=parameters))

    def delete(self):
        if self.known:
            ids = self.pick()
            self.tiers.ask(DeleteResource(level=Level.STUDY, id=ids.study))
            self.known = {it: c for it, c in self.known.items() if it.study != ids.study}

    def run(self):
        self.tiers.ask(RunTiering())

    def pause(self):
        self.tiers.ask(self.chance.choice([PauseTiering(), ResumeTiering()]))

    def wait(self):
        self.tiers.stage.clock.advance(self.chance.choice([1, 30, 600, 3600]))

    def spoil(self):
        area = self.chance.choice(list(self.tiers.areas.values()))
        area.refusal = self.chance.choice([ArchiveFull(), StorageFailed()])

    def mend(self):
        for area in self.tiers.areas.values():
            area.refusal = None

    def restart(self):
        self.start()

    def check(self):
        self.mend()
        self.tiers.stage.clock.advance(7200)
        self.tiers.stage.settle()
        lying = Counter(name for area in self.tiers.areas.values() for name in area.files)
        owned = {self.tiers.file_of(ids).uuid for ids in self.known}
        assert set(lying) == owned
        assert set(lying.values()) <= {1}
        for ids, content in self.known.items():
            assert self.tiers.read(ids) == content
        assert self.tiers.is_sound()


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_each_file_lies_somewhere_once(tiers, seed):
    chaos = Chaos(tiers, seed)
    for _ in range(60):
        chaos.step()

    chaos.check()
