"""In which storage files lie: what is kept of it, and the walk through what is to be moved."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repertory.errors import UnknownItem, UnknownResource
from repertory.integrity import Damage
from repertory.model import Level
from repertory.places import Copy, Cursor, OwnedFile, TrashCursor
from repertory.storage.index.operations.trashing import Keeping
from repertory.storage.index.policy import StorePolicy

NOON = 1_800_000_000.0
KEEP = Keeping(expires_at=NOON + 86_400, due=86_400.0, time=0.0)


def placed(instance, location):
    return {**instance, "attachment": replace(instance["attachment"], location=location)}


def held(reader):
    return {it.number: (it.files, it.size) for it in reader.list_places() if it.files or it.size}


def walk(reader, ids, target, limit, most=1 << 30):
    cursor = Cursor()
    while cursor.passed < len(ids):
        page = reader.list_movable(ids, cursor, target, limit, most=most)
        assert len(page.files) <= limit
        sizes = [it.attachment.compressed_size for it in page.files]
        assert sum(sizes[:-1]) < most
        yield from page.files
        cursor = page.cursor


def move(writer, file, location, **changes):
    uuid = changes.pop("uuid", file.attachment.uuid[::-1])
    copy = replace(file.attachment, uuid=uuid, location=location, **changes)
    writer.reserve_copies([copy])
    return writer.record_moves([Copy(file, copy)])


NEW = "00000000-0000-4000-8000-00000000000a"


@pytest.fixture
def moved(group, reader, made_up):
    """An instance whose file was moved to the storage 1."""
    with group() as writer:
        writer.record_instance(**made_up.an_instance(size=10))
    ids = made_up.ids_of()
    (file,) = reader.list_movable([ids.study], Cursor(), "object-storage", 9, most=1 << 30).files
    with group() as writer:
        assert move(writer, file, 1, uuid=NEW) == (True,)
    return ids


def test_a_new_index_knows_two_storages_that_hold_nothing(reader):
    assert [(it.number, it.name, it.files, it.size) for it in reader.list_places()] == [
        (0, "file-system", 0, 0),
        (1, "object-storage", 0, 0),
    ]


def test_a_storage_keeps_its_number(group, reader):
    with group() as writer:
        writer.add_places(["b", "a"])
    with group() as writer:
        places = writer.add_places(["a", "c", "file-system"])

    assert [(it.number, it.name) for it in places][2:] == [(2, "b"), (3, "a"), (4, "c")]
    assert reader.list_places() == places


def test_the_files_of_each_storage_are_counted_as_they_come_and_go(group, reader, made_up):
    with group() as writer:
        for number, location in ((1, 0), (2, 1), (3, 1)):
            made = made_up.an_instance(sop=f"1.{number}", size=100, disk=number)
            writer.record_instance(**placed(made, location))
    assert held(reader) == {0: (1, 1), 1: (2, 5)}

    notes = made_up.a_file(content_type=1030, size=50, location=1)
    study = made_up.ids_of().study
    with group() as writer:
        writer.replace_attachment(Level.STUDY, study, notes, expected=None, now=NOON)
    assert held(reader) == {0: (1, 1), 1: (3, 55)}

    with group() as writer:
        writer.delete_resource(Level.INSTANCE, made_up.ids_of(sop="1.3").instance, NOON)
    assert held(reader) == {0: (1, 1), 1: (2, 52)}
    (released,) = reader.list_released(0)
    assert released.location == 1

    with group() as writer:
        writer.delete_resource(Level.STUDY, study, NOON)
    assert held(reader) == {}
    assert sorted(it.location for it in reader.list_released(0)) == [0, 1, 1, 1]


def test_what_goes_to_the_trash_and_comes_back_keeps_its_place(group, reader, moved):
    with group() as writer:
        writer.delete_resource(Level.STUDY, moved.study, NOON, KEEP)
    assert held(reader) == {}

    with group() as writer:
        writer.restore_trash("1", StorePolicy(), NOON)
    assert held(reader) == {1: (1, 10)}
    assert reader.describe_attachment(Level.INSTANCE, moved.instance, 1)[0].location == 1


def test_what_is_given_up_in_the_trash_is_released_where_it_is(group, reader, moved):
    (source,) = reader.list_released(0)
    with group() as writer:
        writer.delete_resource(Level.STUDY, moved.study, NOON, KEEP)
    with group() as writer:
        writer.empty_trash(None, NOON)

    assert [(it.uuid, it.location) for it in reader.list_released(0)] == [
        (source.uuid, 0),
        (NEW, 1),
    ]


def test_a_copy_takes_the_place_of_its_file_which_is_released(reader, moved):
    file = reader.describe_attachment(Level.INSTANCE, moved.instance, 1)[0]

    assert (file.uuid, file.location, file.revision) == (NEW, 1, 0)
    assert reader.locate_file(Level.INSTANCE, moved.instance, 1) == file
    (released,) = reader.list_released(0)
    assert (released.location, released.size) == (0, 10)
    assert held(reader) == {1: (1, 10)}
    assert reader.describe_statistics(Level.STUDY, moved.study).disk_size == 10
    assert reader.recount_totals() == ()


def test_a_copy_of_what_is_another_file_by_now_is_released(group, reader, moved):
    now = reader.describe_attachment(Level.INSTANCE, moved.instance, 1)[0]
    stale = OwnedFile(Level.INSTANCE, moved.instance, replace(now, uuid=NEW[:-1] + "b"))

    with group() as writer:
        assert move(writer, stale, 0, uuid=NEW[:-1] + "c") == (False,)

    assert reader.describe_attachment(Level.INSTANCE, moved.instance, 1)[0] == now
    assert reader.list_released(0)[-1].uuid == NEW[:-1] + "c"


def test_a_copy_of_what_is_deleted_by_now_is_released(group, reader, moved):
    file = reader.describe_attachment(Level.INSTANCE, moved.instance, 1)[0]
    with group() as writer:
        writer.delete_resource(Level.STUDY, moved.study, NOON)

    with group() as writer:
        gone = OwnedFile(Level.INSTANCE, moved.instance, file)
        assert move(writer, gone, 0, uuid=NEW[:-1] + "c") == (False,)

    released = [(it.uuid[-1], it.location) for it in reader.list_released(0)]
    assert released[-1] == ("c", 0)


def test_copies_that_were_begun_are_released_once(group, reader, made_up):
    copies = [made_up.a_file(location=1, size=size) for size in (1, 2, 3)]
    with group() as writer:
        writer.reserve_copies(copies)
    with group() as writer:
        writer.release_copies([copies[1].uuid, copies[1].uuid])
    with group() as writer:
        assert writer.release_all_copies() == 2
        assert writer.release_all_copies() == 0

    released = {(it.uuid, it.location, it.size) for it in reader.list_released(0)}
    assert released == {(it.uuid, 1, it.compressed_size) for it in copies}
    assert reader.recount_totals() == ()


def test_a_copy_that_a_start_gave_up_takes_no_place(group, reader, made_up):
    with group() as writer:
        writer.record_instance(**made_up.an_instance())
    (file,) = reader.list_movable(
        [made_up.ids_of().study], Cursor(), "object-storage", 9, most=1 << 30
    ).files
    copy = replace(file.attachment, uuid=NEW, location=1)
    with group() as writer:
        writer.reserve_copies([copy])
        writer.release_all_copies()
        assert writer.record_moves([Copy(file, copy)]) == (False,)

    assert reader.describe_attachment(file.level, file.id, 1)[0] == file.attachment


def test_a_location_is_corrected_with_the_counters(group, reader, moved):
    file = OwnedFile(
        Level.INSTANCE,
        moved.instance,
        reader.describe_attachment(Level.INSTANCE, moved.instance, 1)[0],
    )
    with group() as writer:
        assert writer.correct_location(file, 0)
        assert not writer.correct_location(file, 0)
        stale = replace(file, attachment=replace(file.attachment, uuid=NEW[:-1] + "f"))
        assert not writer.correct_location(stale, 1)
        nobody = replace(file, id=moved.study)
        assert not writer.correct_location(nobody, 1)

    assert held(reader) == {0: (1, 10)}


def test_wrong_counters_of_storages_are_found_and_corrected(engine, group, reader, moved):
    with group() as writer:
        writer.add_places(["other"])
        writer._db.execute("UPDATE places SET files = 7, size = 8 WHERE number = 2")

    wrong = {(it.counter, it.kept, it.counted) for it in reader.recount_totals()}
    assert wrong == {("places.2.files", 7, 0), ("places.2.size", 8, 0)}
    with group() as writer:
        assert writer.correct_totals() == 2
    assert reader.recount_totals() == ()


def test_levels_are_found_of_identifiers_alone(reader, moved):
    ids = [moved.study, "nonsense", moved.instance, "", moved.patient]

    found = reader.find_levels(ids)

    assert [ref and ref.level for ref in found] == [
        Level.STUDY,
        None,
        Level.INSTANCE,
        None,
        Level.PATIENT,
    ]


def test_resources_that_are_not_there_are_passed_over(reader, moved):
    page = reader.list_movable(["nonsense", moved.study], Cursor(), "file-system", 9, most=1 << 30)

    assert (len(page.files), page.unknown, page.cursor.passed) == (1, 1, 2)


def test_an_attachment_without_a_resource_is_no_item(reader, moved):
    with pytest.raises(UnknownItem):
        reader.describe_attachment(Level.STUDY, moved.study, 1030)


def test_a_file_is_located_as_it_is_described(reader, moved):
    with pytest.raises(UnknownItem):
        reader.locate_file(Level.STUDY, moved.study, 1)
    for unknown in (moved.series, "nothing"):
        with pytest.raises(UnknownResource):
            reader.locate_file(Level.INSTANCE, unknown, 1)


def test_damage_is_known_where_a_file_is_located(group, reader, moved):
    file = reader.locate_file(Level.INSTANCE, moved.instance, 1)

    with group() as writer:
        writer.note_damage(Level.INSTANCE, moved.instance, 1, file.uuid, Damage.CORRUPTED)

    assert reader.locate_file(Level.INSTANCE, moved.instance, 1) == replace(
        file, damage="Corrupted"
    )


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_walk_in_pages_of_any_size_meets_each_file_that_lies_elsewhere_once(
    fresh_index, made_up, data
):
    shape = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from("PQ"), st.integers(1, 2), st.integers(1, 2), st.integers(0, 1)
            ),
            min_size=1,
            max_size=12,
        )
    )
    notes = data.draw(st.lists(st.tuples(st.integers(0, 11), st.sampled_from(list(Level)))))
    limit, most = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 400)))
    with fresh_index() as (writer, reader):
        expected, owners = set(), []
        writer.begin(NOON)
        for number, (patient, study, series, location) in enumerate(shape):
            names = {
                "patient": patient,
                "study": f"{patient}.{study}",
                "series": f"{patient}.{study}.{series}",
                "sop": f"{number}",
            }
            made = placed(made_up.an_instance(**names), location)
            writer.record_instance(**made)
            owners.append(made["ids"])
            if location != 0:
                expected.add(made["attachment"].uuid)
        given_notes = {}
        for number, level in notes:
            if number < len(owners):
                given_notes[level, owners[number].at(level)] = made_up.a_file(
                    content_type=1030, location=1
                )
        for (level, id_), file in given_notes.items():
            writer.replace_attachment(level, id_, file, expected=None, now=NOON)
            expected.add(file.uuid)
        writer.commit()
        patients = sorted({ids.patient for ids in owners})

        found = [it.attachment.uuid for it in walk(reader, patients, "file-system", limit, most)]

        assert sorted(found) == sorted(expected)
        files, _ = reader.count_movable(patients, "file-system")
        assert files == len(expected)


def test_a_file_that_comes_back_from_the_trash_while_it_is_copied_keeps_its_place(
    group, reader, made_up
):
    with group() as writer:
        writer.record_instance(**made_up.an_instance(size=10))
    ids = made_up.ids_of()
    with group(NOON) as writer:
        writer.delete_resource(Level.STUDY, ids.study, NOON, KEEP)
    (file,) = reader.list_movable_trash(TrashCursor(), "object-storage", 9)
    copy = replace(file.attachment, uuid=NEW, location=1)
    with group() as writer:
        writer.reserve_copies([copy])
    with group() as writer:
        writer.restore_trash("1", StorePolicy(), NOON)

    with group() as writer:
        assert writer.record_moves([Copy(file, copy)]) == (False,)

    assert held(reader) == {0: (1, 10)}
    assert reader.list_trashed_places() == ()
    assert [it.uuid for it in reader.list_released(9, 0)] == [NEW]


def test_a_walk_through_the_trash_meets_each_file_once(group, reader, made_up):
    for patient in "ABC":
        for sop in "12":
            instance = made_up.an_instance(patient, "1.1", "1.1.1", f"1.1.1.{sop}", size=10)
            with group() as writer:
                writer.record_instance(**instance)
        with group(NOON) as writer:
            study = made_up.ids_of(patient).study
            writer.delete_resource(Level.STUDY, study, NOON, KEEP)

    found, after = [], TrashCursor()
    while page := reader.list_movable_trash(after, "object-storage", 2):
        assert len(page) <= 2
        found += page
        last = page[-1]
        after = TrashCursor(last.trash, last.row, int(last.attachment.content_type))

    assert len({it.attachment.uuid for it in found}) == len(found) == 6
    assert reader.list_movable_trash(TrashCursor(), "file-system", 9) == ()
    (place,) = reader.list_trashed_places()
    assert (place.name, place.files, place.size) == ("file-system", 6, 60)
