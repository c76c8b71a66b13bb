"""``repertory rebuild``: make the whole index anew, from the files alone."""

import argparse
import json
import os
import sys
from pathlib import Path

from repertory.administration import BAD, GOOD, INTERRUPTED, NOT_DONE, Progress
from repertory.conf.loading import load_settings
from repertory.conf.problems import InvalidSettings
from repertory.errors import RepertoryError
from repertory.rebuild import Rebuild, Rebuilt

_LISTED = 20
_DESCRIPTION = """\
Make the whole index anew from the files in all storages that the configuration names: of an object
store, all objects are listed, and their headers read. No server may run on the same storages. The
index that is there stays in use until the new one is complete, and is then kept beside it under
another name. An interrupted run is gone on with by the same command.
"""
_EPILOG = """\
What is only in the index cannot be made from files: labels, metadata and attachments of users,
protection of patients, the log of changes, and which files were about to be removed. A resource
counts as received when its file was last modified. Of two files with the same instance the older
one is taken. No file is changed, moved or removed.

examples:
  repertory rebuild /etc/orthanc
  repertory rebuild --threads 8 --json report.json repertory.json

exit:  0 all files are in the index or are no DICOM files, 1 some DICOM files are not (they cannot
be read, or hold an instance that another file holds), 2 it could not be done.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Teach ``parser`` what to rebuild, and how."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("configuration", metavar="CONFIG", nargs="*", type=Path, help="a file, or a folder")
    add("--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="how many read files")
    add(
        "--checksums",
        action="store_true",
        help="read what lies in an object store whole, for MD5 sums; else its headers alone",
    )
    add("--json", type=Path, metavar="FILE", help="write there what became of the files")
    add("--quiet", action="store_true", help="no progress, and no summary unless something is odd")


def run(arguments: argparse.Namespace) -> int:
    """Rebuild what ``arguments`` say; the exit code."""
    progress = Progress(quiet=arguments.quiet)
    try:
        settings = load_settings(*arguments.configuration)
        rebuilt = Rebuild(
            settings,
            threads=arguments.threads,
            checksums=arguments.checksums,
            tell=progress.show,
        ).run()
    except KeyboardInterrupt:
        return INTERRUPTED
    except (InvalidSettings, RepertoryError) as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"the folders cannot be used: {error.strerror}")
    finally:
        progress.end()
    if arguments.json is not None:
        try:
            arguments.json.write_text(json.dumps(_report(rebuilt), indent=2) + "\n")
        except OSError as error:
            return _fail(f"the report cannot be written: {error.strerror}")
    lost = rebuilt.duplicates or rebuilt.unreadable
    if lost or not arguments.quiet:
        _tell(rebuilt)
    return BAD if lost else GOOD


def _report(rebuilt: Rebuilt) -> dict[str, object]:
    return {
        "Recorded": rebuilt.recorded,
        "RecordedBefore": rebuilt.recorded_before,
        "Skipped": rebuilt.skipped,
        "Duplicates": rebuilt.duplicates,
        "Unreadable": rebuilt.unreadable,
        "OldIndex": rebuilt.backup,
    }


def _tell(rebuilt: Rebuilt) -> None:
    lines = [f"{rebuilt.recorded:,} files recorded."]
    if rebuilt.recorded_before:
        lines.append(f"{rebuilt.recorded_before:,} files recorded by a run before.")
    for what, uuids in (
        ("are no DICOM files, and were skipped", rebuilt.skipped),
        ("hold an instance that an older file holds, and were left out", rebuilt.duplicates),
        ("cannot be read", rebuilt.unreadable),
    ):
        if uuids:
            lines.append(f"{len(uuids):,} files {what}:")
            lines += [f"  {uuid}" for uuid in uuids[:_LISTED]]
            if len(uuids) > _LISTED:
                lines.append(f"  and {len(uuids) - _LISTED:,} more (--json lists all)")
    if rebuilt.backup:
        lines.append(f"The old index is kept as {rebuilt.backup}.")
    for line in lines:
        print(line)  # noqa: T201 - this is what the command is for


def _fail(problem: str) -> int:
    print(f"repertory rebuild: {problem}", file=sys.stderr)  # noqa: T201 - for whoever started it
    return NOT_DONE
