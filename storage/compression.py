"""The forms in which a file is stored: as it is, after Orthanc's manner, and in our own.

- ``NONE``: the file's bytes.
- ``ZLIB_WITH_SIZE``, as Orthanc writes it: eight bytes with the size of the file, little-endian,
  then one zlib stream (RFC 1950), which ends with an Adler-32 sum of the whole.
- ``ZSTANDARD``: frames (RFC 8878) of at most ``FRAME`` bytes of the file, each with its size and
  a checksum of its own, then a table of them as in Zstandard's seekable format. The first frame is
  the header of a DICOM file, so that to read the tags is to read that frame. ``zstd -d`` unpacks
  such a file, too.

An empty file is stored as an empty file in every form.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence

import zstandard

from repertory.errors import FileCorrupted
from repertory.model import Compression

Read = Callable[[int, int], bytes]
"""Reads bytes of a file: from where, and how many at most; fewer at the end."""

FRAME = 4 << 20
"""Bytes of the file in one frame: what is in memory at a time, and is checked as a whole."""

PIECE = 256 << 10
_FIRST_PIECE = 16 << 10
"""Where a header alone is wanted, this much of the stored file is mostly enough."""

LARGEST_FRAME = 16 * FRAME
"""No frame of ours unpacks to more, whatever its header claims."""

_FRAME_HEADER = 18
"""What the header of a frame has at most (RFC 8878 section 3.1.1.1)."""

_TABLE_MAGIC = b"\x5e\x2a\x4d\x18"
_TABLE_HEADER = struct.Struct("<4sI")
_TABLE_ENTRY = struct.Struct("<II")
_TABLE_FOOTER = struct.Struct("<IBI")
_SEEKABLE_MAGIC = 0x8F92EAB1
"""Of the table at the end: contrib/seekable_format in the sources of Zstandard."""

_SIZE = struct.Struct("<Q")


def reader_of(content: bytes) -> Read:
    """Reads from bytes in memory."""
    return lambda start, length: content[start : start + length]


def compress(content: bytes, form: Compression, *, level: int, head: int = 0) -> bytes:
    """The stored form of a file that is in memory; see ``compressed``."""
    packed = compressed(reader_of(content), len(content), form, level=level, head=head)
    return b"".join(packed)


def compressed(
    read: Read, size: int, form: Compression, *, level: int, head: int = 0
) -> Iterator[bytes]:
    """The stored form of a file, piece by piece.

    Args:
        read: reads the file.
        size: how many bytes it has.
        form: the form to give it.
        level: how much effort to make: 1 to 22 for Zstandard, to 9 for zlib (more counts as 9).
        head: how many bytes at its beginning will be asked for alone.

    Raises:
        FileCorrupted: the file has fewer bytes than ``size``.
    """
    if not size:
        return
    if form is Compression.NONE:
        yield from _plain(read, size)
    elif form is Compression.ZLIB_WITH_SIZE:
        yield _SIZE.pack(size)
        deflate = zlib.compressobj(min(level, 9))
        for piece in _plain(read, size):
            packed = deflate.compress(piece)
            if packed:
                yield packed
        yield deflate.flush()
    else:
        press = zstandard.ZstdCompressor(level=level, write_checksum=True)
        head = min(max(head, 0), FRAME)
        start, length = 0, head or FRAME
        frames = []
        while start < size:
            length = min(length, size - start)
            frame = press.compress(_exactly(read, start, length))
            frames.append((len(frame), length))
            yield frame
            start, length = start + length, FRAME
        yield _table_of(frames)


def decompress(content: bytes, form: Compression, size: int | None = None) -> bytes:
    """The file whose stored form is in memory; see ``decompressed``."""
    return b"".join(decompressed(reader_of(content), len(content), form, size))


def locate(read: Read, stored: int, size: int, start: int) -> tuple[int, int]:
    """Where to begin to read a file in Zstandard for its bytes from ``start`` on.

    Returns:
        Where the frame that holds them begins, in the stored form and in the file.

    Raises:
        FileCorrupted: the table of frames is damaged.
    """
    footer = _exactly(read, stored - _TABLE_FOOTER.size, _TABLE_FOOTER.size)
    count, _, _ = _TABLE_FOOTER.unpack(footer)
    length = _TABLE_HEADER.size + count * _TABLE_ENTRY.size + _TABLE_FOOTER.size
    if length > stored:
        raise FileCorrupted
    table = _exactly(read, stored - length, length)
    entries = table[_TABLE_HEADER.size : -_TABLE_FOOTER.size]
    frames = list(_TABLE_ENTRY.iter_unpack(entries))
    # Were one of the sizes wrong, the bytes would be those of another place.
    if (
        table != _table_of(frames)
        or sum(frame[0] for frame in frames) != stored - length
        or sum(frame[1] for frame in frames) != size
        or any(frame[1] != FRAME for frame in frames[1:-1])
    ):
        raise FileCorrupted
    place = position = 0
    for packed, unpacked in frames:
        if start < position + unpacked:
            break
        place, position = place + packed, position + unpacked
    return place, position


def decompressed(
    read: Read,
    stored: int,
    form: Compression,
    size: int | None = None,
    begin: tuple[int, int] = (0, 0),
) -> Iterator[bytes]:
    """The file of which a stored form is read, piece by piece and in bounded memory.

    Of Zstandard, each piece has been checked when it comes; of zlib, only the last one tells that
    all before it were right.

    Args:
        read: reads the stored form.
        stored: how many bytes that has.
        form: which form it is.
        size: how many bytes the file must have; ``None``: what the stored form says.
        begin: what ``locate`` says, to begin in the middle.

    Raises:
        FileCorrupted: the stored form is damaged, has not ``stored`` bytes, or is not of a file
            of ``size`` bytes.
    """
    if form is Compression.NONE:
        pieces = _plain(read, stored)
    elif not stored:
        pieces = iter(())
    elif form is Compression.ZLIB_WITH_SIZE:
        pieces = _inflated(read, stored, size)
    else:
        pieces = _unpacked(read, stored, size, begin[0])
    total = begin[1]
    for piece in pieces:
        total += len(piece)
        if size is not None and total > size:
            raise FileCorrupted
        yield piece
    if size is not None and total != size:
        raise FileCorrupted


def _plain(read: Read, size: int) -> Iterator[bytes]:
    for start in range(0, size, PIECE):
        yield _exactly(read, start, min(PIECE, size - start))


def _exactly(read: Read, start: int, length: int) -> bytes:
    content = read(start, length)
    if len(content) < length:
        raise FileCorrupted("A stored file is shorter than it was when it was stored.")
    return content


def _stored_pieces(read: Read, start: int, stored: int) -> Iterator[bytes]:
    """The stored form from ``start`` on: a small piece first, then larger ones."""
    step = _FIRST_PIECE
    while start < stored:
        piece = _exactly(read, start, min(step, stored - start))
        yield piece
        start += len(piece)
        step = min(step * 2, PIECE)


def _inflated(read: Read, stored: int, size: int | None) -> Iterator[bytes]:
    if stored < _SIZE.size:
        raise FileCorrupted
    (declared,) = _SIZE.unpack(_exactly(read, 0, _SIZE.size))
    if size is not None and declared != size:
        raise FileCorrupted
    inflate = zlib.decompressobj()
    packed = _stored_pieces(read, _SIZE.size, stored)
    total = 0
    held = b""  # the last piece is given only when the sum at the end was seen to be right
    while not inflate.eof:
        fed = inflate.unconsumed_tail or next(packed, b"")
        try:
            piece = inflate.decompress(fed, PIECE)
        except zlib.error as error:
            raise FileCorrupted from error
        total += len(piece)
        if total > declared or not (piece or fed):
            raise FileCorrupted
        if piece:
            if held:
                yield held
            held = piece
    if total != declared or inflate.unused_data or next(packed, b""):
        raise FileCorrupted
    if held:
        yield held


def _unpacked(read: Read, stored: int, size: int | None, place: int) -> Iterator[bytes]:
    left = LARGEST_FRAME if size is None else min(size, LARGEST_FRAME)
    unpack = zstandard.ZstdDecompressor(max_window_size=LARGEST_FRAME)
    packed = _stored_pieces(read, place, stored)
    is_whole = not place
    frames: list[tuple[int, int]] = []
    fed = b""
    while True:
        while len(fed) < _FRAME_HEADER:
            more = next(packed, b"")
            if not more:
                break
            fed += more
        if fed.startswith(_TABLE_MAGIC):
            # The table says that no frame is missing, and is what it was.
            if is_whole and fed + b"".join(packed) != _table_of(frames):
                raise FileCorrupted
            return
        length = len(fed)
        try:
            _check_frame(fed, left)
            frame = unpack.decompressobj()
            pieces = [frame.decompress(fed)]
            while not frame.eof:
                fed = next(packed, b"")
                length += len(fed)
                if not fed:
                    raise FileCorrupted
                pieces.append(frame.decompress(fed))
        except zstandard.ZstdError as error:
            raise FileCorrupted from error
        fed = frame.unused_data
        piece = b"".join(pieces)
        pieces.clear()
        frames.append((length - len(fed), len(piece)))
        yield piece


def _table_of(frames: Sequence[tuple[int, int]]) -> bytes:
    """The table of frames, each by its size and that of what it unpacks to."""
    length = len(frames) * _TABLE_ENTRY.size + _TABLE_FOOTER.size
    return b"".join(
        (
            _TABLE_HEADER.pack(_TABLE_MAGIC, length),
            *(_TABLE_ENTRY.pack(*frame) for frame in frames),
            _TABLE_FOOTER.pack(len(frames), 0, _SEEKABLE_MAGIC),
        )
    )


def _check_frame(beginning: bytes, limit: int) -> None:
    """Refuse a frame that we did not write: it could ask for any amount of memory."""
    parameters = zstandard.get_frame_parameters(beginning)
    if not parameters.has_checksum or not 0 < parameters.content_size <= limit:
        raise FileCorrupted
