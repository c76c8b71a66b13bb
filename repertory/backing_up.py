"""The command line of ``repertory backup``."""

import argparse
import sys
from pathlib import Path

from repertory.building import object_area_of
from repertory.errors import RepertoryError
from repertory.folders import Folders, StepDisplay, find_folders, list_some, say
from repertory.places import OBJECT_STORAGE
from repertory.storage.backup.making import BackupReport, back_up
from repertory.storage.backup.verifying import VerificationReport, verify

GOOD, INCOMPLETE, NOT_DONE, INTERRUPTED = 0, 1, 2, 130

_DESCRIPTION = """\
Copy an archive to another folder, also while it is served.

The copy is a snapshot of the index, as it was at one moment, and the files that it lists. Files are
written once and never change: the next run copies only those that are new. Each is compared with
its MD5 sum on the way. A run that was interrupted leaves nothing wrong: run it again, and it goes
on. On the computer of the server; a server that runs keeps the files of deleted resources until the
copy is made. What lies in an object store stays there, and its files are counted; the index of the
snapshot knows them. With --objects they are copied, too.
"""
_EPILOG = """\
examples:
  repertory backup /mnt/backup /etc/repertory.json
  repertory backup /mnt/backup /etc/repertory.json --keep 7     from cron, each night
  repertory backup --verify /mnt/backup
  repertory restore /mnt/backup /etc/repertory.json

ends with 0 if all is well, 1 if files are missing or damaged (in the archive; with --verify, in the
backup), 2 if it could not be done, and 130 if it was interrupted.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Teach ``parser`` what to copy, and to where."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("folder", type=Path, metavar="DEST", help="the folder of the backup")
    add(
        "configuration",
        nargs="*",
        type=Path,
        metavar="CONFIG",
        help="the configuration that the archive is served with",
    )
    add("--verify", action="store_true", help="read the whole backup and compare; copy nothing")
    add("--keep", type=int, default=0, metavar="N", help="keep only the newest N snapshots")
    add(
        "--link",
        action="store_true",
        help="hard links where DEST is on the same disk: quick, small, no help if the disk breaks",
    )
    add(
        "--objects",
        action="store_true",
        help="also copy what lies in the object store; else it stays there, and is counted",
    )
    add("--jobs", type=int, default=1, metavar="N", help="files to read at once (%(default)s)")
    add("--quiet", action="store_true", help="say nothing unless something is wrong")


def run(arguments: argparse.Namespace) -> int:
    """Back up, or verify, what ``arguments`` say; the exit code."""
    if arguments.jobs < 1 or arguments.keep < 0:
        say("repertory backup: --jobs is at least 1, and --keep at least 0")
        return NOT_DONE
    display = StepDisplay(quiet=arguments.quiet)
    try:
        if arguments.verify:
            found = verify(arguments.folder, threads=arguments.jobs, progress=display.show)
            return _tell_verification(found, quiet=arguments.quiet)
        folders = find_folders(arguments.configuration)
        folders.need_index_file()
        report = _back_up(folders, arguments, display)
    except RepertoryError as error:
        say(f"repertory backup: {error}")
        return NOT_DONE
    except KeyboardInterrupt:
        say("repertory backup: interrupted. Run the same command again to go on.")
        return INTERRUPTED
    return _tell_backup(report, quiet=arguments.quiet)


def _back_up(folders: Folders, arguments: argparse.Namespace, display: StepDisplay) -> BackupReport:
    stays = bool(folders.elsewhere) and not arguments.objects
    area = None
    if folders.elsewhere and arguments.objects:
        area = object_area_of(folders.settings, untouched=True, raw=True)
    if area is not None:
        area.open()
    try:
        return back_up(
            storage=folders.storage,
            index=folders.index,
            to=arguments.folder,
            disks=folders.disks,
            areas={} if area is None else {OBJECT_STORAGE: area},
            staying={OBJECT_STORAGE: folders.elsewhere} if stays else {},
            link=arguments.link,
            keep=arguments.keep,
            threads=arguments.jobs,
            progress=display.show,
        )
    finally:
        if area is not None:
            area.close()


def _tell_backup(report: BackupReport, *, quiet: bool) -> int:
    manifest = report.manifest
    if manifest.lost:
        say(f"{len(manifest.lost):,} files are missing or damaged in the archive itself, and not")
        say("in this snapshot:")
        say("\n".join(list_some(manifest.lost)))
    if not quiet:
        removed = f", removed {report.removed:,} that no snapshot needs" if report.removed else ""
        say(
            f"Snapshot {manifest.name}: {manifest.instances:,} instances in {manifest.files:,}"
            f" files ({manifest.size / 1e6:,.1f} MB). Copied {report.copied:,} files"
            f" ({report.size / 1e6:,.1f} MB), had {report.kept:,}{removed};"
            f" {report.seconds:.1f} s.",
            sys.stdout,
        )
        for it in manifest.stayed:
            say(
                f"{it.files:,} files ({it.size / 1e6:,.1f} MB) lie in {it.place}, and were not"
                " copied: --objects does.",
                sys.stdout,
            )
    return INCOMPLETE if manifest.lost else GOOD


def _tell_verification(report: VerificationReport, *, quiet: bool) -> int:
    for name in report.damaged_snapshots:
        say(f"The index of the snapshot {name} is damaged; it cannot be put back.")
    for word, paths in (("missing", report.lost), ("damaged", report.damaged)):
        if paths:
            say(f"{len(paths):,} files of the backup are {word}:")
            say("\n".join(list_some(paths)))
    if report.damaged:
        say(
            "Remove the damaged files and back up again: what the archive still has is copied anew."
        )
    if not quiet:
        verdict = "all is sound" if report.is_sound else "not all is sound"
        say(f"{report.snapshots:,} snapshots, {report.files:,} files: {verdict}.", sys.stdout)
    return GOOD if report.is_sound else INCOMPLETE
