"""Words about files that wait to be removed: how many, for how long, and which cannot go."""

from dataclasses import dataclass

FIRST_RETRY, LAST_RETRY = 1.0, 300.0


def retry_delay(attempts: int) -> float:
    """Seconds to wait after so many attempts to remove a file; growing, but not for ever."""
    # A number with a thousand digits is no delay: 2 to the 9th is more than the last one.
    return min(FIRST_RETRY * 2.0 ** min(attempts - 1, 9), LAST_RETRY)


@dataclass(frozen=True, slots=True)
class ReleasedFile:
    """A file that no resource owns any more: it waits to be removed from its storage.

    ``location`` is the number of that storage.
    """

    number: int
    uuid: str
    content_type: int
    size: int
    location: int = 0


@dataclass(frozen=True, slots=True)
class FailedRemoval:
    """A file that could not be removed yet.

    ``reason`` names no path. ``failed_at`` is when it was tried last, ``due`` when it will be
    tried again, in seconds since the epoch.
    """

    file: ReleasedFile
    attempts: int
    reason: str
    failed_at: float
    due: float


@dataclass(frozen=True, slots=True)
class AbsentStorage:
    """A storage that cannot be reached, whose files stay in the queue until it can be.

    ``location`` is its number, ``since`` when that was found out, ``reason`` why, without a path,
    and ``due`` when it will be asked again; times in seconds since the epoch.
    """

    location: int
    since: float
    reason: str
    due: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits to be removed.

    ``size`` is in bytes. ``last`` is the highest number among the files, 0 where there are none;
    ``oldest`` when the first of them was released, ``None`` where that is not known. ``failed`` is
    how many could not be removed yet, and ``failures`` are the first of those. ``is_paused`` is
    whether somebody wants that nothing is removed.
    """

    files: int
    size: int
    last: int = 0
    oldest: float | None = None
    failed: int = 0
    failures: tuple[FailedRemoval, ...] = ()
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class DeletionQueueState:
    """What waits to be removed, and what is done about it.

    ``age`` is for how many seconds the oldest file has waited. ``rate`` is files per second,
    lately; ``remaining`` the seconds until all will be gone at that rate, ``None`` where nobody
    can tell. ``is_held`` is whether a backup keeps the files for now, ``absent`` are the storages
    that cannot be reached.
    """

    backlog: Backlog
    is_paused: bool
    is_held: bool
    age: float | None
    rate: float
    remaining: float | None
    absent: tuple[AbsentStorage, ...] = ()
