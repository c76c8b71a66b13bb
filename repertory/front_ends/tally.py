"""What all front-ends know of each other: a few numbers in memory that they share."""

import mmap
import os
import tempfile
from collections.abc import Callable

_FIELDS = 2
_CONNECTIONS, _VISITS = range(_FIELDS)
_SIZE = 8
_ABSENT = 1 << 40
"""The number of connections of a front-end that does not run: it never is the idlest."""

_PATIENCE = 0.002
"""Seconds that the idler ones have to take a connection for each that we have more."""

_LONGEST = 0.02

_FOR_MAIN = 0.005
"""Seconds that the main process has to take the only connection of all."""

_TRUST = 0.5
"""Seconds that front-ends have to take a connection before the main process does."""


class Tally:
    """The connections and the requests of each front-end. One process writes each number.

    The main process has a place behind the last of them.
    """

    def __init__(self, descriptor: int, count: int) -> None:
        """Look at a file that ``make_file`` made for ``count`` of them."""
        self._map = mmap.mmap(descriptor, (count + 1) * _FIELDS * _SIZE)
        self._numbers = memoryview(self._map).cast("q")
        self._count = count

    @staticmethod
    def make_file(count: int) -> int:
        """The descriptor of a file without a name, to be shared; the caller closes it."""
        with tempfile.TemporaryFile() as file:
            file.truncate((count + 1) * _FIELDS * _SIZE)
            return os.dup(file.fileno())

    def mark_absent(self, number: int) -> None:
        """A front-end does not run."""
        self._numbers[number * _FIELDS + _CONNECTIONS] = _ABSENT

    def visits(self) -> int:
        """How many requests all of them have had."""
        return sum(self._numbers[n * _FIELDS + _VISITS] for n in range(self._count))

    def connections(self) -> list[int]:
        """How many connections each of those that run has."""
        found = (self._numbers[n * _FIELDS + _CONNECTIONS] for n in range(self._count))
        return [number for number in found if number < _ABSENT]

    @property
    def main(self) -> int:
        """The number of the main process."""
        return self._count

    def is_quiet(self) -> bool:
        """Whether nobody has a connection, and the main process takes some."""
        return not self._numbers[self._count * _FIELDS + _CONNECTIONS] and not any(
            self.connections()
        )

    def numbers(self) -> memoryview:
        """All of them, to write one's own; to be released before the tally is closed."""
        return memoryview(self._numbers)

    def close(self) -> None:
        """Let go of the memory."""
        self._numbers.release()
        self._map.close()


class _Place:
    """The place of one process in the tally, which that process alone writes."""

    def __init__(self, tally: Tally, number: int) -> None:
        self._numbers = tally.numbers()
        self._tally = tally
        self._place = number * _FIELDS
        self._numbers[self._place + _CONNECTIONS] = 0
        self._visits_before = self._numbers[self._place + _VISITS]

    def took(self) -> None:
        """We have a connection more."""
        self._numbers[self._place + _CONNECTIONS] += 1

    def let_go(self) -> None:
        """We have a connection less."""
        self._numbers[self._place + _CONNECTIONS] -= 1

    def leave(self) -> None:
        """Write no more."""
        self._numbers.release()


class SharedTurns(_Place):
    """Whose turn it is to take a connection: that of the front-end that has the fewest.

    The only connection of all is the main process's. Nobody waits for one that does not take them:
    after a moment it is everybody's turn.
    """

    def __init__(self, tally: Tally, number: int, monotonic: Callable[[], float]) -> None:
        """Take the tally, one's number in it, and what tells the time in seconds."""
        super().__init__(tally, number)
        self._monotonic = monotonic
        self._waited_until = -1.0

    def pause(self) -> float:
        """Seconds to leave the next connection to those that have fewer."""
        ours = self._numbers[self._place + _CONNECTIONS]
        more = ours - min(self._tally.connections(), default=ours)
        now = self._monotonic()
        # What was left to others long ago, one of them took: this is another connection. A loop
        # may come back a little too early.
        has_waited = abs(now - self._waited_until) < _LONGEST
        self._waited_until = -1.0
        if has_waited or (more <= 0 and not self._tally.is_quiet()):
            return 0.0
        pause = min(more * _PATIENCE, _LONGEST) if more > 0 else _FOR_MAIN
        self._waited_until = now + pause
        return pause

    def note_visits(self, count: int) -> None:
        """How many requests we have had; those before us had theirs."""
        self._numbers[self._place + _VISITS] = self._visits_before + count


class MainTurns(_Place):
    """When the main process takes a connection: while there is no other one at all.

    A single client has its answers from one process then, without a message to another. As soon as
    there are more, they are for the front-ends; only where none takes them, the main process does.
    """

    def __init__(self, tally: Tally, monotonic: Callable[[], float]) -> None:
        """Take the tally, and what tells the time in seconds."""
        super().__init__(tally, tally.main)
        self._monotonic = monotonic
        self._began = self._looked = -1.0

    def pause(self) -> float:
        """Seconds to leave the next connection to the front-ends."""
        now = self._monotonic()
        if self._tally.is_quiet():
            return 0.0
        if not 0.0 <= now - self._looked < 2 * _LONGEST:
            self._began = now  # what was left to the others was taken: this is another one
        self._looked = now
        if now - self._began < _TRUST:
            return _LONGEST
        self._looked = -1.0
        return 0.0
