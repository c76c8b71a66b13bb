"""The command line of ``repertory restore``."""

import argparse
import sys
from pathlib import Path

from repertory.errors import RepertoryError
from repertory.folders import StepDisplay, find_folders, list_some, say
from repertory.storage.backup.restoring import restore

GOOD, INCOMPLETE, NOT_DONE, INTERRUPTED = 0, 1, 2, 130

_DESCRIPTION = """\
Put a backup back, into folders in which nothing is yet.

Each file is compared with its MD5 sum on the way. The index comes last: no server starts on what is
half restored. Interrupted, it goes on when it is run again.
"""
_EPILOG = """\
examples:
  repertory restore /mnt/backup /etc/repertory.json
  repertory restore /mnt/backup /etc/repertory.json --snapshot 20261121T034500Z

ends with 0 if all is well, 1 if the backup lacked files, 2 if it could not be done, and 130 if it
was interrupted.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Teach ``parser`` what to put back, and to where."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("folder", type=Path, metavar="SRC", help="the folder of the backup")
    add(
        "configuration",
        nargs="*",
        type=Path,
        metavar="CONFIG",
        help="the configuration that the archive will be served with",
    )
    add("--snapshot", default="", metavar="NAME", help="which one; the newest by default")
    add("--jobs", type=int, default=4, metavar="N", help="files to copy at once (%(default)s)")
    add("--quiet", action="store_true", help="say nothing unless something is wrong")


def run(arguments: argparse.Namespace) -> int:
    """Put back what ``arguments`` say; the exit code."""
    if arguments.jobs < 1:
        say("repertory restore: --jobs is at least 1")
        return NOT_DONE
    try:
        folders = find_folders(arguments.configuration)
        folders.need_index_file()
        report = restore(
            arguments.folder,
            storage=folders.storage,
            index=folders.index,
            name=arguments.snapshot,
            threads=arguments.jobs,
            elsewhere=folders.elsewhere,
            progress=StepDisplay(quiet=arguments.quiet).show,
        )
    except RepertoryError as error:
        say(f"repertory restore: {error}")
        return NOT_DONE
    except KeyboardInterrupt:
        say("repertory restore: interrupted. Run the same command again to go on.")
        return INTERRUPTED
    if report.lost:
        say(f"{len(report.lost):,} files are missing or damaged in the backup; the archive has")
        say("their instances, but cannot show them:")
        say("\n".join(list_some(report.lost)))
    if not arguments.quiet:
        say(
            f"Restored {report.manifest.name}: {report.manifest.instances:,} instances,"
            f" {report.copied:,} files copied, {report.kept:,} were there; {report.seconds:.1f} s.",
            sys.stdout,
        )
        for it in report.manifest.stayed:
            say(
                f"{it.files:,} files are to be read from {folders.elsewhere}; when the snapshot was"
                f" taken, they lay in {it.place}. 'repertory fsck' tells whether all are there.",
                sys.stdout,
            )
    return INCOMPLETE if report.lost else GOOD
