"""How fast background work goes: its share of the time while requests are served, and its rate."""

from collections import deque
from collections.abc import Callable

from repertory.actors.clock import Clock
from repertory.actors.switchboard import Switchboard

QUIET = 1.0
"""Requests in a second up to which an archive is quiet: somebody who looks now and then."""

WATCHED = 1.0
"""Seconds over which requests are counted at least: one alone is no crowd, however short a step."""

SHORTEST_REST, LONGEST_REST = 0.02, 60.0

_REMEMBERED = 200


class Pace:
    """Lets work step back while the archive is asked for other things.

    After a step that took a second, the work rests for so long that it has its ``share`` (in per
    cent) of the time; then it takes the next step whatever comes, so that it always gets on.
    ``besides`` counts what is asked about the work itself, which is no reason to step back.
    """

    def __init__(
        self, board: Switchboard, clock: Clock, share: int, besides: Callable[[], int] = int
    ) -> None:
        self._board = board
        self._clock = clock
        self._share = share
        self._besides = besides
        self._visits = self._asked()
        self._looked = self._began = clock.monotonic()
        self._cost = 0.0
        self._done: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)

    def rest(self) -> float:
        """Seconds to rest before the next step: 0 where nobody asked for more than a little."""
        now, visits = self._clock.monotonic(), self._asked()
        asked, passed = visits - self._visits, now - self._looked
        is_quiet = asked <= max(passed, WATCHED) * QUIET
        if passed >= WATCHED or not is_quiet:
            self._visits, self._looked = visits, now
        if self._share >= 100 or is_quiet:
            return 0.0
        rest = self._cost * (100 / self._share - 1)
        return min(max(rest, SHORTEST_REST), LONGEST_REST)

    def _asked(self) -> int:
        return self._board.visits - self._besides()

    def begin(self) -> None:
        """A step begins."""
        self._began = self._clock.monotonic()

    def end(self, studies: int) -> None:
        """It has ended, and so many studies are done by it."""
        now = self._clock.monotonic()
        self._cost = now - self._began
        if studies:
            self._done.append((now, studies))

    def forget(self) -> None:
        """The work stops for a while: what it did before tells nothing of its rate."""
        self._done.clear()

    @property
    def rate(self) -> float | None:
        """Studies per second of late, as far as that can be told."""
        if len(self._done) < 2:
            return None
        seconds = self._clock.monotonic() - self._done[0][0]
        studies = sum(count for _, count in self._done) - self._done[0][1]
        return studies / seconds if seconds > 0 else None
