"""The command ``repertory``.

It takes the arguments of the command ``Orthanc``, so that one may stand for the other in scripts.
This module and ``repertory.process`` are the only ones that touch the state of the process.
"""

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from repertory import logs
from repertory.conf.loading import read_settings
from repertory.conf.reference import render_defaults
from repertory.conf.settings import Settings
from repertory.process import Archive, serve
from repertory.version import ORTHANC_VERSION, VERSION

GOOD, CANNOT, USAGE = 0, 1, 2

_EXAMPLES = """\
examples:
  repertory                           serve with the defaults, files in ./RepertoryStorage
  repertory --config=repertory.json   write a configuration file with every option explained
  repertory repertory.json            serve with it
  repertory /etc/orthanc              serve with all *.json of a folder; Orthanc's files load, too
  repertory check-config /etc/orthanc say what is wrong or has no effect, and do not serve
  repertory import --help             take over files that are on this computer

commands:
  serve          what happens without a command
  check-config   read the configuration and say what is wrong with it
  import         bring DICOM files of this computer into the archive
  recover        give the plain file back from a stored one, without a server
  adopt          take over the folder of an Orthanc, in place
  backup         copy the archive, also while it is served; verify such a copy
  restore        put a backup back into an empty folder
  fsck           compare files and index, and mend what can be mended
  rebuild        make the index anew from the files
  migrate-index  carry the index from one database to another

signals:  TERM and INT stop in good order; HUP reads a changed configuration and starts anew;
          USR1 shows what every thread is doing.
exit:     0 stopped as asked, 1 cannot start or failed, 2 the command line is not understood.
"""

_CHECK_EXAMPLES = """\
Says what is wrong, which options have no effect and which are probably misspelt.

example:
  repertory check-config /etc/orthanc/orthanc.json && systemctl reload repertory

exit:  0 the archive can start with it, 1 it cannot, 2 the command line is not understood.
"""

_HAS_VALUE = ("--config", "--logfile", "--logdir", "--openapi", "--cheatsheet")


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints end with a hint."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"repertory: {message}\nTry '{self.prog} --help'.\n")

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse all words, or say which one was probably meant."""
        arguments, unknown = self.parse_known_args(list(words))
        if any(not word.startswith("-") for word in unknown):
            # argparse takes no name of a file after an option, unless it is asked like this.
            arguments, unknown = self.parse_known_intermixed_args(list(words))
        if unknown:
            word = unknown[0].partition("=")[0]
            near = difflib.get_close_matches(word, list(self._option_string_actions), n=1)
            self.error(
                f"there is no option {word}" + (f": did you mean {near[0]}?" if near else "")
            )
        return arguments


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    words = [word for word in (sys.argv[1:] if words is None else words) if word]
    place = _find_command(words)
    if place is None:
        return _serve(words)
    return _COMMANDS[words[place]](words[:place] + words[place + 1 :])


def _find_command(words: Sequence[str]) -> int | None:
    """Where the command stands: it is the first word that is neither option nor value."""
    value_follows = False
    for place, word in enumerate(words):
        if not value_follows and not word.startswith("-"):
            return place if word in _COMMANDS else None
        value_follows = not value_follows and word in _HAS_VALUE
    return None


# serve


def _serve_parser() -> _Parser:
    parser = _Parser(
        prog="repertory",
        usage="repertory [OPTION]... [CONFIG]...\n       repertory COMMAND [OPTION]...",
        description="Serve a DICOM archive over Orthanc's REST API.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "configuration",
        metavar="CONFIG",
        nargs="*",
        type=Path,
        help="a configuration file, or a folder of which all *.json are read",
    )
    parser.add_argument(
        "--config", metavar="FILE", help="write the default configuration ('-': print it) and end"
    )
    parser.add_argument("--no-jobs", action="store_true", help="discard the jobs of the last run")
    _add_log_options(parser)
    parser.add_argument(
        "--version",
        action="version",
        version=f"Repertory {VERSION} (REST API of Orthanc {ORTHANC_VERSION})",
        help="print the version and end",
    )
    # What Orthanc takes and has no use here.
    for switch in ("--upgrade", "--unlock-config", "--logs-no-thread"):
        parser.add_argument(
            switch,
            dest="ignored",
            action="append_const",
            const=switch,
            default=[],
            help=argparse.SUPPRESS,
        )
    parser.add_argument("--errors", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--openapi", help=argparse.SUPPRESS)
    parser.add_argument("--cheatsheet", help=argparse.SUPPRESS)
    return parser


def _add_log_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "logs (to standard error; JSON unless on a terminal)",
        f"--verbose-CATEGORY and --trace-CATEGORY, too: {', '.join(logs.CATEGORIES)}",
    )
    for level in ("verbose", "trace"):
        group.add_argument(
            f"--{level}",
            dest="levels",
            action="append_const",
            const=("", level),
            default=[],
            help={"verbose": "log details", "trace": "log details of libraries, too"}[level],
        )
        for category in logs.CATEGORIES:
            group.add_argument(
                f"--{level}-{category}",
                dest="levels",
                action="append_const",
                const=(category, level),
                help=argparse.SUPPRESS,
            )
    group.add_argument("--logfile", metavar="FILE", type=Path, help="add to this file instead")
    group.add_argument(
        "--logdir", metavar="FOLDER", type=Path, help="the same as --logfile=FOLDER/repertory.log"
    )


def _serve(words: Sequence[str]) -> int:
    parser = _serve_parser()
    arguments = parser.parse(words)
    for switch in ("errors", "openapi", "cheatsheet"):
        if getattr(arguments, switch):
            _say(f"repertory: --{switch} is not available; see docs/reference.")
            return GOOD
    if arguments.config is not None:
        return _write_defaults(arguments.config)
    for path in arguments.configuration:
        if path.suffix or len(path.parts) != 1 or path.exists():
            continue
        near = difflib.get_close_matches(str(path), list(_COMMANDS), n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        parser.error(f"there is no command or configuration file '{path}'{hint}")
    for switch in arguments.ignored:
        _say(f"repertory: {switch} has no effect here.")
    make_archive = partial(_make_archive, keeps_jobs=not arguments.no_jobs)
    return serve(arguments.configuration, lambda: _set_logs_up(arguments), make_archive)


def _make_archive(settings: Settings, *, keeps_jobs: bool = True) -> Archive:
    from repertory.service import Repertory  # noqa: PLC0415 - the other commands need no archive

    if not keeps_jobs:
        settings = replace(settings, save_jobs=False)
    if settings.dicom_server_enabled is None:
        # Who runs a server expects modalities to reach it; who embeds an archive says so.
        settings = replace(settings, dicom_server_enabled=True)
    return Repertory(settings, log_levels=logs)


def _set_logs_up(arguments: argparse.Namespace) -> None:
    file = arguments.logfile
    if file is None and arguments.logdir is not None:
        file = arguments.logdir / "repertory.log"
    logs.set_up(file=file)
    # From left to right, as Orthanc does: the later word counts.
    for category, level in arguments.levels:
        logs.set_level(category, level)


def _write_defaults(name: str) -> int:
    if name == "-":
        sys.stdout.write(render_defaults())
        return GOOD
    try:
        with Path(name).open("x", encoding="utf-8") as file:
            file.write(render_defaults())
    except FileExistsError:
        # Who writes --config=FILE often means: serve with it.
        _say(f"repertory: {name} exists, and was left as it is. To serve with it: repertory {name}")
        return CANNOT
    except OSError as error:
        _say(f"repertory: {name} cannot be written: {error.strerror}.")
        return CANNOT
    return GOOD


# The other commands


def _check_config(words: Sequence[str]) -> int:
    parser = _Parser(
        prog="repertory check-config",
        usage="repertory check-config [CONFIG]...",
        description="Read the configuration and say what is wrong with it; do not serve.",
        epilog=_CHECK_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "configuration", metavar="CONFIG", nargs="*", type=Path, help="a file, or a folder"
    )
    loaded = read_settings(*parser.parse(words).configuration)
    for problem in loaded.problems:
        print(f"error: {problem}")  # noqa: T201 - this is what the command is for
    for warning in loaded.warnings:
        print(f"warning: {warning}")  # noqa: T201
    print(  # noqa: T201
        f"{_count(len(loaded.files), 'file')} read, {_count(len(loaded.problems), 'error')}, "
        f"{_count(len(loaded.warnings), 'warning')}."
    )
    return CANNOT if loaded.problems else GOOD


def _run_module(name: str, module: str) -> Callable[[Sequence[str]], int]:
    """A command that a module of its own knows; it is loaded when it is wanted."""

    def command(words: Sequence[str]) -> int:
        part = import_module(module)
        parser = _Parser(prog=f"repertory {name}", conflict_handler="resolve", allow_abbrev=False)
        _add_log_options(parser)
        part.add_arguments(parser)
        arguments = parser.parse(words)
        try:
            _set_logs_up(arguments)
        except OSError as error:
            _say(f"repertory: the log cannot be written: {error.strerror}.")
            return CANNOT
        code: int = part.run(arguments)
        return code

    return command


def _recover(words: Sequence[str]) -> int:
    recovering = import_module("repertory.recovering")
    parser = _Parser(prog="repertory recover", allow_abbrev=False)
    recovering.add_arguments(parser)
    code: int = recovering.run(parser.parse(words))
    return code


_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "serve": _serve,
    "check-config": _check_config,
    "import": _run_module("import", "repertory.importing"),
    "recover": _recover,
    "adopt": _run_module("adopt", "repertory.adopting"),
    "backup": _run_module("backup", "repertory.backing_up"),
    "restore": _run_module("restore", "repertory.restoring"),
    "fsck": _run_module("fsck", "repertory.checking"),
    "rebuild": _run_module("rebuild", "repertory.rebuilding"),
    "migrate-index": _run_module("migrate-index", "repertory.migrating"),
}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 - for whoever started the command
