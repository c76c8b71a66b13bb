"""What all front-ends know of each other: a few numbers in memory that they share."""

import mmap
import os
import tempfile

_FIELDS = 2
_CONNECTIONS, _VISITS = range(_FIELDS)
_SIZE = 8
_ABSENT = 1 << 40
"""The number of connections of a front-end that does not run: it never is the idlest."""

_PATIENCE = 0.002
"""Seconds that the idler ones have to take a connection for each that we have more."""

_LONGEST = 0.02


class Tally:
    """The connections and the requests of each front-end. One process writes each number."""

    def __init__(self, descriptor: int, count: int) -> None:
        """Look at a file that ``make_file`` made for ``count`` of them."""
        self._map = mmap.mmap(descriptor, count * _FIELDS * _SIZE)
        self._numbers = memoryview(self._map).cast("q")
        self._count = count

    @staticmethod
    def make_file(count: int) -> int:
        """The descriptor of a file without a name, to be shared; the caller closes it."""
        with tempfile.TemporaryFile() as file:
            file.truncate(count * _FIELDS * _SIZE)
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

    def numbers(self) -> memoryview:
        """All of them, to write one's own; to be released before the tally is closed."""
        return memoryview(self._numbers)

    def close(self) -> None:
        """Let go of the memory."""
        self._numbers.release()
        self._map.close()


class SharedTurns:
    """Whose turn it is to take a connection: that of the front-end that has the fewest.

    Nobody waits for one that does not take them: after a moment it is everybody's turn.
    """

    def __init__(self, tally: Tally, number: int) -> None:
        self._numbers = tally.numbers()
        self._tally = tally
        self._place = number * _FIELDS
        self._numbers[self._place + _CONNECTIONS] = 0
        self._visits_before = self._numbers[self._place + _VISITS]
        self._has_waited = False

    def pause(self) -> float:
        """Seconds to leave the next connection to those that have fewer."""
        ours = self._numbers[self._place + _CONNECTIONS]
        more = ours - min(self._tally.connections(), default=ours)
        if more <= 0 or self._has_waited:
            self._has_waited = False
            return 0.0
        self._has_waited = True
        return min(more * _PATIENCE, _LONGEST)

    def took(self) -> None:
        """We have a connection more."""
        self._numbers[self._place + _CONNECTIONS] += 1

    def let_go(self) -> None:
        """We have a connection less."""
        self._numbers[self._place + _CONNECTIONS] -= 1

    def leave(self) -> None:
        """Write no more."""
        self._numbers.release()

    def note_visits(self, count: int) -> None:
        """How many requests we have had; those before us had theirs."""
        self._numbers[self._place + _VISITS] = self._visits_before + count
