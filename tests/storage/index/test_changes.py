import pytest

from repertory.model import Change, ChangePage, ChangeType, Level

NEW = [
    ChangeType.NEW_INSTANCE,
    ChangeType.NEW_SERIES,
    ChangeType.NEW_STUDY,
    ChangeType.NEW_PATIENT,
]


@pytest.fixture
def ten(group, made_up):
    """Thirteen changes: of a patient with ten instances."""
    with group() as writer:
        for number in range(10):
            writer.record_instance(**made_up.an_instance("P", "1", "1", str(number)))


def seqs(page):
    return [change.seq for change in page.changes]


def test_an_upload_logs_instance_series_study_patient(store, reader, made_up):
    store(now=made_up.NOON + 0.9)

    ids = made_up.ids_of()
    page = reader.list_changes(None, None, 100, ())
    assert page.changes == tuple(
        Change(seq, type_, level, ids.at(level), "20270115T080000")
        for seq, type_, level in zip(range(1, 5), NEW, reversed(Level), strict=True)
    )


def test_only_what_is_new_is_logged(store, reader):
    store("P", "1", "1", "1")
    store("P", "1", "1", "2")
    store("P", "1", "2", "3")
    store("P", "2", "3", "4")

    types = [change.type for change in reader.list_changes(0, None, 100, ()).changes]
    assert types == [*NEW, *NEW[:1], *NEW[:2], *NEW[:3]]


def test_an_empty_log_reports_the_last_number_ever_given(reader, store, group):
    assert reader.list_changes(None, None, 100, ()) == ChangePage((), True, 0, None)
    assert reader.describe_last_change() == ChangePage((), True, 0, None)
    store()
    with group() as writer:
        writer.clear_changes()

    assert reader.list_changes(None, None, 100, ()) == ChangePage((), True, 4, None)
    assert reader.describe_last_change() == ChangePage((), True, 4, None)


def test_numbering_goes_on_after_the_log_was_cleared(group, store, reader, made_up):
    store("P")
    with group() as writer:
        writer.clear_changes()
        writer.record_instance(**made_up.an_instance("Q"))

    assert seqs(reader.list_changes(None, None, 100, ())) == [5, 6, 7, 8]


def test_numbering_goes_on_after_a_restart(engine, made_up):
    for patient in "PQ":
        writer = engine.writer()
        writer.begin()
        writer.record_instance(**made_up.an_instance(patient))
        writer.clear_changes()
        writer.commit()
        writer.close()
        engine.close()
        engine.open()
    reader = engine.reader()
    last = reader.list_changes(None, None, 100, ()).last
    reader.close()

    assert last == 8


def test_since_is_exclusive_and_to_inclusive(ten, reader):
    page = reader.list_changes(3, 6, 100, ())

    assert seqs(page) == [4, 5, 6]
    assert (page.first, page.last, page.done) == (4, 6, True)


def test_a_client_pages_through_all_changes(ten, reader):
    seen, since, done = [], 0, False
    while not done:
        page = reader.list_changes(since, None, 5, ())
        seen += seqs(page)
        since, done = page.last, page.done

    assert seen == [*range(1, 14)]


def test_a_full_page_with_nothing_behind_is_done(ten, reader):
    assert reader.list_changes(8, None, 5, ()).done
    assert not reader.list_changes(7, None, 5, ()).done


def test_nothing_after_the_newest_reports_its_number(ten, reader):
    assert reader.list_changes(13, None, 100, ()) == ChangePage((), True, 13, None)
    assert reader.list_changes(99, None, 100, ()) == ChangePage((), True, 13, None)


def test_to_without_since_gives_the_last_ones_in_ascending_order(ten, reader):
    page = reader.list_changes(None, 9, 3, ())

    assert seqs(page) == [7, 8, 9]
    assert (page.first, page.last, page.done) == (7, 9, False)


def test_to_without_since_is_done_where_nothing_comes_before(ten, reader):
    page = reader.list_changes(None, 3, 3, ())

    assert seqs(page) == [1, 2, 3]
    assert page.done


def test_since_zero_with_to_gives_the_first_ones(ten, reader):
    page = reader.list_changes(0, 9, 3, ())

    assert seqs(page) == [1, 2, 3]
    assert not page.done


def test_a_limit_of_zero_reports_the_newest(ten, reader):
    assert reader.list_changes(0, None, 0, ()) == ChangePage((), False, 13, None)


def test_types_are_filtered(ten, reader):
    some = {ChangeType.NEW_PATIENT, ChangeType.NEW_STUDY}
    assert seqs(reader.list_changes(0, None, 100, some)) == [3, 4]
    first = reader.list_changes(0, None, 1, some)
    assert (seqs(first), first.done) == ([3], False)
    assert reader.list_changes(4, None, 100, some) == ChangePage((), True, 13, None)
    assert seqs(reader.list_changes(None, 13, 2, {ChangeType.NEW_INSTANCE})) == [12, 13]


def test_the_last_change_comes_alone(ten, reader, made_up):
    page = reader.describe_last_change()

    assert seqs(page) == [13]
    assert page.changes[0].id == made_up.public_id("P", "1", "1", "9")
    assert (page.first, page.last, page.done) == (13, 13, True)


def test_changes_vanish_with_their_resource(ten, reader, delete, made_up):
    delete(Level.INSTANCE, made_up.public_id("P", "1", "1", "9"))
    delete(Level.INSTANCE, made_up.public_id("P", "1", "1", "0"))

    assert seqs(reader.list_changes(0, None, 100, ())) == [*range(2, 13)]
    assert reader.describe_last_change().last == 12
    assert reader.list_changes(12, None, 100, ()).last == 13


@pytest.mark.parametrize("huge", [2**63 - 1, 2**63, 10**30])
def test_numbers_beyond_all_bounds_do_no_harm(ten, reader, huge):
    assert reader.list_changes(huge, None, 10, ()).changes == ()
    assert len(reader.list_changes(0, huge, huge, ()).changes) == 13
    assert len(reader.list_changes(-huge, None, 10, ()).changes) == 10
    assert reader.list_changes(0, -huge, 10, ()).changes == ()


def test_a_series_is_completed_by_its_last_instance(store, reader, made_up):
    for place in (2, 3, 1):
        store("P", "1", "1", str(place), place=place, expected=3)

    changes = reader.list_changes(6, None, 100, ()).changes
    assert [(change.type, change.level, change.id) for change in changes] == [
        (ChangeType.COMPLETED_SERIES, Level.SERIES, made_up.public_id("P", "1", "1"))
    ]


def test_new_comes_before_completed(store, reader):
    store(place=1, expected=1)

    types = [change.type for change in reader.list_changes(0, None, 100, ()).changes]
    assert types == [*NEW, ChangeType.COMPLETED_SERIES]


@pytest.mark.parametrize("places", [(1, 2, 2), (1, 2, 4), (0, 1, 2), (1, None, 3), (1, 2)])
def test_a_series_with_gaps_or_strangers_is_not_completed(store, reader, places):
    for number, place in enumerate(places):
        store("P", "1", "1", str(number), place=place, expected=3)

    completed = reader.list_changes(0, None, 100, {ChangeType.COMPLETED_SERIES})
    assert completed.changes == ()


def test_a_series_is_completed_again_after_an_instance_was_lost(store, delete, reader, made_up):
    store("P", "1", "1", "1", place=1, expected=2)
    store("P", "1", "1", "2", place=2, expected=2)
    delete(Level.INSTANCE, made_up.public_id("P", "1", "1", "1"))
    store("P", "1", "1", "1", place=1, expected=2)

    completed = reader.list_changes(0, None, 100, {ChangeType.COMPLETED_SERIES})
    assert len(completed.changes) == 2


def test_a_series_is_completed_over_a_restart(engine, made_up):
    for place in (1, 2):
        writer = engine.writer()
        writer.begin()
        instance = made_up.an_instance("P", "1", "1", str(place), place=place, expected=2)
        writer.record_instance(**instance)
        writer.commit()
        writer.close()
    reader = engine.reader()
    types = [change.type for change in reader.list_changes(4, None, 100, ()).changes]
    reader.close()

    assert types == [ChangeType.NEW_INSTANCE, ChangeType.COMPLETED_SERIES]


def test_deletions_are_told_to_those_who_ask_from_the_instance_up(store, delete, reader, made_up):
    ids = store(now=made_up.NOON).ids
    delete(Level.STUDY, ids.study, now=made_up.NOON)

    page = reader.list_changes(0, None, 100, (), deletions=True)
    assert page == ChangePage(
        tuple(
            Change(seq, ChangeType.DELETED, level, ids.at(level), "20270115T080000")
            for seq, level in zip(range(5, 9), reversed(Level), strict=True)
        ),
        done=True,
        last=8,
        first=5,
    )
    assert reader.describe_last_change(deletions=True).last == 8


def test_who_does_not_ask_for_deletions_sees_nothing_of_them(store, delete, reader, made_up):
    ids = store("P").ids
    before = reader.list_changes(0, None, 100, ())
    delete(Level.PATIENT, ids.patient)

    assert before.last == 4
    assert reader.list_changes(0, None, 100, ()) == ChangePage((), True, 4, None)
    assert reader.list_changes(0, None, 100, {ChangeType.DELETED}) == ChangePage((), True, 4, None)
    assert reader.describe_last_change() == ChangePage((), True, 4, None)
    store("Q")
    page = reader.list_changes(4, None, 100, ())
    assert (seqs(page), page.last, page.done) == ([9, 10, 11, 12], 12, True)


def test_the_log_with_deletions_is_read_page_by_page(store, delete, reader):
    for patient in "PQR":
        store(patient)
    delete(Level.PATIENT, reader.list_resources(Level.PATIENT, 1, 1)[0])
    store("S")

    whole = reader.list_changes(0, None, 100, (), deletions=True)
    found, since = [], 0
    while True:
        page = reader.list_changes(since, None, 3, (), deletions=True)
        found += page.changes
        since = page.last
        if page.done:
            break
    assert tuple(found) == whole.changes
    assert seqs(whole) == [1, 2, 3, 4, *range(9, 21)]
    last = reader.list_changes(None, 15, 2, (), deletions=True)
    assert (seqs(last), last.done) == ([14, 15], False)


def test_deletions_are_filtered_by_type_like_changes(store, delete, reader):
    delete(Level.PATIENT, store("P").ids.patient)
    store("Q")

    def types(*wanted):
        return [c.type for c in reader.list_changes(0, None, 9, wanted, deletions=True).changes]

    assert types(ChangeType.DELETED) == [ChangeType.DELETED] * 4
    assert types(ChangeType.NEW_STUDY) == [ChangeType.NEW_STUDY]
    assert types(ChangeType.NEW_STUDY, ChangeType.DELETED) == [
        *[ChangeType.DELETED] * 4,
        ChangeType.NEW_STUDY,
    ]


def test_a_parent_that_is_left_empty_is_told_as_deleted(store, delete, reader):
    ids = store("P", "1", "1", "1").ids
    store("P", "2", "2", "2")
    delete(Level.INSTANCE, ids.instance)

    gone = reader.list_changes(0, None, 100, {ChangeType.DELETED}, deletions=True).changes
    assert [change.id for change in gone] == [ids.instance, ids.series, ids.study]


def test_the_log_of_deletions_is_cleared_with_the_other(store, delete, reader, group):
    delete(Level.PATIENT, store("P").ids.patient)
    with group() as writer:
        writer.clear_changes()

    assert reader.list_changes(0, None, 100, (), deletions=True) == ChangePage((), True, 8, None)


def test_deletions_of_long_ago_are_forgotten(store, delete, reader, monkeypatch):
    monkeypatch.setattr("repertory.storage.index.operations.changes.KEPT", 10)
    for patient in "PQR":
        delete(Level.PATIENT, store(patient).ids.patient)

    assert seqs(reader.list_changes(0, None, 100, (), deletions=True)) == [
        15,
        16,
        *range(21, 25),
    ]
