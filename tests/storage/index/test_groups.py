import pytest

from repertory.errors import IndexBusy, IndexFailed, UnknownResource
from repertory.model import ChangeType, Level, StoreStatus


def test_a_group_is_committed_as_a_whole(writer, reader, made_up):
    writer.begin()
    for number in range(20):
        writer.record_instance(**made_up.an_instance("P", "1", "1", str(number)))
    writer.commit()

    assert reader.describe_totals().instances == 20


def test_a_group_rolled_back_leaves_no_trace(store, writer, reader, made_up):
    store("P", "1", "1", "1")
    writer.begin()
    writer.record_instance(**made_up.an_instance("P", "1", "1", "2"))
    writer.record_instance(**made_up.an_instance("Q", "2", "2", "3"))
    writer.release(made_up.a_file())
    writer.rollback()
    store("Q", "2", "2", "3")

    assert reader.describe_totals().instances == 2
    assert reader.describe_statistics(Level.PATIENT, made_up.public_id("P")).instances == 1
    assert reader.describe_statistics(Level.PATIENT, made_up.public_id("Q")).instances == 1
    assert reader.count_released() == 0
    assert len(reader.list_changes(0, None, 100, ()).changes) == 8


def test_a_deletion_rolled_back_leaves_no_trace(store, writer, reader, made_up):
    store("P", "1", "1", "1")
    writer.begin()
    writer.delete_resource(Level.PATIENT, made_up.public_id("P"), made_up.NOON)
    writer.rollback()
    second = store("P", "1", "1", "1")

    assert second.status is StoreStatus.ALREADY_STORED
    assert reader.describe_totals().patients == 1


def test_an_empty_group_does_nothing(group, reader):
    with group():
        pass

    assert reader.describe_last_change().last == 0


def test_a_refused_change_leaves_its_group_standing(writer, reader, made_up):
    writer.begin()
    writer.record_instance(**made_up.an_instance("P"))
    with pytest.raises(UnknownResource):
        writer.delete_resource(Level.STUDY, made_up.public_id("no"), made_up.NOON)
    writer.record_instance(**made_up.an_instance("Q"))
    writer.commit()

    assert reader.describe_totals().patients == 2


def test_no_change_without_a_group(writer, made_up):
    with pytest.raises(IndexFailed):
        writer.record_instance(**made_up.an_instance())
    with pytest.raises(IndexFailed):
        writer.clear_changes()


def test_one_group_at_a_time(writer, reader, made_up):
    writer.begin()
    writer.record_instance(**made_up.an_instance())
    with pytest.raises(IndexFailed):
        writer.begin()
    writer.commit()

    assert reader.describe_totals().instances == 1


def test_an_index_has_one_writer_at_a_time(engine, writer):
    with pytest.raises(IndexFailed):
        engine.writer()
    writer.close()

    engine.writer().close()


def test_rolling_back_no_group_does_nothing(writer):
    writer.rollback()
    writer.begin()
    writer.rollback()
    writer.rollback()


def test_a_writer_that_closes_rolls_its_group_back(engine, reader, made_up):
    writer = engine.writer()
    writer.begin()
    writer.record_instance(**made_up.an_instance())
    writer.close()

    assert reader.describe_totals().instances == 0


def until_it_stands(writer, work):
    """Make a group as its owner does: anew where the database was wrong; how often it was made."""
    for count in range(1, 4):
        writer.begin(is_repeatable=True)
        try:
            answer = work()
            writer.commit()
        except IndexBusy:
            writer.rollback()
            continue
        return answer, count
    raise AssertionError("the group was never right")


def test_an_instance_that_was_there_is_found_out_in_a_repeatable_group(
    store, writer, reader, made_up
):
    store("P", "1.1", "1.1.1", "1.1.1.1")

    def record():
        return [
            writer.record_instance(**made_up.an_instance("P", "1.1", "1.1.1", sop)).status
            for sop in ("1.1.1.2", "1.1.1.1", "1.1.1.3", "1.1.1.3")
        ]

    new, old = StoreStatus.SUCCESS, StoreStatus.ALREADY_STORED
    statuses, count = until_it_stands(writer, record)

    assert statuses == [new, old, new, old]
    assert count <= 2
    assert reader.describe_totals().instances == 3
    assert reader.describe_last_change().last == writer.last_change
    # For a while, nothing is taken for granted any more.
    assert until_it_stands(writer, record) == ([old] * 4, 1)


def test_what_is_new_is_read_within_its_repeatable_group(writer, reader, made_up):
    def record():
        for number in range(1, 4):
            details = {"place": number, "expected": 3}
            writer.record_instance(
                **made_up.an_instance("P", "1.1", "1.1.1", f"1.1.1.{number}", **details)
            )
        return writer.delete_resource(Level.INSTANCE, made_up.ids_of(sop="1.1.1.2").instance, 5.0)

    until_it_stands(writer, record)

    types = [it.type for it in reader.list_changes(0, None, 100, ()).changes]
    assert ChangeType.COMPLETED_SERIES in types
    assert reader.describe_totals().instances == 2


def test_an_unexpected_error_within_a_change_voids_the_group(writer, reader, made_up):
    writer.begin()
    writer.record_instance(**made_up.an_instance("P"))
    with pytest.raises(TypeError):
        writer.forget_released(7)
    with pytest.raises(IndexFailed):
        writer.record_instance(**made_up.an_instance("Q"))
    with pytest.raises(IndexFailed):
        writer.commit()
    writer.begin()
    writer.record_instance(**made_up.an_instance("R"))
    writer.commit()

    assert reader.list_resources(Level.PATIENT, 0, 0) == (made_up.public_id("R"),)
