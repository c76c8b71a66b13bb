"""Serving: the archive's life within this process.

Only for the command line: takes signals, raises limits, and starts the archive anew with its
configuration read again when it is asked to.
"""

import contextlib
import ctypes
import faulthandler
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog

from repertory.conf.loading import Loaded, read_settings
from repertory.conf.problems import Problem
from repertory.conf.settings import Settings
from repertory.errors import RepertoryError
from repertory.version import VERSION

log = structlog.get_logger(__name__)

_FILES = 65536
_M_ARENA_MAX = -8  # malloc.h of glibc


class Archive(Protocol):
    """What is served: ``repertory.service.Repertory``, as far as this module knows it."""

    @property
    def port(self) -> int:
        """The TCP port of the REST API."""

    @property
    def restart_requested(self) -> bool:
        """Whether it is to be started anew once it has stopped."""

    def start(self) -> None:
        """Begin to serve."""

    def wait(self) -> int:
        """Wait until it is asked to stop, or cannot go on; the exit code."""

    def stop(self) -> None:
        """Stop in good order."""

    def request_shutdown(self, *, restart: bool = False) -> None:
        """Let ``wait`` return."""


def serve(
    configuration: Sequence[Path],
    set_logs_up: Callable[[], None],
    make_archive: Callable[[Settings], Archive],
) -> int:
    """Serve until asked to stop; returns the exit code.

    Args:
        configuration: files and folders.
        set_logs_up: called before each start, when the configuration is good.
        make_archive: makes the archive from its settings.
    """
    _raise_file_limit()
    _let_threads_be_shown()
    attendant = _Attendant(configuration)
    attendant.start()
    while True:
        loaded = read_settings(*configuration)
        if loaded.problems:
            return _refuse(loaded.problems)
        try:
            set_logs_up()
        except OSError as error:
            return _refuse([f"the log cannot be written: {error.strerror}."])
        _log_configuration(loaded)
        _limit_arenas(loaded.settings.malloc_arena_max)
        archive = make_archive(loaded.settings)
        try:
            archive.start()
        except (RepertoryError, OSError) as error:
            return _refuse([str(error)])
        try:
            _greet(loaded.settings, archive)
            attendant.attend_to(archive, loaded.settings)
            code = archive.wait()
        finally:
            attendant.leave()
            archive.stop()
        if attendant.stopping or not archive.restart_requested:
            return code


@dataclass(frozen=True, slots=True)
class _Served:
    """An archive that has started, with its settings."""

    archive: Archive
    settings: Settings


class _Attendant:
    """Turns signals into requests, in a thread of its own that owns what it knows.

    A handler of Python runs between two steps of the main thread. That one waits in a lock most
    of the time, and a signal that comes just before it does would be handled when it wakes: too
    late. So the numbers come by a socket, which the interpreter writes to at once.
    """

    def __init__(self, configuration: Sequence[Path]) -> None:
        self.stopping = False
        self._configuration = configuration
        self._mail: queue.SimpleQueue[int | _Served | None] = queue.SimpleQueue()
        self._served: _Served | None = None
        self._reload_wanted = False
        self._taken: set[int] = set()
        self._writing: socket.socket

    def start(self) -> None:
        """Take the signals of this process."""
        reading, self._writing = socket.socketpair()
        self._writing.setblocking(False)
        signal.set_wakeup_fd(self._writing.fileno())
        names = ("SIGTERM", "SIGINT", "SIGHUP")
        for number in (getattr(signal, name, None) for name in names):
            if number is not None:
                self._taken.add(number)
                signal.signal(number, lambda *_: None)
        for work in (partial(self._receive, reading), self._attend):
            threading.Thread(target=work, name="signals", daemon=True).start()

    def attend_to(self, archive: Archive, settings: Settings) -> None:
        """Bring requests to this archive from now on, and those that came while it started."""
        self._mail.put(_Served(archive, settings))

    def leave(self) -> None:
        """Bring no more requests: the archive is stopping."""
        self._mail.put(None)

    def _receive(self, reading: socket.socket) -> None:
        while numbers := reading.recv(64):
            for number in numbers:
                if number in self._taken:
                    self._mail.put(number)

    def _attend(self) -> None:
        while True:
            letter = self._mail.get()
            if letter is None or isinstance(letter, _Served):
                self._served = letter
            elif letter == getattr(signal, "SIGHUP", None):
                self._reload_wanted = True
            else:
                self.stopping = True
                log.info("stop_requested", signal=signal.Signals(letter).name)
            if self._served is not None:
                try:
                    self._act(self._served)
                except Exception:  # the next signal must still be heard
                    log.exception("signal_failed")

    def _act(self, served: _Served) -> None:
        if self.stopping:
            served.archive.request_shutdown()
        elif self._reload_wanted:
            self._reload_wanted = False
            self._reload(served)

    def _reload(self, served: _Served) -> None:
        """Start anew, unless the configuration says what it said, or cannot be used."""
        loaded = read_settings(*self._configuration)
        if loaded.problems:
            log.error("configuration_refused", problems=[str(each) for each in loaded.problems])
        elif loaded.settings == served.settings:
            log.info("configuration_unchanged")
        else:
            log.info("restart_requested")
            served.archive.request_shutdown(restart=True)


def describe_address(settings: Settings, port: int) -> str:
    """Where the REST API is, as one would type it into a browser."""
    host = settings.http_bind_address
    if host in ("", "0.0.0.0", "::", "127.0.0.1", "::1"):  # noqa: S104 - compared, not bound
        host = "localhost"
    if ":" in host:
        host = f"[{host}]"
    return f"{'https' if settings.ssl_enabled else 'http'}://{host}:{port}"


def _greet(settings: Settings, archive: Archive) -> None:
    if not sys.stdout.isatty():
        return
    what = "runs without REST API"
    if settings.http_server_enabled:
        what = f"serves {describe_address(settings, archive.port)}"
    folder = Path(settings.storage_directory).absolute()
    print(f"Repertory {VERSION} {what} — files in {folder}", flush=True)  # noqa: T201


def _refuse(problems: Iterable[Problem | str]) -> int:
    print("Repertory cannot start:", file=sys.stderr)  # noqa: T201
    for problem in problems:
        print(f"  {problem}", file=sys.stderr)  # noqa: T201
    return 1


def _log_configuration(loaded: Loaded) -> None:
    log.info("configuration_read", files=loaded.files)
    for warning in loaded.warnings:
        log.warning(
            "configuration_doubted",
            file=warning.file,
            line=warning.line,
            option=warning.option,
            reason=warning.text,
        )


# The process


def _raise_file_limit() -> None:
    """Let this process open as many files and connections as the system allows it."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # the system knows better
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _limit_arenas(number: int) -> None:
    """Let threads share pools of memory, or each keeps what its largest request took."""
    if number and "MALLOC_ARENA_MAX" not in os.environ:
        with contextlib.suppress(AttributeError, OSError, TypeError):  # not glibc
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, number)


def _let_threads_be_shown() -> None:
    """Show what every thread is doing on a crash, and on SIGUSR1: stacks without values."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # Windows, or no stderr
        faulthandler.enable()
        faulthandler.register(signal.SIGUSR1, all_threads=True)
