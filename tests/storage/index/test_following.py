import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repertory.events import InstanceStored, NewStudy, ResourceDeleted
from repertory.model import ChangeType, Level
from repertory.storage.index.policy import Overwriting, StorePolicy


@pytest.fixture
def held(group):
    """Somebody holds the log from here on."""
    with group() as writer:
        return writer.hold("reader", None)


@pytest.fixture
def kept(reader):
    """All that a reader at 0 is told of."""

    def kept(since=0, types=()):
        return [
            (e.number, e.type.word, e.level) for e in reader.list_events(since, 100, types).events
        ]

    return kept


def test_an_event_tells_its_resource_and_the_parents(store, reader, made_up):
    store(now=made_up.NOON + 0.5)
    page = reader.list_events(0, 100, ())
    ids = made_up.ids_of()

    stored, series, study, patient = page.events
    assert isinstance(stored, InstanceStored)
    assert (stored.patient, stored.study, stored.series, stored.instance) == (
        ids.patient,
        ids.study,
        ids.series,
        ids.instance,
    )
    assert stored.date == "20270115T080000"
    assert isinstance(study, NewStudy)
    assert (study.patient, study.study, study.series) == (ids.patient, ids.study, None)
    assert series.parents == {Level.STUDY: ids.study, Level.PATIENT: ids.patient}
    assert patient.parents == {}
    assert (page.done, page.last) == (True, 4)


def test_main_tags_are_told_only_to_those_who_ask(store, reader):
    store("SMITH")

    assert all(event.main_tags == {} for event in reader.list_events(0, 9, ()).events)
    told = reader.list_events(0, 9, (), main_tags=True).events
    assert told[-1].main_tags["0010,0020"] == "SMITH"
    assert "SMITH" not in repr(told[-1])


def test_a_reader_pages_through_and_passes_over_what_it_does_not_want(store, reader):
    for sop in "123456":
        store("P", "1", "1", sop)
    first = reader.list_events(0, 4, {ChangeType.NEW_INSTANCE})
    second = reader.list_events(first.last, 4, {ChangeType.NEW_INSTANCE})

    assert [event.number for event in first.events] == [1, 5, 6, 7]
    assert (first.done, first.last) == (False, 7)
    assert [event.number for event in second.events] == [8, 9]
    assert (second.done, second.last) == (True, 9)
    assert reader.list_events(0, 4, {ChangeType.STABLE_STUDY}).last == 9


def test_what_is_deleted_before_it_was_told_is_told_with_its_parents(
    held, store, delete, kept, reader, made_up
):
    store()
    told = kept()
    delete(Level.STUDY, made_up.ids_of().study)

    assert kept()[:4] == told
    deleted = [e for e in reader.list_events(0, 100, ()).events if isinstance(e, ResourceDeleted)]
    assert [event.level for event in deleted] == [*reversed(Level)]
    ids = made_up.ids_of()
    assert (deleted[0].instance, deleted[0].study) == (ids.instance, ids.study)
    assert kept(types={ChangeType.DELETED}) == kept()[4:]
    assert kept(types={ChangeType.NEW_STUDY}) == [(3, "NewStudy", Level.STUDY)]


def test_without_a_reader_nothing_is_kept_but_deletions_as_they_are_logged(
    store, delete, reader, made_up
):
    store()
    delete(Level.STUDY, made_up.ids_of().study)
    events = reader.list_events(0, 100, ()).events

    assert {event.type for event in events} == {ChangeType.DELETED}
    assert all(event.parents == {} for event in events)


def test_clearing_the_log_takes_nothing_from_those_who_still_read_it(
    held, store, delete, group, kept, reader, made_up
):
    store("P", "1", "1", "1")
    store("P", "2", "2", "2")
    delete(Level.STUDY, made_up.ids_of("P", "1").study)
    told = kept()
    with group() as writer:
        writer.clear_changes()

    assert kept() == told
    assert reader.list_changes(0, None, 100, (), deletions=True).changes == ()


def test_clearing_keeps_deletions_that_were_logged_before_anybody_held_the_log(
    store, delete, group, kept, made_up
):
    store()
    delete(Level.STUDY, made_up.ids_of().study)
    told = kept()
    with group() as writer:
        writer.hold("reader", 0)
        writer.clear_changes()

    assert kept() == told


def test_an_arrival_that_is_overwritten_is_told_all_the_same(held, group, kept, made_up):
    policy = StorePolicy(overwriting=Overwriting.ALWAYS)
    for _ in range(2):
        with group() as writer:
            writer.record_instance(**made_up.an_instance(), policy=policy)

    arrivals = [(1, "NewInstance", Level.INSTANCE), (5, "NewInstance", Level.INSTANCE)]
    assert kept(types={ChangeType.NEW_INSTANCE}) == arrivals


def test_what_everybody_was_told_of_is_dropped(held, store, delete, group, kept, made_up):
    store()
    with group() as writer:
        writer.hold("other", 0)
    delete(Level.STUDY, made_up.ids_of().study)
    with group() as writer:
        writer.hold("reader", 3)
    assert len(kept()) == 8
    with group() as writer:
        writer.let_go("other")

    assert kept()[0] == (4, "NewPatient", Level.PATIENT)
    with group() as writer:
        writer.let_go("reader")
    assert {word for _, word, _ in kept()} == {"Deleted"}


def test_a_new_target_begins_with_what_comes_and_keeps_its_place_over_restarts(engine, made_up):
    def run(work):
        writer = engine.writer()
        writer.begin()
        result = work(writer)
        writer.commit()
        writer.close()
        engine.close()
        engine.open()
        return result

    def record(sop):
        run(lambda writer: writer.record_instance(**made_up.an_instance("P", "1", "1", sop)))

    record("1")
    (place,) = run(lambda writer: writer.enlist_targets(["pacs"]))
    assert (place.name, place.position, place.paused, place.dead_letters) == ("pacs", 4, False, 0)
    record("2")
    run(lambda writer: (writer.move_target("pacs", 5), writer.pause_target("pacs", paused=True)))
    assert run(lambda writer: writer.enlist_targets(["other"]))[0].position == 5
    record("3")
    pacs, other = sorted(run(lambda writer: writer.enlist_targets(["other", "pacs"])), key=str)[
        ::-1
    ]

    assert (pacs.name, pacs.position, pacs.paused) == ("pacs", 5, True)
    assert (other.name, other.position) == ("other", 5)


def test_a_target_holds_the_log_also_after_a_crash_of_the_writer(engine, made_up):
    writer = engine.writer()
    writer.begin()
    writer.enlist_targets(["pacs"])
    writer.record_instance(**made_up.an_instance())
    writer.commit()
    writer.close()
    writer = engine.writer()
    writer.begin()
    writer.delete_resource(Level.PATIENT, made_up.ids_of().patient, made_up.NOON)
    writer.clear_changes()
    writer.commit()
    reader = engine.reader()
    events = reader.list_events(0, 100, ()).events
    reader.close()
    writer.close()

    assert [event.number for event in events] == [*range(1, 9)]


def test_a_target_that_is_not_in_the_configuration_holds_nothing(
    group, store, delete, kept, made_up
):
    with group() as writer:
        writer.enlist_targets(["pacs"])
    store()
    with group() as writer:
        writer.enlist_targets([])
    delete(Level.STUDY, made_up.ids_of().study)

    assert {word for _, word, _ in kept()} == {"Deleted"}


def test_a_dead_letter_is_written_in_one_with_the_place_of_its_target(
    group, store, reader, made_up
):
    with group() as writer:
        writer.enlist_targets(["pacs", "other"])
    store()
    first, second, *_ = reader.list_events(0, 100, ()).events
    with group() as writer:
        writer.bury("pacs", first, "It answered 400.", 12, made_up.NOON)
        writer.bury("pacs", second, "It answered 404.", 1, made_up.NOON + 1)
    other, pacs = reader.list_targets()
    letters = reader.list_dead_letters("pacs", 0, 100)

    assert (pacs.position, pacs.dead_letters, other.dead_letters) == (2, 2, 0)
    assert [letter.event for letter in letters] == [first, second]
    assert (letters[0].reason, letters[0].attempts) == ("It answered 400.", 12)
    assert letters[0].failed_at == made_up.NOON
    assert reader.list_dead_letters("pacs", letters[0].number, 100) == letters[1:]
    with group() as writer:
        assert writer.drop_dead_letters("other", [letters[0].number]) == 0
        assert writer.drop_dead_letters("pacs", [letters[0].number]) == 1
        assert writer.drop_dead_letters("pacs", None) == 1
    assert reader.list_dead_letters("pacs", 0, 100) == ()


def test_a_place_is_never_beyond_the_newest_number(group, store, reader):
    with group() as writer:
        writer.enlist_targets(["pacs"])
    store()
    with group() as writer:
        writer.move_target("pacs", 2**62)

    assert reader.list_targets()[0].position == 4


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("store"), st.integers(1, 3), st.integers(1, 4)),
        st.tuples(st.just("delete"), st.integers(1, 3)),
        st.just(("clear",)),
        st.tuples(st.just("read"), st.integers(1, 5)),
        st.just(("hold other",)),
        st.just(("let other go",)),
    ),
    max_size=25,
)


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_a_reader_is_told_of_every_number_once_and_in_order(
    make_engine, tmp_path_factory, made_up, steps
):
    folder = tmp_path_factory.mktemp("index")
    engine = make_engine(folder, signatures=made_up.SIGNATURES)
    engine.open()
    writer, reader = engine.writer(), engine.reader()
    told, position = [], 0

    def change(work, writer=writer):
        writer.begin()
        try:
            work(writer)
        finally:
            writer.commit()

    change(lambda writer: writer.hold("reader", 0))
    for word, *values in [*steps, ("read", 10_000)]:
        match word:
            case "store":
                uids = ("P", f"{values[0]}", f"{values[0]}", f"{values[0]}.{values[1]}")
                change(lambda w, u=uids: w.record_instance(**made_up.an_instance(*u)))
            case "delete":
                id_ = made_up.ids_of("P", f"{values[0]}").study
                if id_ in reader.list_resources(Level.STUDY, 0, 0):
                    change(lambda w, i=id_: w.delete_resource(Level.STUDY, i, made_up.NOON))
            case "clear":
                change(lambda w: w.clear_changes())
            case "hold other":
                change(lambda w: w.hold("other", None))
            case "let other go":
                change(lambda w: w.let_go("other"))
            case _:
                page = reader.list_events(position, values[0], ())
                told += [event.number for event in page.events]
                position = page.last
                change(lambda w, p=position: w.hold("reader", p))
    last = writer.last_change
    reader.close()
    writer.close()
    engine.close()

    assert told == [*range(1, last + 1)]
