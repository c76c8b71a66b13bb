"""Instances coming in."""

from typing import NewType

from repertory.actors.messages.base import Command, Event, message
from repertory.model import (
    Attachment,
    Origin,
    ResourceIds,
    StoreReceipt,
    Summary,
)

UploadId = NewType("UploadId", str)
"""Names a body that is being received in pieces."""

Body = bytes | UploadId
"""A body: its bytes, or the upload that holds them."""


@message
class SopPair:
    """What an instance is said to be: its SOP class and its own identifier."""

    sop_class: str
    sop_instance: str


@message
class StoreInstance(Command[StoreReceipt]):
    """Archive one DICOM file, if it is what was ``announced``, where anything was.

    Raises:
        NotDicom: the content cannot be read as DICOM.
        MissingTag: it lacks StudyInstanceUID, SeriesInstanceUID or SOPInstanceUID.
        WrongInstance: it is not the instance that was announced.
        ArchiveFull: there is no room.
    """

    content: Body
    origin: Origin = Origin()
    announced: SopPair | None = None


@message
class StoreZip(Command[tuple[StoreReceipt, ...]]):
    """Archive every DICOM file in a ZIP archive; entries that are not DICOM are passed over.

    Raises:
        NotDicom: the content is not a ZIP archive that can be read to its end.
        TooLarge: an entry, or all of them together, would unpack to more than is accepted.
    """

    content: Body
    origin: Origin = Origin()


@message
class BeginUpload(Command[UploadId]):
    """Open an upload for a body that is too large to be held in memory."""


@message
class AppendToUpload(Command[None]):
    """Append bytes to an upload.

    Raises:
        UnknownItem: there is no such upload.
        ArchiveFull: the disk is full; the upload is gone.
    """

    upload: UploadId
    content: bytes


@message
class AbandonUpload(Command[None]):
    """Forget an upload and remove what was received of it; to abandon twice does no harm."""

    upload: UploadId


@message
class RecordInstance(Command[StoreReceipt]):
    """Enter a file that lies in the storage area into the index.

    An instance that is there already releases the file, unless ``release_duplicate`` is false:
    then whoever asks looks after the file that came. One that is to be overwritten releases its
    old file. ``attachment`` is ``None`` where no files are kept.

    ``is_arriving``: the file is being written just now, and ``FileArrived`` will tell when it is
    there. Before, nothing is committed and nobody answered.

    Raises:
        LimitReached: the limits of the archive leave no room for it.
        StorageFailed: the file did not come.
    """

    ids: ResourceIds
    summary: Summary
    attachment: Attachment | None
    origin: Origin
    release_duplicate: bool = True
    is_arriving: bool = False


@message
class FileArrived(Event):
    """A file that the index was told of beforehand is in the storage area, or will not come.

    If it will not (``is_there`` false), there is nothing of it.
    """

    uuid: str
    is_there: bool = True


@message
class InstanceStored(Event):
    """A new instance is in the archive.

    ``activity`` is the number of its arrival: it grows with each new instance.
    """

    ids: ResourceIds
    activity: int
