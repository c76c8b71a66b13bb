"""``repertory recover``: the plain file out of a stored one, without a server.

For the day when there is nothing but the storage folder: no index is asked, nothing is written
but the file that comes out.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from repertory.conf.encryption import BadKey, read_key
from repertory.errors import CannotStart, FileCorrupted, MissingTag, NotDicom
from repertory.model import Compression
from repertory.storage import dicom
from repertory.storage.areas.decrypting import NotEncryptedSo, opened
from repertory.storage.compression import decompressed

GOOD, CANNOT = 0, 1

_FORMS = {
    "plain": Compression.NONE,
    "zlib": Compression.ZLIB_WITH_SIZE,
    "zstd": Compression.ZSTANDARD,
}
_NAMES = {
    Compression.NONE: "not compressed",
    Compression.ZLIB_WITH_SIZE: "zlib with size",
    Compression.ZSTANDARD: "Zstandard",
}
_ZSTANDARD_MAGIC = b"\x28\xb5\x2f\xfd"  # RFC 8878 section 3.1.1
_PREAMBLE = 128  # PS3.10 section 7.1

EXAMPLES = """\
Files in the storage folder lie in ab/cd/abcd… and are as they came, or compressed by Orthanc (zlib
with size) or by Repertory (Zstandard). Which it is, is found out. Damaged files are refused.

examples:
  repertory recover OrthancStorage/ab/cd/abcd1234-… image.dcm
  repertory recover FILE                       only say what it is, and whether it is whole
  repertory recover FILE - | dcmdump -         the plain file on standard output
  repertory recover --key master-key FILE.dcm.enc image.dcm

exit:  0 it is whole, 1 it is not, or cannot be read or written.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    parser.description = "Give the plain file back from any form in which an archive stores it."
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.usage = "repertory recover [OPTION]... FILE [OUT]"
    parser.add_argument("file", metavar="FILE", type=Path, help="a file of the storage folder")
    parser.add_argument(
        "out", metavar="OUT", nargs="?", type=Path, help="where the plain file goes; -: to stdout"
    )
    parser.add_argument("--force", action="store_true", help="replace OUT if it is there")
    parser.add_argument(
        "--key",
        type=Path,
        metavar="KEYFILE",
        action="append",
        default=[],
        help="it may be encrypted, under this master key; several may be given",
    )
    parser.add_argument("--form", choices=tuple(_FORMS), help="do not find out: it is of this form")


def run(arguments: argparse.Namespace) -> int:
    """Recover one file; returns the exit code."""
    form = Compression.NONE
    try:
        keys = [read_key(file) for file in arguments.key]
        with arguments.file.open("rb") as stored:
            file = opened(stored, keys)
            form = _FORMS[arguments.form] if arguments.form else form_of(file)
            size = _recover(file, form, arguments.out, force=arguments.force)
    except BadKey as error:
        return _refuse(f"The key file {error}.")
    except (NotEncryptedSo, CannotStart) as error:
        return _refuse(f"{arguments.file}: {error}")
    except FileCorrupted:
        return _refuse(f"{arguments.file} is damaged: it is {_NAMES[form]}, but not whole.")
    except (NotDicom, MissingTag):
        return _refuse(
            f"{arguments.file} is neither compressed nor a DICOM file that can be read: it is"
            " damaged, or an attachment of another kind (then give --form=plain)."
        )
    except FileExistsError:
        return _refuse(f"{arguments.out} is there already, and was left as it is (--force).")
    except BrokenPipeError:
        return CANNOT
    except OSError as error:
        return _refuse(f"{error.filename or arguments.file}: {error.strerror}.")
    if arguments.out is None or str(arguments.out) != "-":
        print(f"{arguments.file}: {_NAMES[form]}, {size} bytes, whole.")  # noqa: T201 - the answer
    return GOOD


def form_of(file: BinaryIO) -> Compression:
    """Find out in which form a file is stored.

    Raises:
        NotDicom, MissingTag: it is not compressed, and not DICOM either.
    """
    beginning = file.read(_PREAMBLE + 4)
    file.seek(0)
    if not beginning:
        return Compression.NONE
    # The preamble of a DICOM file may look like anything, that of a TIFF file for example.
    is_dicom = beginning[_PREAMBLE:] == b"DICM"
    if not is_dicom and beginning.startswith(_ZSTANDARD_MAGIC):
        return Compression.ZSTANDARD
    # RFC 1950 section 2.2: deflate, and a check of the two bytes.
    zlib_header = beginning[8:10]
    is_deflate = len(zlib_header) == 2 and zlib_header[0] & 15 == 8
    if not is_dicom and is_deflate and int.from_bytes(zlib_header, "big") % 31 == 0:
        return Compression.ZLIB_WITH_SIZE
    dicom.summarize(file)
    file.seek(0)
    return Compression.NONE


def _recover(file: BinaryIO, form: Compression, out: Path | None, *, force: bool) -> int:
    def read(start: int, length: int) -> bytes:
        file.seek(start)
        return file.read(length)

    pieces = decompressed(read, file.seek(0, os.SEEK_END), form)
    if out is None:
        return sum(map(len, pieces))
    if str(out) == "-":
        return _write(sys.stdout.buffer.write, pieces)
    if not force:
        out.touch(exist_ok=False)
    # Beside it first: what is there is replaced by a whole file or not at all.
    beside = out.with_name(f"{out.name}.part-{os.getpid()}")
    try:
        with beside.open("xb") as target:
            size = _write(target.write, pieces)
        beside.replace(out)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
            if not force:
                out.unlink(missing_ok=True)
        raise
    return size


def _write(write: Callable[[bytes], object], pieces: Iterator[bytes]) -> int:
    size = 0
    for piece in pieces:
        write(piece)
        size += len(piece)
    return size


def _refuse(line: str) -> int:
    print(f"repertory: {line}", file=sys.stderr)  # noqa: T201 - for whoever started the command
    return CANNOT
