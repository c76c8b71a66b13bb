"""What the main process and its front-ends say to each other besides the archive's messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from repertory.conf.settings import Settings
from repertory.meter_reports import MeterReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Asked of a front-end: serve from now on.

    Its answer is ``None`` once it serves; it refuses by ``CannotStart``.
    """

    settings: Settings
    kinds: Mapping[type[Any], int]
    """The types of questions that the main process answers, with the rank of whoever does."""
    number: int
    """Which of the front-ends it is, from 0 on."""
    count: int
    """How many there are."""
    patience: float | None
    levels: Mapping[str, str]
    """How much each category logs."""
    metered: bool
    """Whether metrics are collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Asked of a front-end: take no more requests, finish those that run, and end.

    Its answer comes when all is done.
    """

    grace: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSet:
    """Told to a front-end: a category logs more or less from now on."""

    category: str
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """Told by a front-end: something for the log, which the main process writes."""

    logger: str
    level: str
    event: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMeters:
    """Asked by a front-end: add this to the meters.

    Its answer is whether metrics are still collected.
    """

    report: MeterReport


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStop:
    """Told by a front-end: a client wants the archive to stop, or to start anew."""

    restart: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TellLevel:
    """Asked by a front-end: how much does a category log?"""

    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLevel:
    """Asked by a front-end: let a category log more or less, in all processes."""

    category: str
    level: str
