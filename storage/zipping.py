"""Making a ZIP archive that is sent while it is made: nothing is known but what has gone by.

The headers and the directory are the standard library's (``zipfile``); the entries are made apart
from each other, so that several threads can compress at a time.
"""

import io
import struct
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

try:  # five times as quick as zlib; there is no wheel of it for every computer
    from isal import isal_zlib as deflater
except ImportError:  # pragma: no cover - where isal cannot be installed
    deflater = zlib  # type: ignore[misc]

_LEVEL: Final = 1
_PROBE: Final = 1 << 16
_RAW: Final = -zlib.MAX_WBITS
_SIGNATURE: Final = 0x08074B50
_READABLE: Final = 0o100644 << 16
_SIZES_FOLLOW: Final = 0x08


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive, ready to be sent: its header, then its bytes."""

    info: zipfile.ZipInfo
    content: bytes


def make_entry(name: str, content: bytes, moment: time.struct_time) -> Entry:
    """Compress a file that is in memory, unless it is not made smaller by that.

    Args:
        name: its path within the archive, with slashes.
        content: its bytes.
        moment: its date of modification, in local time, as ZIP archives have it.
    """
    info = _info(name, moment)
    packed = _deflate(content)
    info.compress_type = zipfile.ZIP_DEFLATED if packed is not None else zipfile.ZIP_STORED
    stored = content if packed is None else packed
    info.file_size, info.compress_size = len(content), len(stored)
    info.CRC = deflater.crc32(content)
    return Entry(info, info.FileHeader() + stored)


class ZipStream:
    """The archive as it grows: what each method returns or yields is to be sent in that order."""

    def __init__(self) -> None:
        self._entries: list[zipfile.ZipInfo] = []
        self._position = 0

    def add(self, entry: Entry) -> bytes:
        """The bytes of a file that was made ready."""
        entry.info.header_offset = self._position
        self._entries.append(entry.info)
        self._position += len(entry.content)
        return entry.content

    def add_pieces(
        self, name: str, pieces: Iterable[bytes], moment: time.struct_time
    ) -> Iterator[bytes]:
        """The bytes of a file that comes in pieces, as it is too large for the memory.

        It is listed in the archive once ``pieces`` end; if they end by an error, it is not, and
        what was sent of it lies in the archive where no directory leads to it.
        """
        info = _info(name, moment)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.flag_bits |= _SIZES_FOLLOW
        info.header_offset = self._position
        compressor = deflater.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
        yield self._sent(info.FileHeader(zip64=True))
        for piece in pieces:
            info.CRC = deflater.crc32(piece, info.CRC)
            info.file_size += len(piece)
            packed = compressor.compress(piece)
            info.compress_size += len(packed)
            yield self._sent(packed)
        packed = compressor.flush()
        info.compress_size += len(packed)
        sizes = struct.pack("<LLQQ", _SIGNATURE, info.CRC, info.compress_size, info.file_size)
        yield self._sent(packed + sizes)
        self._entries.append(info)

    def finish(self) -> bytes:
        """The directory, which ends the archive."""
        sink = _Sink(self._position)
        with zipfile.ZipFile(sink, "w") as archive:
            archive.filelist.extend(self._entries)
            archive.start_dir = self._position
        return b"".join(sink.written)

    def _sent(self, content: bytes) -> bytes:
        self._position += len(content)
        return content


class _Sink(io.RawIOBase):
    """What ``zipfile`` takes for the file that it writes to: it cannot be sought."""

    def __init__(self, position: int) -> None:
        super().__init__()
        self.position = position
        self.written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self.written.append(bytes(content))
        self.position += len(content)
        return len(content)


def _info(name: str, moment: time.struct_time) -> zipfile.ZipInfo:
    # The format counts from 1980 to 2107.
    date = min(max(moment[:6], (1980, 1, 1, 0, 0, 0)), (2107, 12, 31, 23, 59, 59))
    info = zipfile.ZipInfo(name, date)
    info.CRC = 0
    info.external_attr = _READABLE
    return info


def _deflate(content: bytes) -> bytes | None:
    """The raw deflated bytes; ``None`` where they are no smaller, as with compressed pixels."""
    if len(content) > 2 * _PROBE:
        middle = len(content) // 2
        probe = content[middle : middle + _PROBE]
        if len(deflater.compress(probe, _LEVEL)) >= _PROBE * 0.97:
            return None
    compressor = deflater.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
    packed = compressor.compress(content) + compressor.flush()
    return packed if len(packed) < len(content) else None
