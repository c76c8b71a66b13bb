import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import repertory.storage.index.sqlite
from repertory.errors import LimitReached, UnknownItem
from repertory.integrity import Damage
from repertory.model import ChangeType, Level
from repertory.storage.index.operations.trashing import Keeping
from repertory.storage.index.policy import StorePolicy

NOON = 1_800_000_000.0
DAY = 86_400.0
KEEP = Keeping(expires_at=NOON + DAY, due=DAY, time=0.0)
USERS = 1024


class State:
    """Everything that a client sees of an archive, but for the log of changes."""

    def __init__(self, reader):
        self.totals = reader.describe_totals()
        self.resources = {
            level: [
                (
                    it.id,
                    it.parent,
                    it.children,
                    it.main_tags,
                    it.metadata,
                    it.labels,
                    it.is_stable,
                    it.is_protected,
                    reader.list_attachments(level, it.id),
                    level is Level.INSTANCE or reader.describe_statistics(level, it.id),
                )
                for it in reader.describe_resources(level, 0, 0)
            ]
            for level in Level
        }

    def __eq__(self, other):
        return vars(self) == vars(other)

    __hash__ = None


@pytest.fixture
def trash(group):
    """Delete a resource in such a way that it can be restored."""

    def trash(level, id_, keeping=KEEP, now=NOON):
        with group(now) as writer:
            return writer.delete_resource(level, id_, now, keeping)

    return trash


@pytest.fixture
def restore(group):
    def restore(name="1", policy=None, now=NOON + 60):
        policy = policy or StorePolicy()
        with group(now) as writer:
            return writer.restore_trash(name, policy, now)

    return restore


@pytest.fixture
def archive(store, group, made_up):
    """Two studies of a patient, with everything that can hang on them."""
    for study in ("1", "2"):
        for number in range(3):
            store("P", study, f"{study}.1", f"{study}.1.{number}", size=100 + number)
    study = made_up.public_id("P", "1")
    instance = made_up.public_id("P", "1", "1.1", "1.1.0")
    with group() as writer:
        writer.add_label(Level.STUDY, study, "urgent")
        writer.add_label(Level.INSTANCE, instance, "key")
        for value in ("a", "b"):
            writer.set_metadata(Level.STUDY, study, USERS, value, expected=None, now=NOON)
            writer.replace_attachment(
                Level.STUDY,
                study,
                made_up.a_file(content_type=USERS, size=7),
                expected=None,
                now=NOON,
            )
        writer.set_protection(made_up.public_id("P"), protected=True)
        writer.forget_released([1])


def test_an_entry_tells_what_the_studys_own_file_said_and_it_comes_back(
    store, trash, restore, reader, made_up
):
    store("P", "1", "1.1", "1")
    store("P", "2", "2.1", "2", tags={Level.PATIENT: {"0010,0010": "OWN"}})
    before = reader.describe_resource(Level.STUDY, made_up.public_id("P", "2"))

    trash(Level.STUDY, made_up.public_id("P", "2"))
    (entry,) = reader.list_trash(0, 0)
    assert entry.main_tags["0010,0010"] == "OWN"
    restore()
    after = reader.describe_resource(Level.STUDY, made_up.public_id("P", "2"))
    assert after.patient_tags == before.patient_tags


def checked(reader):
    """No counter is wrong."""
    assert reader.recount_totals() == ()
    assert reader.recount_tallies(-1, 1000).counters == ()


@pytest.mark.parametrize(
    ("level", "uids"),
    [
        (Level.PATIENT, ("P",)),
        (Level.STUDY, ("P", "1")),
        (Level.SERIES, ("P", "1", "1.1")),
        (Level.INSTANCE, ("P", "1", "1.1", "1.1.1")),
    ],
)
def test_what_is_restored_is_as_it_was_before(
    archive, trash, restore, reader, made_up, level, uids
):
    before = State(reader)
    trash(level, made_up.public_id(*uids))
    assert State(reader) != before
    assert reader.list_released(0) == ()
    restore(now=NOON)

    assert State(reader) == before
    assert reader.list_trash(0, 0) == ()
    assert reader.list_released(0) == ()
    checked(reader)


def test_an_entry_tells_what_was_deleted(archive, trash, reader, made_up):
    study = made_up.public_id("P", "1")
    trash(Level.STUDY, study)
    (entry,) = reader.list_trash(0, 0)

    assert (entry.level, entry.id) == (Level.STUDY, study)
    assert (entry.deleted_at, entry.expires_at) == (NOON, NOON + DAY)
    assert (entry.patients, entry.studies, entry.series, entry.instances) == (0, 1, 1, 3)
    assert (entry.files, entry.size) == (4, 100 + 101 + 102 + 7)
    assert entry.main_tags["0020,000d"] == "1"
    assert entry.main_tags["0010,0010"] == "DOE^JOHN"


def test_an_entry_is_found_by_its_number_and_by_the_last_resource(trash, store, reader, made_up):
    study = made_up.public_id("P", "1")
    for _ in range(2):
        store("P", "1", "1", "1")
        trash(Level.STUDY, study)

    assert reader.describe_trash("1").entry.number == 1
    assert reader.describe_trash(study).entry.number == 2
    assert [entry.number for entry in reader.list_trash(0, 0)] == [2, 1]
    assert [entry.number for entry in reader.list_trash(1, 1)] == [1]


def test_the_resources_of_an_entry_are_told(archive, trash, reader, made_up):
    trash(Level.STUDY, made_up.public_id("P", "1"))
    content = reader.describe_trash("1")
    levels = [resource.level for resource in content.resources]

    assert levels == [Level.STUDY, Level.SERIES, Level.INSTANCE, Level.INSTANCE, Level.INSTANCE]
    assert content.resources[0].labels == ("urgent",)
    assert content.resources[0].metadata[USERS] == "b"


@pytest.mark.parametrize("name", ["7", "", "x", "9" * 40, "-1", "1e3", "²", "0" * 44])
def test_what_is_not_in_the_trash_is_refused(reader, group, name):
    with pytest.raises(UnknownItem):
        reader.describe_trash(name)
    with group() as writer:
        with pytest.raises(UnknownItem):
            writer.restore_trash(name, StorePolicy(), NOON)
        with pytest.raises(UnknownItem):
            writer.empty_trash(name, NOON)


def test_what_was_uploaded_anew_stays_and_the_rest_comes_back(
    archive, trash, store, restore, reader, made_up
):
    study = made_up.public_id("P", "1")
    instance = made_up.public_id("P", "1", "1.1", "1.1.0")
    trash(Level.STUDY, study)
    store("P", "1", "1.1", "1.1.0", size=5000)
    store("P", "1", "1.1", "1.1.9", size=6000)
    new = reader.list_attachments(Level.INSTANCE, instance)
    receipt = restore()

    assert (receipt.restored, receipt.kept) == (2, 1)
    assert reader.list_attachments(Level.INSTANCE, instance) == new
    assert len(reader.list_children(Level.STUDY, study, Level.INSTANCE)) == 4
    assert reader.list_labels(Level.STUDY, study) == ("urgent",)
    assert reader.list_labels(Level.INSTANCE, instance) == ("key",)
    assert reader.describe_metadata(Level.STUDY, study, USERS).value == "b"
    assert [it.content_type for it in reader.list_attachments(Level.STUDY, study)] == [USERS]
    assert [file.size for file in reader.list_released(0)] == [100]
    checked(reader)


def test_what_users_wrote_anew_wins(archive, trash, store, group, restore, reader, made_up):
    study = made_up.public_id("P", "1")
    trash(Level.STUDY, study)
    store("P", "1", "1.1", "1.1.0")
    file = made_up.a_file(content_type=USERS, size=55)
    with group() as writer:
        writer.set_metadata(Level.STUDY, study, USERS, "new", expected=None, now=NOON)
        writer.replace_attachment(Level.STUDY, study, file, expected=None, now=NOON)
    restore()

    assert reader.describe_metadata(Level.STUDY, study, USERS).value == "new"
    assert [it.uuid for it in reader.list_attachments(Level.STUDY, study)] == [file.uuid]
    assert sorted(it.size for it in reader.list_released(0)) == [7, 100]
    checked(reader)


def test_a_series_comes_back_though_its_study_was_deleted_after_it(
    archive, trash, restore, reader, store, made_up
):
    store("P", "1", "1.2", "1.2.0")
    before = State(reader)
    trash(Level.SERIES, made_up.public_id("P", "1", "1.2"))
    trash(Level.PATIENT, made_up.public_id("P"))
    restore("1")
    assert reader.list_labels(Level.STUDY, made_up.public_id("P", "1")) == ("urgent",)
    checked(reader)
    restore("2")
    after = State(reader)

    assert after.totals == before.totals
    for level in Level:
        assert [it[:1] + it[3:4] + it[5:6] + it[7:9] for it in after.resources[level]] == [
            it[:1] + it[3:4] + it[5:6] + it[7:9] for it in before.resources[level]
        ]
    checked(reader)


def test_what_comes_back_is_logged_as_new(archive, trash, restore, reader, made_up):
    trash(Level.STUDY, made_up.public_id("P", "1"))
    last = reader.describe_last_change(deletions=True).last
    restore()
    changes = reader.list_changes(last, None, 100, ()).changes

    assert [change.type for change in changes] == [ChangeType.NEW_INSTANCE] * 3 + [
        ChangeType.NEW_SERIES,
        ChangeType.NEW_STUDY,
    ]


def test_what_was_not_stable_becomes_stable_anew_and_what_was_stays_so(
    trash, restore, store, group, reader, made_up
):
    store("P", "1", "1.1", "1.1.1")
    with group() as writer:
        for unstable in reader.list_unstable():
            writer.declare_stable(unstable.level, unstable.id, NOON)
    store("P", "1", "1.2", "1.2.1")
    trash(Level.PATIENT, made_up.public_id("P"))
    receipt = restore()

    assert [arrival.ids.series for arrival in receipt.arrivals] == [
        made_up.public_id("P", "1", "1.2")
    ]
    stable = {it.id: it.is_stable for it in reader.describe_resources(Level.SERIES, 0, 0)}
    assert stable == {
        made_up.public_id("P", "1", "1.1"): True,
        made_up.public_id("P", "1", "1.2"): False,
    }
    (unstable,) = [it for it in reader.list_unstable() if it.level is Level.SERIES]
    assert unstable.activity == receipt.arrivals[0].activity


def test_damage_is_remembered(store, trash, restore, group, reader, made_up):
    store("P", "1", "1", "1")
    instance = made_up.public_id("P", "1", "1", "1")
    (file,) = reader.list_attachments(Level.INSTANCE, instance)
    with group() as writer:
        writer.note_damage(Level.INSTANCE, instance, 1, file.uuid, Damage.LOST)
    trash(Level.INSTANCE, instance)
    restore()

    (mark,) = reader.list_damaged()
    assert mark.damage is Damage.LOST


@pytest.mark.parametrize("name", [None, "1"])
def test_the_files_of_what_is_given_up_are_released(archive, trash, group, reader, made_up, name):
    trash(Level.STUDY, made_up.public_id("P", "1"))
    with group(NOON) as writer:
        assert writer.empty_trash(name, NOON) == 1

    assert reader.list_trash(0, 0) == ()
    assert sorted(file.size for file in reader.list_released(0)) == [7, 100, 101, 102]
    checked(reader)


def test_an_entry_expires_when_its_time_is_up_and_not_before(trash, store, group, reader, made_up):
    for number in range(3):
        store("P", str(number), "1", "1")
        keeping = Keeping(expires_at=NOON, due=100.0 * number, time=0.0)
        trash(Level.STUDY, made_up.public_id("P", str(number)), keeping)
    tides = []
    for time in (99.9, 100.0, 100.0):
        with group(NOON) as writer:
            tide = writer.expire_trash(time, 1, NOON)
            tides.append((tide.expired, tide.left))

    assert tides == [(1, 2), (1, 1), (0, 1)]
    assert len(reader.list_released(0)) == 2


def test_files_in_the_trash_belong_to_somebody(archive, trash, reader, made_up):
    instance = made_up.public_id("P", "1", "1.1", "1.1.0")
    (file,) = reader.list_attachments(Level.INSTANCE, instance)
    trash(Level.STUDY, made_up.public_id("P", "1"))
    first = reader.list_trashed_files((0, 0, 0), 3)
    second = reader.list_trashed_files(first[-1][:3], 3)

    assert (len(first), len(second)) == (3, 1)
    assert reader.find_attachments([file.uuid]) == {file.uuid}


def test_the_trash_makes_room_before_any_patient_does(store, trash, group, reader, made_up):
    for name in ("A", "B", "C"):
        store(name, "1", "1", "1", size=400_000)
    for name in ("A", "B"):
        trash(Level.PATIENT, made_up.public_id(name))
    policy = StorePolicy(maximum_size=1_300_000, recycles=False)
    with group() as writer:
        record = made_up.an_instance("D", "1", "1", "1", size=400_000)
        receipt = writer.record_instance(**record, policy=policy)
    assert receipt.emptied_trash
    assert [entry.number for entry in reader.list_trash(0, 0)] == [2]
    assert len(reader.list_released(0)) == 1
    record = made_up.an_instance("E", "1", "1", "1", size=900_000)
    with group() as writer, pytest.raises(LimitReached):
        writer.record_instance(**record, policy=policy)

    assert [entry.number for entry in reader.list_trash(0, 0)] == [2]
    checked(reader)


def test_a_patient_too_many_is_not_restored(store, trash, restore, reader, made_up):
    store("A", "1", "1", "1")
    trash(Level.PATIENT, made_up.public_id("A"))
    store("B", "1", "1", "1")
    with pytest.raises(LimitReached):
        restore(policy=StorePolicy(maximum_patients=1, recycles=False))

    assert len(reader.list_trash(0, 0)) == 1


def test_recycling_and_overwriting_pass_the_trash_by(store, group, reader, made_up):
    policy = StorePolicy(maximum_patients=1)
    for name in ("A", "B"):
        with group() as writer:
            writer.record_instance(**made_up.an_instance(name, "1", "1", "1"), policy=policy)

    assert reader.list_trash(0, 0) == ()
    assert len(reader.list_released(0)) == 1


def test_the_time_that_went_by_is_remembered(trash, store, group, reader, writer, made_up):
    assert writer.recorded_time() is None
    store("P", "1", "1", "1")
    trash(Level.PATIENT, made_up.public_id("P"), Keeping(expires_at=NOON, due=500.0, time=12.5))
    assert writer.recorded_time() == (12.5, NOON)
    with group():
        writer.expire_trash(80.25, 10, NOON + 70)

    assert writer.recorded_time() == (80.25, NOON + 70)


def test_the_trash_keeps_every_column_of_a_resource():
    schema = (Path(repertory.storage.index.sqlite.__file__).parent / "schema.sql").read_text()

    def columns(table):
        body = re.search(rf"CREATE TABLE {table} \((.*?)\) STRICT", schema, re.DOTALL).group(1)
        return {line.split()[0] for line in body.splitlines() if line.startswith("    ")}

    assert columns("resources") <= columns("trashed_resources")
    assert columns("attachments") <= columns("trashed_attachments")


UIDS = st.tuples(
    st.sampled_from("PQ"), st.sampled_from("12"), st.sampled_from("12"), st.sampled_from("12")
)


@settings(max_examples=20)
@given(
    stored=st.lists(UIDS, min_size=1, max_size=12, unique=True),
    deleted=st.lists(st.tuples(UIDS, st.sampled_from(Level)), min_size=1, max_size=4),
)
def test_whatever_is_deleted_comes_back_when_it_is_restored_in_reverse(
    fresh_index, made_up, stored, deleted
):
    with fresh_index() as (writer, reader):
        for uids in stored:
            writer.begin()
            writer.record_instance(**made_up.an_instance(*uids))
            writer.commit()
        states = []
        for uids, level in deleted:
            id_ = made_up.public_id(*uids[:level])
            if id_ not in reader.list_resources(level, 0, 0):
                continue
            states.append(State(reader))
            writer.begin(NOON)
            writer.delete_resource(level, id_, NOON, KEEP)
            writer.commit()
        for state in reversed(states):
            name = str(reader.list_trash(0, 1)[0].number)
            writer.begin(NOON)
            writer.restore_trash(name, StorePolicy(), NOON)
            writer.commit()

            assert State(reader) == state
            checked(reader)
        assert reader.list_released(0) == ()
