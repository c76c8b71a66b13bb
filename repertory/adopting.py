"""The command line of ``repertory adopt``."""

import argparse
import sys
from pathlib import Path

from repertory.errors import CannotStart
from repertory.folders import StepDisplay, find_folders, list_some, say
from repertory.storage.index.adoption import Adoption, adopt

DONE = 0
INCOMPLETE = 1
NOT_DONE = 2
INTERRUPTED = 130

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

Modalities and peers that were entered over REST are taken over where Orthanc kept them in its index
(DicomModalitiesInDatabase, OrthancPeersInDatabase); its jobs are not.

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
        display = StepDisplay(quiet=arguments.quiet)
        adoption = adopt(
            arguments.folder,
            orthanc=arguments.index or _orthanc_folder(arguments.folder, index),
            index=index,
            every_file=arguments.every_file,
            progress=display.show,
        )
    except CannotStart as error:
        say(f"repertory adopt: {error}")
        return NOT_DONE
    except KeyboardInterrupt:
        say("repertory adopt: interrupted; nothing has changed.")
        return INTERRUPTED
    return _conclude(adoption, quiet=arguments.quiet)


def _index_folder(arguments: argparse.Namespace) -> Path:
    """Where our index goes: beside the files, or where the configuration says."""
    folder: Path = arguments.folder
    if not arguments.configuration:
        return folder
    folders = find_folders(arguments.configuration)
    folders.need_index_file()
    if folders.storage.resolve() != folder.resolve():
        raise CannotStart(
            f"the configuration has another StorageDirectory: {folders.storage};"
            f" set it to {folder.resolve()}."
        )
    return folders.index


def _orthanc_folder(folder: Path, index: Path) -> Path:
    """Where Orthanc's index is, if nobody says: a configuration of Orthanc's tells it, too."""
    return index if (index / "index").exists() else folder


def _conclude(adoption: Adoption, *, quiet: bool) -> int:
    totals = adoption.totals
    for doubt in adoption.doubts:
        say(f"Note: {doubt}")
    if adoption.lost:
        say(f"{len(adoption.lost)} of {adoption.looked_at} files that were looked for")
        say("are missing or have another size than Orthanc wrote down:")
        say("\n".join(list_some(adoption.lost)))
    if not quiet:
        say(
            f"Adopted {totals.patients:,} patients, {totals.studies:,} studies,"
            f" {totals.series:,} series and {totals.instances:,} instances"
            f" ({totals.disk_size / 1e6:,.1f} MB), with {adoption.changes:,} changes,"
            f" in {adoption.seconds:.1f} s; looked at {adoption.looked_at:,} files.",
            sys.stdout,
        )
    return INCOMPLETE if adoption.lost else DONE
