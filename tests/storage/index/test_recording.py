from dataclasses import replace

import pytest

from repertory.errors import BadParameter
from repertory.model import (
    Attachment,
    Compression,
    Level,
    Metadata,
    Origin,
    OriginKind,
    ResourceIds,
    StoreReceipt,
    StoreStatus,
)


def test_a_new_instance_is_answered_with_its_identifiers(store, made_up):
    receipt = store()

    assert (receipt.ids, receipt.status) == (made_up.ids_of(), StoreStatus.SUCCESS)
    assert receipt.activity > 0


def test_a_new_instance_brings_the_parents_that_it_lacks(store, reader, made_up):
    store("P", "1.1", "1.1.1", "1")
    store("P", "1.1", "1.1.1", "2")
    store("P", "1.1", "1.1.2", "3")
    store("P", "1.2", "1.2.1", "4")
    store("Q", "1.3", "1.3.1", "5")

    counts = [len(reader.list_resources(level, 0, 0)) for level in Level]
    assert counts == [2, 3, 4, 5]


def test_an_instance_that_is_there_is_left_and_the_new_file_released(store, reader, made_up):
    store(size=10, now=made_up.NOON)
    before = reader.describe_resource(Level.INSTANCE, made_up.ids_of().instance)

    receipt = store(size=20, now=made_up.NOON + 60, tags={Level.INSTANCE: {"0020,0013": "7"}})

    assert receipt == StoreReceipt(made_up.ids_of(), StoreStatus.ALREADY_STORED)
    assert reader.describe_resource(Level.INSTANCE, made_up.ids_of().instance) == before
    assert [(file.content_type, file.size) for file in reader.list_released(10)] == [(1, 20)]
    assert reader.describe_totals().instances == 1
    assert reader.describe_totals().disk_size == 10
    study = reader.describe_resource(Level.STUDY, made_up.ids_of().study)
    assert study.metadata[Metadata.LAST_UPDATE] == "20270115T080000"
    assert reader.list_changes(None, None, 100, ()).last == 4


def test_twice_the_same_instance_in_one_group_is_stored_once(group, reader, made_up):
    with group() as writer:
        first = writer.record_instance(**made_up.an_instance())
        second = writer.record_instance(**made_up.an_instance())

    assert first.status is StoreStatus.SUCCESS
    assert second.status is StoreStatus.ALREADY_STORED
    assert reader.count_released() == 1


def test_the_same_uid_under_another_patient_is_another_instance(store, reader):
    store("P")
    store("Q")

    assert reader.describe_totals().instances == 2
    assert reader.describe_totals().studies == 2


def test_a_patient_may_have_the_identifier_of_another_patients_study(store, reader, made_up):
    store("A", "1.1", "1", "1")
    store("A|1.1", "2.1", "2", "2")

    id_ = made_up.public_id("A", "1.1")
    assert reader.describe_resource(Level.STUDY, id_).main_tags["0020,000d"] == "1.1"
    assert reader.describe_resource(Level.PATIENT, id_).main_tags["0010,0020"] == "A|1.1"


def test_an_instance_that_two_series_could_have_is_already_stored(store, reader):
    store("P", "1", "2", "3|4")
    receipt = store("P", "1", "2|3", "4")

    assert receipt.status is StoreStatus.ALREADY_STORED
    assert reader.describe_totals().series == 1


def test_an_instance_sent_by_rest_gets_its_metadata(store, reader, made_up):
    origin = Origin(kind=OriginKind.REST_API, remote_ip="10.0.0.1", http_username="ann")
    store(place=3, origin=origin)

    found = reader.describe_resource(Level.INSTANCE, made_up.ids_of().instance)
    assert found.metadata == {
        Metadata.INDEX_IN_SERIES: "3",
        Metadata.RECEPTION_DATE: "20270115T080000",
        Metadata.REMOTE_AET: "",
        Metadata.ORIGIN: "RestApi",
        Metadata.TRANSFER_SYNTAX: "1.2.840.10008.1.2.1",
        Metadata.SOP_CLASS_UID: "1.2.840.10008.5.1.4.1.1.2",
        Metadata.REMOTE_IP: "10.0.0.1",
        Metadata.HTTP_USERNAME: "ann",
        Metadata.PIXEL_DATA_OFFSET: "1530",
        Metadata.MAIN_DICOM_TAGS_SIGNATURE: "0008,0018",
    }
    assert list(found.metadata) == sorted(found.metadata)
    assert {type(number) for number in found.metadata} == {int}


def test_an_instance_sent_by_dicom_gets_its_metadata(store, reader, made_up):
    origin = Origin(
        kind=OriginKind.DICOM_PROTOCOL, remote_ip="10.0.0.1", remote_aet="CT", called_aet="PACS"
    )
    store(origin=origin)

    found = reader.describe_resource(Level.INSTANCE, made_up.ids_of().instance).metadata
    assert found[Metadata.REMOTE_AET] == "CT"
    assert found[Metadata.CALLED_AET] == "PACS"
    assert found[Metadata.ORIGIN] == "DicomProtocol"
    assert Metadata.HTTP_USERNAME not in found
    assert Metadata.INDEX_IN_SERIES not in found
    series = reader.describe_resource(Level.SERIES, made_up.ids_of().series).metadata
    assert series[Metadata.REMOTE_AET] == "CT"


def test_an_instance_without_pixels_has_an_empty_pixel_data_offset(store, reader, made_up):
    store(pixel_data_offset=None, pixel_data_vr="")

    found = reader.describe_resource(Level.INSTANCE, made_up.ids_of().instance).metadata
    assert found[Metadata.PIXEL_DATA_OFFSET] == ""
    assert Metadata.PIXEL_DATA_VR not in found


@pytest.mark.parametrize(
    ("transfer_syntax", "vr", "kept"),
    [
        ("1.2.840.10008.1.2", "OW", None),
        ("1.2.840.10008.1.2", "OB", "OB"),
        ("1.2.840.10008.1.2.1", "OW", None),
        ("1.2.840.10008.1.2.1", "OB", None),
        ("1.2.840.10008.1.2.1", "UN", "UN"),
        ("1.2.840.10008.1.2.4.70", "OB", None),
        ("1.2.840.10008.1.2.4.70", "OW", "OW"),
    ],
)
def test_only_an_unusual_pixel_data_vr_is_kept(store, reader, made_up, transfer_syntax, vr, kept):
    store(transfer_syntax=transfer_syntax, pixel_data_vr=vr)

    found = reader.describe_resource(Level.INSTANCE, made_up.ids_of().instance).metadata
    assert found.get(Metadata.PIXEL_DATA_VR) == kept


def test_parents_get_their_metadata(store, reader, made_up):
    store(expected=7)

    ids = made_up.ids_of()
    assert reader.describe_resource(Level.SERIES, ids.series).metadata == {
        Metadata.REMOTE_AET: "",
        Metadata.EXPECTED_NUMBER_OF_INSTANCES: "7",
        Metadata.LAST_UPDATE: "20270115T080000",
        Metadata.MAIN_DICOM_TAGS_SIGNATURE: "0020,000e",
    }
    for level in (Level.PATIENT, Level.STUDY):
        assert reader.describe_resource(level, ids.at(level)).metadata == {
            Metadata.LAST_UPDATE: "20270115T080000",
            Metadata.MAIN_DICOM_TAGS_SIGNATURE: made_up.SIGNATURES[level],
        }


def test_each_new_instance_brings_last_update_up_to_date(store, reader, made_up):
    store("P", "1", "1", "1")
    store("P", "1", "2", "2", now=made_up.NOON + 61.9)

    def last_update(level, id_):
        return reader.describe_resource(level, id_).metadata[Metadata.LAST_UPDATE]

    old = made_up.ids_of("P", "1", "1", "1")
    new = made_up.ids_of("P", "1", "2", "2")
    assert last_update(Level.SERIES, old.series) == "20270115T080000"
    assert last_update(Level.SERIES, new.series) == "20270115T080101"
    assert last_update(Level.STUDY, new.study) == "20270115T080101"
    assert last_update(Level.PATIENT, new.patient) == "20270115T080101"


def test_within_a_group_the_last_instance_sets_last_update(group, reader, made_up):
    with group() as writer:
        writer.record_instance(**made_up.an_instance("P", "1", "1", "1", now=made_up.NOON))
        writer.record_instance(**made_up.an_instance("P", "1", "2", "2", now=made_up.NOON + 1))
        writer.record_instance(**made_up.an_instance("P", "1", "1", "3", now=made_up.NOON + 2))

    study = reader.describe_resource(Level.STUDY, made_up.public_id("P", "1"))
    assert study.metadata[Metadata.LAST_UPDATE] == "20270115T080002"


def test_an_attachment_comes_back_as_it_was(store, reader, made_up, group):
    file = Attachment(
        uuid="0f0e0d0c-0b0a-0908-0706-050403020100",
        content_type=1,
        uncompressed_size=2**40,
        uncompressed_md5="00112233445566778899aabbccddeeff",
        compressed_size=12,
        compressed_md5="",
        compression=Compression.ZSTANDARD,
        revision=3,
    )
    with group() as writer:
        writer.record_instance(**(made_up.an_instance() | {"attachment": file}))

    id_ = made_up.ids_of().instance
    assert reader.describe_resource(Level.INSTANCE, id_).attachment == file
    assert reader.describe_attachment(Level.INSTANCE, id_, 1)[0] == file


def test_text_of_any_script_is_kept(store, reader, made_up):
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    store(tags={Level.PATIENT: {"0010,0010": name, "0010,1000": 'a"b\\c\n\x00'}})

    found = reader.describe_resource(Level.PATIENT, made_up.ids_of().patient).main_tags
    assert found["0010,0010"] == name
    assert found["0010,1000"] == 'a"b\\c\n\x00'


def test_a_place_too_large_for_a_number_is_kept_as_text(store, reader, made_up):
    store(place=10**30, expected=2)

    found = reader.describe_resource(Level.INSTANCE, made_up.ids_of().instance).metadata
    assert found[Metadata.INDEX_IN_SERIES] == str(10**30)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ids": ResourceIds("no", "such", "identifier", "here")},
        {"uuid": "not-a-uuid"},
        {"uuid": "0F0E0D0C-0B0A-0908-0706-050403020100"},
        {"uncompressed_md5": "0123"},
        {"tags": {Level.INSTANCE: {"0020,0013": "\ud800"}}},
        {"tags": {Level.STUDY: {"0008,1030": "\ud800"}}},
    ],
)
def test_what_cannot_be_kept_is_refused_without_a_trace(group, reader, made_up, wrong):
    bad = made_up.an_instance("P", "1", "2", "3", tags=wrong.get("tags"))
    if "ids" in wrong:
        bad["ids"] = wrong["ids"]
    elif "tags" not in wrong:
        bad["attachment"] = replace(bad["attachment"], **wrong)
    with group() as writer:
        writer.record_instance(**made_up.an_instance("P", "1", "1", "1"))
        with pytest.raises(BadParameter):
            writer.record_instance(**bad)
        writer.record_instance(**made_up.an_instance("P", "1", "2", "4"))

    assert reader.describe_totals().instances == 2
    assert reader.describe_statistics(Level.PATIENT, made_up.public_id("P")).series == 2
    assert reader.count_released() == 0
    assert [change.seq for change in reader.list_changes(0, None, 100, ()).changes] == [
        *range(1, 7)
    ]
