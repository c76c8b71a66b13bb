import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from repertory.model import Identity, Level, ResourceIds
from repertory.storage.identifiers import generate_uid, resource_ids


def dashed(text):
    digest = hashlib.sha1(text.encode()).hexdigest()
    return "-".join(digest[at : at + 8] for at in range(0, 40, 8))


def test_identifiers_are_those_of_orthanc():
    # As answered by Orthanc 1.10 for the file IM-0001-0001 of the Knee study.
    ids = resource_ids(
        Identity(
            "887",
            "2.16.840.1.113669.632.20.121711.10000160881",
            "1.3.46.670589.11.17521.5.0.3124.2008081908564160709",
            "1.3.46.670589.11.17521.5.0.3124.2008081908590448738",
        )
    )

    assert ids == ResourceIds(
        patient="ca29faea-b6a0e17f-067743a1-8b778011-a48b2a17",
        study="0a9b3153-2512774b-2d9580de-1fc3dcf6-3bd83918",
        series="6de73705-c4e65c1b-9d9ea1b5-cabcd8e7-f15e4285",
        instance="c8df6478-d7794217-0f11c293-a41237c9-31d98357",
    )


def test_a_patient_without_an_identifier_has_the_digest_of_nothing():
    assert resource_ids(Identity("", "1", "2", "3")).patient == (
        "da39a3ee-5e6b4b0d-3255bfef-95601890-afd80709"
    )


@given(st.text(), st.text(), st.text(), st.text())
def test_each_identifier_is_the_digest_of_all_from_the_patient_down(patient, study, series, sop):
    ids = resource_ids(Identity(patient, study, series, sop))

    assert ids.at(Level.PATIENT) == dashed(patient)
    assert ids.at(Level.STUDY) == dashed(f"{patient}|{study}")
    assert ids.at(Level.SERIES) == dashed(f"{patient}|{study}|{series}")
    assert ids.at(Level.INSTANCE) == dashed(f"{patient}|{study}|{series}|{sop}")


def test_new_uids_are_valid_and_differ():
    uids = {generate_uid() for _ in range(100)}

    assert len(uids) == 100
    assert all(re.fullmatch(r"2\.25\.[1-9][0-9]*", uid) and len(uid) <= 64 for uid in uids)
