"""The command line of ``repertory adopt``."""

import argparse
import sys
from pathlib import Path
from typing import TextIO

from repertory.conf.loading import read_settings
from repertory.errors import CannotStart
from repertory.storage.index.adoption import Adoption, adopt

DONE = 0
INCOMPLETE = 1
NOT_DONE = 2
INTERRUPTED = 130

_SHOWN = 20
_DESCRIPTION = """\
Take over the archive of an Orthanc, where it is.

Orthanc's index (SQLite, schema version 6) is read, and an index of ours is written: with all
resources, identifiers, main tags, metadata, attachments, labels, changes, and protected patients.
DICOM files are neither copied nor touched, and Orthanc's index stays as it is: until something is
stored or deleted, one can go back. Orthanc must be stopped. What ends the command leaves nothing
half behind: run it again.
"""
_EPILOG = """\
examples:
  repertory adopt /var/lib/orthanc/db
  repertory adopt /data/dicom --index /ssd/orthanc repertory.json

Orthanc's own settings that are kept in its index (modalities and peers that were entered over REST)
and its jobs are not taken over.

ends with 0 if all is well, 1 if the archive was adopted but lacks files, 2 if it could not be done.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Teach ``parser`` what to adopt."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("folder", type=Path, metavar="ORTHANC_FOLDER", help="Orthanc's StorageDirectory")
    add(
        "configuration",
        nargs="*",
        type=Path,
        metavar="CONFIG",
        help="what we shall serve it with: its IndexDirectory is where our index goes",
    )
    add(
        "--index",
        type=Path,
        metavar="FOLDER",
        help="Orthanc's IndexDirectory, if it is not the same folder",
    )
    add(
        "--every-file",
        action="store_true",
        help="look for every file at the end, not only for a sample",
    )
    add("--quiet", action="store_true", help="say nothing unless something is wrong")


def run(arguments: argparse.Namespace) -> int:
    """Adopt what ``arguments`` say; the exit code."""
    try:
        index = _index_folder(arguments)
        display = _Display(sys.stderr, quiet=arguments.quiet)
        adoption = adopt(
            arguments.folder,
            orthanc=arguments.index or _orthanc_folder(arguments.folder, index),
            index=index,
            every_file=arguments.every_file,
            progress=display.show,
        )
    except CannotStart as error:
        _say(sys.stderr, f"repertory adopt: {error}")
        return NOT_DONE
    except KeyboardInterrupt:
        _say(sys.stderr, "repertory adopt: interrupted; nothing has changed.")
        return INTERRUPTED
    return _conclude(adoption, quiet=arguments.quiet)


def _index_folder(arguments: argparse.Namespace) -> Path:
    """Where our index goes: beside the files, or where the configuration says."""
    folder: Path = arguments.folder
    if not arguments.configuration:
        return folder
    loaded = read_settings(*arguments.configuration)
    if loaded.problems:
        raise CannotStart(f"the configuration cannot be used: {loaded.problems[0]}")
    settings = loaded.settings
    if Path(settings.storage_directory).resolve() != folder.resolve():
        raise CannotStart(
            f"the configuration has another StorageDirectory: {settings.storage_directory};"
            f" set it to {folder.resolve()}."
        )
    return Path(settings.index_directory or folder)


def _orthanc_folder(folder: Path, index: Path) -> Path:
    """Where Orthanc's index is, if nobody says: a configuration of Orthanc's tells it, too."""
    return index if (index / "index").exists() else folder


def _conclude(adoption: Adoption, *, quiet: bool) -> int:
    totals = adoption.totals
    for doubt in adoption.doubts:
        _say(sys.stderr, f"Note: {doubt}")
    if adoption.lost:
        _say(sys.stderr, f"{len(adoption.lost)} of {adoption.looked_at} files that were looked for")
        _say(sys.stderr, "are missing or have another size than Orthanc wrote down:")
        for uuid in adoption.lost[:_SHOWN]:
            _say(sys.stderr, f"  {uuid}")
        if len(adoption.lost) > _SHOWN:
            _say(sys.stderr, f"  and {len(adoption.lost) - _SHOWN} more")
    if not quiet:
        _say(
            sys.stdout,
            f"Adopted {totals.patients:,} patients, {totals.studies:,} studies,"
            f" {totals.series:,} series and {totals.instances:,} instances"
            f" ({totals.disk_size / 1e6:,.1f} MB), with {adoption.changes:,} changes,"
            f" in {adoption.seconds:.1f} s; looked at {adoption.looked_at:,} files.",
        )
    return INCOMPLETE if adoption.lost else DONE


class _Display:
    """Tells how far it is, a line for each kind of thing."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream = stream
        self._quiet = quiet
        self._is_terminal = stream.isatty()

    def show(self, what: str, done: int, total: int) -> None:
        """``done`` of ``total`` things are done."""
        if self._quiet or (done < total and not self._is_terminal):
            return
        end = "\n" if done >= total and total else ""
        start = "\r" if self._is_terminal else ""
        if total:
            self._stream.write(f"{start}{what}: {done:,} of {total:,}{end}")
            self._stream.flush()


def _say(stream: TextIO, text: str) -> None:
    stream.write(text + "\n")
    stream.flush()
