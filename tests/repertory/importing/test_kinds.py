from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.importing.kinds import HEAD_SIZE, clearly_not_dicom

BUNDLED = Path(pydicom.__file__).parent / "data" / "test_files"


def head(path):
    with path.open("rb") as stream:
        return stream.read(HEAD_SIZE)


def test_every_image_of_pydicom_is_sent():
    paths = [path for path in BUNDLED.rglob("*.dcm") if "DICOMDIR" not in path.name]

    kinds = {path.name: clearly_not_dicom(head(path), path.name) for path in paths}

    assert len(kinds) > 50
    assert {name: kind for name, kind in kinds.items() if kind} == {}


def test_a_directory_of_a_medium_is_known_by_its_class_whatever_its_name():
    path = BUNDLED / "dicomdirtests" / "DICOMDIR"

    assert clearly_not_dicom(head(path), "index") == "DICOMDIR"


def test_a_directory_of_a_medium_is_known_by_its_name():
    assert clearly_not_dicom(b"\x08\0\5\0CS", "cd/DICOMDIR") == "DICOMDIR"


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        (b"", "empty file"),
        (b"%PDF-1.7\n\x80", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "PNG image"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG image"),
        (b"PK\x03\x04\x14\0", "ZIP archive or document"),
        (b"\0\0\0\x18ftypmp42", "MP4 video"),
        (b"Patient;Study\r\n", "text"),
        ('{"naïve": "ö"}'.encode(), "text"),
        (("x" + "ä" * HEAD_SIZE).encode()[:HEAD_SIZE], "text"),
    ],
)
def test_other_kinds_are_known_by_their_beginning(beginning, kind):
    assert clearly_not_dicom(beginning, "name") == kind


@given(st.binary(max_size=600), st.sampled_from([b"%PDF", b"II*\0", b"text", b"PK\x03\x04"]))
def test_whatever_stands_in_the_preamble_the_magic_word_decides(rest, beginning):
    assert clearly_not_dicom(beginning.ljust(128, b" ") + b"DICM" + rest, "x.pdf") in (
        "",
        "DICOMDIR",
    )


@given(st.binary(max_size=200))
def test_a_data_set_without_preamble_is_left_to_the_archive(rest):
    assert clearly_not_dicom(b"\x08\0\x05\0\x0a\0\0\0ISO_IR 100" + rest, "x") in ("", "tar archive")
