"""Pictures of instances."""

from repertory.actors.messages.base import Command, Query, message
from repertory.model import ResourceId
from repertory.pictures import PictureOrder


@message
class Picture:
    """A picture; of an array also its ``shape`` and what NumPy calls its numbers."""

    content: bytes
    media_type: str
    shape: tuple[int, ...] = ()
    numbers: str = ""


@message
class Depict(Command[Picture]):
    """Make a picture of a DICOM file. It is a process of its own that does it.

    ``head`` is how many bytes of ``content`` are the file up to its pixels, where the one frame
    that is wanted follows them alone; 0 where ``content`` is the whole file.

    Raises:
        Unsupported: it cannot be had: the file has no such frame or no pixels, nothing here decodes
            them, or they are damaged.
        BadParameter: a frame whose bytes are wanted is not there.
        TranscodingFailed: a codec crashed, or took too long.
    """

    content: bytes
    order: PictureOrder
    head: int = 0


@message
class ReadPicture(Query[Picture]):
    """A picture of an instance.

    Raises:
        UnknownResource: there is no such instance.
        UnknownItem: it has no file.
        FileLost: the file is missing.
        FileCorrupted: the file is not as it was when it was stored.
        Unsupported, BadParameter, TranscodingFailed: as for ``Depict``.
    """

    id: ResourceId
    order: PictureOrder
    remember: bool = True
