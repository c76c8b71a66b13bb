"""The few instances that all runs are about: small, so that what is asked meets often."""

from functools import lru_cache

from repertory.model import Identity, Level, ResourceId, ResourceIds
from repertory.storage.identifiers import resource_ids
from repertory.testing.files import make_dicom

PATIENTS, STUDIES, SERIES, INSTANCES = 2, 2, 2, 2
COUNT = PATIENTS * STUDIES * SERIES * INSTANCES
VERSIONS = 3


def identity_of(number: int) -> Identity:
    """Who an instance is."""
    series, instance = divmod(number, INSTANCES)
    study, in_study = divmod(series, SERIES)
    patient, in_patient = divmod(study, STUDIES)
    return Identity(
        patient_id=f"P{patient}",
        study_instance_uid=f"1.2.3.{patient}.{in_patient}",
        series_instance_uid=f"1.2.3.{patient}.{in_patient}.{in_study}",
        sop_instance_uid=f"1.2.3.{patient}.{in_patient}.{in_study}.{instance}",
    )


@lru_cache(maxsize=COUNT)
def ids_of(number: int) -> ResourceIds:
    """Its identifiers, and those of its parents."""
    return resource_ids(identity_of(number))


@lru_cache(maxsize=COUNT * VERSIONS)
def content_of(number: int, version: int) -> bytes:
    """Its file, in one of several versions."""
    identity = identity_of(number)
    return make_dicom(
        patient_id=identity.patient_id,
        study=identity.study_instance_uid,
        series=identity.series_instance_uid,
        instance=identity.sop_instance_uid,
        number=number % INSTANCES + 1,
        size=4000,
        tags={"ImageComments": f"version {version}"},
    )


@lru_cache(maxsize=COUNT)
def _versions(number: int) -> dict[bytes, int]:
    return {content_of(number, version): version for version in range(VERSIONS)}


def version_of(number: int, content: bytes) -> int:
    """Which version a file is; -1 for what was never sent."""
    return _versions(number).get(content, -1)


def id_of(level: Level, number: int) -> ResourceId:
    """The resource at a level that an instance belongs to."""
    return ids_of(number).at(level)


def below(level: Level, number: int) -> range:
    """The instances of that resource."""
    size = (SERIES * STUDIES * INSTANCES, SERIES * INSTANCES, INSTANCES, 1)[level - 1]
    return range(number // size * size, number // size * size + size)


def resources_of_patient(number: int) -> set[tuple[Level, ResourceId]]:
    """The patient of an instance, with all below."""
    return {(level, id_of(level, one)) for one in below(Level.PATIENT, number) for level in Level}


def resources_below(level: Level, number: int) -> set[tuple[Level, ResourceId]]:
    """A resource, with all below it."""
    return {
        (other, id_of(other, one))
        for one in below(level, number)
        for other in Level
        if other >= level
    }
