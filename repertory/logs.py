"""Logging for the command line: sets structlog up, and the libraries' loggers beside it.

Lines for people on a terminal, JSON elsewhere; both to one stream. The categories and the three
levels are Orthanc's (``/tools/log-level-http`` and so on):

========  ==================  ==============
level     our own events      of libraries
========  ==================  ==============
default   info and above      warnings
verbose   debug and above     info
trace     debug and above     debug
========  ==================  ==============

Nothing here runs on import: a program that embeds the archive logs as it likes.
"""

import json
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from repertory.redaction import redact

CATEGORIES = ("generic", "plugins", "http", "sqlite", "dicom", "jobs", "lua")
LEVELS = ("default", "verbose", "trace")

_HOMES = (
    ("repertory.http", "http"),
    ("repertory.actors.index", "sqlite"),
    ("repertory.storage.index", "sqlite"),
    ("repertory.storage.dicom", "dicom"),
    ("repertory.actors.jobs", "jobs"),
    ("repertory.actors.lua", "lua"),
    ("aiohttp", "http"),
)

# What these say quotes requests and values of DICOM tags; request_handled is our own event.
_SILENCED = ("aiohttp.access", "pydicom", "pynetdicom")

# What happens is told by our own events; these would quote whole messages.
_MUTED = ("aio_pika", "aiormq", "nats")

_OWN = {"default": logging.INFO, "verbose": logging.DEBUG, "trace": logging.DEBUG}
_LIBRARIES = {"default": logging.WARNING, "verbose": logging.INFO, "trace": logging.DEBUG}

_counts = {"error": 0, "warning": 0}
_counting = threading.Lock()

_levels = dict.fromkeys(CATEGORIES, "default")
_own_thresholds = dict.fromkeys(CATEGORIES, logging.INFO)

# Changed in place, never replaced: loggers that are cached keep the list they began with.
_processors: list[Processor] = []


def set_up(
    *,
    level: str = "default",
    stream: TextIO | None = None,
    as_json: bool | None = None,
    file: Path | None = None,
) -> None:
    """Route everything that is logged in this process; to be called again after a restart.

    Args:
        level: one of ``LEVELS``, for all categories.
        stream: where lines go; standard error by default.
        as_json: whether lines are JSON; by default unless ``stream`` is a terminal.
        file: a file to add lines to, instead of ``stream``.

    Raises:
        OSError: ``file`` cannot be written.
    """
    output = file.open("a", encoding="utf-8") if file else stream or sys.stderr
    _output.turn_to(output, owned=file is not None)  # which closes it in its time
    if as_json is None:
        as_json = not output.isatty()
    colors = output.isatty() and "NO_COLOR" not in os.environ
    _processors[:] = _chain(as_json=as_json, colors=colors)
    _adopt_processors()
    set_level("", level)


def _adopt_processors() -> None:
    """Bring everything that is logged to our own chain."""
    structlog.configure(
        processors=_processors,
        wrapper_class=CategoryLogger,
        logger_factory=_Voice,
        cache_logger_on_first_use=True,
    )
    logging.root.handlers[:] = [_Routed()]
    for name in _SILENCED:
        logging.getLogger(name).disabled = True
    for name in _MUTED:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # It tells of every refusal that an actor gives, with a traceback.
    logging.getLogger("pykka").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")
    threading.excepthook = _log_thread_death


def relay(write: Callable[[str, str, str, dict[str, Any]], None]) -> None:
    """Have another process write what is logged in this one; that one redacts it, too.

    Args:
        write: takes the logger, the level, the event and its fields, from any thread.
    """

    def hand_on(logger: WrappedLogger, method: str, event: EventDict) -> NoReturn:
        write(logger.name, method, event.pop("event"), dict(event))
        raise structlog.DropEvent

    _processors[:] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.format_exc_info,
        hand_on,
    ]
    _adopt_processors()
    set_level("", "default")


def set_level(category: str, level: str) -> None:
    """Change at run time what is logged.

    Args:
        category: one of ``CATEGORIES``, or "" for all of them.
        level: one of ``LEVELS``.

    Raises:
        ValueError: there is no such category or level.
    """
    if level not in LEVELS or category not in ("", *CATEGORIES):
        raise ValueError(f"no such category or level: {category!r}, {level!r}")
    for each in [category] if category else CATEGORIES:
        _levels[each] = level
        _own_thresholds[each] = _OWN[level]
    logging.root.setLevel(min(_LIBRARIES[each] for each in _levels.values()))


def level_of(category: str) -> str:
    """The level of a category, or the lowest of all for "".

    Raises:
        ValueError: there is no such category.
    """
    if category not in ("", *CATEGORIES):
        raise ValueError(f"no such category: {category!r}")
    if category:
        return _levels[category]
    return min(_levels.values(), key=LEVELS.index)


def counts() -> dict[str, int]:
    """How many errors (``error``) and warnings (``warning``) this process has logged."""
    with _counting:
        return dict(_counts)


def category_of(name: str) -> str:
    """The category of a logger."""
    for home, category in _HOMES:
        if name == home or name.startswith((f"{home}.", f"{home}_")):
            return category
    return "generic"


class _Output:
    """The one place where lines go, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stream: TextIO | None = None
        self._owned = False

    def turn_to(self, stream: TextIO, *, owned: bool) -> None:
        with self._lock:
            if self._owned and self._stream is not None:
                self._stream.close()
            self._stream, self._owned = stream, owned

    def write(self, line: str) -> None:
        with self._lock:
            if self._stream is None:
                return
            try:
                self._stream.write(f"{line}\n")
                self._stream.flush()
            except (OSError, ValueError):
                # The disk is full, or nobody reads any more: the archive goes on without a log.
                return


_output = _Output()


class _Voice:
    """What a logger speaks through: knows whose it is."""

    def __init__(self, name: str = "repertory") -> None:
        self.name = name
        self.category = category_of(name)

    def msg(self, line: str) -> None:
        _output.write(line)

    debug = info = warning = error = critical = msg


class CategoryLogger(structlog.BoundLoggerBase):
    """A logger that says nothing below the level of its category, and decides so at once."""

    _logger: _Voice

    def debug(self, event: str, **fields: Any) -> None:
        """Something about one file or one step."""
        self._say(logging.DEBUG, "debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Something that users see change."""
        self._say(logging.INFO, "info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Something odd that heals."""
        self._say(logging.WARNING, "warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Somebody was failed."""
        self._say(logging.ERROR, "error", event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """Somebody was failed by the exception that is being handled."""
        self._say(logging.ERROR, "error", event, {"exc_info": True, **fields})

    def critical(self, event: str, **fields: Any) -> None:
        """The archive stops."""
        self._say(logging.CRITICAL, "critical", event, fields)

    def write(self, word: str, event: str, fields: dict[str, Any]) -> None:
        """Write one event, whatever the level of the category is."""
        counted = "error" if word == "critical" else word
        if counted in _counts:
            with _counting:
                _counts[counted] += 1
        self._proxy_to_logger(word, event, **fields)

    def _say(self, level: int, word: str, event: str, fields: dict[str, Any]) -> None:
        if level >= _own_thresholds[self._logger.category]:
            self.write(word, event, fields)


class _Routed(logging.Handler):
    """Brings what libraries log by the standard library to the same place."""

    def emit(self, record: logging.LogRecord) -> None:
        voice = _Voice(record.name)
        if record.levelno < _LIBRARIES[_levels[voice.category]]:
            return
        fields: dict[str, Any] = {"exc_info": record.exc_info} if record.exc_info else {}
        word = next(word for least, word in _WORDS if record.levelno >= least)
        try:
            CategoryLogger(voice, _processors, {}).write(word, record.getMessage(), fields)
        except Exception:  # noqa: BLE001 - whatever it is, logging must not fail who logs
            self.handleError(record)


_WORDS = (
    (logging.CRITICAL, "critical"),
    (logging.ERROR, "error"),
    (logging.WARNING, "warning"),
    (logging.INFO, "info"),
    (logging.NOTSET, "debug"),
)


def _chain(*, as_json: bool, colors: bool) -> list[Processor]:
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _add_logger,
        structlog.processors.format_exc_info,
        redact,
    ]
    if as_json:
        return [*common, structlog.processors.TimeStamper(fmt="iso", utc=True), _render_json]
    # Never rich's tracebacks: they show the values of local variables.
    console = structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
    )
    return [*common, structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False), console]


def _add_logger(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["logger"] = logger.name
    return event


def _render_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """One line: when, how bad, what and by whom first."""
    line = {key: event.pop(key) for key in ("timestamp", "level", "event", "logger")}
    line.update(event)
    try:
        return orjson.dumps(line).decode()
    except TypeError:  # numbers over 64 bits, halves of surrogate pairs
        return json.dumps(line)


def _log_thread_death(death: threading.ExceptHookArgs) -> None:
    """A thread of a library ended by an error: pykka's own tell the switchboard."""
    error = death.exc_value or death.exc_type()
    name = death.thread.name if death.thread else ""
    structlog.get_logger(__name__).error("thread_died", thread=name, exc_info=error)
