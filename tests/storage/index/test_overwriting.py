import pytest

from repertory.errors import BadParameter
from repertory.model import ChangeType, Level, Metadata, StoreStatus
from repertory.storage.index.policy import Overwriting, StorePolicy

ALWAYS = StorePolicy(overwriting=Overwriting.ALWAYS)
IF_CHANGED = StorePolicy(overwriting=Overwriting.IF_CHANGED)
MD5 = "0123456789abcdef" * 2
NEWER = {
    Level.PATIENT: {"0010,0010": "ROE^JANE"},
    Level.STUDY: {"0008,1030": "Abdomen"},
    Level.SERIES: {"0008,0060": "MR"},
    Level.INSTANCE: {"0020,0013": "77"},
}


@pytest.fixture
def overwrite(group, made_up):
    def overwrite(policy=ALWAYS, *, attachment=..., **details):
        record = made_up.an_instance(now=made_up.NOON + 60, **details)
        if attachment is not ...:
            record["attachment"] = attachment
        with group() as writer:
            return writer.record_instance(**record, policy=policy), record["attachment"]

    return overwrite


def file_of(reader, made_up):
    return reader.describe_attachment(Level.INSTANCE, made_up.ids_of().instance, 1)[0]


def test_a_new_file_takes_the_place_of_the_old_one(store, overwrite, reader, made_up):
    store(size=1000)
    old = file_of(reader, made_up)
    receipt, attachment = overwrite(size=300)

    assert receipt.status is StoreStatus.SUCCESS
    assert receipt.overwritten
    new = file_of(reader, made_up)
    assert new.uuid == attachment.uuid
    assert new.revision == old.revision + 1
    assert [file.uuid for file in reader.list_released(0)] == [old.uuid]
    totals = reader.describe_totals()
    assert (totals.instances, totals.disk_size, totals.uncompressed_size) == (1, 300, 300)
    kept = reader.describe_statistics(Level.PATIENT, made_up.ids_of().patient)
    assert (kept.instances, kept.dicom_disk_size) == (1, 300)


def test_the_tags_of_the_instance_and_of_its_parents_become_those_of_the_new_file(
    store, overwrite, reader, made_up
):
    store()
    store(sop="1.1.1.2")
    overwrite(tags=NEWER)

    for level in Level:
        described = reader.describe_resource(level, made_up.ids_of().at(level))
        assert NEWER[level].items() <= described.main_tags.items()


def test_arrival_metadata_is_that_of_the_new_file_and_what_users_wrote_stays(
    store, overwrite, reader, made_up, engine, writer
):
    store()
    db = writer._db
    for level in Level:
        row = db.one(
            "SELECT id, metadata FROM resources WHERE level = ? ORDER BY id", (int(level),)
        )
        db.execute(
            "UPDATE resources SET metadata = ? WHERE id = ?",
            (row[1][:-1] + ',"1024":["mine",3]}', row[0]),
        )
        db.execute("INSERT INTO labels (resource, label) VALUES (?, ?)", (row[0], "checked"))
    overwrite(transfer_syntax="1.2.840.10008.1.2.4.50")

    for level in Level:
        described = reader.describe_resource(level, made_up.ids_of().at(level))
        assert described.metadata[1024] == "mine"
        assert described.labels == ("checked",)
    metadata = reader.describe_resource(Level.INSTANCE, made_up.ids_of().instance).metadata
    assert metadata[Metadata.TRANSFER_SYNTAX] == "1.2.840.10008.1.2.4.50"
    assert metadata[Metadata.RECEPTION_DATE] == "20270115T080100"


def test_the_arrival_is_logged_once_more_and_the_parents_become_unstable(
    store, overwrite, reader, group, made_up
):
    first = store()
    for resource in reader.list_unstable():
        with group() as writer:
            assert writer.declare_stable(resource.level, resource.id, made_up.NOON)
    receipt, _ = overwrite()

    assert receipt.activity > first.activity
    arrivals = reader.list_changes(0, None, 100, [ChangeType.NEW_INSTANCE]).changes
    assert [change.id for change in arrivals] == [made_up.ids_of().instance]
    assert arrivals[0].seq == reader.describe_last_change().last
    assert {one.activity for one in reader.list_unstable()} == {receipt.activity}
    assert len(reader.list_unstable()) == 3


def test_an_instance_that_came_in_the_same_group_is_overwritten_too(group, reader, made_up):
    with group() as writer:
        old = made_up.an_instance(size=500)
        writer.record_instance(**old, policy=ALWAYS)
        new = made_up.an_instance(size=700)
        writer.record_instance(**new, policy=ALWAYS)

    assert file_of(reader, made_up).uuid == new["attachment"].uuid
    assert [file.uuid for file in reader.list_released(0)] == [old["attachment"].uuid]
    assert reader.describe_totals().disk_size == 700
    assert reader.describe_totals().instances == 1


def test_the_next_instance_after_one_that_was_overwritten_is_numbered_anew(
    store, overwrite, reader, made_up
):
    store()
    receipt, _ = overwrite()

    assert store(sop="1.1.1.2").activity > receipt.activity
    assert reader.describe_totals().instances == 2


@pytest.mark.parametrize(("old", "new", "overwritten"), [(MD5, MD5, False), (MD5, MD5[::-1], True)])
def test_only_what_has_changed_is_overwritten_where_that_is_wanted(
    group, overwrite, reader, made_up, old, new, overwritten
):
    record = made_up.an_instance() | {"attachment": made_up.a_file(uncompressed_md5=old)}
    with group() as writer:
        writer.record_instance(**record, policy=IF_CHANGED)
    receipt, _ = overwrite(IF_CHANGED, attachment=made_up.a_file(uncompressed_md5=new))

    assert receipt.overwritten is overwritten
    assert reader.count_released() == 1


def test_a_file_without_md5_sum_counts_as_changed(group, overwrite, made_up):
    record = made_up.an_instance() | {"attachment": made_up.a_file(uncompressed_md5="")}
    with group() as writer:
        writer.record_instance(**record)

    assert overwrite(IF_CHANGED)[0].overwritten


def test_an_instance_without_file_gets_one_and_loses_it(group, overwrite, reader, made_up):
    with group() as writer:
        writer.record_instance(**made_up.an_instance() | {"attachment": None})
    instance = made_up.ids_of().instance
    assert reader.describe_resource(Level.INSTANCE, instance).attachment is None
    assert reader.describe_totals().disk_size == 0

    _, attachment = overwrite(size=20)
    assert reader.describe_resource(Level.INSTANCE, instance).attachment == attachment
    assert overwrite(IF_CHANGED, attachment=None)[0].status is StoreStatus.ALREADY_STORED
    overwrite(attachment=None)
    assert reader.describe_resource(Level.INSTANCE, instance).attachment is None
    assert reader.describe_totals().disk_size == 0
    assert [file.uuid for file in reader.list_released(0)] == [attachment.uuid]


def test_a_series_that_is_complete_again_is_logged_again(group, reader, made_up):
    with group() as writer:
        for place in (1, 2, 2):
            record = made_up.an_instance(sop=f"1.{place}", place=place, expected=2)
            writer.record_instance(**record, policy=ALWAYS)

    page = reader.list_changes(0, None, 100, [ChangeType.COMPLETED_SERIES])
    assert len(page.changes) == 2


def test_what_cannot_be_kept_overwrites_nothing(store, group, reader, made_up):
    store()
    before = file_of(reader, made_up)
    bad = made_up.an_instance(tags={Level.STUDY: {"0008,1030": "\ud800"}})
    with group() as writer:
        with pytest.raises(BadParameter):
            writer.record_instance(**bad, policy=ALWAYS)
        assert not writer.is_void

    assert file_of(reader, made_up) == before
    assert reader.count_released() == 0


def test_an_instance_that_hangs_elsewhere_is_not_overwritten(store, group, reader, made_up):
    # A UID with a "|" in it can put one instance into two series.
    store("P", "1", "2|3", "4")
    store("P", "1", "2", "5")
    with group() as writer:
        receipt = writer.record_instance(**made_up.an_instance("P", "1", "2", "3|4"), policy=ALWAYS)

    assert receipt.status is StoreStatus.ALREADY_STORED
    assert reader.describe_totals().instances == 2
