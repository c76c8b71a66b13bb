"""Main DICOM tags that are sequences: what is kept of them is what the reader reads of the file."""

import warnings
from io import BytesIO

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repertory.errors import MissingTag, NotDicom
from repertory.model import Level
from repertory.storage.dicom import summarize, tags
from repertory.storage.dicom.fallback import scan_by_pydicom
from repertory.storage.dicom.sources import Memory
from repertory.storage.main_tags import MainDicomTags
from repertory.testing.files import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, JPEG, make_dicom

SYNTAXES = [IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN, JPEG]
REQUEST = "0040,0275"
STUDIES = "0008,1110"
SIGNED = "0028,3000"  # ModalityLUTSequence
EXTRA = MainDicomTags.defaults({Level.STUDY: [STUDIES], Level.SERIES: [SIGNED]})


def kept(data, main_tags=EXTRA, level=Level.SERIES):
    return summarize(data, main_tags).main_sequences.get(level, {})


def request_of(**inner):
    """A file with one item in its RequestAttributesSequence."""
    options = {name: inner.pop(name) for name in ("deep", "transfer_syntax") if name in inner}
    more = inner.pop("more", {})
    return make_dicom(tags={"RequestAttributesSequence": [inner], **more}, **options)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("deep", [False, True])
def test_a_sequence_is_kept_as_it_is_read_however_it_is_written(syntax, deep):
    data = request_of(
        ScheduledProcedureStepID="7",
        ScheduledProtocolCodeSequence=[{"CodeValue": "A"}, {"CodeValue": "B"}],
        transfer_syntax=syntax,
        deep=deep,
    )

    assert kept(data) == {REQUEST: tags(data)[REQUEST]}
    (item,) = kept(data)[REQUEST]["Value"]
    assert item["0040,0009"]["Value"] == "7"
    assert [it["0008,0100"]["Value"] for it in item["0040,0008"]["Value"]] == ["A", "B"]


def test_a_sequence_is_kept_at_each_level_that_asks_for_it():
    everywhere = MainDicomTags.defaults({level: [STUDIES] for level in Level})
    data = make_dicom(tags={"ReferencedStudySequence": [{"ReferencedSOPInstanceUID": "1.2"}]})
    summary = summarize(data, everywhere)

    assert {level: list(kept) for level, kept in summary.main_sequences.items()} == {
        level: [STUDIES] for level in Level
    }
    assert all(STUDIES not in summary.main_tags[level] for level in Level)


def test_what_is_no_main_tag_is_not_kept():
    data = make_dicom(tags={"ReferencedStudySequence": [{"ReferencedSOPInstanceUID": "1.2"}]})

    assert summarize(data).main_sequences == {}
    assert summarize(make_dicom()).main_sequences == {}


@pytest.mark.parametrize("deep", [False, True])
def test_a_sequence_without_items_is_kept(deep):
    data = make_dicom(tags={"RequestAttributesSequence": ("SQ", [])}, deep=deep)

    assert kept(data)[REQUEST]["Value"] == []


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    ("charset", "written"),
    [("ISO_IR 192", "Ünïcode 山田"), ("ISO_IR 100", "Köln"), ("ISO_IR 144", "Люкceмбypг")],
)
def test_text_in_a_sequence_is_read_in_the_files_character_set(charset, written, deep):
    codec = {"ISO_IR 192": "utf-8", "ISO_IR 100": "latin-1", "ISO_IR 144": "iso8859-5"}[charset]
    data = request_of(
        RequestedProcedureDescription=("LO", written.encode(codec)),
        more={"SpecificCharacterSet": charset},
        deep=deep,
    )

    (item,) = kept(data)[REQUEST]["Value"]
    assert item["0032,1060"]["Value"] == written


def test_an_item_may_have_a_character_set_of_its_own():
    data = request_of(
        SpecificCharacterSet="ISO_IR 192",
        RequestedProcedureDescription=("LO", "山".encode()),
        more={"SpecificCharacterSet": "ISO_IR 100"},
    )

    assert kept(data)[REQUEST]["Value"][0]["0032,1060"]["Value"] == "山"


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("order", [IMPLICIT, EXPLICIT])
def test_numbers_are_signed_where_the_pixels_are(order, signed):
    data = make_dicom(
        tags={
            "PixelRepresentation": signed,
            "ModalityLUTSequence": [
                {"0028,3002": ("SS" if signed else "US", 65535 - 65536 * signed)}
            ],
        },
        transfer_syntax=order,
    )

    assert kept(data)[SIGNED] == tags(data)[SIGNED]
    assert kept(data)[SIGNED]["Value"][0]["0028,3002"]["Value"] == ("-1" if signed else "65535")


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, DEFLATED])
@pytest.mark.parametrize("deep", [False, True])
def test_a_sequence_is_found_far_into_a_file(tmp_path, syntax, deep):
    data = request_of(
        ScheduledProcedureStepID="7",
        more={"ReferencedStudySequence": [{"TextValue": "x" * 90_000}, {"CodeValue": "A"}]},
        transfer_syntax=syntax,
        deep=deep,
    )
    path = tmp_path / "file"
    path.write_bytes(data)

    assert kept(path) == kept(data) == {REQUEST: tags(data)[REQUEST]}


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, DEFLATED])
@pytest.mark.parametrize("deep", [False, True])
def test_a_sequence_that_is_too_long_is_left_in_the_file(syntax, deep):
    data = make_dicom(
        tags={"ReferencedStudySequence": [{"TextValue": "x" * 70_000}]},
        transfer_syntax=syntax,
        deep=deep,
    )

    assert kept(data, level=Level.STUDY) == {
        STUDIES: {"Name": "ReferencedStudySequence", "Type": "TooLong", "Value": None}
    }


def test_long_values_within_a_sequence_are_left_in_the_file():
    data = request_of(RequestedProcedureComments="x" * 300, ScheduledProcedureStepID="7")

    (item,) = kept(data)[REQUEST]["Value"]
    assert item["0040,1400"] == {
        "Name": "RequestedProcedureComments",
        "Type": "TooLong",
        "Value": None,
    }


def test_a_damaged_sequence_is_left_out_and_the_file_is_archived():
    sound = request_of(ScheduledProcedureStepID="STEP7 ")
    damaged = sound.replace(b"\x40\0\x09\0SH\x06\0STEP7 ", b"\x40\0\x09\0SH\xff\0STEP7 ")

    assert damaged != sound
    assert kept(sound) != {}
    assert kept(damaged) == {}


def test_a_damaged_item_is_left_out_where_the_sequence_around_it_has_no_length():
    inner = b"\x40\0\x09\0SH\x06\0STEP7 "
    sound = request_of(ScheduledProcedureStepID="STEP7 ", deep=True)
    item = b"\xfe\xff\x00\xe0"
    end = b"\xfe\xff\x0d\xe0" + bytes(4)
    open_item = item + b"\xff" * 4 + inner + end
    closed = item + len(inner).to_bytes(4, "little")
    assert open_item in sound

    whole = sound.replace(open_item, closed + inner)
    damaged = sound.replace(open_item, closed + inner.replace(b"\x06\0", b"\xff\0"))

    assert kept(whole) == kept(sound) != {}
    assert kept(damaged) == {}


def test_a_sequence_that_is_written_in_an_unfamiliar_way_is_read_as_tags_are():
    sound = request_of(ScheduledProcedureStepID="STEP7 ")
    strange = sound.replace(b"\x40\0\x09\0SH\x06\0STEP7 ", b"\x40\0\x09\0\x06\0\0\0STEP7 ")
    element = tags(strange)[REQUEST]

    assert strange != sound
    assert kept(strange) == ({REQUEST: element} if element["Type"] == "Sequence" else {})


def test_every_sequence_of_every_file_is_kept_as_it_is_read(bundled_file):
    data = bundled_file.read_bytes()
    try:
        summarize(data)
        whole = tags(data)
    except (NotDicom, MissingTag):
        return
    nested = {tag: it for tag, it in whole.items() if it["Type"] == "Sequence"}
    extra = MainDicomTags.defaults({Level.SERIES: nested})
    found = kept(data, extra)

    assert sorted(found) == sorted(nested)
    for tag, element in found.items():
        if element["Type"] != "TooLong":
            assert element["Value"] == nested[tag]["Value"]
            # Who reserved a block of private elements is not looked for.
            assert element["Name"] == nested[tag]["Name"] or tag[3] in "13579bdf"


LEAVES = ["CodeValue", "CodeMeaning", "ScheduledProcedureStepID", "RequestedProcedureDescription"]
NESTS = ["ScheduledProtocolCodeSequence", "RequestedProcedureCodeSequence"]
text = st.text("aZ9 .-^Äöéß", max_size=12)
items = st.recursive(
    st.dictionaries(st.sampled_from(LEAVES), text, max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from([*LEAVES, *NESTS]), st.lists(inner, min_size=1, max_size=3), max_size=3
    ).map(lambda item: {name: it if name in NESTS else "X" for name, it in item.items()}),
    max_leaves=8,
)


@given(
    st.lists(items, min_size=1, max_size=3),
    st.sampled_from([IMPLICIT, EXPLICIT, BIG_ENDIAN]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_the_scanner_and_pydicom_agree_about_sequences(value, syntax, deep):
    data = make_dicom(
        tags={
            "SpecificCharacterSet": "ISO_IR 100",
            "RequestAttributesSequence": ("SQ", []),
            **({"RequestAttributesSequence": encoded(value)} if any(value) else {}),
        },
        transfer_syntax=syntax,
        deep=deep,
    )
    _, scanned = scan_by_pydicom(Memory(data), [0x00400275])
    dataset = pydicom.dcmread(BytesIO(data))
    found = kept(data)[REQUEST]

    assert found == scanned.sequences[0x00400275] == tags(data)[REQUEST]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same_items(found["Value"], dataset.RequestAttributesSequence)


def encoded(value):
    """The items with their text as a file in Latin-1 has it."""
    return [
        {
            name: encoded(it) if name in NESTS else ("LO", it.encode("latin-1"))
            for name, it in item.items()
        }
        for item in value
    ]


def same_items(ours, theirs):
    assert len(ours) == len(theirs)
    for item, of_theirs in zip(ours, theirs, strict=True):
        by_name = {it["Name"]: it for it in item.values()}
        assert sorted(by_name) == sorted(element.keyword for element in of_theirs)
        for element in of_theirs:
            if element.VR == "SQ":
                same_items(by_name[element.keyword]["Value"], element.value)
            else:
                shown = by_name[element.keyword]["Value"]
                assert shown.strip() == str(element.value or "").strip()


SOUND = [
    make_dicom(seed=1, rich=True, deep=deep, transfer_syntax=syntax, tags={"PixelData": None})
    for deep in (False, True)
    for syntax in (IMPLICIT, EXPLICIT, BIG_ENDIAN)
]
PLAIN = MainDicomTags(
    {level: EXTRA.by_level[level] - {REQUEST, STUDIES, SIGNED} for level in Level}
)


@given(
    st.sampled_from(SOUND),
    st.lists(
        st.tuples(
            st.floats(0, 1, exclude_max=True),
            st.integers(0, 8),
            st.binary(max_size=8) | st.sampled_from([b"\xff" * 4, b"\xfe\xff\x0d\xe0"]),
        ),
        min_size=1,
        max_size=4,
    ),
)
@settings(max_examples=200, deadline=None)
def test_no_damage_to_a_sequence_keeps_a_file_from_being_archived(data, changes):
    for place, removed, inserted in changes:
        at = int(place * len(data))
        data = data[:at] + inserted + data[at + removed :]

    assert refusal(data, EXTRA) is refusal(data, PLAIN)


def refusal(data, main_tags):
    try:
        summarize(data, main_tags)
    except (NotDicom, MissingTag) as error:
        return type(error)
    return None
