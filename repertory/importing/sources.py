"""Where files come from: folders, single files, ZIP archives."""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from lzma import LZMAError
from pathlib import Path
from typing import BinaryIO, cast

_ZIP_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
_ENCRYPTED = 0x1
DAMAGED = (
    OSError,
    EOFError,
    LZMAError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a file may raise, one within an archive above all."""


def _unopenable() -> BinaryIO:
    raise OSError("not to be opened")


@dataclass(frozen=True, slots=True)
class Item:
    """One file to be sent.

    ``name`` is how it is shown, relative to what was given; ``place`` is the absolute path, and
    for a file within an archive also its name there. ``size`` is in bytes. ``fault`` says why
    the file cannot be read, ``other_kind`` what it is if not a file.
    """

    name: str
    place: str
    size: int = 0
    mtime_ns: int = 0
    open: Callable[[], BinaryIO] = _unopenable
    fault: str = ""
    other_kind: str = ""


def find(sources: Sequence[Path]) -> Iterator[Item]:
    """All files of ``sources``, in the order of names within a folder."""
    for source in sources:
        prefix = f"{source.resolve().name}/" if len(sources) > 1 else ""
        if source.is_dir():
            yield from _folder(source, prefix)
        else:
            yield from _file(str(source.resolve()), source.name, prefix, is_source=True)


def _folder(folder: Path, prefix: str) -> Iterator[Item]:
    """The files below ``folder``, along symbolic links too, but no folder twice."""
    top = str(folder.resolve())
    seen: set[tuple[int, int]] = set()
    waiting = [top]
    while waiting:
        path = waiting.pop()
        shown = prefix + os.path.relpath(path, top)
        try:
            status = Path(path).stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as entries:
                ranked = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Item(name=shown, place=path, fault=reason(error))
            continue
        folders = []
        for entry in ranked:
            if _is_folder(entry):
                folders.append(entry.path)
            else:
                yield from _file(entry.path, os.path.relpath(entry.path, top), prefix)
        waiting += reversed(folders)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # Such as a symbolic link to itself: as a file it gets its fault.
        return False


def _file(path: str, shown: str, prefix: str, *, is_source: bool = False) -> Iterator[Item]:
    """The file at ``path``, or those within it if it is a ZIP archive."""
    name = prefix + shown
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            yield Item(name=name, place=path, other_kind="not a regular file")
            return
        if path.lower().endswith(".zip") and _begins_like_zip(path):
            # An archive that was given is shown like a folder that was given.
            within = prefix if is_source else f"{name}/"
            yield from _archive(path, within, status.st_mtime_ns)
            return
    except DAMAGED as error:
        yield Item(name=name, place=path, fault=reason(error))
        return
    yield Item(
        name=name,
        place=path,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        open=partial(_open_file, path),
    )


def _open_file(path: str) -> BinaryIO:
    return Path(path).open("rb")


def _begins_like_zip(path: str) -> bool:
    with _open_file(path) as stream:
        return stream.read(4) in _ZIP_BEGINNINGS


def _archive(path: str, prefix: str, mtime_ns: int) -> Iterator[Item]:
    """The files within the ZIP archive at ``path``."""
    # Its members may be read by several threads at once. It is closed when the last item that
    # refers to it is gone.
    archive = zipfile.ZipFile(path)
    for info in archive.infolist():
        if info.is_dir():
            continue
        encrypted = bool(info.flag_bits & _ENCRYPTED)
        yield Item(
            name=prefix + info.filename,
            place=f"{path}!{info.filename}",
            size=info.file_size,
            mtime_ns=mtime_ns,
            open=partial(_open_member, archive, info),
            fault="encrypted" if encrypted else "",
        )


def _open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    return cast(BinaryIO, archive.open(info))


def reason(error: Exception) -> str:
    """Why something could not be read, without its path: ``Permission denied``."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"damaged: {error}" if str(error) else "damaged"
