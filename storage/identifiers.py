"""Identifiers: Orthanc's, made from the DICOM ones, and new DICOM UIDs."""

import uuid
from hashlib import sha1

from repertory.model import Identity, ResourceId, ResourceIds


def resource_ids(identity: Identity) -> ResourceIds:
    """The Orthanc identifiers of an instance and of its parents.

    Each is the SHA-1 of the DICOM identifiers from the patient down to its level, joined by "|".
    """
    # One running digest: the text of each level is that of the level above, and more.
    digest = sha1(identity.patient_id.encode(), usedforsecurity=False)
    patient = _dashed(digest.hexdigest())
    digest.update(b"|" + identity.study_instance_uid.encode())
    study = _dashed(digest.hexdigest())
    digest.update(b"|" + identity.series_instance_uid.encode())
    series = _dashed(digest.hexdigest())
    digest.update(b"|" + identity.sop_instance_uid.encode())
    return ResourceIds(
        patient=patient, study=study, series=series, instance=_dashed(digest.hexdigest())
    )


def generate_uid() -> str:
    """A new DICOM UID, made from a random UUID (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"


def _dashed(digest: str) -> ResourceId:
    return ResourceId(f"{digest[:8]}-{digest[8:16]}-{digest[16:24]}-{digest[24:32]}-{digest[32:]}")
