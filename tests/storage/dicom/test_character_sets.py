import io

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.model import Level, TagForm
from repertory.storage.dicom import summarize, tags
from repertory.storage.dicom.character_sets import character_set
from repertory.testing.files import make_dicom

DECLARED = st.lists(
    st.sampled_from(
        [
            *("", "ISO_IR 6", "ISO_IR 100", "ISO_IR 13", "ISO_IR 192", "GB18030", "GBK", "NO SUCH"),
            *("ISO 2022 IR 6", "ISO 2022 IR 13", "ISO 2022 IR 58", "ISO 2022 IR 87"),
            *("ISO 2022 IR 100", "ISO 2022 IR 126", "ISO 2022 IR 149", "ISO 2022 IR 159"),
        ]
    ),
    max_size=3,
).map(lambda terms: "\\".join(terms).encode())

PIECES = st.lists(
    st.binary(max_size=6)
    | st.sampled_from(
        [b"\x1b", b"\x1b$B", b"\x1b(B", b"\x1b(J", b"\x1b)I", b"\x1b$(D", b"\x1b$)C", b"\x1b-F"]
    ),
    max_size=8,
).map(b"".join)


def decoded(raw, declared, vr="LO"):
    return character_set(declared.encode()).decode(raw, vr)


@pytest.mark.parametrize(
    ("declared", "raw", "text"),
    [
        ("ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
        ("ISO_IR 101", b"Wa\xb3\xeasa", "Wałęsa"),
        ("ISO_IR 109", b"\xe6u", "ĉu"),
        ("ISO_IR 110", b"\xe8a", "ča"),
        ("ISO_IR 144", b"\xbb\xee\xda", "Люк"),
        ("ISO_IR 127", b"\xe2\xc8\xc7\xe6\xea", "قباني"),
        ("ISO_IR 126", b"\xc4\xe9\xef\xed", "Διον"),
        ("ISO_IR 138", b"\xf9\xf8\xe5\xef", "שרון"),
        ("ISO_IR 148", b"\xc7a\xf0\xfd", "Çağı"),
        ("ISO_IR 203", b"10\xa4", "10€"),
        ("ISO_IR 166", b"\xb9\xd2\xc2", "นาย"),
        ("ISO_IR 13", b"\xd4\xcf\xc0\xde", "ﾔﾏﾀﾞ"),
        ("ISO_IR 192", "Wang^小东".encode(), "Wang^小东"),
        ("GB18030", b"Wang^\xd0\xa1\xb6\xab", "Wang^小东"),
        ("GBK", b"Wang^\xd0\xa1\xb6\xab", "Wang^小东"),
        ("", b"M\xfcller", "Müller"),
        ("iso_ir 101 ", b"Wa\xb3\xeasa", "Wałęsa"),
        # Orthanc reads what it does not know as ASCII; its identifiers depend on that.
        ("ISO_IR 6", b"M\xfcller", "Mller"),
        ("UTF-8", b"M\xfcller", "Mller"),
    ],
)
def test_a_single_character_set(declared, raw, text):
    assert decoded(raw, declared) == text


@pytest.mark.parametrize(
    ("declared", "raw", "text"),
    [
        (
            "\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        (
            "ISO 2022 IR 13\\ISO 2022 IR 87",
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
        ),
        (
            "\\ISO 2022 IR 149",
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
            "Hong^Gildong=洪^吉洞",
        ),
        ("\\ISO 2022 IR 58", b"Zhang=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1", "Zhang=张^小"),
        ("\\ISO 2022 IR 159", b"\x1b$(D0!\x1b(B", "丂"),
        (
            "ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 126",
            b"\xe9=\x1b-L\xd4^\x1b-F\xe4",
            "é=д^δ",
        ),
    ],
)
def test_escape_sequences_switch_between_character_sets(declared, raw, text):
    assert decoded(raw, declared, "PN") == text


def test_the_parts_of_a_name_begin_anew_in_the_first_character_set():
    raw = b"\x1b-F\xe4^\xe9=\x1b-F\xe4\\\xe9"

    assert decoded(raw, "ISO 2022 IR 100\\ISO 2022 IR 126", "PN") == "δ^é=δ\\é"
    # In other text these marks are characters like any other, but for the backslash.
    assert decoded(raw, "ISO 2022 IR 100\\ISO 2022 IR 126", "LO") == "δ^ι=δ\\é"


def test_double_byte_characters_may_look_like_marks():
    raw = b"\x1b$B" + "〆".encode("iso2022_jp")[3:5] + "孃".encode("iso2022_jp")[3:5] + b"\x1b(B"

    assert decoded(raw, "\\ISO 2022 IR 87", "PN") == "〆孃"


def test_what_cannot_be_decoded_is_left_out():
    assert decoded(b"A\xe9\xffB", "ISO_IR 192") == "AB"
    assert decoded(b"A\x1b$B\xff\x1b(BB", "\\ISO 2022 IR 87") == "AB"


def test_escape_sequences_mean_nothing_where_they_were_not_announced():
    assert decoded(b"\x1b-F\xe4", "ISO_IR 100") == "\x1b-Fä"


@given(DECLARED, PIECES, st.sampled_from(["PN", "LO", "UT"]))
def test_whatever_is_in_a_value_it_becomes_text(declared, raw, vr):
    text = character_set(declared).decode(raw, vr)

    assert text.encode().decode() == text


def test_files_that_do_not_say_it_are_read_in_the_default_encoding():
    data = make_dicom(tags={"SpecificCharacterSet": None, "PatientName": b"\xb3\xea"})

    latin1 = summarize(data).main_tags[Level.PATIENT]["0010,0010"]
    latin2 = summarize(data, default_encoding="Latin2").main_tags[Level.PATIENT]["0010,0010"]

    assert (latin1, latin2) == ("³ê", "łę")
    assert tags(data, TagForm.SHORT, default_encoding="Latin2")["0010,0010"] == "łę"


def test_items_of_sequences_may_have_a_character_set_of_their_own():
    data = make_dicom(
        tags={
            "SpecificCharacterSet": "ISO_IR 192",
            "0008,1140": [
                {"StudyDescription": "é".encode()},
                {"SpecificCharacterSet": "ISO_IR 100", "StudyDescription": b"\xe9 "},
                {"StudyDescription": "é".encode()},
            ],
            "SeriesDescription": "é".encode(),
        }
    )

    found = tags(data, TagForm.SIMPLIFIED)

    assert [item["StudyDescription"] for item in found["ReferencedImageSequence"]] == ["é"] * 3
    assert found["SeriesDescription"] == "é"


# The names in pydicom's own test files, as it reads them.
def test_names_are_read_as_by_pydicom(bundled_file):
    if bundled_file.parent.name != "charset_files" or bundled_file.suffix != ".dcm":
        return
    dataset = pydicom.dcmread(bundled_file)

    same_names(tags(bundled_file.read_bytes()), dataset)


def same_names(ours, dataset):
    for element in dataset:
        shown = ours[f"{element.tag.group:04x},{element.tag.element:04x}"]
        if element.VR == "PN" and element.value:
            names = element.value if element.VM > 1 else [element.value]
            theirs = "\\".join(map(str, names))
            # pydicom drops marks without a part after them.
            assert shown["Value"].rstrip("=^") == theirs.rstrip("=^")
        elif shown["Type"] == "Sequence":
            for item, of_theirs in zip(shown["Value"], element.value, strict=True):
                same_names(item, of_theirs)


@given(st.text(st.characters(codec="gb18030", exclude_characters="\\\0", categories=["L"])))
def test_text_in_any_letters_survives(letters):
    data = make_dicom(
        tags={"SpecificCharacterSet": "GB18030", "PatientComments": letters.encode("gb18030")}
    )

    shown = tags(data, TagForm.SHORT, ignore_length={"0010,4000"})["0010,4000"]

    assert shown == letters
    assert pydicom.dcmread(io.BytesIO(data)).PatientComments == letters
