from dataclasses import replace

import pytest

from repertory.model import ChangeType, Level, Unstable


@pytest.fixture
def declare(group, made_up):
    """Declare resources stable, each answer in turn."""

    def declare(*resources):
        with group() as writer:
            return [writer.declare_stable(one, made_up.NOON + 100) for one in resources]

    return declare


def test_a_new_instance_makes_its_parents_unstable(store, reader, made_up):
    store()

    ids = made_up.ids_of()
    unstable = reader.list_unstable()
    assert [(one.level, one.id, one.last_update) for one in unstable] == [
        (level, ids.at(level), made_up.NOON) for level in (Level.SERIES, Level.STUDY, Level.PATIENT)
    ]
    for level in (Level.SERIES, Level.STUDY, Level.PATIENT):
        assert not reader.describe_resource(level, ids.at(level)).is_stable


def test_the_longest_quiet_comes_first(store, reader, made_up):
    store("Q", "3", "5", "9", now=made_up.NOON + 10)
    store("P", "1", "1", "1", now=made_up.NOON)
    store("P", "1", "2", "2", now=made_up.NOON + 20.5)

    assert [(one.level, one.last_update - made_up.NOON) for one in reader.list_unstable()] == [
        (Level.SERIES, 0),
        (Level.SERIES, 10),
        (Level.STUDY, 10),
        (Level.PATIENT, 10),
        (Level.SERIES, 20.5),
        (Level.STUDY, 20.5),
        (Level.PATIENT, 20.5),
    ]


def test_at_equal_times_series_come_before_studies_before_patients(group, reader, made_up):
    with group() as writer:
        writer.record_instance(**made_up.an_instance("P"))
        writer.record_instance(**made_up.an_instance("Q"))

    levels = [one.level for one in reader.list_unstable()]
    assert levels == sorted(levels, reverse=True)


def test_activity_grows_with_each_instance(store, reader, made_up):
    activities = []
    for number in range(3):
        store("P", "1", "1", str(number))
        activities.append(reader.describe_unstable(Level.STUDY, made_up.public_id("P", "1")))

    assert [one.activity for one in activities] == sorted({one.activity for one in activities})


def test_what_is_declared_stable_is_stable_and_logged(store, declare, reader, made_up):
    store()
    ids = made_up.ids_of()
    assert declare(*reader.list_unstable()) == [True, True, True]

    assert reader.list_unstable() == ()
    assert reader.describe_resource(Level.STUDY, ids.study).is_stable
    changes = reader.list_changes(4, None, 10, ()).changes
    assert [(change.type, change.level, change.id, change.date) for change in changes] == [
        (ChangeType.STABLE_SERIES, Level.SERIES, ids.series, "20270115T080140"),
        (ChangeType.STABLE_STUDY, Level.STUDY, ids.study, "20270115T080140"),
        (ChangeType.STABLE_PATIENT, Level.PATIENT, ids.patient, "20270115T080140"),
    ]


def test_what_is_stable_is_not_declared_again(store, declare, reader):
    store()
    unstable = reader.list_unstable()
    declare(*unstable)

    assert declare(*unstable) == [False, False, False]
    assert reader.describe_last_change().last == 7


def test_what_had_news_since_is_left_unstable(store, declare, reader, made_up):
    store("P", "1", "1", "1")
    unstable = reader.list_unstable()
    store("P", "1", "2", "2")

    assert declare(*unstable) == [True, False, False]
    assert reader.describe_unstable(Level.SERIES, made_up.public_id("P", "1", "1")) is None
    assert reader.describe_unstable(Level.STUDY, made_up.public_id("P", "1")) is not None


def test_news_of_the_same_group_count(store, group, reader, made_up):
    store("P", "1", "1", "1")
    unstable = reader.list_unstable()
    with group() as writer:
        writer.record_instance(**made_up.an_instance("P", "1", "1", "2"))
        answers = [writer.declare_stable(one, made_up.NOON) for one in unstable]

    assert answers == [False, False, False]


def test_what_is_gone_is_not_declared_stable(store, delete, declare, reader, made_up):
    store()
    unstable = reader.list_unstable()
    delete(Level.PATIENT, made_up.ids_of().patient)

    assert declare(*unstable) == [False, False, False]


def test_what_was_deleted_and_came_back_is_not_the_same(store, delete, declare, reader, made_up):
    store()
    unstable = reader.list_unstable()
    delete(Level.PATIENT, made_up.ids_of().patient)
    store()

    assert declare(*unstable) == [False, False, False]
    assert len(reader.list_unstable()) == 3


def test_a_stable_study_becomes_unstable_again(store, declare, reader, made_up):
    store("P", "1", "1", "1")
    declare(*reader.list_unstable())
    store("P", "1", "2", "2", now=made_up.NOON + 200)

    assert [one.id for one in reader.list_unstable()] == [
        made_up.public_id("P", "1", "2"),
        made_up.public_id("P", "1"),
        made_up.public_id("P"),
    ]


def test_an_instance_that_was_there_already_changes_nothing(store, declare, reader):
    store()
    declare(*reader.list_unstable())
    store()

    assert reader.list_unstable() == ()


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


@pytest.mark.parametrize("level", list(Level))
def test_nonsense_is_neither_unstable_nor_declared_stable(store, declare, reader, level, made_up):
    store()
    nonsense = Unstable(level, "nonsense", 1, made_up.NOON)
    assert declare(nonsense) == [False]
    assert reader.describe_unstable(level, "nonsense") is None


def test_an_instance_is_never_unstable(store, declare, reader, made_up):
    store()
    instance = made_up.ids_of().instance
    series = reader.list_unstable()[0]

    assert reader.describe_unstable(Level.INSTANCE, instance) is None
    assert declare(replace(series, level=Level.INSTANCE, id=instance)) == [False]
