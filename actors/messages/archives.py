"""ZIP archives of resources: made while they are read."""

from typing import NewType

from repertory.actors.messages.base import Command, Query, message
from repertory.model import Level, ResourceId

ArchiveId = NewType("ArchiveId", str)
"""Names an archive that is being made."""


@message
class ArchiveForm:
    """What is in an archive.

    ``media`` is one with a DICOMDIR and names as PS3.10 section 8.2 has them, ``extended`` one
    with optional elements in it. ``utf8`` keeps letters beyond ASCII in names.
    ``permissive`` is one that goes on where an instance cannot be read, and tells of it in its
    last file, ``missing-instances.json``; otherwise such an instance ends it by an error.
    """

    media: bool = False
    extended: bool = False
    utf8: bool = False
    permissive: bool = True


@message
class BeginArchive(Command[ArchiveId]):
    """Begin an archive of resources: of one ``level``, or each of whatever level it is.

    Nothing is kept of it on the disk. One of which nothing is read for an hour is forgotten.

    Raises:
        UnknownResource: one of them is not there.
    """

    ids: tuple[ResourceId, ...]
    level: Level | None = None
    form: ArchiveForm = ArchiveForm()


@message
class ReadArchive(Command[bytes]):
    """The next bytes of an archive; none when it has ended, and is forgotten then.

    Raises:
        UnknownItem: there is no such archive.
        IndexBusy: what was asked before is not answered yet.
        FileLost: a file is missing, and the archive is not permissive; it is forgotten.
        FileCorrupted: likewise, of a file that is damaged.
    """

    archive: ArchiveId


@message
class ArchiveState:
    """How far an archive is: instances and bytes that went in, and those that could not, and why.

    ``is_whole`` says that all its bytes were read.
    """

    instances: int
    size: int
    missing: tuple[tuple[ResourceId, str], ...]
    is_whole: bool = False


@message
class DescribeArchive(Query[ArchiveState]):
    """How far an archive is that is being read.

    Raises:
        UnknownItem: there is no such archive.
    """

    archive: ArchiveId


@message
class AbandonArchive(Command[None]):
    """Forget an archive; one that is not there is forgotten already."""

    archive: ArchiveId
