"""Files in another transfer syntax."""

from repertory.actors.messages.base import Command, Query, message
from repertory.model import ResourceId


@message
class TranscodedFile:
    """A DICOM file in a transfer syntax.

    ``instance`` is its new SOPInstanceUID where it lost something and is another instance now,
    otherwise "". A file that was in a wanted syntax already is ``content`` as it was.
    """

    content: bytes
    transfer_syntax: str
    instance: str = ""


@message
class Transcode(Command[TranscodedFile]):
    """Make a DICOM file anew in the first of ``syntaxes`` that can be had.

    It is a process of its own that does it. Syntaxes that lose something are passed over unless
    ``allow_lossy``; ``quality`` is theirs, from 1 to 100, ``None``: as DicomLossyTranscodingQuality
    has it.

    Raises:
        BadParameter: a syntax is not known, or the quality is out of its range.
        Unsupported: none of them can be had: nothing here decodes or encodes it, the pixels are
            damaged, or too many.
        TranscodingFailed: a codec crashed, or took too long.
    """

    content: bytes
    syntaxes: tuple[str, ...]
    allow_lossy: bool = True
    quality: int | None = None


@message
class ReadTranscoded(Query[TranscodedFile]):
    """The file of an instance in the first of ``syntaxes`` that can be had; the archive's stays.

    Raises:
        UnknownResource: there is no such instance.
        UnknownItem: it has no file.
        FileLost: the file is missing.
        FileCorrupted: the file is not as it was when it was stored.
        BadParameter, Unsupported, TranscodingFailed: as for ``Transcode``.
    """

    id: ResourceId
    syntaxes: tuple[str, ...]
    quality: int | None = None
    remember: bool = True
