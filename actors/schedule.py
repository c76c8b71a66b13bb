"""When a pass of housekeeping may run: hours of the week, in local time."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from repertory.conf.housekeeper import DAY, DAYS, hours

WEEK = 7 * DAY
"""The minutes of a week; it begins on Monday."""

LocalTime = Callable[[float], datetime]
"""The local time of a moment in seconds since the epoch."""


def local_time(moment: float) -> datetime:
    """The time on the server's own clock."""
    return datetime.fromtimestamp(moment)


class Schedule:
    """The hours in which work is allowed: all, where none are given.

    Where the clocks change, the hours are those that the clock on the wall shows.
    """

    def __init__(
        self, days: Mapping[str, Sequence[str]] | None = None, local: LocalTime = local_time
    ) -> None:
        """Take the option ``Schedule``, which is right."""
        self.is_always = not days
        self._local = local
        # The minutes of the week that are open; a week and no more, so one set of minutes will do.
        self._open = bytearray(WEEK)
        for day, ranges in (days or {}).items():
            first = DAYS.index(day) * DAY
            for text in ranges:
                begin, end = hours(text)
                length = (end - begin) % DAY or DAY
                for minute in range(first + begin, first + begin + length):
                    self._open[minute % WEEK] = 1

    def is_open(self, moment: float) -> bool:
        """Whether work is allowed at a moment."""
        return self.is_always or bool(self._open[self._minute(moment)])

    def next_opening(self, moment: float) -> float | None:
        """When work is allowed again: now, where it is; ``None`` where it never is."""
        if self.is_open(moment):
            return moment
        here = self._minute(moment)
        for ahead in range(1, WEEK):
            if self._open[(here + ahead) % WEEK]:
                return self._start_of_minute(moment) + ahead * 60
        return None

    def end_of(self, moment: float, seconds: float) -> float | None:
        """When so many seconds of work are done, if they begin at a moment; ``None``: never."""
        if self.is_always:
            return moment + seconds
        in_a_week = sum(self._open) * 60
        if not in_a_week:
            return None
        weeks = max(int(seconds // in_a_week) - 1, 0)
        left, at = seconds - weeks * in_a_week, moment + weeks * WEEK * 60
        minute = self._minute(at)
        # What is left of the minute that has begun, then minute by minute.
        step = self._start_of_minute(at) + 60 - at
        while True:
            if self._open[minute]:
                if left <= step:
                    return at + left
                left -= step
            at, minute, step = at + step, (minute + 1) % WEEK, 60.0

    def _minute(self, moment: float) -> int:
        time = self._local(moment)
        return time.weekday() * DAY + time.hour * 60 + time.minute

    def _start_of_minute(self, moment: float) -> float:
        time = self._local(moment)
        return moment - time.second - time.microsecond / 1e6
