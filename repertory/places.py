"""Words about where files lie: the storages of an archive, and moving files between them."""

from collections.abc import Sequence
from dataclasses import dataclass

from repertory.model import Attachment, Level, ResourceId

FILE_SYSTEM = "file-system"
"""The storage of the option StorageDirectory, and of all files of older indexes: number 0."""

OBJECT_STORAGE = "object-storage"
"""The storage in the cloud: number 1. Others are numbered as they come."""

FILE_SYSTEM_NUMBER, OBJECT_STORAGE_NUMBER = 0, 1


@dataclass(frozen=True, slots=True)
class Place:
    """A storage that the index knows, and how many files and bytes of resources it holds."""

    number: int
    name: str
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class StorageHealth:
    """Whether the storage of a number can be written; ``trouble`` is why not, in a sentence."""

    location: int
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class OwnedFile:
    """A file with the resource that it belongs to.

    ``trash`` is the entry of the trash that it lies in, 0 where the resource is there, and ``row``
    the number that the resource had.
    """

    level: Level
    id: ResourceId
    attachment: Attachment
    trash: int = 0
    row: int = 0


@dataclass(frozen=True, slots=True)
class Copy:
    """A file that was copied to another storage, and the copy, which is to take its place."""

    file: OwnedFile
    attachment: Attachment


@dataclass(frozen=True, slots=True)
class MoveFailure:
    """A file that could not be moved, and why; it stays where it was."""

    file: OwnedFile
    reason: str


@dataclass(frozen=True, slots=True)
class MoveReport:
    """What became of files that were to be moved.

    ``passed`` counts those that were deleted or replaced meanwhile: there was nothing to move.
    """

    moved: int = 0
    size: int = 0
    passed: int = 0
    failures: tuple[MoveFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a walk through the files of some resources is.

    ``passed`` resources are gone through; of the next one, what comes up to the file of this
    ``parent``, ``resource`` and ``content_type`` (rows of the index) is.
    """

    passed: int = 0
    parent: int = 0
    resource: int = 0
    content_type: int = 0


@dataclass(frozen=True, slots=True)
class TrashCursor:
    """How far a walk through the files in the trash is: up to the file of these numbers."""

    trash: int = 0
    row: int = 0
    content_type: int = 0


@dataclass(frozen=True, slots=True)
class TrashedPlace:
    """How many files and bytes in the trash a storage holds."""

    name: str
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class FilesPage:
    """Some files of resources, and where to go on; ``unknown`` counts resources not there."""

    files: Sequence[OwnedFile]
    cursor: Cursor
    unknown: int = 0
