"""Files that are no DICOM files of instances, which housekeeping stores anew, too."""

from dataclasses import replace

from repertory.model import Level
from repertory.places import Copy, OwnedFile
from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.recompressing import find_file, put_file, resize
from repertory.storage.index.packing import (
    ATTACHMENT_COLUMNS,
    pack_attachment,
    pack_id,
    unpack_attachment,
    unpack_id,
)

_FILE = ", ".join(f"f.{column.strip()}" for column in ATTACHMENT_COLUMNS.split(","))
LIST = (
    "WITH family (id, level, public_id) AS ("  # noqa: S608 - of constants
    " SELECT p.id, p.level, p.public_id FROM resources AS s JOIN resources AS p ON p.id = s.parent"
    " WHERE s.id = ? AND s.id = (SELECT MIN(id) FROM resources WHERE parent = p.id)"
    " UNION ALL SELECT id, level, public_id FROM resources WHERE id = ?"
    " UNION ALL SELECT id, level, public_id FROM resources WHERE parent = ?"
    " UNION ALL SELECT i.id, i.level, i.public_id FROM resources AS e"
    " JOIN resources AS i ON i.parent = e.id WHERE e.parent = ?"
    f") SELECT family.level, family.public_id, {_FILE} FROM family"
    " JOIN attachments AS f ON f.resource = family.id AND f.content_type <> 1"
    " ORDER BY family.id, f.content_type"
)


def list_other_files(db: Database, study: int) -> tuple[OwnedFile, ...]:
    """Such files of a study and of all below it; of its patient, if it is the first of his."""
    return tuple(
        OwnedFile(Level(level), unpack_id(digest), unpack_attachment(tuple(packed)))
        for level, digest, *packed in db.all(LIST, (study,) * 4)
    )


def replace_other(db: Database, group: Group, copy: Copy) -> bool:
    """Let the same content, stored anew, take the place of a file; whether it did.

    What users see of it stays, its revision too. If the file is another one by now, what was stored
    anew is released.
    """
    file, new = copy.file, copy.attachment
    row = db.one(
        "SELECT id FROM resources WHERE public_id = ? AND level = ?",
        (pack_id(file.id), int(file.level)),
    )
    old = find_file(db, row[0], new.content_type) if row else None
    if row is None or old is None or old.uuid != file.attachment.uuid:
        group.release(new)
        return False
    packed = pack_attachment(replace(new, revision=old.revision))
    resize(db, row[0], *put_file(db, group, row[0], old, packed))
    return True
