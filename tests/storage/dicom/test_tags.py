import json
import struct

import pytest

from repertory.errors import NotDicom
from repertory.model import TagForm
from repertory.storage.dicom import (
    header,
    header_full,
    summarize,
    tags,
    tags_full,
    tags_short,
    tags_simplified,
)
from repertory.testing.files import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    make_dicom,
)

SYNTAXES = [IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN, JPEG]


def element(tag, value, **options):
    """How an element of a made-up file is shown, in the full form."""
    return tags(make_dicom(tags={tag: value}, **options)).get(tag)


def text(tag, value, **options):
    return element(tag, value, **options)["Value"]


def test_text_is_shown_with_name_and_type():
    assert element("0010,0010", "Doe^Jane") == {
        "Name": "PatientName",
        "Type": "String",
        "Value": "Doe^Jane",
    }


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("deep", [False, True])
def test_the_same_image_has_the_same_tags_however_it_is_written(syntax, deep):
    data = make_dicom(seed=1, rich=True, transfer_syntax=syntax, deep=deep)
    plain = tags(make_dicom(seed=1, rich=True))

    found = tags(data)

    if syntax == IMPLICIT:
        # What nobody but the file itself can tell the type of is lost.
        plain = {tag: shown for tag, shown in plain.items() if not tag.startswith("0019,10")}
        found = {tag: shown for tag, shown in found.items() if not tag.startswith("0019,10")}
    assert found == plain
    assert len(plain) > 100


@pytest.mark.parametrize("form", list(TagForm))
def test_the_part_before_the_pixel_data_is_enough(form):
    data = make_dicom(rich=True)

    assert tags(data[: summarize(data).pixel_data_offset], form, pixel_data=True) == tags(
        data, form
    )


def test_a_file_on_disk_is_read_like_bytes(tmp_path):
    path = tmp_path / "file"
    for syntax in SYNTAXES:
        data = make_dicom(rich=True, transfer_syntax=syntax)
        path.write_bytes(data)

        assert tags(path) == tags(data)
        assert header(path) == header(data)


def test_pixel_data_and_other_binary_values_are_null():
    found = tags(make_dicom(rich=True))

    assert found["7fe0,0010"] == {"Name": "PixelData", "Type": "Null", "Value": None}
    assert found["0029,1010"] == {
        "Name": "Unknown Tag & Data",
        "PrivateCreator": "REPERTORY CSA",
        "Type": "Null",
        "Value": None,
    }


def test_a_file_without_pixel_data_shows_none():
    assert "7fe0,0010" not in tags(make_dicom(tags={"PixelData": None}))


def test_elements_after_the_pixel_data_are_not_shown():
    data = make_dicom() + b"\xfc\xff\xfc\xffOB\0\0\x04\0\0\0" + bytes(4)

    assert list(tags(data))[-1] == "7fe0,0010"


def test_long_values_are_left_out_unless_asked_for():
    data = make_dicom(tags={"ImageComments": "x" * 257, "PatientComments": "x" * 256})

    assert tags(data)["0020,4000"] == {"Name": "ImageComments", "Type": "TooLong", "Value": None}
    assert tags(data)["0010,4000"]["Type"] == "String"
    for tag in ("0020,4000", "0020-4000"):
        assert tags_full(data, ignore_length={tag})["0020,4000"] == {
            "Name": "ImageComments",
            "Type": "String",
            "Value": "x" * 257,
        }


def test_how_long_a_value_is_is_counted_in_bytes():
    assert element("0020,4000", "é" * 128)["Type"] == "String"
    assert element("0020,4000", "é" * 129)["Type"] == "TooLong"


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_numbers_are_decimal_text(syntax):
    order = ">" if syntax == BIG_ENDIAN else "<"
    numbers = {
        "0028,0106": (("US", [1, 65535]), "1\\65535"),
        "0018,9219": (("SS", [-1, 2]), "-1\\2"),
        "0018,6020": (("SL", [-70000]), "-70000"),
        "0018,6016": (("UL", [4294967295]), "4294967295"),
        "0018,9073": (("FD", [1.5]), "1.5"),
        "0018,9087": (("FD", [0.1, 1e22, float("inf")]), "0.10000000000000001\\1e+22\\inf"),
        "0008,0040": (("US", 3), "3"),
        "0018,605a": (("FL", [0.1]), "0.10000000149011612"),
        "0028,0009": (("AT", struct.pack(order + "HHHH", 24, 0x1063, 8, 18)), "0018,1063"),
        "0018,9218": (("SS", b""), None),
        "0018,602c": (("FD", b"\0\0"), None),
    }
    data = make_dicom(
        tags={tag: value for tag, (value, _) in numbers.items()}, transfer_syntax=syntax
    )

    found = tags(data)

    assert {tag: found[tag]["Value"] for tag in numbers} == {
        tag: shown for tag, (_, shown) in numbers.items()
    }
    assert found["0018,9218"]["Type"] == "Null"


@pytest.mark.parametrize(("representation", "shown"), [(0, "65531"), (1, "-5")])
def test_pixel_values_are_signed_as_the_pixels_are(representation, shown):
    data = make_dicom(
        tags={"PixelRepresentation": representation, "0028,0106": ("SS", -5)},
        transfer_syntax=IMPLICIT,
    )

    assert tags(data)["0028,0106"]["Value"] == shown


def test_sequences_hold_items():
    shown = element("0008,1140", [{"CodeValue": "A"}, {}, {"0008,1140": [{"CodeValue": "B"}]}])

    value = {"Name": "CodeValue", "Type": "String"}
    inner = {
        "Name": "ReferencedImageSequence",
        "Type": "Sequence",
        "Value": [{"0008,0100": value | {"Value": "B"}}],
    }
    assert shown == {
        "Name": "ReferencedImageSequence",
        "Type": "Sequence",
        "Value": [{"0008,0100": value | {"Value": "A"}}, {}, {"0008,1140": inner}],
    }


def test_private_elements_show_who_reserved_their_block():
    found = tags(
        make_dicom(
            tags={
                "0009,0010": ("LO", "GEMS_IDEN_01"),
                "0009,0011": ("LO", "OTHER"),
                "0009,1001": ("LO", "full"),
                "0009,1101": ("LO", "other"),
                "0009,1201": ("LO", "nobody"),
            }
        )
    )

    assert found["0009,0010"] == {
        "Name": "PrivateCreator",
        "Type": "String",
        "Value": "GEMS_IDEN_01",
    }
    assert found["0009,1001"] == {
        "Name": "FullFidelity",
        "PrivateCreator": "GEMS_IDEN_01",
        "Type": "String",
        "Value": "full",
    }
    assert found["0009,1101"]["Name"] == "Unknown Tag & Data"
    assert found["0009,1101"]["PrivateCreator"] == "OTHER"
    assert "PrivateCreator" not in found["0009,1201"]


def test_items_have_private_blocks_of_their_own():
    shown = element(
        "0008,1140",
        [{"0009,0010": ("LO", "IN"), "0009,1001": ("LO", "x")}, {"0009,1001": ("LO", "y")}],
    )

    first, second = shown["Value"]
    assert first["0009,1001"]["PrivateCreator"] == "IN"
    assert "PrivateCreator" not in second["0009,1001"]


def test_values_of_unknown_representation_are_shown_if_they_are_text():
    assert text("0008,1030", ("UN", b"Knee ")) == "Knee"
    assert text("0028,0106", ("UN", b"\1\0")) is None
    private = {"0009,0010": ("LO", "GEMS_IDEN_01"), "0009,1001": ("UN", b"x\xe9")}
    assert tags(make_dicom(tags=private))["0009,1001"]["Type"] == "Null"


def test_a_sequence_of_unknown_representation_is_implicit():
    item = (
        b"\xfe\xff\0\xe0\xff\xff\xff\xff" + b"\x08\0\0\1\2\0\0\0AB" + b"\xfe\xff\x0d\xe0" + bytes(4)
    )
    unknown = b"\x08\0\x40\x11UN\0\0\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0" + bytes(4)
    data = make_dicom(tags={"0008,1140": ("OB", b"")})
    data = data.replace(b"\x08\0\x40\x11OB" + bytes(6), unknown)

    shown = tags(data)["0008,1140"]

    assert shown["Value"] == [{"0008,0100": {"Name": "CodeValue", "Type": "String", "Value": "AB"}}]
    assert summarize(data).sop_class_uid


def test_an_icon_in_a_sequence_may_be_encapsulated():
    data = make_dicom(
        transfer_syntax=JPEG,
        deep=True,
        tags={"IconImageSequence": [{"Rows": 8, "PixelData": ("OB", b"icon")}]},
    )

    icon = tags(data)["0088,0200"]["Value"][0]

    assert icon["0028,0010"]["Value"] == "8"
    assert icon["7fe0,0010"] == {"Name": "PixelData", "Type": "Null", "Value": None}
    assert data[summarize(data).pixel_data_offset :].count(b"\xe0\x7f\x10\0") == 1


def test_retired_elements_and_group_lengths_have_the_names_of_dcmtk():
    found = tags(
        make_dicom(
            tags={
                "0008,0000": ("UL", 9),
                "0011,0000": ("UL", 9),
                "0032,4000": "x",
                "0010,1000": "y",
                "5000,0005": 2,
            }
        )
    )

    assert found["0008,0000"]["Name"] == "GenericGroupLength"
    assert found["0011,0000"]["Name"] == "PrivateGroupLength"
    assert found["0032,4000"]["Name"] == "RETIRED_StudyComments"
    assert found["0010,1000"]["Name"] == "OtherPatientIDs"
    assert found["5000,0005"]["Name"] == "RETIRED_CurveDimensions"


def test_the_short_and_the_simplified_form_hold_values_alone():
    data = make_dicom(
        tags={
            "0008,1140": [{"CodeValue": "A"}],
            "ImageComments": "x" * 300,
            "0009,1001": ("OB", b""),
        }
    )

    short = tags(data, TagForm.SHORT)
    simplified = tags(data, TagForm.SIMPLIFIED)

    assert short["0010,0010"] == simplified["PatientName"] == "Test^Patient"
    assert short["0008,1140"] == [{"0008,0100": "A"}]
    assert simplified["ReferencedImageSequence"] == [{"CodeValue": "A"}]
    assert short["0020,4000"] is simplified["ImageComments"] is None
    assert short["7fe0,0010"] is simplified["PixelData"] is None


@pytest.mark.parametrize("rich", [False, True])
def test_each_form_follows_from_the_full_one(rich):
    data = make_dicom(rich=rich)
    full = tags_full(data)

    assert tags(data, TagForm.SHORT) == tags_short(full)
    assert tags(data, TagForm.SIMPLIFIED) == tags_simplified(full)
    assert header(data, TagForm.SIMPLIFIED) == tags_simplified(header_full(data))


def test_each_form_follows_from_the_full_one_in_every_bundled_file(bundled_file):
    data = bundled_file.read_bytes()
    try:
        full = tags_full(data)
    except NotDicom:
        return

    json.dumps(full)
    assert tags(data, TagForm.SHORT) == tags_short(full)
    assert tags(data, TagForm.SIMPLIFIED) == tags_simplified(full)


def test_no_private_element_hides_a_public_one_of_the_same_name():
    private = {"0019,0010": ("LO", "GEMS_ACQU_01"), "0019,105a": ("FL", 1.5)}
    both = private | {"0018,9073": ("FD", 7.5)}

    assert tags(make_dicom(tags=private), TagForm.SIMPLIFIED)["AcquisitionDuration"] == "1.5"
    assert tags(make_dicom(tags=both), TagForm.SIMPLIFIED)["AcquisitionDuration"] == "7.5"
    assert tags_simplified(tags(make_dicom(tags=both)))["AcquisitionDuration"] == "7.5"


def test_the_header_is_the_file_meta_information_without_binary_values():
    assert header(make_dicom(instance="1.2.3"), TagForm.SIMPLIFIED) == {
        "FileMetaInformationGroupLength": "160",
        "ImplementationClassUID": "2.25.80302813137786398554742050926734630921",
        "ImplementationVersionName": "REPERTORY",
        "MediaStorageSOPClassUID": "1.2.840.10008.5.1.4.1.1.4",
        "MediaStorageSOPInstanceUID": "1.2.3",
        "TransferSyntaxUID": "1.2.840.10008.1.2.1",
    }


def test_a_file_without_meta_header_has_an_empty_header():
    assert header(make_dicom(meta=False)) == {}


@pytest.mark.parametrize("content", [b"", b"text " * 100, bytes(128) + b"DICM\2\0"])
def test_what_is_no_dicom_has_no_tags(content):
    for read in (tags, header):
        try:
            found = read(content)
        except NotDicom:
            continue
        assert found == {}


def test_an_element_that_does_not_end_is_an_error():
    data = make_dicom(rich=True)
    offset = summarize(data).pixel_data_offset

    for length in range(offset - 40, offset):
        cut = data[:length]
        try:
            assert len(tags(cut)) < len(tags(data))
        except NotDicom:
            continue


def test_what_the_scanner_does_not_know_is_read_by_pydicom():
    plain = {
        "0009,0010": ("LO", "X"),
        "0009,1001": ("LO", "odd"),
        "0008,1140": [{"CodeValue": "A"}],
    }
    data = make_dicom(seed=1, tags=plain)
    # A value representation that does not exist.
    odd = data.replace(b"\x09\0\1\x10LO", b"\x09\0\1\x10ZZ")
    assert odd != data

    found, expected = tags(odd), tags(data)

    assert found.pop("0009,1001")["PrivateCreator"] == "X"
    del expected["0009,1001"]
    assert found == expected
    assert summarize(odd) == summarize(data)
    assert header(odd) == header(data)
