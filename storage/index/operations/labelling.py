"""Labels of resources (spec, Labels)."""

import re

from repertory.errors import BadParameter
from repertory.model import Level, ResourceId
from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.listing import find

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,64}")

# From each label to the next one by the index, however many resources have it.
LIST_ALL = (
    "WITH RECURSIVE used (label) AS ("
    " SELECT MIN(label) FROM labels"
    " UNION ALL"
    " SELECT (SELECT MIN(labels.label) FROM labels WHERE labels.label > used.label)"
    " FROM used WHERE used.label IS NOT NULL"
    ") SELECT label FROM used WHERE label IS NOT NULL"
)


def list_labels(db: Database, level: Level, id_: ResourceId) -> tuple[str, ...]:
    """The labels of a resource, sorted."""
    number = find(db, level, id_)[0]
    rows = db.all("SELECT label FROM labels WHERE resource = ? ORDER BY label", (number,))
    return tuple(row[0] for row in rows)


def list_all_labels(db: Database) -> tuple[str, ...]:
    """The labels that any resource has, sorted."""
    return tuple(row[0] for row in db.all(LIST_ALL))


def add_label(db: Database, group: Group, level: Level, id_: ResourceId, label: str) -> None:
    """Give a resource a label, which it may have already.

    Raises:
        BadParameter: the label is not one.
        UnknownResource: there is no such resource.
    """
    number = _find(db, level, id_, label)
    group.writing = True
    db.execute(
        "INSERT INTO labels (resource, label) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (number, label),
    )


def remove_label(db: Database, group: Group, level: Level, id_: ResourceId, label: str) -> None:
    """Take a label from a resource, which need not have it.

    Raises:
        BadParameter: the label is not one.
        UnknownResource: there is no such resource.
    """
    number = _find(db, level, id_, label)
    group.writing = True
    db.execute("DELETE FROM labels WHERE resource = ? AND label = ?", (number, label))


def _find(db: Database, level: Level, id_: ResourceId, label: str) -> int:
    if _LABEL.fullmatch(label) is None:
        raise BadParameter("A label has 1 to 64 letters, digits, dashes or underscores.")
    return int(find(db, level, id_)[0])
