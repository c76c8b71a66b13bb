"""Patients that recycling must spare."""

from repertory.errors import BadParameter
from repertory.model import Level, ResourceId
from repertory.storage.index.database import Database
from repertory.storage.index.operations import recycling
from repertory.storage.index.operations.group import Group
from repertory.storage.index.packing import pack_id

FIND = "SELECT id, is_protected FROM resources WHERE public_id = ? AND level = ?"


def _find(db: Database, id_: ResourceId) -> tuple[int, bool]:
    digest = pack_id(id_)
    row = digest and db.one(FIND, (digest, int(Level.PATIENT)))
    if not row:
        raise BadParameter("There is no such patient.")
    return row[0], bool(row[1])


def describe_protection(db: Database, id_: ResourceId) -> bool:
    """Whether a patient is protected; ``BadParameter``, as in Orthanc, where there is none."""
    return _find(db, id_)[1]


def set_protection(db: Database, group: Group, id_: ResourceId, *, protected: bool) -> None:
    """Protect a patient, or end it; ``BadParameter``, as in Orthanc, where there is none."""
    _find(db, id_)
    recycling.set_protected(db, group, id_, protected)
