"""The command line of ``repertory import``."""

import argparse
import getpass
import json
import os
import sys
import threading
from pathlib import Path
from typing import TextIO

from repertory.importing import summary
from repertory.importing.crew import Crew
from repertory.importing.journal import Journal, default_path
from repertory.importing.progress import Display, Tally
from repertory.importing.target import Target
from repertory.importing.uploading import BRIEF, InterruptedImport, ServerError, Uploader

ALL_STORED = 0
SOME_REFUSED = 1
NOT_DONE = 2
INTERRUPTED = 130
PASSWORD_VARIABLE = "REPERTORY_PASSWORD"  # noqa: S105 - the name of a variable

_LOOK = 0.2
_DESCRIPTION = """\
Send DICOM files to this archive or to any other that speaks Orthanc's REST API.

Folders are searched, along symbolic links too. ZIP archives are opened and sent file by file.
What is clearly not DICOM (text, PDF, pictures, DICOMDIR ...) is skipped; the archive decides about
everything else. What it has acknowledged is written to a journal: run the same command again, and
an import that was interrupted goes on.
"""
_EPILOG = """\
examples:
  repertory import /media/cdrom
  repertory import exports/*.zip --url https://archive.example/orthanc --user alice
  repertory import study/ --json report.json --quiet

ends with 0 if everything is in the archive, 1 if files were refused or unreadable, 2 if the import
could not be done, and 130 if it was interrupted by Ctrl-C.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Teach ``parser`` what to import, and into what."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("sources", nargs="+", type=Path, metavar="SOURCE", help="a folder, file or ZIP archive")
    add("--url", default="http://localhost:8042", help="the archive (%(default)s)")
    add("--user", default="", help="who to be, if the archive wants to know")
    add(
        "--password",
        default="",
        help=f"better in the variable {PASSWORD_VARIABLE}, or typed in when asked for",
    )
    add("--jobs", type=int, default=8, metavar="N", help="connections at once (%(default)s)")
    add("--timeout", type=float, default=60.0, help="seconds to wait for an answer (%(default)g)")
    add("--resume", type=Path, metavar="FILE", help="the journal, instead of one chosen by itself")
    add("--again", action="store_true", help="send everything, whatever the journal says")
    add("--quiet", action="store_true", help="no progress, and no summary unless something failed")
    add("--json", type=Path, metavar="REPORT", help="write there what became of the files")


def run(arguments: argparse.Namespace) -> int:
    """Import what ``arguments`` say; the exit code."""
    problem = _usage_problem(arguments)
    if problem:
        return _fail(problem)
    sources: list[Path] = arguments.sources
    try:
        target = _target(arguments)
        system = _greet(target)
    except (ValueError, ServerError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    path = arguments.resume or default_path(target.url, sources)
    display = Display(sys.stderr, quiet=arguments.quiet)
    if not arguments.quiet:
        _say(sys.stderr, f"{target.url} is {system}")
    try:
        journal = Journal(path, forget=arguments.again)
    except OSError as error:
        return _fail(f"the journal {path} cannot be opened: {error.strerror} (see --resume)")
    tally = Tally()
    with journal:
        _check_journal(journal, target, quiet=arguments.quiet)
        crew = Crew(
            target=target, sources=sources, journal=journal, tally=tally, jobs=arguments.jobs
        )
        interrupted = _work(crew, tally, display)
    return _conclude(arguments, target, tally, crew.problem, interrupted=interrupted)


def _work(crew: Crew, tally: Tally, display: Display) -> bool:
    """Have the crew do it; whether the user interrupted it."""
    interrupted = False
    try:
        crew.start()
        while crew.work(_LOOK):
            display.show(tally)
    except KeyboardInterrupt:
        interrupted = True
    try:
        crew.stop()
    except KeyboardInterrupt:
        # Asked a second time: what is under way need not be waited for.
        interrupted = True
    display.end()
    return interrupted


def _conclude(
    arguments: argparse.Namespace, target: Target, tally: Tally, problem: str, *, interrupted: bool
) -> int:
    """Tell what came of it; the exit code."""
    complete = not (problem or interrupted)
    if arguments.json:
        body = json.dumps(summary.report(tally, target.url, complete=complete), indent=2)
        try:
            arguments.json.write_text(body + "\n")
        except OSError as error:
            problem = problem or f"the report cannot be written: {error.strerror}"
    if not arguments.quiet or tally.failures:
        for line in summary.text(tally, target.url):
            _say(sys.stdout, line)
    if not complete:
        _say(sys.stderr, "Run the same command again to go on.")
    if problem:
        return _fail(problem)
    if interrupted:
        return INTERRUPTED
    return SOME_REFUSED if tally.failures else ALL_STORED


def _usage_problem(arguments: argparse.Namespace) -> str:
    for source in arguments.sources:
        if not source.exists():
            return f"there is no {source}"
    if arguments.jobs < 1:
        return "--jobs: at least 1"
    if arguments.timeout <= 0:
        return "--timeout: more than 0"
    return ""


def _target(arguments: argparse.Namespace) -> Target:
    password = arguments.password or os.environ.get(PASSWORD_VARIABLE, "")
    target = Target.parse(
        arguments.url, user=arguments.user, password=password, timeout=arguments.timeout
    )
    if target.user and not target.password and sys.stdin.isatty():
        password = getpass.getpass(f"Password of {target.user}: ")
        target = Target.parse(
            arguments.url, user=arguments.user, password=password, timeout=arguments.timeout
        )
    return target


def _greet(target: Target) -> str:
    """The name and version of the server; raises ``ServerError`` if it is no archive."""
    uploader = _asker(target)
    try:
        status, body = uploader.ask("/system")
    except ServerError as error:
        raise ServerError(f"{target.url}: {error}") from error
    finally:
        uploader.close()
    try:
        system = json.loads(body)
        return f"{system.get('Name', 'an archive')} ({system['Version']})"
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ServerError(f"{target.url} is no archive: /system is answered by {status}") from error


def _asker(target: Target) -> Uploader:
    def never_stop(seconds: float) -> bool:
        # Nobody sets this event: Ctrl-C ends the waiting.
        return threading.Event().wait(seconds)

    return Uploader(target, wait=never_stop, pauses=BRIEF)


def _check_journal(journal: Journal, target: Target, *, quiet: bool) -> None:
    """Do not trust a journal whose last file the archive does not have: it is another one."""
    if not journal.last_id:
        return
    uploader = _asker(target)
    try:
        status, _ = uploader.ask(f"/instances/{journal.last_id}")
    except (ServerError, InterruptedImport):
        # The import itself will meet the same problem, and tell.
        return
    finally:
        uploader.close()
    if status == 404:
        journal.forget()
        _say(sys.stderr, "The archive has lost what it had acknowledged: sending everything again.")
    elif not quiet:
        _say(sys.stderr, f"Going on after {len(journal):,} files (--again sends them all again).")


def _fail(problem: str) -> int:
    _say(sys.stderr, f"repertory import: {problem}")
    return NOT_DONE


def _say(stream: TextIO, text: str) -> None:
    """Write a line, also if it has names that the stream's encoding cannot express."""
    encoding = stream.encoding or "utf-8"
    raw = text.encode(encoding, "backslashreplace")
    stream.write(raw.decode(encoding) + "\n")
    stream.flush()
