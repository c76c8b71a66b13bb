import pytest

from repertory.errors import UnknownResource
from repertory.model import DeletionReceipt, Level, Metadata, ResourceRef, Totals

LATER = "20270115T090000"


@pytest.fixture
def family(group, made_up):
    """Two patients; the first has two studies, two series in one of them, three instances."""
    uids = [
        ("P", "1", "1", "1"),
        ("P", "1", "1", "2"),
        ("P", "1", "2", "3"),
        ("P", "2", "3", "4"),
        ("Q", "3", "4", "5"),
    ]
    records = [made_up.an_instance(*one, size=10, disk=5) for one in uids]
    with group() as writer:
        for record in records:
            writer.record_instance(**record)
    return {uid[-1]: record["attachment"] for uid, record in zip(uids, records, strict=True)}


def left(reader):
    totals = reader.describe_totals()
    return (totals.patients, totals.studies, totals.series, totals.instances)


def released(reader):
    return [file.uuid for file in reader.list_released(0)]


def test_an_instance_goes_alone_where_others_remain(family, delete, reader, made_up):
    receipt = delete(Level.INSTANCE, made_up.public_id("P", "1", "1", "1"))

    series = made_up.public_id("P", "1", "1")
    assert receipt == DeletionReceipt(ResourceRef(Level.SERIES, series))
    assert left(reader) == (2, 3, 4, 4)
    assert reader.describe_resource(Level.SERIES, series).children == (
        made_up.public_id("P", "1", "1", "2"),
    )
    assert released(reader) == [family["1"].uuid]


def test_parents_left_empty_go_too(family, delete, reader, made_up):
    receipt = delete(Level.INSTANCE, made_up.public_id("P", "1", "2", "3"))
    assert receipt == DeletionReceipt(ResourceRef(Level.STUDY, made_up.public_id("P", "1")))
    assert left(reader) == (2, 3, 3, 4)

    receipt = delete(Level.SERIES, made_up.public_id("P", "2", "3"))
    assert receipt == DeletionReceipt(ResourceRef(Level.PATIENT, made_up.public_id("P")))
    assert left(reader) == (2, 2, 2, 3)

    receipt = delete(Level.INSTANCE, made_up.public_id("Q", "3", "4", "5"))
    assert receipt == DeletionReceipt(None)
    assert left(reader) == (1, 1, 1, 2)


def test_all_below_goes_too(family, delete, reader, made_up):
    receipt = delete(Level.PATIENT, made_up.public_id("P"))

    assert receipt == DeletionReceipt(None)
    assert reader.describe_totals() == Totals(1, 1, 1, 1, 5, 10)
    assert sorted(released(reader)) == sorted(family[uid].uuid for uid in "1234")
    assert reader.list_resources(Level.SERIES, 0, 0) == (made_up.public_id("Q", "3", "4"),)


def test_what_is_deleted_is_unknown(family, delete, reader, made_up):
    delete(Level.STUDY, made_up.public_id("P", "1"))

    for level, uids in enumerate([("P", "1", "1", "1"), ("P", "1", "1"), ("P", "1")]):
        with pytest.raises(UnknownResource):
            reader.describe_resource(Level(4 - level), made_up.public_id(*uids))


def test_nothing_of_the_deleted_is_unstable(family, delete, reader, made_up):
    delete(Level.PATIENT, made_up.public_id("P"))

    assert {(one.level, one.id) for one in reader.list_unstable()} == {
        (Level.PATIENT, made_up.public_id("Q")),
        (Level.STUDY, made_up.public_id("Q", "3")),
        (Level.SERIES, made_up.public_id("Q", "3", "4")),
    }


def test_statistics_of_the_parents_shrink(family, delete, reader, made_up):
    delete(Level.SERIES, made_up.public_id("P", "1", "1"))

    patient = reader.describe_statistics(Level.PATIENT, made_up.public_id("P"))
    assert (patient.studies, patient.series, patient.instances) == (2, 2, 2)
    assert (patient.disk_size, patient.uncompressed_size) == (10, 20)
    study = reader.describe_statistics(Level.STUDY, made_up.public_id("P", "1"))
    assert (study.series, study.instances, study.dicom_disk_size) == (1, 1, 5)


def test_last_update_of_the_remaining_parents_is_the_deletion(family, delete, reader, made_up):
    delete(Level.INSTANCE, made_up.public_id("P", "1", "1", "1"))

    for level in (Level.PATIENT, Level.STUDY, Level.SERIES):
        id_ = made_up.ids_of("P", "1", "1", "1").at(level)
        assert reader.describe_resource(level, id_).metadata[Metadata.LAST_UPDATE] == LATER
    other = reader.describe_resource(Level.STUDY, made_up.public_id("P", "2"))
    assert other.metadata[Metadata.LAST_UPDATE] != LATER


def test_a_deletion_does_not_count_as_activity(family, delete, reader, made_up):
    series = made_up.public_id("P", "1", "1")
    before = reader.describe_unstable(Level.SERIES, series)
    delete(Level.INSTANCE, made_up.public_id("P", "1", "1", "1"))

    assert reader.describe_unstable(Level.SERIES, series) == before


def test_what_was_recorded_in_the_same_group_can_be_deleted(group, reader, made_up):
    with group() as writer:
        writer.record_instance(**made_up.an_instance("P", "1", "1", "1"))
        writer.record_instance(**made_up.an_instance("P", "1", "1", "2"))
        writer.delete_resource(Level.INSTANCE, made_up.public_id("P", "1", "1", "1"), made_up.NOON)
        writer.record_instance(**made_up.an_instance("P", "1", "1", "3"))

    assert left(reader) == (1, 1, 1, 2)
    assert reader.describe_statistics(Level.STUDY, made_up.public_id("P", "1")).instances == 2
    assert reader.count_released() == 1


def test_what_was_deleted_can_be_stored_again(family, delete, store, reader, made_up):
    delete(Level.PATIENT, made_up.public_id("P"))
    receipt = store("P", "1", "1", "1")

    assert receipt.status.value == "Success"
    assert left(reader) == (2, 2, 2, 2)
    assert reader.list_resources(Level.PATIENT, 0, 0) == (
        made_up.public_id("Q"),
        made_up.public_id("P"),
    )


@pytest.mark.parametrize("id_", ["", "nonsense", "0" * 44, "a" * 8 + "-"])
def test_what_is_unknown_cannot_be_deleted(family, group, reader, id_):
    with group() as writer, pytest.raises(UnknownResource):
        writer.delete_resource(Level.STUDY, id_, 0.0)

    assert left(reader) == (2, 3, 4, 5)


def test_a_resource_is_known_at_its_level_only(family, group, reader, made_up):
    with group() as writer, pytest.raises(UnknownResource):
        writer.delete_resource(Level.SERIES, made_up.public_id("P", "1"), 0.0)

    assert left(reader) == (2, 3, 4, 5)
