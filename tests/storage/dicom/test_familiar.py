"""Elements that were seen before are read as if they had not been."""

import pytest

from repertory.errors import NotDicom
from repertory.model import TagForm
from repertory.storage.dicom import tags
from repertory.storage.dicom.familiar import FAMILIAR
from repertory.testing.files import EXPLICIT, make_dicom

FORMS = (TagForm.FULL, TagForm.SHORT, TagForm.SIMPLIFIED)


@pytest.fixture(autouse=True)
def unfamiliar():
    FAMILIAR.clear()
    yield
    FAMILIAR.clear()


def read(content, **how):
    """The tags in all forms; the error where there are none."""
    try:
        return [tags(content, form, **how) for form in FORMS]
    except NotDicom:
        return NotDicom


def test_all_files_are_read_the_same_when_others_were_read_before(bundled_files):
    first = []
    for path in bundled_files:
        FAMILIAR.clear()
        first.append(read(path.read_bytes()))

    for path, found in zip(bundled_files, first, strict=True):
        assert read(path.read_bytes()) == found, path
    for path, found in zip(reversed(bundled_files), reversed(first), strict=True):
        assert read(path.read_bytes()) == found, path


def file(data_set):
    """A file whose data set begins as every one does."""
    whole = make_dicom(transfer_syntax=EXPLICIT)
    start = whole.index(b"\x08\0\x16\0UI")
    return whole[:start] + b"\x08\0\x05\0CS\0\0" + data_set


def element(group, number, vr, value):
    head = group.to_bytes(2, "little") + number.to_bytes(2, "little") + vr.encode()
    return head + len(value).to_bytes(2, "little") + value


def test_text_is_read_by_the_character_set_of_its_own_file():
    name = element(0x0010, 0x0010, "PN", b"M\xfcller")
    escaped = element(0x0010, 0x0020, "LO", b"\x1b$B\x3b\x33\x1b(B")
    latin = file(element(0x0008, 0x0005, "CS", b"ISO_IR 100") + name)
    greek = file(element(0x0008, 0x0005, "CS", b"ISO_IR 126") + name)
    japanese = file(element(0x0008, 0x0005, "CS", b"\\ISO 2022 IR 87 ") + escaped)
    plain = file(escaped)

    for content, tag, text in (
        (latin, "PatientName", "Müller"),
        (greek, "PatientName", "Mόller"),
        (latin, "PatientName", "Müller"),
        (japanese, "PatientID", "山"),
    ):
        assert tags(content, TagForm.SIMPLIFIED)[tag] == text
    assert tags(plain, TagForm.SIMPLIFIED)["PatientID"] != "山"
    assert tags(japanese, TagForm.SIMPLIFIED)["PatientID"] == "山"


def test_what_changes_the_elements_after_it_is_never_passed_over():
    charset = element(0x0008, 0x0005, "CS", b"ISO_IR 192")
    content = file(charset + element(0x0010, 0x0010, "PN", "Łoś ".encode()))

    assert tags(content, TagForm.SIMPLIFIED)["PatientName"] == "Łoś"
    assert tags(content, TagForm.SIMPLIFIED)["PatientName"] == "Łoś"


def test_private_elements_are_named_by_their_own_block():
    value = element(0x0009, 0x1001, "LO", b"X ")
    one = file(element(0x0009, 0x0010, "LO", b"GEMS_IDEN_01") + value)
    other = file(element(0x0009, 0x0010, "LO", b"SOMEBODY") + value)

    assert tags(one, TagForm.FULL)["0009,1001"]["Name"] == "FullFidelity"
    assert tags(other, TagForm.FULL)["0009,1001"]["Name"] != "FullFidelity"


def test_an_element_that_ends_too_late_is_damaged_though_it_is_known():
    known = element(0x0010, 0x0020, "LO", b"PATIENT1")
    assert tags(file(known), TagForm.SIMPLIFIED)["PatientID"] == "PATIENT1"

    with pytest.raises(NotDicom):
        tags(file(known[:-1]), TagForm.SIMPLIFIED)
    sequence = b"\x08\0\x15\x11SQ\0\0" + (24).to_bytes(4, "little")
    item = b"\xfe\xff\0\xe0" + (12).to_bytes(4, "little")
    inside = file(sequence + item + known)
    assert tags(inside, TagForm.SIMPLIFIED)["ReferencedSeriesSequence"] is None


def test_what_is_remembered_is_bounded():
    for number in range(3_000):
        tags(file(element(0x0010, 0x0020, "LO", b"%06d" % number)), TagForm.SIMPLIFIED)
        assert len(FAMILIAR) <= 2_048
    assert tags(file(element(0x0010, 0x0020, "LO", b"000001")), TagForm.SHORT)["0010,0020"] == (
        "000001"
    )


def test_answers_share_nothing_that_can_be_changed():
    content = make_dicom()
    first = tags(content, TagForm.FULL)
    first["0010,0020"]["Value"] = "CHANGED"

    assert tags(content, TagForm.FULL)["0010,0020"]["Value"] != "CHANGED"
