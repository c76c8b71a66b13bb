"""Files: reading them, and removing those that were released."""

from collections.abc import Mapping
from typing import Any

from repertory.actors.messages.base import Command, Event, Query, message
from repertory.actors.messages.instances import Body
from repertory.deletion import ReleasedFile
from repertory.items import Revision
from repertory.model import Attachment, ContentType, Level, ResourceId, ResourceRef, TagForm


@message
class AttachmentContent:
    """Bytes of an attachment from ``start`` on; ``attachment`` tells how long the whole is."""

    attachment: Attachment
    start: int
    content: bytes


@message
class AttachmentDescription:
    """An attachment, with the metadata of the resource that it belongs to, by number."""

    attachment: Attachment
    metadata: dict[int, str]


@message
class DescribeAttachment(Query[AttachmentDescription]):
    """One attachment of a resource.

    Raises:
        UnknownResource: there is no such resource.
        UnknownItem: it has no such attachment.
    """

    level: Level
    id: ResourceId
    content_type: int = ContentType.DICOM


@message
class LocateFile(Query[Attachment]):
    """One attachment of a resource, for whoever wants its file alone.

    Raises:
        UnknownResource: there is no such resource.
        UnknownItem: it has no such attachment.
    """

    level: Level
    id: ResourceId
    content_type: int = ContentType.DICOM


@message
class LentFile:
    """An attachment, and where its file can be sent from as it is; ``None``: it is to be read."""

    attachment: Attachment
    path: str | None


@message
class LendFile(Query[LentFile]):
    """Whether a file can be sent without being read: plain, on a local disk, known to be right.

    Whoever gets its path opens it at once; a file that is removed meanwhile is sent to its end.

    Raises:
        UnknownResource: there is no such resource.
        UnknownItem: it has no such attachment.
    """

    level: Level
    id: ResourceId
    content_type: int = ContentType.DICOM


@message
class ReadAttachment(Query[AttachmentContent]):
    """Uncompressed bytes of an attachment: from ``start``, at most ``length`` (``None``: all).

    Who reads many files once says so by ``remember`` false: they do not drive others out of the
    cache.

    Raises:
        UnknownResource: there is no such resource.
        UnknownItem: it has no such attachment.
        BadRange: ``start`` lies behind the end.
        FileLost: the file is missing.
        FileCorrupted: the file is shorter than it was.
    """

    level: Level
    id: ResourceId
    content_type: int = ContentType.DICOM
    start: int = 0
    length: int | None = None
    remember: bool = True


@message
class ReadFile(Query[bytes]):
    """Uncompressed bytes of a file whose attachment is known: the rest of a long read.

    ``owner`` is whose file it is: there it is marked if it turns out to be damaged.

    Raises:
        FileLost: the file is missing; also when it was deleted in the meantime.
        FileCorrupted: the file is shorter than it was.
    """

    attachment: Attachment
    start: int
    length: int
    owner: ResourceRef | None = None


@message
class ReadFiles(Query[tuple[bytes | Exception | None, ...]]):
    """Some small files whose attachments are known, each with whose file it is, at one go.

    Each is its uncompressed bytes, or the error of ``ReadFile``; ``None`` is to be asked for alone,
    since it lies elsewhere now, or the others do.
    """

    files: tuple[tuple[Attachment, ResourceRef], ...]


@message
class ReadTags(Query[Mapping[str, Any]]):
    """All tags of an instance, in a form.

    Values of more than 256 bytes are left out but for the tags in ``ignore_length``
    (``gggg,eeee`` or ``gggg-eeee``).

    Raises:
        UnknownResource: there is no such instance.
        FileLost: its file is missing.
        FileCorrupted: its file cannot be read as DICOM any more.
    """

    id: ResourceId
    form: TagForm = TagForm.FULL
    ignore_length: frozenset[str] = frozenset()


@message
class ReadHeader(Query[Mapping[str, Any]]):
    """The file meta information (PS3.10 section 7.1) of an instance, in a form.

    Raises:
        UnknownResource: there is no such instance.
        FileLost: its file is missing.
        FileCorrupted: its file cannot be read as DICOM any more.
    """

    id: ResourceId
    form: TagForm = TagForm.FULL


@message
class RecompressAttachment(Command[Attachment]):
    """Store the file of an attachment compressed, or as it is; the answer is the attachment.

    A file that has the wanted form already stays. Another one gets a new UUID, and the old file
    is released in the same transaction; a file that is damaged is refused.

    Raises:
        UnknownResource: there is no such resource.
        UnknownItem: it has no such attachment.
        RevisionConflict: the attachment was changed meanwhile.
        FileLost: the file is missing.
        FileCorrupted: the file is not as it was when it was stored.
    """

    level: Level
    id: ResourceId
    content_type: int = ContentType.DICOM
    compressed: bool


@message
class RecordRecompression(Command[Attachment]):
    """Let a file take the place of the one named ``replaces``, which is released.

    Raises:
        UnknownResource: there is no such resource.
        UnknownItem: it has no such attachment.
        RevisionConflict: the attachment is another file by now.
    """

    level: Level
    id: ResourceId
    attachment: Attachment
    replaces: str


@message
class RemoveAttachment(Command[None]):
    """Remove a released file from the storage area; to remove twice does no harm.

    Raises:
        StorageFailed: the file is still there.
    """

    uuid: str
    content_type: int
    location: int = 0


@message
class RemoveAttachments(Command[None]):
    """Remove released files of one storage, by as few requests to it as it can do with.

    A refusal says that some are there still: ask for each.
    """

    files: tuple[ReleasedFile, ...]


@message
class FindAttachments(Query[frozenset[str]]):
    """Which of these files belong to a resource. Slow: it looks through the whole index."""

    uuids: tuple[str, ...]


@message
class AttachmentsReleased(Event):
    """Files were released: a doorbell; ``ListReleased`` tells which."""


@message
class ListReleased(Query[tuple[ReleasedFile, ...]]):
    """The files that wait to be removed, first released first, at most ``limit``.

    Only those after the number ``after``; up to the number ``tried``, only those that have not
    failed; none in the storages of the numbers ``without``. ``limit`` 0 means no limit.
    """

    limit: int = 100
    after: int = 0
    tried: int = 0
    without: tuple[int, ...] = ()


@message
class CountReleased(Query[int]):
    """How many files wait to be removed."""


@message
class RemoveReleased(Command[None]):
    """Remove what waits to be removed now; the answer comes when all of it was tried.

    While removals are paused, or a backup holds the files, the answer comes at once.
    """


@message
class ForgetReleased(Command[None]):
    """These files are gone from the storage area; to forget twice does no harm."""

    numbers: tuple[int, ...]


@message
class ListAttachments(Query[tuple[Attachment, ...]]):
    """The attachments of a resource, in ascending order of their content types.

    Raises:
        UnknownResource: there is no such resource.
    """

    level: Level
    id: ResourceId


@message
class CheckAttachment(Query[None]):
    """Would this attachment be taken? To be asked before a long body is received.

    Raises:
        UnknownItem: there is no such resource (as Orthanc has it).
        Forbidden: ``content_type`` is not one of the users' own (1024 to 65535).
        RevisionConflict: another revision than ``expected`` is there.
    """

    level: Level
    id: ResourceId
    content_type: int
    expected: Revision | None = None


@message
class StoreAttachment(Command[Attachment]):
    """Give a resource a file of the user's, instead of the one of that type that it may have.

    ``expected`` is the revision that is to be replaced: what is not there yet may be made
    whatever is expected; ``None`` replaces whatever is there. It is logged as UpdatedAttachment.

    Raises:
        UnknownResource: there is no such resource.
        Forbidden: ``content_type`` is not one of the users' own (1024 to 65535).
        RevisionConflict: another revision than the one expected is there.
        ArchiveFull: there is no room.
    """

    level: Level
    id: ResourceId
    content_type: int
    content: Body
    expected: Revision | None = None


@message
class SetAttachment(Command[Attachment]):
    """Enter a file that lies in the storage area into the index, as an attachment.

    The file that it takes the place of is released in the same transaction. The answer has its
    revision. Of any type, for whoever rewrites a file: a DICOM file that is compressed, say.

    Raises:
        UnknownResource: there is no such resource.
        RevisionConflict: another revision than ``expected`` is there.
    """

    level: Level
    id: ResourceId
    attachment: Attachment
    expected: Revision | None = None


@message
class DeleteAttachment(Command[None]):
    """Take an attachment from a resource; its file is removed later.

    Raises:
        UnknownResource: there is no such resource.
        UnknownItem: it has no such attachment.
        Forbidden: it is neither a user's (1024 to 65535) nor dicom-as-json.
        RevisionConflict: another revision than ``expected`` is there.
    """

    level: Level
    id: ResourceId
    content_type: int
    expected: Revision | None = None


@message
class ReadStoredFile(Query[bytes]):
    """Bytes of a file as it lies in the storage area, compressed if it is.

    ``owner`` is whose file it is: there it is marked if it turns out to be damaged.

    Raises:
        FileLost: the file is missing; also when it was deleted in the meantime.
        FileCorrupted: the file is shorter than it was.
    """

    attachment: Attachment
    start: int
    length: int
    owner: ResourceRef | None = None


@message
class VerifyFile(Query[None]):
    """Read a file from the medium to its end, and compare its MD5 sum with the one kept.

    ``owner`` is whose file it is: there it is marked if it turns out to be damaged.

    Raises:
        FileLost: the file is missing.
        FileCorrupted: the file is not as it was when it was stored.
        Unsupported: no MD5 sum of it is kept.
    """

    attachment: Attachment
    owner: ResourceRef | None = None
