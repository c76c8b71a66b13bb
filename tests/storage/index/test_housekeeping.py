"""What there is to do, and what was done, on every engine."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repertory.errors import UnknownResource
from repertory.housekeeping import (
    BEGINNING,
    Chores,
    ChoresRecord,
    DonePortion,
    DoneTask,
    InstanceFailure,
    PortionWanted,
    Position,
)
from repertory.model import Compression, Level, Metadata

EVERYTHING = Chores(levels=frozenset(Level), obsolete=True, everything=True)
NEEDED = Chores(levels=frozenset(Level), obsolete=True)
NAME = "property/1025/me"
LAST = 10**9


@pytest.fixture
def find(reader, made_up):
    def find(chores=EVERYTHING, position=BEGINNING, **more):
        wanted = {
            "name": NAME,
            "now": made_up.NOON,
            "chores": chores,
            "aside": EVERYTHING,
            "position": position,
            "within": BEGINNING,
            "last": LAST,
            "tasks": 20,
            "size": 1 << 30,
        }
        return reader.find_portions(PortionWanted(**wanted | more))[0]

    return find


@pytest.fixture
def record(group, made_up, reader):
    """Record that a portion was done as it should be, but for what fails."""

    def record(portion, *, failing=(), now=None, state="{}", done=None):
        if done is None:
            done = tuple(
                DoneTask(
                    number=task.number,
                    ids=task.ids,
                    summary=None,
                    levels=frozenset(),
                    replaces=task.attachment.uuid,
                    attachment=None,
                    obsolete=task.obsolete,
                )
                for task in portion.tasks
                if task.ids.instance not in failing
            )
        failures = tuple(InstanceFailure(id_, "It is lost.") for id_ in failing)
        with group() as writer:
            done_portion = DonePortion(portion, done, failures)
            record = ChoresRecord(NAME, state, (done_portion,))
            return writer.record_chores(record, now or made_up.NOON)[0]

    return record


def read_anew(task, made_up, *uids, levels=tuple(Level), **details):
    """What was done with an instance whose file says what ``made_up`` makes of the rest."""
    return DoneTask(
        number=task.number,
        ids=task.ids,
        summary=made_up.an_instance(*uids, **details)["summary"],
        levels=frozenset(levels),
        replaces=task.attachment.uuid,
        attachment=None,
        obsolete=False,
    )


def backlog(reader):
    return reader.describe_unfinished(NAME, BEGINNING, LAST, 100)


def test_an_empty_index_has_nothing_to_do(find, reader):
    assert find().is_last
    assert find().study is None
    assert reader.describe_kept_state(1025).last_study == 0
    assert reader.estimate(EVERYTHING, BEGINNING, LAST, 10).is_last


def test_studies_come_in_order_of_arrival_each_with_all_its_instances(store, find, made_up):
    for study in ("1.3", "1.1", "1.2"):
        for number in range(2):
            store("P", study, f"{study}.1", f"{study}.1.{number}")
    position, found = BEGINNING, []
    while not (portion := find(position=position)).is_last:
        assert (portion.begins, portion.ends, portion.passed) == (True, True, 1)
        found.append((portion.study, len(portion.tasks)))
        position = portion.position

    assert found == [(made_up.ids_of("P", uid).study, 2) for uid in ("1.3", "1.1", "1.2")]


def test_of_a_study_that_is_in_order_there_is_nothing_to_do(store, find):
    store()
    portion = find(NEEDED)

    assert (portion.study, portion.tasks, portion.passed) == (None, (), 1)
    assert portion.is_last


@pytest.mark.parametrize("level", list(Level))
def test_a_signature_that_is_another_one_is_found_at_each_level(store, find, writer, level):
    store()
    store("P", "1.1", "1.1.1", "1.1.1.2")
    of_level = "SELECT id, metadata FROM resources WHERE level = ?"
    for number, packed in writer._db.all(of_level, (int(level),)):
        row = (json.dumps(json.loads(packed) | {"15": ["x", 0]}), number)
        writer._db.execute("UPDATE resources SET metadata = ? WHERE id = ?", row)
    portion = find(NEEDED)

    assert [task.levels for task in portion.tasks] == [frozenset({level})] * 2


def test_a_resource_without_a_signature_was_filled_by_an_old_orthanc(store, find, writer):
    store()
    writer._db.execute("UPDATE resources SET metadata = '{}'")

    assert find(NEEDED).tasks[0].levels == frozenset(Level)


def test_files_in_another_form_are_found(store, find):
    store(size=1000)
    store("Q", "2.1", "2.1.1", "2.1.1.1", size=1000)

    assert find(Chores(form=Compression.NONE)).tasks == ()
    portion = find(Chores(form=Compression.ZSTANDARD))
    assert [task.rewrite for task in portion.tasks] == [True]
    assert portion.form is Compression.ZSTANDARD


def test_files_that_an_orthanc_kept_beside_the_dicom_files_are_found_and_released(
    store, find, record, reader, writer
):
    store()
    for content_type in (2, 3):
        writer._db.execute(
            "INSERT INTO attachments SELECT resource, ?, ?, 10, NULL, 5, NULL, 2, 0, 0"
            " FROM attachments WHERE content_type = 1",
            (content_type, bytes([content_type] * 16)),
        )
    portion = find(Chores(obsolete=True))
    assert [task.obsolete for task in portion.tasks] == [True]
    record(portion)

    assert reader.count_released() == 2
    assert find(Chores(obsolete=True)).tasks == ()


def test_a_large_study_comes_in_portions_that_go_on_where_the_last_one_ended(store, find):
    for series in range(3):
        for number in range(3):
            store("P", "1.1", f"1.1.{series}", f"1.1.{series}.{number}")
    position, sizes, seen = BEGINNING, [], []
    while True:
        portion = find(position=position, tasks=4)
        if portion.study is None:
            break
        sizes.append((len(portion.tasks), portion.begins, portion.ends))
        seen += [task.ids.instance for task in portion.tasks]
        position = portion.position

    assert sizes == [(4, True, False), (4, False, False), (1, False, True)]
    assert len(set(seen)) == 9


def test_a_portion_has_one_file_at_least_however_large(store, find):
    for number in range(3):
        store("P", "1.1", "1.1.1", f"1.1.1.{number}", size=5_000)

    assert len(find(size=1).tasks) == 1
    assert len(find(size=10_000).tasks) == 2


def test_studies_that_came_after_the_pass_began_are_left_out(store, find, reader):
    store()
    last = reader.describe_kept_state(1025).last_study
    store("Q", "2.1", "2.1.1", "2.1.1.1")
    first = find(last=last)

    assert find(position=first.position, last=last).is_last
    assert reader.describe_unfinished(NAME, BEGINNING, last, 9).studies == 1


def test_the_state_is_kept_with_the_portion_or_not_at_all(store, find, record, reader, writer):
    store()
    record(find(), state='{"a": 1}')
    assert reader.describe_kept_state(1025).name.startswith("property/1025/")
    assert writer._db.one("SELECT value FROM properties WHERE name = ?", (NAME,)) == ('{"a": 1}',)
    writer.begin()
    writer.record_chores(ChoresRecord(NAME, '{"a": 2}', (DonePortion(find(), (), ()),)), 0.0)
    writer.rollback()

    assert writer._db.one("SELECT value FROM properties WHERE name = ?", (NAME,)) == ('{"a": 1}',)


def test_what_an_orthanc_kept_is_read_until_there_is_a_state_of_ours(group, reader, writer):
    writer._db.execute("INSERT INTO properties VALUES ('property/1025', 'theirs')")
    writer._db.execute("INSERT INTO properties VALUES ('adopted', 'Orthanc')")
    kept = reader.describe_kept_state(1025)
    assert (kept.text, kept.is_adopted, kept.is_paused) == ("theirs", True, False)
    with group() as changes:
        changes.record_state(kept.name, "ours", paused=True)

    assert reader.describe_kept_state(1025).text == "ours"
    assert reader.describe_kept_state(1025).is_paused
    assert reader.describe_kept_state(1026).text == ""


def test_a_study_that_failed_is_listed_until_it_succeeds(store, find, record, reader, made_up):
    ids = store().ids
    portion = find()
    receipt = record(portion, failing=[ids.instance])
    assert (receipt.done, [it.id for it in receipt.failures]) == (0, [ids.instance])
    (failure,) = backlog(reader).failures
    assert (failure.study, failure.instance, failure.attempts) == (ids.study, ids.instance, 1)
    assert failure.retry_at == made_up.NOON + 60

    idle = find(Chores(), now=made_up.NOON + 59)
    assert (idle.study, idle.next_due) == (None, made_up.NOON + 60)
    again = find(Chores(), now=made_up.NOON + 60)
    assert (again.study, again.aside) == (ids.study, True)
    record(again, failing=[ids.instance], now=made_up.NOON + 60)
    assert backlog(reader).failures[0].retry_at == made_up.NOON + 60 + 120
    record(again)
    assert backlog(reader).failed == 0


def test_a_study_that_failed_keeps_the_form_that_its_files_were_to_get(store, find, record):
    ids = store().ids
    portion = find(Chores(form=Compression.ZSTANDARD))
    record(portion, failing=[ids.instance])

    again = find(Chores(), now=LAST * 10)
    assert again.tasks[0].rewrite


def test_a_failure_early_in_a_study_is_kept_at_its_end_and_counts_once(store, find, record, reader):
    stored = [store("P", "1.1", "1.1.1", f"1.1.1.{number}").ids for number in range(3)]
    position = BEGINNING
    for number in range(3):
        portion = find(position=position, tasks=1)
        record(portion, failing=[stored[number].instance] if number < 2 else ())
        position = portion.position

    (failure,) = backlog(reader).failures
    assert (failure.instance, failure.attempts) == (stored[0].instance, 1)


def test_a_study_is_put_before_all_others_in_the_order_of_wishes(
    store, find, record, group, reader, made_up
):
    stored = [store(p, f"{n}.1", f"{n}.1.1", f"{n}.1.1.1").ids for n, p in enumerate("ABC")]
    with group() as writer:
        writer.put_first(NAME, stored[2].study, None, made_up.NOON)
        writer.put_first(NAME, stored[1].study, Compression.ZSTANDARD, made_up.NOON + 1)
    assert backlog(reader).first == (stored[2].study, stored[1].study)

    found = []
    for _ in range(3):
        portion = find(now=made_up.NOON + 5)
        found.append((portion.study, portion.aside, portion.form))
        record(portion)
    assert found == [
        (stored[2].study, True, None),
        (stored[1].study, True, Compression.ZSTANDARD),
        (stored[0].study, False, None),
    ]


def test_only_a_study_can_be_put_first(group, made_up):
    with pytest.raises(UnknownResource), group() as writer:
        writer.put_first(NAME, made_up.ids_of().study, None, made_up.NOON)


def test_a_study_that_was_set_aside_goes_with_its_row(store, find, record, delete, writer):
    ids = store().ids
    record(find(), failing=[ids.instance])
    delete(Level.STUDY, ids.study)

    assert writer._db.one("SELECT COUNT(*) FROM set_aside") == (0,)


def test_what_is_set_aside_and_is_no_more_is_taken_off_the_list(
    store, find, record, writer, made_up
):
    ids = store().ids
    record(find(), failing=[ids.instance])
    writer._db.execute("UPDATE set_aside SET resource = 77, is_open = 1")
    later = made_up.NOON + 100
    portion = find(Chores(), now=later)
    assert (portion.study, portion.tasks, portion.aside, portion.ends) == (None, (), True, True)

    record(portion, now=later)

    assert find(Chores(), now=later).next_due is None
    assert writer._db.one("SELECT COUNT(*) FROM set_aside") == (0,)


def test_a_study_that_was_deleted_and_uploaded_again_is_not_set_aside_under_its_old_number(
    store, find, record, delete, reader
):
    ids = store().ids
    portion = find()
    store("Q", "1.2", "1.2.1", "1.2.1.1")
    delete(Level.STUDY, ids.study)
    store()

    receipt = record(portion, failing=[ids.instance])

    assert [failure.id for failure in receipt.failures] == [ids.instance]
    assert backlog(reader).failed == 0


def test_what_is_gone_meanwhile_is_no_failure_and_its_new_file_is_released(
    store, find, record, delete, reader, made_up
):
    ids = store().ids
    portion = find()
    new = made_up.a_file(compression=Compression.ZSTANDARD)
    done = DoneTask(
        number=portion.tasks[0].number,
        ids=ids,
        summary=made_up.an_instance()["summary"],
        levels=frozenset(Level),
        replaces=portion.tasks[0].attachment.uuid,
        attachment=new,
        obsolete=False,
    )
    delete(Level.STUDY, ids.study)
    receipt = record(portion, done=(done,), failing=[ids.instance])

    assert (receipt.done, receipt.gone, receipt.failures) == (0, 2, ())
    assert new.uuid in {file.uuid for file in reader.list_released(0)}
    assert find(within=Position(portion.number, 1, 1)).study is None


def test_an_instance_that_was_uploaded_again_is_not_the_one_that_is_recorded(
    store, find, record, delete, reader, made_up
):
    ids = store().ids
    portion = find()
    delete(Level.INSTANCE, ids.instance)
    store()
    changed = {Level.STUDY: {"0008,1030": "X"}}
    receipt = record(portion, done=[read_anew(portion.tasks[0], made_up, tags=changed)])

    assert (receipt.done, receipt.gone, receipt.failures) == (0, 1, ())
    study = reader.describe_resource(Level.STUDY, ids.study)
    assert study.main_tags["0008,1030"] == "Thorax"


def test_studies_of_one_patient_that_are_recorded_together_follow_each_its_own_file(
    store, find, group, reader, writer, made_up
):
    portions, names, position = (
        [],
        {"1.1": "ROE^ANN", "1.2": "DOE^JOHN", "1.3": "ROE^EVE"},
        BEGINNING,
    )
    for study in names:
        store("P", study, f"{study}.1", f"{study}.1.1")
    for study, name in names.items():
        portion = find(position=position)
        position = portion.position
        tags = {
            Level.PATIENT: {"0010,0010": name, "0010,0040": "F"},
            Level.SERIES: {"0008,0060": "MR"},
            Level.INSTANCE: {"0020,0012": "7"},
        }
        uids = ("P", study, f"{study}.1", f"{study}.1.1")
        done = read_anew(portion.tasks[0], made_up, *uids, tags=tags)
        portions.append(DonePortion(portion, (done,), ()))
    with group() as writing:
        record = ChoresRecord(NAME, "{}", tuple(portions))
        receipts = writing.record_chores(record, made_up.NOON)

    assert [receipt.done for receipt in receipts] == [1, 1, 1]
    studies = reader.describe_resources(Level.STUDY, 0, 0)
    assert [it.patient_tags["0010,0010"] for it in studies] == list(names.values())
    assert all(it.patient_tags["0010,0040"] == "F" for it in studies)
    searched = writer._db.all("SELECT patient_name FROM resources WHERE level < 3 ORDER BY id")
    assert [row[0] for row in searched] == ["ROE^EVE", *names.values()]
    for level, tag, value in (
        (Level.SERIES, "0008,0060", "MR"),
        (Level.INSTANCE, "0020,0012", "7"),
    ):
        found = reader.describe_resources(level, 0, 0)
        assert [it.main_tags[tag] for it in found] == [value] * 3


def test_no_more_is_asked_of_many_instances_of_a_study_than_of_few(
    store, find, record, writer, made_up, monkeypatch
):
    for study, many in (("1.1", 2), ("1.2", 12)):
        for number in range(many):
            store(study, study, f"{study}.1", f"{study}.1.{number}")
    asked, counts, position = [], [], BEGINNING
    for name in ("execute", "execute_many", "one", "all"):
        real = getattr(writer._db, name)
        monkeypatch.setattr(
            writer._db, name, lambda *words, real=real: asked.append(words) or real(*words)
        )
    for study in ("1.1", "1.2"):
        portion = find(position=position)
        position = portion.position
        tags = {level: {"0008,1030": "X"} for level in Level}
        done = [
            read_anew(task, made_up, study, study, f"{study}.1", f"{study}.1.{number}", tags=tags)
            for number, task in enumerate(portion.tasks)
        ]
        done[1:] = [replace(it, levels=frozenset([Level.INSTANCE])) for it in done[1:]]
        asked.clear()
        assert record(portion, done=done).done == len(done)
        counts.append(len(asked))

    assert counts[0] == counts[1]


def test_a_file_that_was_replaced_meanwhile_is_a_failure_and_the_others_are_done(
    store, find, record, reader, made_up
):
    stored = [store("P", "1.1", "1.1.1", f"1.1.1.{number}").ids for number in range(2)]
    portion = find()
    tags = {Level.STUDY: {"0008,1030": "X"}}
    done = tuple(
        DoneTask(
            number=task.number,
            ids=ids,
            summary=made_up.an_instance(sop=f"1.1.1.{number}", tags=tags)["summary"],
            levels=frozenset(Level),
            replaces=task.attachment.uuid if number else made_up.a_file().uuid,
            attachment=None,
            obsolete=False,
        )
        for number, (ids, task) in enumerate(zip(stored, portion.tasks, strict=True))
    )
    receipt = record(portion, done=done)

    assert (receipt.done, receipt.gone) == (1, 0)
    assert [failure.id for failure in receipt.failures] == [stored[0].instance]
    study = reader.describe_resource(Level.STUDY, stored[0].study)
    assert study.main_tags["0008,1030"] == "X"
    assert Metadata.MAIN_DICOM_TAGS_SIGNATURE in study.metadata


def test_an_estimate_adds_up_what_is_done_with_each_file_once(store, reader):
    for number in range(3):
        store("P", "1.1", "1.1.1", f"1.1.1.{number}", size=1000)
    store("Q", "2.1", "2.1.1", "2.1.1.1", size=1000)

    whole = reader.estimate(EVERYTHING, BEGINNING, LAST, 10)
    assert (whole.studies, whole.instances, whole.size) == (2, 4, 4000)
    one_level = replace(EVERYTHING, levels=frozenset({Level.STUDY}))
    assert reader.estimate(one_level, BEGINNING, LAST, 10).instances == 2
    first = reader.estimate(EVERYTHING, BEGINNING, LAST, 1)
    assert (first.studies, first.is_last) == (1, False)
    assert reader.estimate(EVERYTHING, first.position, LAST, 10).studies == 1


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    shape=st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=3), min_size=1, max_size=4),
    tasks=st.integers(1, 5),
    studies=st.integers(1, 3),
)
def test_whatever_the_portions_each_instance_comes_once_study_by_study(
    make_engine, tmp_path_factory, made_up, shape, tasks, studies
):
    engine = make_engine(tmp_path_factory.mktemp("index"), signatures=made_up.SIGNATURES)
    engine.open()
    writer, reader = engine.writer(), engine.reader()
    writer.begin()
    stored = []
    for n, study in enumerate(shape):
        for m, count in enumerate(study):
            for i in range(count):
                uids = (f"P{n % 2}", f"{n}.1", f"{n}.1.{m}", f"{n}.1.{m}.{i}")
                writer.record_instance(**made_up.an_instance(*uids))
                stored.append((made_up.ids_of(*uids).study, made_up.ids_of(*uids).instance))
    writer.commit()
    position, seen, ended = BEGINNING, [], 0
    while True:
        portions = reader.find_portions(
            PortionWanted(
                NAME,
                0.0,
                EVERYTHING,
                EVERYTHING,
                position,
                BEGINNING,
                LAST,
                tasks,
                1 << 30,
                studies,
            )
        )
        if portions[0].study is None:
            break
        assert len(portions) <= studies
        assert sum(len(portion.tasks) for portion in portions) <= tasks
        for portion in portions:
            seen += [(portion.study, task.ids.instance) for task in portion.tasks]
            ended += portion.passed
        position = portions[-1].position
    reader.close()
    writer.close()
    engine.close()

    assert seen == stored
    assert ended == len(shape)


def test_the_configurations_under_which_something_was_stored_are_kept_in_order(group, reader):
    for name in ("A", "A", "B", "A"):
        with group() as writer:
            writer.note_stored_under(name)

    assert reader.describe_kept_state(1025).stored_under == ((2, "B"), (3, "A"))


def test_what_is_restored_may_have_been_stored_under_any_of_them(group, reader):
    for name in ("A", "B"):
        with group() as writer:
            writer.note_stored_under(name)
    with group() as writer:
        writer.note_stored_under("A", restored=True)

    assert reader.describe_kept_state(1025).stored_under == ((3, "B"), (4, "A"))
