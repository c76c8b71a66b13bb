"""``repertory fsck``: compare files and index, and mend what can be mended."""

import argparse
import getpass
import http.client
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from repertory.actors.messages.integrity import BeginCheck, DescribeIntegrity
from repertory.administration import (
    BAD,
    GOOD,
    INTERRUPTED,
    NOT_DONE,
    OfflineArchive,
    Progress,
)
from repertory.conf.loading import load_settings
from repertory.conf.problems import InvalidSettings
from repertory.errors import RepertoryError
from repertory.http.reports import integrity_state
from repertory.importing.target import Target

PASSWORD_VARIABLE = "REPERTORY_PASSWORD"  # noqa: S105 - the name of a variable

_LOOK = 0.2
_LISTED = 20
_DESCRIPTION = """\
Compare the files with the index: which files are lost or damaged, which belong to nobody, and
which counters are wrong. No server may run on the same folders; --url asks a running one instead.
Nothing is changed without --repair, and nothing is ever removed.
"""
_EPILOG = """\
--repair marks lost and damaged files, so that whoever asks for them is told; moves files that
belong to nobody to the folder lost-and-found of the storage directory, which is laid out like the
storage directory itself; and corrects counters. A damaged file is mended by uploading its instance
again, and what is in lost-and-found can be brought back by 'repertory import'.

examples:
  repertory fsck /etc/orthanc
  repertory fsck --checksums --repair --json report.json repertory.json
  repertory fsck --url http://localhost:8042

exit:  0 nothing is wrong, 1 something is (also if it was mended), 2 it could not be checked.
"""

Report = dict[str, Any]


class _CheckFailed(Exception):
    """The check could not be made, and why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Teach ``parser`` what to check, and how."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("configuration", metavar="CONFIG", nargs="*", type=Path, help="a file, or a folder")
    add("--checksums", action="store_true", help="read every file, and compare its MD5 sum")
    add("--repair", action="store_true", help="mend what can be mended; nothing is removed")
    add("--json", type=Path, metavar="FILE", help="write the whole report there")
    add("--url", default="", help="ask the server that runs there")
    add("--user", default="", help="who to be, if the server wants to know")
    add("--quiet", action="store_true", help="no progress, and no report unless something is wrong")


def run(arguments: argparse.Namespace) -> int:
    """Check what ``arguments`` say; the exit code."""
    progress = Progress(quiet=arguments.quiet)
    make = _ask_server if arguments.url else _check_here
    try:
        report = make(arguments, progress)
    except KeyboardInterrupt:
        return INTERRUPTED
    except InvalidSettings as error:
        return _fail(str(error))
    except (_CheckFailed, RepertoryError, ValueError) as error:
        return _fail(str(error))
    finally:
        progress.end()
    if arguments.json is not None:
        try:
            arguments.json.write_text(json.dumps(report, indent=2) + "\n")
        except OSError as error:
            return _fail(f"the report cannot be written: {error.strerror}")
    if not (arguments.quiet and report["Sound"]):
        for line in words(report):
            print(line)  # noqa: T201 - this is what the command is for
    return GOOD if report["Sound"] else BAD


def words(report: Report) -> Iterator[str]:
    """A report in words, for people."""
    size = int(report["Size"]) / (1 << 20)
    how = "with" if report["Checksums"] else "without"
    yield f"{report['Files']:,} files in the index, {size:,.1f} MB; checked {how} checksums."
    yield from _listed("damaged", report["Damaged"], _damaged_words)
    yield from _listed("in the storage that nobody owns", report["Orphans"], _orphan_words)
    for wrong in report["Counters"][:_LISTED]:
        whose = f"{wrong['ResourceType']} {wrong['ID']}" if wrong["ID"] else "the archive"
        yield f"  {whose}: {wrong['Counter']} is {wrong['Kept']}, should be {wrong['Counted']}"
    if len(report["Counters"]) > _LISTED:
        yield f"  and {len(report['Counters']) - _LISTED:,} more (--json lists all)"
    if report["Counters"]:
        yield f"{_count(len(report['Counters']), 'counter')} wrong."
    if report["ForeignFiles"]:
        yield f"{_count(report['ForeignFiles'], 'thing')} in the storage that the archive ignores."
    if report["Sound"]:
        yield "Nothing is wrong."
    if report["Repair"]:
        done = report["Repaired"]
        yield (
            f"Repaired: {_count(done['FilesMarked'], 'file')} newly marked as damaged, "
            f"{_count(done['MarksCleared'], 'mark')} taken away, "
            f"{_count(done['OrphansMoved'], 'file')} moved to lost-and-found, "
            f"{_count(done['CountersCorrected'], 'counter')} corrected."
        )
    elif not report["Sound"]:
        yield "Nothing was changed; --repair mends what can be mended."


def _listed(what: str, files: list[Report], told: Callable[[Report], str]) -> Iterator[str]:
    for file in files[:_LISTED]:
        yield "  " + told(file)
    if len(files) > _LISTED:
        yield f"  and {len(files) - _LISTED:,} more (--json lists all)"
    if files:
        yield f"{_count(len(files), 'file')} {what}."


def _damaged_words(file: Report) -> str:
    text = f"{file['ResourceType']} {file['ID']}: file {file['Uuid']} is "
    if file["Damage"] == "WrongSize":
        return text + f"{file['Found']:,} bytes long, should be {file['Size']:,}"
    meaning = {
        "Lost": "lost",
        "Corrupted": "not as it was when it was stored",
        "Unreadable": "not given back by the disk",
    }
    return text + meaning[file["Damage"]]


def _orphan_words(file: Report) -> str:
    return f"file {file['Uuid']}, {file['Size']:,} bytes"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _check_here(arguments: argparse.Namespace, progress: Progress) -> Report:
    settings = load_settings(*arguments.configuration)
    with OfflineArchive(settings) as archive:
        archive.board.ask(BeginCheck(checksums=arguments.checksums, repair=arguments.repair))
        return _watch(lambda: integrity_state(archive.board.ask(DescribeIntegrity())), progress)


def _ask_server(arguments: argparse.Namespace, progress: Progress) -> Report:
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if arguments.user and not password and sys.stdin.isatty():
        password = getpass.getpass(f"Password of {arguments.user}: ")
    target = Target.parse(arguments.url, user=arguments.user, password=password, timeout=120.0)
    route = "/integrity/repair" if arguments.repair else "/integrity/check"
    body = json.dumps({"Checksums": arguments.checksums})
    _request(target, "POST", route, body)
    return _watch(lambda: _request(target, "GET", "/integrity"), progress)


def _request(target: Target, method: str, route: str, body: str | None = None) -> Report:
    connection = target.connect()
    try:
        connection.request(method, target.path(route), body=body, headers=target.headers)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise _CheckFailed(f"{target.url} does not answer: {error}") from error
    finally:
        connection.close()
    try:
        answer: Report = json.loads(content) if content else {}
    except ValueError:
        answer = {}
    if response.status != 200 or "Running" not in answer:
        why = answer.get("Details") or answer.get("Message") or "not the answer of a Repertory"
        raise _CheckFailed(f"{target.url} answered {response.status}: {why}")
    return answer


def _watch(look: Callable[[], Report], progress: Progress) -> Report:
    """Wait for the end of a check."""
    pause = threading.Event()
    while (state := look())["Running"]:
        progress.show(state["Phase"].lower(), state["Done"], state["Total"])
        pause.wait(_LOOK)
    if state.get("Problem") or state["Report"] is None:
        raise _CheckFailed(state.get("Problem", "the check was not made"))
    report: Report = state["Report"]
    return report


def _fail(problem: str) -> int:
    print(f"repertory fsck: {problem}", file=sys.stderr)  # noqa: T201 - for whoever started it
    return NOT_DONE
