from contextlib import contextmanager
from dataclasses import replace

import pytest

from repertory.errors import BadParameter, RevisionConflict, UnknownItem, UnknownResource
from repertory.model import ChangeType, Compression, Level, Metadata

OTHER = {
    Level.PATIENT: {"0010,0010": "ROE^JANE", "0010,0030": "19991231"},
    Level.STUDY: {"0008,1030": "Abdomen"},
    Level.SERIES: {"0008,0060": "MR"},
    Level.INSTANCE: {"0020,0013": "77"},
}


@pytest.fixture
def refusing_group(writer):
    """A group that is committed although its change is refused: it leaves no trace."""

    @contextmanager
    def refusing_group():
        writer.begin()
        try:
            yield writer
        finally:
            assert not writer.is_void
            writer.commit()

    return refusing_group


@pytest.fixture
def reconstruct(refusing_group, made_up, reader):
    """Record that the file of the usual instance was read anew."""

    def reconstruct(*, levels=tuple(Level), attachment=None, replaces=None, **details):
        read = made_up.an_instance(**details)
        if replaces is None:
            replaces = file_of(reader, read["ids"]).uuid
        with refusing_group() as writer:
            writer.record_reconstruction(
                ids=read["ids"],
                summary=read["summary"],
                levels=frozenset(levels),
                replaces=replaces,
                attachment=attachment,
            )

    return reconstruct


def file_of(reader, ids, content_type=1):
    return reader.describe_attachment(Level.INSTANCE, ids.instance, content_type)[0]


def described(reader, ids):
    return {level: reader.describe_resource(level, ids.at(level)) for level in Level}


def test_tags_and_columns_and_metadata_follow_the_file_again(store, reconstruct, reader, made_up):
    store(place=1)
    reconstruct(tags=OTHER, place=9, expected=12, transfer_syntax="1.2.840.10008.1.2.4.90")

    resources = described(reader, made_up.ids_of())
    for level in Level:
        assert OTHER[level].items() <= resources[level].main_tags.items()
    metadata = resources[Level.INSTANCE].metadata
    assert metadata[Metadata.TRANSFER_SYNTAX] == "1.2.840.10008.1.2.4.90"
    assert metadata[Metadata.INDEX_IN_SERIES] == "9"
    assert resources[Level.SERIES].metadata[Metadata.EXPECTED_NUMBER_OF_INSTANCES] == "12"
    assert list(metadata) == sorted(metadata)


def test_what_is_searched_follows_the_file_again(store, reconstruct, made_up, writer):
    store()
    store(study="9.9", series="9.9.1", sop="9.9.1.1")
    reconstruct(tags=OTHER)

    rows = writer._db.all(
        "SELECT level, patient_name, patient_birth_date, study_description FROM resources"
        " WHERE level < 3 ORDER BY id"
    )
    assert [row[:3] for row in rows] == [
        (1, "ROE^JANE", "19991231"),
        (2, "ROE^JANE", "19991231"),
        (2, "DOE^JOHN", "19700102"),
    ]
    assert [row[3] for row in rows] == [None, "ABDOMEN", "THORAX"]


@pytest.mark.parametrize("level", [Level.PATIENT, Level.STUDY])
def test_a_study_follows_its_own_file_and_other_studies_keep_what_theirs_said(
    store, reconstruct, reader, level
):
    store()
    store(study="9.9", series="9.9.1", sop="9.9.1.1")
    reconstruct(tags=OTHER, levels=(level,))

    first, second = reader.describe_resources(Level.STUDY, 0, 0)
    assert OTHER[Level.PATIENT].items() <= first.patient_tags.items()
    assert second.patient_tags["0010,0010"] == "DOE^JOHN"


def test_a_tag_that_the_patient_was_recorded_without_reaches_all_its_studies(
    store, reconstruct, reader
):
    sex, extra = "0010,0040", "0010,1030"
    store()
    store(study="8.8", series="8.8.1", sop="8.8.1.1", tags={Level.PATIENT: {extra: "80"}})
    store(study="9.9", series="9.9.1", sop="9.9.1.1")
    reconstruct(tags={Level.PATIENT: {sex: "F", extra: "70"}})

    studies = reader.describe_resources(Level.STUDY, 0, 0)
    assert [it.patient_tags[extra] for it in studies] == ["70", "80", "70"]
    assert [it.patient_tags[sex] for it in studies] == ["F", "F", "F"]
    assert all("0010,1030" not in it.main_tags for it in studies)


def test_arrival_origin_and_stability_stay_and_nothing_is_logged(
    store, reconstruct, reader, group, made_up
):
    store()
    for resource in reader.list_unstable():
        with group() as writer:
            writer.declare_stable(resource.level, resource.id, made_up.NOON)
    before, changes = described(reader, made_up.ids_of()), reader.list_changes(0, None, 100, ())
    reconstruct(tags=OTHER, now=made_up.NOON + 500)

    after = described(reader, made_up.ids_of())
    for key in (Metadata.RECEPTION_DATE, Metadata.ORIGIN, Metadata.REMOTE_IP):
        assert after[Level.INSTANCE].metadata[key] == before[Level.INSTANCE].metadata[key]
    for level in (Level.PATIENT, Level.STUDY, Level.SERIES):
        assert after[level].is_stable
        assert after[level].metadata == before[level].metadata
    assert reader.list_changes(0, None, 100, ()) == changes
    assert file_of(reader, made_up.ids_of()) == before[Level.INSTANCE].attachment


@pytest.mark.parametrize("level", list(Level))
def test_one_level_alone_is_refreshed_where_that_is_wanted(
    store, reconstruct, reader, made_up, level
):
    store()
    before = described(reader, made_up.ids_of())
    reconstruct(tags=OTHER, levels=[level])

    after = described(reader, made_up.ids_of())
    assert after[level].main_tags != before[level].main_tags
    assert [after[other].main_tags == before[other].main_tags for other in Level if other != level]


def test_a_file_in_another_form_takes_the_place_of_the_old_one(store, reconstruct, reader, made_up):
    store(size=1000)
    old = file_of(reader, made_up.ids_of())
    new = made_up.a_file(size=1000, disk=400, compression=Compression.ZSTANDARD, revision=1)
    reconstruct(attachment=new)

    assert file_of(reader, made_up.ids_of()) == new
    assert [file.uuid for file in reader.list_released(0)] == [old.uuid]
    for level in Level:
        kept = reader.describe_statistics(level, made_up.ids_of().at(level))
        assert (kept.disk_size, kept.dicom_disk_size, kept.uncompressed_size) == (400, 400, 1000)
    assert reader.describe_totals().disk_size == 400


def test_files_that_an_orthanc_kept_beside_the_instance_are_released(
    store, reconstruct, reader, made_up, writer
):
    store()
    for content_type in (2, 3):
        values = (content_type, bytes([content_type] * 16))
        writer._db.execute(
            "INSERT INTO attachments SELECT resource, ?, ?, 10, NULL, 5, NULL, 2, 0, 0"
            " FROM attachments WHERE content_type = 1",
            values,
        )
    reconstruct()

    assert reader.count_released() == 2
    with pytest.raises(UnknownItem):
        file_of(reader, made_up.ids_of(), 2)


def test_a_file_that_was_replaced_meanwhile_tells_nothing(store, reconstruct, reader, made_up):
    store()
    before = described(reader, made_up.ids_of())
    with pytest.raises(RevisionConflict):
        reconstruct(tags=OTHER, replaces="0" * 8 + "-0000-0000-0000-" + "0" * 12)

    assert described(reader, made_up.ids_of()) == before


def test_an_instance_that_is_gone_or_has_no_file_is_refused(group, reconstruct, made_up):
    with pytest.raises(UnknownResource):
        reconstruct(replaces="any")
    with group() as writer:
        writer.record_instance(**made_up.an_instance() | {"attachment": None})
    with pytest.raises(UnknownItem):
        reconstruct(replaces="any")


def test_what_cannot_be_kept_refreshes_nothing(store, reconstruct, reader, made_up):
    store()
    before = described(reader, made_up.ids_of())
    with pytest.raises(BadParameter):
        reconstruct(tags={Level.INSTANCE: {"0020,0013": "\ud800"}})

    assert described(reader, made_up.ids_of()) == before


def test_a_series_expects_what_its_file_says_after_it_was_reconstructed(
    store, reconstruct, reader, made_up
):
    store(place=1)
    reconstruct(place=1, expected=2)
    store(sop="1.2", place=2, expected=2)

    page = reader.list_changes(0, None, 100, [ChangeType.COMPLETED_SERIES])
    assert [change.id for change in page.changes] == [made_up.ids_of().series]


@pytest.fixture
def replace_file(refusing_group, made_up):
    def replace_file(attachment, replaces, level=Level.INSTANCE):
        with refusing_group() as writer:
            return writer.replace_file(
                level, made_up.ids_of().at(level), attachment, replaces, made_up.NOON
            )

    return replace_file


def test_a_file_is_replaced_by_another_of_its_type(store, replace_file, reader, made_up):
    store(size=1000)
    old = file_of(reader, made_up.ids_of())
    new = replace(made_up.a_file(size=1000, disk=10), revision=old.revision + 1)

    assert replace_file(new, old.uuid) == new
    assert file_of(reader, made_up.ids_of()) == new
    assert [file.uuid for file in reader.list_released(0)] == [old.uuid]
    assert reader.describe_totals().disk_size == 10
    assert reader.describe_last_change().changes[0].type is not ChangeType.UPDATED_ATTACHMENT


def test_to_replace_a_file_of_a_user_is_logged(store, replace_file, reader, made_up, writer):
    store()
    writer._db.execute(
        "INSERT INTO attachments SELECT id, 1030, ?, 10, NULL, 10, NULL, 1, 0, 0"
        " FROM resources WHERE level = 2",
        (bytes(16),),
    )
    new = replace(made_up.a_file(size=10, disk=4), content_type=1030)
    replace_file(new, "00000000-0000-0000-0000-000000000000", Level.STUDY)

    change = reader.describe_last_change().changes[0]
    assert (change.type, change.id) == (ChangeType.UPDATED_ATTACHMENT, made_up.ids_of().study)
    kept = reader.describe_statistics(Level.STUDY, made_up.ids_of().study)
    assert (kept.disk_size, kept.dicom_disk_size) == (994, 1000)


def test_a_file_that_is_another_by_now_is_not_replaced(store, replace_file, reader, made_up):
    store()
    old = file_of(reader, made_up.ids_of())
    with pytest.raises(RevisionConflict):
        replace_file(made_up.a_file(), made_up.a_file().uuid)
    with pytest.raises(UnknownItem):
        replace_file(replace(made_up.a_file(), content_type=1024), old.uuid)

    assert file_of(reader, made_up.ids_of()) == old
    assert reader.count_released() == 0
