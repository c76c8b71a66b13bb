import gc
import warnings
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_charset_files, get_testdata_file
from pydicom.fileset import FileSet

from repertory.errors import NotDicom
from repertory.storage.dicom.dicomdir import DicomDir
from repertory.testing.files import IMPLICIT, make_dicom, make_study

# The two that are left out are data sets without identifiers, which no archive stores.
CHARSETS = sorted(it for it in get_charset_files("*.dcm") if "SQEncoding" not in it)


def write(folder, contents, **options):
    directory = DicomDir(**options)
    (folder / "IMAGES").mkdir()
    for number, content in enumerate(contents):
        name = f"IM{number}"
        (folder / "IMAGES" / name).write_bytes(content)
        directory.add(content, ("IMAGES", name))
    path = folder / "DICOMDIR"
    path.write_bytes(directory.to_bytes())
    return path


def test_a_reader_of_media_finds_every_file(tmp_path):
    contents = [
        *make_study(patient_id="ONE", series=2, instances=3),
        *make_study(patient_id="TWO", series=1, instances=2),
        make_dicom(transfer_syntax=IMPLICIT),
    ]
    found = FileSet(write(tmp_path, contents))

    assert {Path(it.path).read_bytes() for it in found} == set(contents)
    assert sorted(found.find_values("PatientID")) == ["ONE", "TEST", "TWO"]
    assert len(found.find_values("SeriesInstanceUID")) == 4
    with warnings.catch_warnings():
        # pydicom leaves its temporary folder to the garbage collector, which complains.
        warnings.simplefilter("ignore", ResourceWarning)
        del found
        gc.collect()


@pytest.mark.parametrize("charsets", [False, True])
def test_records_are_linked_by_where_they_lie(charsets):
    directory = DicomDir(extended=True)
    files = make_study(series=2, instances=2)
    if charsets:
        files = [Path(path).read_bytes() for path in CHARSETS]
    for number, file in enumerate(files):
        directory.add(file, ("IMAGES", f"IM{number}"))
    content = directory.to_bytes()
    ds = pydicom.dcmread(BytesIO(content))

    positions = {
        item.file_tell if hasattr(item, "file_tell") else item.seq_item_tell: item
        for item in ds.DirectoryRecordSequence
    }
    kinds = []

    def walk(offset):
        while offset:
            assert content[offset : offset + 4] == b"\xfe\xff\x00\xe0"
            item = positions[offset]
            kinds.append(item.DirectoryRecordType)
            walk(item.OffsetOfReferencedLowerLevelDirectoryEntity)
            offset = item.OffsetOfTheNextDirectoryRecord

    walk(ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity)
    assert len(kinds) == len(ds.DirectoryRecordSequence)
    assert kinds.count("IMAGE") == len(files)
    if not charsets:
        assert kinds == ["PATIENT", "STUDY", *["SERIES", "IMAGE", "IMAGE"] * 2]


def test_an_extended_directory_says_more(tmp_path):
    content = make_dicom(tags={"SeriesDescription": "axial"})
    plain, extended = DicomDir(), DicomDir(extended=True)
    for directory in (plain, extended):
        directory.add(content, ("IMAGES", "IM0"))

    def series(directory):
        ds = pydicom.dcmread(BytesIO(directory.to_bytes()))
        return ds.DirectoryRecordSequence[2]

    assert "SeriesDescription" not in series(plain)
    assert series(extended).SeriesDescription == "axial"


@pytest.mark.parametrize("path", CHARSETS, ids=lambda it: Path(it).stem)
def test_names_keep_their_letters_whatever_the_character_set(path):
    directory = DicomDir()
    directory.add(Path(path).read_bytes(), ("IMAGES", "IM0"))
    patient = pydicom.dcmread(BytesIO(directory.to_bytes())).DirectoryRecordSequence[0]
    original = pydicom.dcmread(path)

    assert patient.get("SpecificCharacterSet") == original.get("SpecificCharacterSet")
    name = str(original.get("PatientName", ""))
    assert str(patient.PatientName).rstrip("= ") == name.rstrip("= ")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("CT_small.dcm", "IMAGE"),
        ("rtplan.dcm", "RT PLAN"),
        ("rtdose.dcm", "RT DOSE"),
        ("rtstruct.dcm", "RT STRUCTURE SET"),
        ("reportsi.dcm", "SR DOCUMENT"),
        ("waveform_ecg.dcm", "WAVEFORM"),
        ("MR_small_bigendian.dcm", "IMAGE"),
        ("image_dfl.dcm", "IMAGE"),
    ],
)
def test_each_kind_of_file_has_its_record(name, kind):
    directory = DicomDir()
    directory.add(Path(get_testdata_file(name)).read_bytes(), ("IMAGES", "IM0"))
    record = pydicom.dcmread(BytesIO(directory.to_bytes())).DirectoryRecordSequence[-1]

    assert record.DirectoryRecordType == kind
    assert record.ReferencedFileID == ["IMAGES", "IM0"]
    assert "ReferencedTransferSyntaxUIDInFile" in record


def test_what_cannot_be_read_is_refused():
    with pytest.raises(NotDicom):
        DicomDir().add(b"\x08\x00\x05\x00CS\xff", ("IMAGES", "IM0"))


def test_an_empty_directory_is_one():
    ds = pydicom.dcmread(BytesIO(DicomDir().to_bytes()))

    assert ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity == 0
    assert not ds.DirectoryRecordSequence
