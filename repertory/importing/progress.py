"""How far an import is: counted by all its threads, shown by one."""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TextIO

from repertory.importing.sources import Item
from repertory.importing.uploading import Kind, Outcome

MEGABYTE = 1_000_000
_BAR_WIDTH = 24
_LINE_INTERVAL = 10.0


@dataclass(slots=True)
class Tally:
    """What became of the files so far; sizes in bytes.

    ``found`` and ``found_size`` are all there is to do, or ``None`` as long as it is being
    looked for. ``passed`` are the bytes of what was sent or need not be, ``moved`` only those that
    went over the wire.
    """

    counts: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    reasons: dict[tuple[Kind, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    found: int | None = None
    found_size: int = 0
    passed: int = 0
    moved: int = 0
    begun: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, item: Item, outcome: Outcome, *, unsent: int = 0) -> None:
        """Count ``item``, of which ``unsent`` bytes were not sent."""
        with self._lock:
            self.counts[outcome.kind] += 1
            self.passed += unsent
            if outcome.why:
                self.reasons[outcome.kind, outcome.why].append(item.name)

    def move(self, size: int) -> None:
        """Count bytes that were sent; negative if they have to be sent again."""
        with self._lock:
            self.moved += size
            self.passed += size

    @property
    def done(self) -> int:
        """Files of which it is known what became of them."""
        return sum(self.counts.values())

    @property
    def failures(self) -> int:
        """Files that the user has to look after."""
        return sum(number for kind, number in self.counts.items() if kind.is_failure)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return max(time.monotonic() - self.begun, 1e-6)

    @property
    def rate(self) -> float:
        """Bytes sent per second."""
        return self.moved / self.seconds

    @property
    def sent(self) -> int:
        """Files that the archive has answered about."""
        return (
            self.counts[Kind.STORED] + self.counts[Kind.ALREADY_STORED] + self.counts[Kind.REFUSED]
        )

    @property
    def seconds_left(self) -> float | None:
        """An estimate, or ``None`` while there is nothing to go by."""
        if self.found is None or not self.done:
            return None
        by_files = (self.found - self.done) / self.done
        by_size = (self.found_size - self.passed) / self.passed if self.passed else 0.0
        return max(by_files, by_size, 0.0) * self.seconds


def clock(seconds: float) -> str:
    """``1:02:03``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}"


class Display:
    """Shows a tally: a bar that is redrawn on a terminal, else a line now and then."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._is_terminal = stream.isatty()
        self._last_line = time.monotonic()
        self._drawn = 0

    def show(self, tally: Tally) -> None:
        """Tell how far it is, if it is time to."""
        if self._quiet:
            return
        if self._is_terminal:
            text = _bar(tally) + _line(tally)
            self._stream.write("\r" + text.ljust(self._drawn))
            self._drawn = len(text)
            self._stream.flush()
        elif time.monotonic() - self._last_line >= _LINE_INTERVAL:
            self._last_line = time.monotonic()
            self._stream.write(_line(tally) + "\n")
            self._stream.flush()

    def end(self) -> None:
        """Leave the line of the bar."""
        if self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._stream.flush()
            self._drawn = 0


def _bar(tally: Tally) -> str:
    if not tally.found:
        return ""
    share = min(tally.done / tally.found, 1.0)
    return f"[{'#' * int(share * _BAR_WIDTH):{_BAR_WIDTH}}] {share:4.0%}  "


def _line(tally: Tally) -> str:
    of_files = f"/{tally.found:,}" if tally.found is not None else ""
    of_size = f"/{tally.found_size / MEGABYTE:,.1f}" if tally.found is not None else ""
    left = tally.seconds_left
    failures = f"  {tally.failures:,} refused" if tally.failures else ""
    return (
        f"{tally.done:,}{of_files} files  {tally.passed / MEGABYTE:,.1f}{of_size} MB  "
        f"{tally.rate / MEGABYTE:,.1f} MB/s  "
        f"{'ETA ' + clock(left) if left is not None else 'looking for files'}{failures}"
    )
