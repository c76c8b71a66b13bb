"""What is clearly not a DICOM image, by the first bytes of a file.

Files without the magic word of PS3.10 may be DICOM all the same, so the archive decides about
whatever is not recognised here.
"""

import codecs

HEAD_SIZE = 4096
DICOMDIR = "DICOMDIR"
_MAGIC_OFFSET = 128
# (0002,0002) UI, then the class of a media directory (PS3.4 annex I), padded to even length.
_MEDIA_DIRECTORY = b"\x02\x00\x02\x00UI\x14\x001.2.840.10008.1.3.10"
_SIGNATURES = (
    (0, b"%PDF", "PDF"),
    (0, b"\x89PNG\r\n", "PNG image"),
    (0, b"\xff\xd8\xff", "JPEG image"),
    (0, b"\x00\x00\x00\x0cjP  ", "JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000 image"),
    (0, b"GIF8", "GIF image"),
    (0, b"II*\x00", "TIFF image"),
    (0, b"MM\x00*", "TIFF image"),
    (0, b"RIFF", "RIFF media"),
    (4, b"ftyp", "MP4 video"),
    (0, b"\x1f\x8b\x08", "gzip archive"),
    (0, b"BZh", "bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "xz archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "7-Zip archive"),
    (0, b"Rar!\x1a\x07", "RAR archive"),
    (257, b"ustar", "tar archive"),
    (0, b"PK\x03\x04", "ZIP archive or document"),
    (0, b"PK\x05\x06", "ZIP archive or document"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Office document"),
    (0, b"SQLite format 3\x00", "SQLite database"),
    (0, b"\x7fELF", "program"),
    (0, b"MZ", "program"),
    (0, b"\x00\x00\x00\x01Bud1", "folder settings"),
    (0, b"\x00\x05\x16\x07", "AppleDouble file"),
)
_CONTROL = frozenset(range(32)) - {0x08, 0x09, 0x0A, 0x0C, 0x0D, 0x1B}


def clearly_not_dicom(head: bytes, name: str) -> str:
    """What the file is, if it is certainly no DICOM image; else an empty string.

    ``head`` is the beginning of the file, ``HEAD_SIZE`` bytes of it or all there are.
    """
    if not head:
        return "empty file"
    if head[_MAGIC_OFFSET:].startswith(b"DICM"):
        return DICOMDIR if _MEDIA_DIRECTORY in head else ""
    if name.replace("\\", "/").rpartition("/")[2].upper() == DICOMDIR:
        return DICOMDIR
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset):
            return kind
    return "text" if _is_text(head) else ""


def _is_text(head: bytes) -> bool:
    """Whether ``head`` reads as UTF-8 without control characters; a data set has zero bytes."""
    if not _CONTROL.isdisjoint(head):
        return False
    # The last character may be cut in two: an incremental decoder waits for the rest.
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(head, final=len(head) < HEAD_SIZE)
    except UnicodeDecodeError:
        return False
    return True
