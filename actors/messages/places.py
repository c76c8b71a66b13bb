"""In which storage files lie, and moving them to another one."""

from repertory.actors.messages.base import Command, Query, message
from repertory.model import Attachment, ResourceId, ResourceRef
from repertory.places import (
    Copy,
    Cursor,
    FilesPage,
    MoveReport,
    OwnedFile,
    Place,
    TrashCursor,
    TrashedPlace,
)


@message
class ListPlaces(Query[tuple[Place, ...]]):
    """The storages that the index knows, with the files and bytes of resources in each."""


@message
class DescribeWriter(Query[str]):
    """The name of the storage that new files go to now; asked where there are several."""


@message
class AddPlaces(Command[tuple[Place, ...]]):
    """Give numbers to the storages that have none yet; all that there are then."""

    names: tuple[str, ...]


@message
class FindLevels(Query[tuple[ResourceRef | None, ...]]):
    """Which resources these are, of whatever level; ``None`` for those that are not there."""

    ids: tuple[ResourceId, ...]


@message
class ListMovable(Query[FilesPage]):
    """At most ``limit`` files of resources, and of all below them, that lie elsewhere.

    ``target`` is the name of the storage in which they do not lie. The page goes on ``after``
    another one; resources that are not there are passed over. With a ``source``, only what lies in
    the storage of that name. With ``most``, the page ends with the file that makes as many bytes.
    """

    ids: tuple[ResourceId, ...]
    after: Cursor
    target: str
    limit: int
    source: str = ""
    most: int = 0


@message
class CountMovable(Query[tuple[int, int]]):
    """How many files, and bytes, of resources lie elsewhere than in the storage ``target``.

    With a ``source``, of those that lie in the storage of that name.
    """

    ids: tuple[ResourceId, ...]
    target: str
    source: str = ""


@message
class ListTrashedPlaces(Query[tuple[TrashedPlace, ...]]):
    """How many files and bytes in the trash each storage holds, where it holds any."""


@message
class ListMovableTrash(Query[tuple[OwnedFile, ...]]):
    """At most ``limit`` files in the trash that lie elsewhere than in ``target``, in order."""

    after: TrashCursor
    target: str
    limit: int


@message
class MoveFiles(Command[MoveReport]):
    """Move files to the storage named ``target``, some at a time.

    Each is copied and compared; then the copies take the places of the files, which are
    released in the same transaction. What cannot be moved stays where it is, and is reported.

    Raises:
        BadParameter: there is no such storage.
        IndexBusy, IndexFailed: the copies could not be recorded; they will be removed.
    """

    files: tuple[OwnedFile, ...]
    target: str


@message
class CopyFile(Command[None]):
    """Copy a file to the storage and the name that ``copy`` has, and compare it.

    Raises:
        FileLost: the file is missing.
        FileCorrupted: the file, or what was read back of its copy, is not as it was.
        ArchiveFull: there is no room in the other storage.
        StorageFailed: one of the storages refused.
    """

    copy: Copy


@message
class ReserveCopies(Command[None]):
    """Remember copies that are going to be made, so that what a crash cuts short is removed."""

    copies: tuple[Attachment, ...]


@message
class RecordMoves(Command[tuple[bool, ...]]):
    """Let copies take the places of their files, which are released; whether each did.

    A copy whose file was replaced or deleted meanwhile is released instead.
    """

    copies: tuple[Copy, ...]


@message
class ReleaseCopies(Command[None]):
    """Release copies that were made in vain; to do so twice does no harm."""

    uuids: tuple[str, ...]


@message
class CorrectLocation(Command[bool]):
    """Note that a file lies in another storage than the index says; whether that was news."""

    file: OwnedFile
    location: int
