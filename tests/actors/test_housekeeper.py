"""The housekeeper with a real index, real files and time that is moved by hand."""

import json
from datetime import UTC, datetime

import apsw
import pytest

from repertory.actors.crew import InlineCrew
from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.housekeeper import TASKS, HousekeeperActor
from repertory.actors.index import IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.messages.attachments import RecompressAttachment, RemoveReleased
from repertory.actors.messages.changes import ClearChanges
from repertory.actors.messages.housekeeping import (
    DescribeHousekeeping,
    DoChores,
    PauseHousekeeping,
    PlanHousekeeping,
    PutStudyFirst,
    RecordChores,
    ResumeHousekeeping,
    RunHousekeeping,
)
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import (
    DeleteResource,
    DescribeResource,
)
from repertory.actors.messages.trash import RestoreTrash
from repertory.actors.reply import Reply
from repertory.actors.storage import StorageActor
from repertory.actors.transcoding import TranscoderActor
from repertory.conf.housekeeper import HousekeeperSettings, TriggersSettings
from repertory.errors import IndexBusy, UnknownResource
from repertory.housekeeping import Configuration, configuration_text
from repertory.model import Compression, Level, Metadata, ResourceId
from repertory.storage.areas import FilesystemArea
from repertory.storage.files import FileOptions
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.storage.main_tags import MAIN_DICOM_TAGS, MainDicomTags
from repertory.storage.pixels.rules import IngestRules
from repertory.storage.pixels.syntaxes import RLE
from repertory.testing import ManualClock, Stage
from repertory.testing.files import make_study

THICKNESS = "0018,0050"
MORE_TAGS = MainDicomTags.defaults({level: [THICKNESS] for level in Level})
MONDAY_NOON = datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()


class House:
    """An archive with a housekeeper; ``restart`` plays the next run on the same folder."""

    def __init__(self, folder):
        self.folder = folder
        self.stage = None
        self.held = []
        self.left = None

    def restart(
        self,
        *,
        tags=MAIN_DICOM_TAGS,
        form=Compression.NONE,
        at=MONDAY_NOON,
        syntax="",
        **options,
    ):
        """Begin the next run; ``steps`` is how many the storage takes before it holds."""
        self.close()
        self.held, self.left = [], options.pop("steps", None)
        stage = self.stage = Stage(clock=ManualClock(at))
        signatures = {level: tags.signature(level) for level in Level}
        configuration = Configuration(
            orthanc_version="1.13.0",
            storage_compression=form is not Compression.NONE,
            ingest_transcoding=syntax,
            signatures=signatures,
        )
        engine = SqliteEngine(self.folder / "index", synchronous="NORMAL", signatures=signatures)
        self.area = FilesystemArea(self.folder / "files", synchronize=False)
        stage.put_on(
            IndexActor,
            engine=engine,
            configuration=configuration_text(configuration),
            retention=options.pop("retention", 0.0),
        )
        stage.put_on(IndexReaderActor, engine=engine)
        self.storage = stage.put_on(
            StorageActor,
            area=self.area,
            crew=InlineCrew(),
            main_tags=tags,
            options=FileOptions(compression=form),
            ingest=IngestRules(syntax),
        )
        stage.put_on(TranscoderActor, crew=InlineCrew())
        stage.put_on(DeletionQueueActor)
        stage.understudy(DoChores, answer=self._pass_on)
        studies = options.pop("studies", 1)
        if not options.pop("kept", True):
            stage.settle()
            return stage
        options = {"enable": True, "throttle_delay": 0.0, "busy_share": 100} | options
        self.keeper = stage.put_on(
            HousekeeperActor,
            settings=HousekeeperSettings(**options),
            configuration=configuration,
            form=form,
            studies=studies,
            local=lambda moment: datetime.fromtimestamp(moment, UTC),
        )
        stage.settle()
        return stage

    def _pass_on(self, command):
        if self.left == 0:
            self.held.append((command, Reply()))
            return self.held[-1][1]
        if self.left is not None:
            self.left -= 1
        return self.storage.ask(command, block=False)

    def let(self, steps=None):
        """Let the storage take so many steps more."""
        self.left = steps
        held, self.held = self.held, []
        for command, reply in held:
            reply.set(self._pass_on(command))
        self.stage.settle()

    def close(self):
        if self.stage is not None:
            self.stage.close()

    def store(self, patient="TEST", **options):
        contents = make_study(patient_id=patient, **{"series": 1, "instances": 2} | options)
        return [self.stage.ask(StoreInstance(content=content)).ids for content in contents]

    def status(self):
        return self.stage.ask(DescribeHousekeeping())

    def plan(self):
        return self.stage.ask(PlanHousekeeping())

    def describe(self, level, ids):
        return self.stage.ask(DescribeResource(level=level, id=ids.at(level)))

    def refreshed(self, stored):
        """How many of these instances have the tag that was not kept before."""
        return sum(THICKNESS in self.describe(Level.INSTANCE, ids).main_tags for ids in stored)

    def path(self, ids):
        uuid = self.describe(Level.INSTANCE, ids).attachment.uuid
        return self.folder / "files" / uuid[:2] / uuid[2:4] / uuid

    def steps(self):
        """What the storage was asked to do."""
        return [portion for command in self.stage.heard(DoChores) for portion in command.portions]


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path)
    house.restart()
    yield house
    house.close()


def test_a_new_archive_has_nothing_to_do(house):
    status = house.status()

    assert (status.condition, status.processed, status.last) == ("Idle", -1, -1)
    assert status.current is None
    assert status.completed.signatures[Level.STUDY] == MAIN_DICOM_TAGS.signature(Level.STUDY)


def test_studies_are_brought_in_line_with_new_main_tags(house):
    stored = house.store("A") + house.store("B")
    house.restart(tags=MORE_TAGS)

    assert house.refreshed(stored) == 4
    for level in Level:
        assert THICKNESS in house.describe(level, stored[0]).main_tags
    status = house.status()
    assert (status.condition, status.studies_done, status.backlog.studies) == ("Idle", 2, 0)
    assert status.completed.signatures[Level.STUDY] == MORE_TAGS.signature(Level.STUDY)


def test_the_first_activation_reads_nothing_of_an_archive_that_is_in_order(house):
    stored = house.store("A") + house.store("B")
    house.path(stored[0]).unlink()  # nobody may notice
    house.restart(global_property_id=1026)

    assert house.steps() == []
    assert house.status().studies_done == 2
    assert house.status().backlog.failures == ()


def test_a_pass_is_not_made_twice(house):
    house.store()
    house.restart(tags=MORE_TAGS)
    house.restart(tags=MORE_TAGS)

    assert house.steps() == []
    assert house.status().condition == "Idle"


def test_studies_are_taken_in_order_of_arrival_even_if_the_log_of_changes_is_empty(house):
    stored = [house.store(patient)[0].study for patient in "CAB"]
    house.stage.ask(ClearChanges())
    house.restart(tags=MORE_TAGS)

    assert [portion.study for portion in house.steps()] == stored


def test_files_are_stored_anew_when_compression_is_switched(house):
    stored = house.store("A", size=70_000) + house.store("B", size=70_000)
    house.restart(form=Compression.ZSTANDARD)
    house.stage.ask(RemoveReleased())

    files = [house.describe(Level.INSTANCE, ids).attachment for ids in stored]
    assert {file.compression for file in files} == {Compression.ZSTANDARD}
    assert sorted(house.area.names()) == sorted(file.uuid for file in files)
    house.restart(form=Compression.NONE)
    files = [house.describe(Level.INSTANCE, ids).attachment for ids in stored]
    assert {file.compression for file in files} == {Compression.NONE}


def test_what_came_while_nobody_kept_house_is_found_when_the_old_configuration_returns(
    house,
):
    before = house.store("A", size=70_000)
    house.restart(tags=MORE_TAGS, form=Compression.ZSTANDARD, kept=False)
    stored = house.store("B", size=70_000)
    house.restart(global_property_id=1026)

    files = [house.describe(Level.INSTANCE, ids).attachment for ids in before + stored]
    assert {file.compression for file in files} == {Compression.NONE}
    assert house.refreshed(stored) == 0
    assert {portion.study for portion in house.steps()} == {stored[0].study}
    house.restart(global_property_id=1026)
    assert house.status().started is not None
    assert house.steps() == []


def test_a_study_that_failed_under_another_configuration_gets_the_form_of_the_present_one(house):
    stored = house.store("A", size=70_000)
    path = house.path(stored[0])
    content = path.read_bytes()
    path.unlink()
    house.restart(form=Compression.ZSTANDARD)
    assert [it.attempts for it in house.status().backlog.failures] == [1]
    path.write_bytes(content)
    house.restart(form=Compression.NONE, at=MONDAY_NOON + 3600)
    house.stage.settle()

    files = [house.describe(Level.INSTANCE, ids).attachment for ids in stored]
    assert house.status().backlog.failures == ()
    assert {file.compression for file in files} == {Compression.NONE}


def test_a_pass_over_tags_alone_does_not_forget_a_file_that_could_not_be_stored_anew(house):
    stored = house.store("A", size=70_000)
    path = house.path(stored[0])
    content = path.read_bytes()
    path.unlink()
    house.restart(form=Compression.ZSTANDARD)
    path.write_bytes(content)
    house.restart(tags=MORE_TAGS, form=Compression.ZSTANDARD)
    house.stage.clock.advance(3600)
    house.stage.settle()

    files = [house.describe(Level.INSTANCE, ids).attachment for ids in stored]
    assert {file.compression for file in files} == {Compression.ZSTANDARD}
    assert house.status().backlog.failures == ()


def test_a_run_under_another_configuration_that_stores_nothing_makes_no_pass(house):
    house.store("A")
    house.restart(tags=MORE_TAGS, kept=False)
    house.restart()

    assert not any(finding.fires for finding in house.plan().findings)
    assert house.status().studies_done == 0


def test_what_a_trigger_leaves_out_is_still_found_when_it_is_switched_on(house):
    house.restart(form=Compression.ZSTANDARD, kept=False)
    stored = house.store("A", size=70_000)
    house.restart(triggers=TriggersSettings(storage_compression_change=False))
    file = house.describe(Level.INSTANCE, stored[0]).attachment
    assert file.compression is Compression.ZSTANDARD
    house.restart()

    file = house.describe(Level.INSTANCE, stored[0]).attachment
    assert file.compression is Compression.NONE


def test_what_comes_back_from_the_trash_after_a_pass_is_brought_in_line_at_once(house):
    house.restart(retention=3600)
    stored = house.store("A", size=70_000)
    house.stage.ask(DeleteResource(level=Level.STUDY, id=stored[0].study))
    house.restart(tags=MORE_TAGS, form=Compression.ZSTANDARD, retention=3600)
    house.store("B")
    house.stage.ask(RestoreTrash(name=stored[0].study))
    house.stage.settle()

    files = [house.describe(Level.INSTANCE, ids).attachment for ids in stored]
    assert {file.compression for file in files} == {Compression.ZSTANDARD}
    assert house.refreshed(stored) == 2
    assert house.status().condition == "Idle"


def test_what_comes_back_from_the_trash_during_a_pass_is_brought_in_line_by_another(house):
    house.restart(retention=3600)
    stored = house.store("A")
    house.store("B")
    house.store("C")
    house.stage.ask(DeleteResource(level=Level.STUDY, id=stored[0].study))
    house.restart(tags=MORE_TAGS, retention=3600, steps=1)
    house.stage.ask(RestoreTrash(name=stored[0].study))
    house.let()

    assert house.refreshed(stored) == 2
    assert house.status().condition == "Idle"


def test_what_is_kept_of_configurations_and_makes_no_sense_is_passed_over(house):
    house.store("A")
    house.close()
    database = apsw.Connection(str(house.folder / "index" / "repertory.db"))
    database.execute("UPDATE properties SET value = '[[1, \"{}\"]]' WHERE name = 'stored_under'")
    database.close()
    house.restart()

    assert house.status().condition == "Idle"


def test_files_are_stored_anew_in_the_transfer_syntax_that_new_ones_get(house):
    stored = house.store("A") + house.store("B")
    house.restart(syntax=RLE)
    house.stage.ask(RemoveReleased())

    found = [house.describe(Level.INSTANCE, ids) for ids in stored]
    assert {it.metadata[Metadata.TRANSFER_SYNTAX] for it in found} == {RLE}
    assert sorted(house.area.names()) == sorted(it.attachment.uuid for it in found)
    again = house.restart(syntax=RLE)
    assert again.heard(DoChores) == []


def test_a_file_that_cannot_be_transcoded_stays_and_the_pass_goes_on(house):
    broken = {"PixelData": ("OW", bytes(10))}
    stored = house.store("A", tags=broken) + house.store("B")
    house.restart(syntax=RLE)

    found = [house.describe(Level.INSTANCE, ids).metadata for ids in stored]
    syntaxes = [it[Metadata.TRANSFER_SYNTAX] for it in found]
    assert syntaxes == ["1.2.840.10008.1.2.1"] * 2 + [RLE] * 2


@pytest.mark.parametrize(
    ("trigger", "change"),
    [
        ("storage_compression_change", {"form": Compression.ZSTANDARD}),
        ("main_dicom_tags_change", {"tags": MORE_TAGS}),
    ],
)
def test_a_trigger_that_is_off_fires_once_it_is_switched_on(house, trigger, change):
    house.store()
    house.restart(triggers=TriggersSettings(**{trigger: False}), **change)
    assert house.steps() == []

    house.restart(**change)
    assert len(house.steps()) == 1


def test_each_start_begins_anew_where_force_is_set(house):
    house.store("A")
    house.store("B")
    house.restart(force=True, steps=1)
    assert house.status().processed < house.status().last

    house.restart(force=True)
    assert len(house.steps()) == 2
    assert house.status().condition == "Idle"


@pytest.mark.parametrize("forced", [True, False])
def test_files_are_stored_anew_where_that_is_forced(house, forced):
    stored = house.store(size=70_000)
    quiet = TriggersSettings(storage_compression_change=False)
    house.restart(
        form=Compression.ZSTANDARD, force=True, force_reconstruct_files=forced, triggers=quiet
    )

    form = house.describe(Level.INSTANCE, stored[0]).attachment.compression
    assert (form is Compression.ZSTANDARD) == forced


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("level", list(Level))
def test_main_tags_are_read_at_the_level_alone_that_is_set(house, level, force):
    stored = house.store(series=2)
    house.restart(tags=MORE_TAGS, limit_main_dicom_tags_reconstruct_level=level.word, force=force)

    found = [it for it in Level if THICKNESS in house.describe(it, stored[0]).main_tags]
    assert found == [level]
    house.restart(tags=MORE_TAGS)
    assert house.refreshed(stored) == 4


@pytest.mark.parametrize("level", [Level.PATIENT, Level.STUDY])
def test_studies_of_one_patient_keep_their_own_names(house, level):
    names = ["Maiden^Name", "Married^Name"]
    stored = [house.store(seed=name, tags={"PatientName": name})[0] for name in names]
    house.restart(tags=MORE_TAGS, limit_main_dicom_tags_reconstruct_level=level.word)

    studies = [house.describe(Level.STUDY, ids) for ids in stored]
    assert [it.patient_tags["0010,0010"] for it in studies] == names
    assert [THICKNESS in it.patient_tags for it in studies] == [True, True]
    assert all("0010,0010" not in it.main_tags for it in studies)


def test_a_large_study_is_done_in_several_steps(house):
    stored = house.store(series=3, instances=TASKS)
    house.restart(tags=MORE_TAGS)

    assert [len(portion.tasks) for portion in house.steps()] == [TASKS] * 3
    assert house.refreshed(stored) == 3 * TASKS
    assert house.status().studies_done == 1


def test_small_studies_share_a_step_where_nothing_is_throttled(house):
    stored = [ids for patient in "ABCDE" for ids in house.store(patient, instances=12)]
    house.path(stored[7]).unlink()
    house.restart(tags=MORE_TAGS, studies=20)
    steps = [command.portions for command in house.stage.heard(DoChores)]

    assert [[len(portion.tasks) for portion in step] for step in steps] == [
        [12, 12, 12, 4],
        [8, 12],
    ]
    assert house.refreshed(stored) == 59
    assert house.status().studies_done == 5
    assert [it.instance for it in house.status().backlog.failures] == [stored[7].instance]
    house.restart(tags=MORE_TAGS, studies=20, throttle_delay=1.0, force=True)
    assert [len(command.portions) for command in house.stage.heard(DoChores)] == [1]


def test_a_parent_is_refreshed_from_the_first_instance_of_a_step_only(house):
    house.store(instances=TASKS + 5)
    house.restart(tags=MORE_TAGS, steps=0)
    heard = []
    house.stage.understudy(RecordChores, answer=lambda it: heard.append(it) or IndexBusy())
    house.let()

    parents = [Level.PATIENT in task.levels for task in heard[0].record.portions[0].done]
    assert parents == [True] + [False] * (TASKS - 1)


def test_a_pass_goes_on_with_the_next_instance_after_a_restart(house):
    stored = house.store("A", instances=TASKS + 5) + house.store("B")
    house.restart(tags=MORE_TAGS, steps=1)
    assert house.refreshed(stored) == TASKS
    began = house.status().started

    house.restart(tags=MORE_TAGS, at=MONDAY_NOON + 500)
    assert [len(portion.tasks) for portion in house.steps()] == [5, 2]
    assert house.refreshed(stored) == len(stored)
    assert house.status().started == began
    assert house.status().studies_done == 2


def test_a_pass_begins_anew_where_the_configuration_has_changed_again(house):
    house.store("A")
    house.store("B")
    house.restart(tags=MORE_TAGS, steps=1)
    house.restart(tags=MORE_TAGS, form=Compression.ZSTANDARD)

    assert len(house.steps()) == 2
    assert house.status().studies_done == 2


def test_what_a_pass_had_begun_is_undone_where_the_configuration_is_the_old_one_again(house):
    stored = house.store("A") + house.store("B")
    house.restart(form=Compression.ZSTANDARD, tags=MORE_TAGS, steps=1)
    assert house.refreshed(stored) == 2
    house.restart(steps=0)
    stage = house.restart()

    assert house.refreshed(stored) == 0
    found = [stage.ask(DescribeResource(level=Level.INSTANCE, id=it.instance)) for it in stored]
    assert {it.attachment.compression for it in found} == {Compression.NONE}
    house.restart()
    assert house.steps() == []


def test_what_arrives_during_a_pass_is_not_part_of_it(house):
    house.store("A")
    house.restart(tags=MORE_TAGS, steps=0)
    late = house.store("B")
    house.let()

    assert len(house.steps()) == 1
    assert house.refreshed(late) == 2
    assert house.status().condition == "Idle"


def test_a_pause_takes_effect_within_a_study_and_lasts_over_restarts(house):
    stored = house.store(instances=3 * TASKS)
    house.restart(tags=MORE_TAGS, steps=1)
    assert house.stage.ask(PauseHousekeeping()).condition == "Paused"
    house.let()
    assert house.refreshed(stored) == 2 * TASKS  # the step that was under way is finished

    house.restart(tags=MORE_TAGS)
    assert house.status().is_paused
    assert house.steps() == []
    assert house.stage.ask(ResumeHousekeeping()).is_paused is False
    house.stage.settle()
    assert house.refreshed(stored) == 3 * TASKS


def test_hours_that_are_over_stop_a_pass_within_a_study(house):
    stored = house.store(instances=3 * TASKS)
    evening = {"Monday": ["22:30-6"]}
    night = MONDAY_NOON + 10.5 * 3600
    house.restart(tags=MORE_TAGS, schedule=evening)
    assert (house.status().condition, house.steps()) == ("OutsideSchedule", [])
    assert house.status().next_window == night

    house.left = 1
    house.stage.clock.advance(10.5 * 3600)
    assert len(house.steps()) == 2
    house.stage.clock.advance(8 * 3600)
    house.let()
    assert house.refreshed(stored) == 2 * TASKS
    assert house.status().condition == "OutsideSchedule"
    house.stage.clock.advance(7 * 86_400)
    assert house.refreshed(stored) == 3 * TASKS


def test_to_run_now_does_not_wait_for_the_hours(house):
    stored = house.store()
    house.restart(tags=MORE_TAGS, schedule={"Sunday": ["0-1"]})
    house.stage.ask(PauseHousekeeping())
    house.stage.ask(RunHousekeeping())
    house.stage.settle()

    assert house.refreshed(stored) == 2
    assert not house.status().is_paused


def test_to_run_now_with_nothing_to_do_opens_no_hours_for_later(house):
    stored = house.store()
    house.restart(schedule={"Sunday": ["0-1"]})
    house.stage.ask(RunHousekeeping())
    house.stage.settle()
    house.stage.ask(PutStudyFirst(id=stored[0].study))
    house.stage.settle()

    assert house.steps() == []
    assert house.status().condition == "OutsideSchedule"


def test_to_run_by_force_begins_over_everything(house):
    house.store("A")
    house.store("B")
    status = house.stage.ask(RunHousekeeping(force=True))
    house.stage.settle()

    assert status.last > 0
    assert [len(portion.tasks) for portion in house.steps()] == [2, 2]
    assert house.status().condition == "Idle"


def test_to_run_by_force_waits_for_the_step_that_is_under_way(house):
    house.store("A")
    house.store("B")
    house.restart(tags=MORE_TAGS, steps=1)
    asked = house.stage.ask_soon(RunHousekeeping(force=True, rewrite_files=True))
    house.stage.settle()
    assert not asked.done
    house.let()

    assert asked.get(timeout=5).studies_done == 0
    assert len(house.steps()) == 4
    assert house.status().studies_done == 2


def test_throttle_delay_is_kept_after_each_study_with_which_something_was_done(house):
    house.store("A")
    house.store("B")
    house.store("C")
    house.restart(tags=MORE_TAGS, throttle_delay=5.0)
    assert len(house.steps()) == 1
    house.stage.clock.advance(4.9)
    assert len(house.steps()) == 1
    house.stage.clock.advance(0.2)
    assert len(house.steps()) == 2
    house.stage.clock.advance(100)

    assert house.status().condition == "Idle"
    house.restart(tags=MORE_TAGS, throttle_delay=5.0, global_property_id=1030)
    assert house.status().studies_done == 3


def test_the_pace_is_told_and_when_the_pass_will_end(house):
    for patient in "ABCDEF":
        house.store(patient)
    house.restart(tags=MORE_TAGS, throttle_delay=10.0)
    house.stage.clock.advance(30.5)

    status = house.status()
    assert (status.studies_done, status.backlog.studies) == (4, 2)
    assert status.rate == pytest.approx(0.1, rel=0.05)
    assert status.end - house.stage.clock.now() == pytest.approx(20, rel=0.05)
    assert 0 < status.processed < status.last


def test_a_study_that_fails_is_listed_and_tried_again_until_it_succeeds(house):
    bad, good = house.store("A"), house.store("B")
    path = house.path(bad[1])
    content = path.read_bytes()
    path.unlink()
    house.restart(tags=MORE_TAGS)

    assert house.refreshed(bad + good) == 3
    status = house.status()
    assert status.condition == "Idle"
    (failure,) = status.backlog.failures
    assert (failure.study, failure.instance) == (bad[1].study, bad[1].instance)
    assert failure.attempts == 1
    assert failure.reason.endswith("is missing.")
    house.stage.clock.advance(61)
    assert house.status().backlog.failures[0].attempts == 2
    path.write_bytes(content)
    house.stage.clock.advance(61)
    assert house.status().backlog.failed == 1
    house.stage.clock.advance(61)
    assert house.status().backlog.failed == 0
    assert house.refreshed(bad) == 2


def test_attempts_grow_rarer_but_never_end(house):
    stored = house.store()
    house.path(stored[0]).unlink()
    house.restart(tags=MORE_TAGS)
    house.stage.clock.advance(30 * 86_400)
    attempts = house.status().backlog.failures[0].attempts

    assert 30 < attempts < 60
    house.stage.clock.advance(86_401)
    assert house.status().backlog.failures[0].attempts == attempts + 1


def test_a_pass_over_files_alone_is_no_success_of_what_failed_with_tags(house):
    stored = house.store("A")
    house.restart(tags=MORE_TAGS, steps=0)
    # While the storage reads the file, somebody stores it anew: what it read is of no use.
    ask = RecompressAttachment(level=Level.INSTANCE, id=stored[0].instance, compressed=True)
    house.stage.ask(ask)
    house.let()
    assert house.status().backlog.failed == 1
    house.restart(tags=MORE_TAGS, form=Compression.ZSTANDARD)

    assert house.status().completed.storage_compression
    assert house.status().backlog.failed == 1
    house.stage.clock.advance(3600)
    house.stage.settle()
    assert house.status().backlog.failed == 0
    assert house.refreshed(stored) == 2


def test_what_failed_is_known_and_tried_again_after_a_restart(house):
    stored = house.store()
    path = house.path(stored[0])
    content = path.read_bytes()
    path.unlink()
    house.restart(tags=MORE_TAGS)
    path.write_bytes(content)
    house.restart(tags=MORE_TAGS)
    assert house.status().backlog.failed == 1
    house.stage.clock.advance(61)

    assert house.status().backlog.failed == 0
    assert house.refreshed(stored) == 2


def test_a_clock_that_was_set_back_delays_no_attempt_for_longer_than_a_day(house):
    stored = house.store()
    house.path(stored[0]).unlink()
    house.restart(tags=MORE_TAGS)
    house.restart(tags=MORE_TAGS, at=MONDAY_NOON - 365 * 86_400)
    house.stage.clock.advance(1)

    assert house.status().backlog.failures[0].attempts == 2


def test_a_failure_early_in_a_large_study_is_not_forgotten_at_its_end(house):
    stored = house.store(instances=TASKS + 5)
    house.path(stored[0]).unlink()
    house.restart(tags=MORE_TAGS, steps=1)
    house.restart(tags=MORE_TAGS)

    assert house.refreshed(stored) == TASKS + 4
    assert [it.instance for it in house.status().backlog.failures] == [stored[0].instance]
    assert THICKNESS in house.describe(Level.STUDY, stored[0]).main_tags


def test_a_study_that_is_deleted_while_it_is_processed_is_no_failure(house):
    gone, kept = house.store("A"), house.store("B")
    house.restart(tags=MORE_TAGS, steps=0)
    house.stage.ask(DeleteResource(level=Level.STUDY, id=gone[0].study))
    house.stage.ask(RemoveReleased())
    house.let()

    assert house.refreshed(kept) == 2
    assert house.status().backlog.failed == 0
    assert house.status().condition == "Idle"


def test_a_large_study_that_is_deleted_between_two_steps_is_passed_over(house):
    gone, kept = house.store("A", instances=3 * TASKS), house.store("B")
    house.restart(tags=MORE_TAGS, steps=1)
    house.stage.ask(DeleteResource(level=Level.STUDY, id=gone[0].study))
    house.restart(tags=MORE_TAGS)

    assert house.refreshed(kept) == 2
    assert house.status().backlog.failed == 0


def test_what_is_set_aside_and_is_no_more_is_taken_off_the_list_once(house):
    house.restart()
    house.store()
    stage = house.restart(tags=MORE_TAGS, steps=0)
    with apsw.Connection(str(house.folder / "index" / "repertory.db")) as index:
        index.execute(
            "INSERT INTO set_aside (resource, property, attempts, due, reason, is_open)"
            " SELECT 77, name, 1, 0, 'It is lost.', 1 FROM properties"
            " WHERE name LIKE 'property/1025%'"
        )
    house.let()
    stage.clock.advance(60)
    stage.settle()

    assert house.status().condition == "Idle"
    assert house.status().backlog.failed == 0
    assert [(it.study is None, it.aside) for it in house.steps()] == [(False, False), (True, True)]


def test_a_study_is_put_first(house):
    house.store("A")
    last = house.store("C")
    house.restart(tags=MORE_TAGS, throttle_delay=10.0)
    house.store("D")
    house.stage.ask(PutStudyFirst(id=last[0].study))
    house.stage.settle()

    assert [portion.study for portion in house.steps()][1:] == [last[0].study]
    house.stage.clock.advance(60)
    assert house.status().backlog.first == ()


def test_a_study_is_put_first_where_no_pass_runs(house):
    stored = house.store()
    house.stage.ask(PutStudyFirst(id=stored[0].study))
    house.stage.settle()

    assert [len(portion.tasks) for portion in house.steps()] == [2]
    assert house.status().condition == "Idle"


def test_a_large_study_that_was_put_first_goes_on_after_a_restart(house):
    stored = house.store(instances=TASKS + 5)
    house.left = 1
    house.stage.ask(PutStudyFirst(id=stored[0].study))
    house.stage.settle()
    house.restart()

    assert [len(portion.tasks) for portion in house.steps()] == [5]
    assert house.status().backlog.first == ()


def test_a_study_that_is_not_there_cannot_be_put_first(house):
    with pytest.raises(UnknownResource):
        house.stage.ask(PutStudyFirst(id=ResourceId("-".join(["0" * 8] * 5))))


def test_the_housekeeper_rests_while_requests_are_served(house):
    for patient in "ABC":
        house.store(patient)
    house.restart(tags=MORE_TAGS, steps=1, busy_share=10)
    for _ in range(5):
        house.status()
    house.let()

    assert house.status().condition == "BackingOff"
    steps = len(house.steps())
    house.stage.clock.advance(1)
    assert len(house.steps()) > steps  # but it always gets on


def test_the_housekeeper_does_not_rest_where_it_may_have_all_the_time(house):
    for patient in "ABC":
        house.store(patient)
    house.restart(tags=MORE_TAGS, steps=1, busy_share=100)
    for _ in range(5):
        house.status()
    house.let()

    assert house.status().condition == "Idle"


def test_an_index_that_is_busy_is_asked_again_and_nothing_is_skipped(house):
    stored = house.store("A") + house.store("B")
    house.restart(tags=MORE_TAGS, steps=0)
    refusals = [IndexBusy(), IndexBusy()]
    real = house.storage

    def answer(command):
        return refusals.pop() if refusals else real.ask(command, block=False)

    house.stage.understudy(DoChores, answer=answer)
    house.held[0][1].refuse(IndexBusy())
    house.stage.settle()
    assert house.status().condition == "Postponed"
    house.stage.clock.advance(10)

    assert house.refreshed(stored) == 4
    assert house.status().problem == ""


def test_a_plan_tells_what_a_pass_would_do(house):
    stored = house.store("A") + house.store("B")
    house.stage.ask(PauseHousekeeping())
    house.restart(tags=MORE_TAGS)
    plan = house.plan()

    assert plan.is_running
    assert (plan.work.studies, plan.work.instances) == (2, 4)
    sizes = [house.describe(Level.INSTANCE, ids).attachment.compressed_size for ids in stored]
    assert plan.work.size == sum(sizes)
    fired = [finding for finding in plan.findings if finding.fires]
    assert [finding.trigger for finding in fired] == ["MainDicomTagsChange"]
    assert fired[0].reason == (
        "The main DICOM tags have changed: Patient, Study, Series, Instance."
    )
    house.stage.ask(ResumeHousekeeping())
    house.stage.settle()
    assert house.plan().work.studies == 0
    assert not any(finding.fires for finding in house.plan().findings)


def test_a_plan_counts_what_is_read_at_one_level(house):
    house.store("A", series=2)
    house.stage.ask(PauseHousekeeping())
    house.restart(tags=MORE_TAGS, limit_main_dicom_tags_reconstruct_level="Series")

    assert house.plan().work.instances == 2


def tell_index(house, statement, *values):
    """Change the index of a house while nobody lives in it."""
    house.close()
    house.stage = None
    connection = apsw.Connection(str(house.folder / "index" / "repertory.db"))
    connection.execute(statement, values)
    connection.close()


def test_an_archive_that_an_orthanc_has_filled_is_processed_as_a_whole(house):
    house.store("A")
    house.store("B")
    tell_index(house, "INSERT INTO properties VALUES ('adopted', 'Orthanc')")
    house.restart(global_property_id=1026)

    assert [len(portion.tasks) for portion in house.steps()] == [2, 2]


def test_what_the_housekeeper_of_an_orthanc_has_completed_is_not_done_again(house):
    house.store("A")
    house.restart(steps=0, force=True)
    state = json.loads(house.held[0][0].state)
    del state["Repertory"]
    tell_index(house, "INSERT INTO properties VALUES ('adopted', 'Orthanc')")
    tell_index(house, "INSERT INTO properties VALUES ('property/1026', ?)", json.dumps(state))
    house.restart(global_property_id=1026)

    assert house.steps() == []
    assert house.status().completed.orthanc_version == "1.13.0"


def test_a_state_that_cannot_be_read_makes_everything_be_looked_at(house):
    house.store()
    tell_index(house, "UPDATE properties SET value = '{]' WHERE name LIKE 'property/1025/%'")
    house.restart()

    assert house.status().studies_done == 1


def test_what_is_kept_is_the_state_of_orthanc_with_ours_beside_it(house):
    house.store()
    house.restart(tags=MORE_TAGS, steps=0)
    kept = json.loads(house.held[0][0].state)

    assert list(kept) == [
        "Version",
        "LastProcessedChange",
        "LastChangeToProcess",
        "LastTimeStarted",
        "CurrentlyProcessingConfiguration",
        "LastProcessedConfiguration",
        "Repertory",
    ]
    assert kept["LastTimeStarted"] == "20260105T120000.000000"
