"""The patient, study and series of a new instance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from repertory.errors import BadParameter
from repertory.model import Level, Metadata, Origin, ResourceId, ResourceIds, Summary
from repertory.storage.index.database import Database, Row
from repertory.storage.index.normalization import SEARCHED, normalized
from repertory.storage.index.operations import metadata
from repertory.storage.index.operations.group import Lineage
from repertory.storage.index.packing import pack_id, pack_metadata, pack_tags, unpack_metadata

FIND_RESOURCE = "SELECT id, parent FROM resources WHERE public_id = ? AND level = ?"
FIND_SERIES = (
    "SELECT study.parent, study.id, series.id, series.metadata FROM resources AS series"
    " JOIN resources AS study ON study.id = series.parent"
    " WHERE series.public_id = ? AND series.level = 3"
)
INSERT_SERIES = (
    "INSERT INTO resources (id, public_id, level, parent, main_tags, metadata, series_uid)"
    " VALUES (?, ?, 3, ?, ?, ?, ?)"
)
INSERT_STUDY = (
    "INSERT INTO resources (id, public_id, level, parent, main_tags, metadata,"
    " study_uid, accession_number, study_description, study_date,"
    " patient_id, patient_name, patient_birth_date) VALUES (?, ?, 2, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_PATIENT = (
    "INSERT INTO resources (id, public_id, level, parent, main_tags, metadata,"
    " patient_id, patient_name, patient_birth_date) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?)"
)


def pack_known_id(id_: ResourceId) -> bytes:
    """The bytes of an identifier that comes from us; ``BadParameter`` for what is none."""
    digest = pack_id(id_)
    if digest is None:
        raise BadParameter("An identifier is not one of Orthanc's.")
    return digest


def find_series(db: Database, id_: ResourceId) -> Lineage | None:
    """The series with its parents, if it is there."""
    row = db.one(FIND_SERIES, (pack_known_id(id_),))
    if row is None:
        return None
    patient, study, series, packed = row
    expected = unpack_metadata(packed).get(Metadata.EXPECTED_NUMBER_OF_INSTANCES, "")
    return Lineage(patient, study, series, expected_number(expected), fresh=False)


def expected_number(value: str) -> int | None:
    """The number in a metadata ExpectedNumberOfInstances, if it is one."""
    try:
        return int(value)
    except ValueError:
        return None


@dataclass(slots=True)
class NewParents:
    """What a new series needs: rows ready to be inserted, and the parents that are there."""

    series: tuple[Any, ...]
    expected: int | None
    study: tuple[Any, ...]
    known_study: int | None
    patient: tuple[Any, ...]
    known_patient: int | None

    def insert(self, db: Database, number: int) -> tuple[Lineage, int]:
        """Insert what is missing under the numbers after ``number``; the last number given."""
        patient = self.known_patient
        if patient is None:
            patient = number = number + 1
            row = (patient, self.patient[0], None, *self.patient[1:])
            db.execute_many(INSERT_PATIENT, [row])
        study = self.known_study
        if study is None:
            study = number = number + 1
            row = (study, self.study[0], patient, *self.study[1:])
            db.execute_many(INSERT_STUDY, [row])
        number += 1
        row = (number, self.series[0], study, *self.series[1:])
        db.execute_many(INSERT_SERIES, [row])
        return Lineage(patient, study, number, self.expected, fresh=True), number


def plan_parents(
    db: Database,
    ids: ResourceIds,
    summary: Summary,
    origin: Origin,
    signatures: Mapping[Level, str],
) -> NewParents:
    """Find out which parents a new series lacks, and make their rows ready.

    Raises:
        BadParameter: something cannot be kept as it is; nothing was written.
    """
    columns = {level: searched(summary, level) for level in Level}
    packed = {
        level: pack_metadata(metadata.of_parent(summary, level, signatures.get(level)))
        for level in (Level.PATIENT, Level.STUDY)
    }
    packed[Level.SERIES] = pack_metadata(
        metadata.of_series(summary, origin, signatures.get(Level.SERIES))
    )
    columns[Level.STUDY] += columns[Level.PATIENT]
    rows = {
        level: (
            pack_known_id(ids.at(level)),
            pack_main_tags(summary, level),
            packed[level],
            *columns[level],
        )
        for level in packed
    }
    study: Row | None = db.one(FIND_RESOURCE, (rows[Level.STUDY][0], int(Level.STUDY)))
    if study is None:
        patient = db.one(FIND_RESOURCE, (rows[Level.PATIENT][0], int(Level.PATIENT)))
    else:
        patient = (study[1],)
    return NewParents(
        series=rows[Level.SERIES],
        expected=summary.expected_instances,
        study=rows[Level.STUDY],
        known_study=study[0] if study else None,
        patient=rows[Level.PATIENT],
        known_patient=patient[0] if patient else None,
    )


def pack_main_tags(summary: Summary, level: Level) -> str:
    """A resource's main tags as JSON: a study keeps what its file says of the patient as well.

    Raises:
        BadParameter: the value of a tag is not text.
    """
    of_patient = summary.main_tags.get(Level.PATIENT, {}) if level is Level.STUDY else None
    return pack_tags(summary.main_tags.get(level, {}), of_patient)


def searched(summary: Summary, level: Level) -> list[Any]:
    """The values of the columns by which a resource is searched, in the order of ``SEARCHED``."""
    tags = summary.main_tags.get(level, {})
    identity = summary.identity
    # The UIDs and the PatientID identify the resource: they count though the tag be left out.
    known = {
        "patient_id": identity.patient_id,
        "study_uid": identity.study_instance_uid,
        "series_uid": identity.series_instance_uid,
    }
    values = (tags.get(tag, known.get(column)) for tag, column in SEARCHED[level].items())
    return [None if value is None else normalized(value) for value in values]
