import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.model import Level, ResourceDescription, ResourceId
from repertory.storage.archive_names import ArchiveNames

NAMES = {
    Level.PATIENT: ("0010,0020", "0010,0010"),
    Level.STUDY: ("0008,0050", "0008,1030"),
    Level.SERIES: ("0020,0011", "0008,0060", "0008,103e"),
}


def resource(level, id_, *values):
    return ResourceDescription(
        level=level,
        id=ResourceId(id_),
        parent=None,
        children=(),
        main_tags=dict(zip(NAMES[level], values, strict=False)),
        patient_tags={},
        metadata={},
        labels=(),
        is_stable=True,
    )


PATIENT = resource(Level.PATIENT, "p", "4711", "Doe^Jane")
STUDY = resource(Level.STUDY, "s", "A1", "Knee")
SERIES = resource(Level.SERIES, "t", "3", "CT", "axial")


def name(patient=PATIENT, study=STUDY, series=SERIES, *, utf8=False):
    return ArchiveNames(utf8=utf8).next_name(patient, study, series)


def test_files_are_named_as_orthanc_names_them():
    names = ArchiveNames(utf8=False)

    assert [names.next_name(PATIENT, STUDY, SERIES) for _ in range(2)] == [
        "4711 - Doe^Jane/A1 - Knee/3 - CT - axial/CT000001.dcm",
        "4711 - Doe^Jane/A1 - Knee/3 - CT - axial/CT000002.dcm",
    ]


def test_what_is_empty_is_left_out_or_unknown():
    nobody = resource(Level.PATIENT, "p")
    study = resource(Level.STUDY, "s", "", "Knee")

    assert name(nobody, study, resource(Level.SERIES, "t")) == (
        "Unknown Patient/Knee/Unknown Series/00000001.dcm"
    )


def test_letters_beyond_ascii_stay_where_they_are_wanted():
    patient = resource(Level.PATIENT, "p", "1", "MÜLLER^A")

    assert name(patient).startswith("1 - MLLER^A/")
    assert name(patient, utf8=True).startswith("1 - MÜLLER^A/")


def test_each_series_counts_anew_and_two_of_one_name_have_two_folders():
    names = ArchiveNames(utf8=False)
    other = resource(Level.SERIES, "other", "3", "CT", "AXIAL")
    found = [names.next_name(PATIENT, STUDY, it) for it in (SERIES, other, SERIES)]

    assert [it.split("/", 2)[2] for it in found] == [
        "3 - CT - axial/CT000001.dcm",
        "3 - CT - AXIAL-2/CT000001.dcm",
        "3 - CT - axial/CT000002.dcm",
    ]


@pytest.mark.parametrize("evil", ["..", ".", "../../etc", "C:\\x", "a/b", "con\x00", " ", "x. ."])
def test_no_name_leads_out_of_the_archive(evil):
    path = name(resource(Level.PATIENT, "p", evil, evil))
    parts = path.split("/")

    assert len(parts) == 4
    assert not {".", "..", ""} & set(parts)


@given(st.lists(st.text(max_size=200), min_size=6, max_size=6), st.booleans())
def test_every_name_is_one_that_file_systems_take(values, utf8):
    path = name(
        resource(Level.PATIENT, "p", *values[:2]),
        resource(Level.STUDY, "s", *values[2:4]),
        resource(Level.SERIES, "t", "1", *values[4:]),
        utf8=utf8,
    )

    assert len(parts := path.split("/")) == 4
    assert utf8 or path.isascii()
    assert all(part and part == part.strip(" ") and not part.endswith(".") for part in parts)
    assert not re.search(r'[\x00-\x1f\x7f\\:*?"<>|]', path)
