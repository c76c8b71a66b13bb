import pytest

from repertory.errors import UnknownResource
from repertory.model import ChangeType, Level, Origin, OriginKind, ResourceRef
from repertory.storage.index.policy import Overwriting, StableAges, StorePolicy

UPWARDS = (Level.SERIES, Level.STUDY, Level.PATIENT)


@pytest.fixture
def declare(group, made_up):
    """Declare everything stable that was quiet for long enough, so many seconds after noon."""

    def declare(seconds, limit=100):
        with group() as writer:
            moment = made_up.NOON + seconds
            return writer.declare_due(moment, limit, moment)

    return declare


def named(unstable):
    return [ResourceRef(one.level, one.id) for one in unstable]


def refs(ids):
    return [ResourceRef(level, ids.at(level)) for level in UPWARDS]


def test_a_new_instance_makes_its_parents_unstable(store, reader, made_up):
    store()

    ids = made_up.ids_of()
    unstable = reader.list_unstable()
    assert named(unstable) == refs(ids)
    assert {(one.quiet_since, one.stable_age) for one in unstable} == {(made_up.NOON, 60.0)}
    for level in UPWARDS:
        assert not reader.describe_resource(level, ids.at(level)).is_stable


def test_what_is_due_first_comes_first(store, reader, made_up):
    store("Q", "3", "5", "9", now=made_up.NOON + 10)
    store("P", "1", "1", "1", now=made_up.NOON)
    store("P", "1", "2", "2", now=made_up.NOON + 20.5)

    found = [(one.level, one.quiet_since - made_up.NOON) for one in reader.list_unstable()]
    assert found == [
        (Level.SERIES, 0),
        (Level.SERIES, 10),
        (Level.STUDY, 10),
        (Level.PATIENT, 10),
        (Level.SERIES, 20.5),
        (Level.STUDY, 20.5),
        (Level.PATIENT, 20.5),
    ]
    assert [each.level for each in reader.list_unstable(2)] == [Level.SERIES, Level.SERIES]


def test_at_equal_times_the_oldest_activity_comes_first_then_series_study_patient(
    group, reader, made_up
):
    with group() as writer:
        writer.record_instance(**made_up.an_instance("P", "1", "1", "1"))
        writer.record_instance(**made_up.an_instance("P", "1", "2", "2"))
        writer.record_instance(**made_up.an_instance("Q"))

    assert named(reader.list_unstable()) == [
        ResourceRef(Level.SERIES, made_up.public_id("P", "1", "1")),
        *refs(made_up.ids_of("P", "1", "2", "2")),
        *refs(made_up.ids_of("Q")),
    ]


def test_activity_grows_with_each_instance(store, reader, made_up):
    activities = []
    for number in range(3):
        store("P", "1", "1", str(number))
        activities.append(reader.describe_unstable(Level.STUDY, made_up.public_id("P", "1")))

    assert [one.activity for one in activities] == sorted({one.activity for one in activities})


def test_what_is_due_is_declared_stable_and_logged(store, declare, reader, made_up):
    store()
    ids = made_up.ids_of()
    done = declare(100)

    assert done.resources == tuple(refs(ids))
    assert done.next_in is None
    assert reader.list_unstable() == ()
    assert reader.describe_resource(Level.STUDY, ids.study).is_stable
    changes = reader.list_changes(4, None, 10, ()).changes
    assert [(change.type, change.level, change.id, change.date) for change in changes] == [
        (ChangeType.STABLE_SERIES, Level.SERIES, ids.series, "20270115T080140"),
        (ChangeType.STABLE_STUDY, Level.STUDY, ids.study, "20270115T080140"),
        (ChangeType.STABLE_PATIENT, Level.PATIENT, ids.patient, "20270115T080140"),
    ]


def test_nothing_is_due_before_a_whole_second_more_than_its_age(store, declare):
    store()

    assert declare(60).resources == ()
    assert declare(60.9).resources == ()
    assert declare(60.9).next_in == pytest.approx(0.1, abs=0.001)
    assert len(declare(61).resources) == 3


def test_what_is_stable_is_not_declared_again(store, declare, reader):
    store()
    declare(61)

    assert declare(1000).resources == ()
    assert reader.describe_last_change().last == 7


def test_no_more_than_the_limit_is_declared_and_the_rest_is_due_at_once(store, declare):
    store()
    first, second = declare(61, limit=2), declare(61, limit=2)

    assert [each.level for each in first.resources] == [Level.SERIES, Level.STUDY]
    assert first.next_in == 0
    assert [each.level for each in second.resources] == [Level.PATIENT]


def test_news_of_the_same_group_count(store, group, made_up):
    store("P", "1", "1", "1")
    with group() as writer:
        later = made_up.NOON + 61
        writer.record_instance(**made_up.an_instance("P", "1", "1", "2", now=later))
        done = writer.declare_due(later, 10, later)

    assert done.resources == ()


def test_what_is_gone_is_not_declared_stable(store, delete, declare, made_up):
    store()
    delete(Level.PATIENT, made_up.ids_of().patient)

    assert declare(100).resources == ()


def test_what_was_deleted_and_came_back_waits_anew(store, delete, declare, made_up):
    store()
    delete(Level.PATIENT, made_up.ids_of().patient)
    store(now=made_up.NOON + 50)

    assert declare(61).resources == ()
    assert len(declare(111).resources) == 3


def test_a_deleted_child_does_not_restart_the_time_of_its_parents(
    store, delete, declare, reader, made_up
):
    store("P", "1", "1", "1")
    store("P", "1", "2", "2", now=made_up.NOON + 10)
    delete(Level.SERIES, made_up.public_id("P", "1", "2"), now=made_up.NOON + 50)

    assert len(reader.list_unstable()) == 3
    assert len(declare(71).resources) == 3


def test_a_stable_study_becomes_unstable_again(store, declare, reader, made_up):
    store("P", "1", "1", "1")
    declare(61)
    store("P", "1", "2", "2", now=made_up.NOON + 200)

    assert named(reader.list_unstable()) == refs(made_up.ids_of("P", "1", "2", "2"))


def test_an_instance_that_was_there_already_changes_nothing(store, declare, reader):
    store()
    declare(61)
    store()

    assert reader.list_unstable() == ()


def test_quiet_is_measured_on_the_timeline_that_the_writer_is_given(
    group, declare, reader, made_up
):
    with group() as writer:
        writer.record_instance(**made_up.an_instance(), moment=made_up.NOON - 30)

    assert {one.quiet_since for one in reader.list_unstable()} == {made_up.NOON - 30}
    assert len(declare(31).resources) == 3


def test_unstable_resources_survive_a_restart(engine, made_up):
    writer = engine.writer()
    writer.begin()
    writer.record_instance(**made_up.an_instance())
    writer.commit()
    writer.close()
    engine.close()
    engine.open()
    reader = engine.reader()
    unstable = reader.list_unstable()
    reader.close()

    assert len(unstable) == 3


# Declared by somebody


def test_whoever_says_so_makes_one_resource_stable_and_no_other(store, group, reader, made_up):
    store()
    ids = made_up.ids_of()
    with group() as writer:
        answers = [writer.declare_stable(Level.STUDY, ids.study, made_up.NOON) for _ in range(2)]

    assert answers == [True, False]
    assert [one.level for one in reader.list_unstable()] == [Level.SERIES, Level.PATIENT]
    logged = reader.list_changes(4, None, 10, ()).changes
    assert [(change.type, change.id) for change in logged] == [(ChangeType.STABLE_STUDY, ids.study)]


def test_whoever_says_so_lets_a_resource_wait_anew(store, group, declare, reader, made_up):
    store()
    declare(61)
    ids = made_up.ids_of()
    with group() as writer:
        answers = [
            writer.declare_unstable(Level.STUDY, ids.study, made_up.NOON + seconds, 60.0)
            for seconds in (100, 110)
        ]

    assert answers == [True, False]
    assert named(reader.list_unstable()) == [ResourceRef(Level.STUDY, ids.study)]
    assert declare(170).resources == ()
    assert len(declare(171).resources) == 1


@pytest.mark.parametrize("level", list(Level))
def test_what_is_not_there_cannot_be_declared_anything(store, group, reader, level, made_up):
    store()
    for id_ in ("nonsense", made_up.public_id("other")):
        assert reader.describe_unstable(level, id_) is None
        for declare in ("declare_stable", "declare_unstable"):
            with group() as writer, pytest.raises(UnknownResource):
                getattr(writer, declare)(level, id_, *[made_up.NOON] * (1 + ("un" in declare)))


def test_an_instance_is_neither_stable_nor_unstable(store, group, reader, made_up):
    store()
    instance = made_up.ids_of().instance

    assert reader.describe_unstable(Level.INSTANCE, instance) is None
    with group() as writer:
        with pytest.raises(UnknownResource):
            writer.declare_stable(Level.INSTANCE, instance, made_up.NOON)
        with pytest.raises(UnknownResource):
            writer.declare_unstable(Level.INSTANCE, instance, made_up.NOON, 60.0)


# Ages of their own


AGES = StableAges(
    default=60.0,
    by_modality={"CT": 30.0, "US": 300.0},
    by_called_aet={"SLOW": 120.0},
    by_remote_aet={"SCANNER": 5.0},
)


def age_of(group, reader, made_up, modality="XA", **origin):
    record = made_up.an_instance(
        tags={Level.SERIES: {"0008,0060": modality}},
        origin=Origin(kind=OriginKind.DICOM_PROTOCOL, **origin),
    )
    with group() as writer:
        writer.record_instance(**record, policy=StorePolicy(stable_ages=AGES))
    (age,) = {one.stable_age for one in reader.list_unstable()}
    return age


@pytest.mark.parametrize(
    ("modality", "origin", "age"),
    [
        ("XA", {}, 60),
        ("CT", {}, 30),
        (" ct", {}, 30),
        ("US", {}, 300),
        ("XA", {"remote_aet": "SCANNER"}, 5),
        ("XA", {"remote_aet": "scanner"}, 60),
        ("XA", {"called_aet": "SLOW"}, 120),
        ("XA", {"called_aet": "SCANNER"}, 60),
        ("CT", {"remote_aet": "SCANNER "}, 30),
        ("US", {"remote_aet": "SCANNER", "called_aet": "SLOW"}, 300),
    ],
)
def test_of_all_ages_that_apply_to_an_instance_the_longest_counts(
    group, reader, made_up, modality, origin, age
):
    assert age_of(group, reader, made_up, modality, **origin) == age


def test_an_instance_without_modality_has_the_age_of_all_others(group, reader, made_up):
    record = made_up.an_instance()
    del record["summary"].main_tags[Level.SERIES]["0008,0060"]
    with group() as writer:
        writer.record_instance(**record, policy=StorePolicy(stable_ages=AGES))

    assert {one.stable_age for one in reader.list_unstable()} == {60}


def a_series(made_up, modality, series, sop, **more):
    tags = {Level.SERIES: {"0008,0060": modality}}
    return made_up.an_instance("P", "1", series, sop, tags=tags, **more) | {
        "policy": StorePolicy(stable_ages=AGES)
    }


@pytest.mark.parametrize("apart", [True, False], ids=["in two groups", "in one group"])
def test_a_study_waits_for_the_longest_age_of_the_series_that_came(group, declare, made_up, apart):
    with group() as writer:
        writer.record_instance(**a_series(made_up, "US", "1", "1"))
        if apart:
            writer.commit()
            writer.begin()
        writer.record_instance(**a_series(made_up, "CT", "2", "2", now=made_up.NOON + 20))

    assert named_series(declare(51)) == [made_up.public_id("P", "1", "2")]
    assert named_series(declare(301)) == [made_up.public_id("P", "1", "1")]
    assert [each.level for each in declare(321).resources] == [Level.STUDY, Level.PATIENT]


def named_series(done):
    assert {each.level for each in done.resources} == {Level.SERIES}
    return [each.id for each in done.resources]


def test_once_stable_the_ages_of_what_came_before_are_forgotten(group, declare, made_up):
    with group() as writer:
        writer.record_instance(**a_series(made_up, "US", "1", "1"))
    declare(301)
    with group() as writer:
        writer.record_instance(**a_series(made_up, "CT", "2", "2", now=made_up.NOON + 400))

    assert len(declare(431).resources) == 3


def test_an_overwritten_instance_restarts_the_time_with_its_own_age(
    group, declare, reader, made_up
):
    always = StorePolicy(stable_ages=AGES, overwriting=Overwriting.ALWAYS)
    with group() as writer:
        writer.record_instance(**a_series(made_up, "CT", "1", "1"))
    declare(31)
    with group() as writer:
        record = a_series(made_up, "US", "1", "1", now=made_up.NOON + 100)
        writer.record_instance(**record | {"policy": always}, moment=made_up.NOON + 101)

    found = {(one.quiet_since - made_up.NOON, one.stable_age) for one in reader.list_unstable()}
    assert found == {(101, 300)}


# Over restarts


def test_nothing_waits_longer_than_the_longest_age_from_now_on(store, group, declare, made_up):
    store()
    with group() as writer:
        # The clock was set back by an hour.
        assert writer.limit_periods(made_up.NOON - 3600, 60.0) == 3
        assert writer.limit_periods(made_up.NOON - 3600, 60.0) == 0

    assert declare(-3600 + 60).resources == ()
    assert len(declare(-3600 + 61).resources) == 3


def test_a_shorter_age_is_taken_from_when_it_became_quiet(store, group, declare, made_up):
    store()
    with group() as writer:
        assert writer.limit_periods(made_up.NOON + 15, 10.0) == 3

    assert len(declare(15).resources) == 3


def test_a_longer_age_leaves_what_waits_already(store, group, reader, made_up):
    store()
    with group() as writer:
        assert writer.limit_periods(made_up.NOON + 15, 600.0) == 0

    assert {one.stable_age for one in reader.list_unstable()} == {60}


def test_what_waits_goes_with_the_clock_and_what_is_stable_stays(
    store, group, declare, reader, made_up
):
    store("P", "1", "1", "1")
    declare(61)
    store("P", "1", "2", "2", now=made_up.NOON + 100)
    with group() as writer:
        writer.shift_periods(-3600.0)

    assert [one.quiet_since for one in reader.list_unstable()] == [made_up.NOON - 3500] * 3
