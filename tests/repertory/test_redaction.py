import dataclasses
import json
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.conf.settings import Settings
from repertory.model import Identity, Level, ResourceIds, Summary
from repertory.redaction import HIDDEN, is_sensitive, redact

SECRET = "DOE^JANE"


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "Password",
        "certificate_key_password",
        "registered_users",
        "Authorization",
        "token",
        "SecretKey",
        "access_key",
        "patient_id",
        "PatientName",
        "other-patient-ids",
        "patient_birth_date",
        "accession_number",
        "ReferringPhysicianName",
        "study_instance_uid",
        "tags",
        "main_tags",
    ],
)
def test_secrets_and_patient_data_are_sensitive_in_any_spelling(key):
    assert is_sensitive(key)


@pytest.mark.parametrize(
    "key", ["patient", "study", "uuid", "count", "patients", "content_type", "status", "actor"]
)
def test_identifiers_and_counts_are_not_sensitive(key):
    assert not is_sensitive(key)


KEYS = st.sampled_from(["PatientName", "password", "tags", "patient_id"])
HOLDERS = st.recursive(
    st.builds(lambda key: {key: SECRET}, KEYS),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "b"]), inner, min_size=1)
        | st.tuples(inner)
    ),
    max_leaves=4,
)


@given(HOLDERS)
def test_no_value_of_a_sensitive_key_passes_at_any_depth(value):
    assert SECRET not in str(redact(None, "info", {"event": "x_happened", "value": value}))


def test_what_the_archive_knows_of_a_file_passes_without_what_it_says_of_the_patient():
    identity = Identity(SECRET, "1.2.3", "1.2.4", "1.2.5")
    summary = Summary(
        identity=identity,
        main_tags={Level.PATIENT: {"0010,0010": SECRET}},
        transfer_syntax="1.2.840.10008.1.2",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
    )
    shown = redact(None, "info", {"summary": summary})["summary"]

    assert SECRET not in str(shown)
    assert "1.2.3" not in str(shown)
    assert shown["transfer_syntax"] == "1.2.840.10008.1.2"


def test_settings_pass_without_passwords():
    shown = redact(None, "info", {"settings": Settings(registered_users={"a": SECRET})})

    assert shown["settings"]["registered_users"] == HIDDEN
    assert shown["settings"]["http_port"] == 8042


def test_objects_of_libraries_are_named_not_shown():
    class Dataset:
        def __str__(self):
            return SECRET

        __repr__ = __str__

    shown = redact(None, "info", {"value": Dataset(), "data": b"DICM", "kind": Dataset})

    assert shown == {"value": "<Dataset>", "data": "<4 bytes>", "kind": "Dataset"}


def test_what_is_harmless_passes_in_a_form_that_json_has():
    name = uuid.UUID(int=5)
    ids = ResourceIds("a", "b", "c", "d")
    event = {
        "level_of": Level.STUDY,
        "file": Path("/x"),
        "uuid": name,
        "ids": ids,
        "numbers": {1},
        "error": ValueError("too large"),
        "nothing": None,
    }
    shown = redact(None, "info", event)

    assert json.loads(json.dumps(shown)) == {
        "level_of": "STUDY",
        "file": "/x",
        "uuid": str(name),
        "ids": dataclasses.asdict(ids),
        "numbers": [1],
        "error": "ValueError: too large",
        "nothing": None,
    }
