"""Brings events to one target: reads the log at the target's pace, and keeps its place."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from repertory.actors.clock import Appointment
from repertory.actors.crew import Crew
from repertory.actors.messages.following import (
    BuryEvent,
    DropDeadLetters,
    HoldLog,
    ListEvents,
    MoveTarget,
)
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.actors.targets.base import Outcome, Target, Verdict
from repertory.events import ArchiveEvent, DeadLetter, EventPage, TargetPlace, TargetState

log = structlog.get_logger(__name__)

PAGE = 100
_LARGEST_BATCH = 50
_QUICK = 0.5
"""Seconds: a batch that was delivered in less may be followed by one of twice the size."""
_PASSED_OVER = 10_000
"""Numbers that a target did not want, after which its place is recorded all the same."""
_RETRY = 1.0

Tell = Callable[[str, Callable[[], None]], None]
"""Has something done in the actor's own thread, for the courier of a name."""


class Courier:
    """One target: what it is to be told next, what it was told, what went wrong.

    Everything happens in the actor's thread, and nothing in it waits: to read the log, to deliver
    and to record are asked for, and the answer comes as a message. At most one of each is under
    way. What is in memory is a page of events at most.
    """

    def __init__(
        self,
        board: Switchboard,
        tell: Tell,
        target: Target,
        crew: Crew,
        place: TargetPlace,
        *,
        shared: bool = False,
    ) -> None:
        self._is_on = not shared
        self._shared = shared
        self._burying = False
        self.target = target
        self.name = target.name
        self.paused = place.paused
        self.position = place.position
        self._recorded = place.position
        self._board = board
        self._clock = board.clock
        self._tell = tell
        self._crew = crew
        self._events: deque[ArchiveEvent] = deque()
        self._letters: deque[DeadLetter] = deque()
        self._last = place.position
        self._is_stale = True
        self._busy = False
        self._recording = False
        self._has_news = False
        self._run = 0
        self._batch = 1
        self._attempts = 0
        self._delay = target.rules.first_delay
        self._alarm: Appointment | None = None
        self._alarm_at = 0.0
        self._delivered = 0
        self._failures = 0
        self._last_error = ""
        self._last_error_at: float | None = None
        self._last_delivery_at: float | None = None

    # What the actor asks for

    def ring(self) -> None:
        """The log has grown."""
        self._is_stale = True
        self.work()

    def pause(self) -> None:
        """Tell nothing."""
        self.paused = True
        self._cancel_alarm()

    def resume(self) -> None:
        """Go on at once."""
        self.paused = False
        self._cancel_alarm()
        self.work()

    def replay(self, since: int) -> None:
        """Go on after another number."""
        self._run += 1  # what is under way no longer says where we are
        self._events.clear()
        self.position = self._last = since
        self._attempts, self._delay = 0, self.target.rules.first_delay
        self._is_stale = True
        self._cancel_alarm()
        self._has_news = True
        self._record()
        self.work()

    def replay_letters(self, letters: tuple[DeadLetter, ...]) -> None:
        """Deliver dead letters before all else."""
        waiting = {letter.number for letter in self._letters}
        self._letters.extend(letter for letter in letters if letter.number not in waiting)
        self._cancel_alarm()
        self.work()

    def take_up(self, place: TargetPlace) -> None:
        """Deliver from now on, from where another node was."""
        self.paused = place.paused
        self.position = self._last = self._recorded = place.position
        self._is_on = self._is_stale = True
        self.work()

    def stand_down(self) -> None:
        """Leave it to another node: what is under way no longer says where the target is."""
        self._is_on = self._recording = self._burying = self._has_news = False
        self._run += 1
        self._events.clear()
        self._cancel_alarm()

    def heed(self, place: TargetPlace) -> None:
        """Do as was said at another node, if anything was."""
        if place.paused is not self.paused:
            if place.paused:
                self.pause()
            else:
                self.resume()
        if place.position != self._recorded and not self._recording and not self._burying:
            self._recorded = place.position
            self.replay(place.position)

    @property
    def is_on(self) -> bool:
        """Whether it is this node that delivers."""
        return self._is_on

    def close(self) -> int:
        """Deliver no more; up to which number all was delivered."""
        self._run += 1
        self.paused = True
        self._cancel_alarm()
        self.target.abort()
        self._crew.leave()
        return self.position

    def state(self) -> TargetState:
        """What it does just now, but for what the index knows."""
        wait = None
        if self.paused:
            word = "Paused"
        elif self._alarm is not None:
            word, wait = "Retrying", max(self._alarm_at - self._clock.monotonic(), 0.0)
        else:
            word = "Delivering" if self._busy or self._events or self._letters else "Idle"
        rules = self.target.rules
        return TargetState(
            name=self.name,
            kind=self.target.kind,
            address=self.target.address,
            events=tuple(sorted(change.word for change in rules.types)),
            state=word,
            position=self.position,
            newest=self.position,
            dead_letters=0,
            delivered=self._delivered,
            failures=self._failures,
            last_error=self._last_error,
            last_error_at=self._last_error_at,
            last_delivery_at=self._last_delivery_at,
            retry_in=wait,
        )

    # Step by step

    def work(self) -> None:
        """Do the next step, unless one is under way or has to wait."""
        if self._busy or self.paused or self._alarm is not None:
            return
        if self._letters:
            self._deliver([self._letters[0].event], self._letter_came)
        elif not self._is_on:
            return
        elif self._events:
            batch = [self._events[n] for n in range(min(self._batch, len(self._events)))]
            self._deliver(batch, self._outcome_came)
        elif self._is_stale:
            self._is_stale = False
            rules = self.target.rules
            question = ListEvents(
                since=self._last, limit=PAGE, types=rules.types, main_tags=rules.main_tags
            )
            self._expect(self._board.ask_soon(question), self._page_came)

    def _page_came(self, page: EventPage) -> None:
        self._events.extend(page.events)
        self._last = page.last
        self._is_stale |= not page.done
        self._advance()

    def _deliver(self, batch: list[ArchiveEvent], then: Callable[[Outcome], None]) -> None:
        began = self._clock.monotonic()

        def came(outcome: Outcome) -> None:
            quick = self._clock.monotonic() - began < _QUICK
            whole = quick and outcome.verdict is Verdict.DELIVERED
            self._batch = min(self._batch * 2, _LARGEST_BATCH) if whole else 1
            if outcome.delivered:
                self._note_delivered(outcome.delivered)
            then(outcome)

        self._expect(self._crew.do(lambda: self.target.deliver(batch)), came)

    def _outcome_came(self, outcome: Outcome) -> None:
        for _ in range(outcome.delivered):
            self.position = self._events.popleft().number
        self._advance()
        if outcome.verdict is Verdict.DELIVERED:
            return
        self._note_failure(outcome.reason)
        if outcome.verdict is Verdict.REFUSED:
            self._attempts += 1
            if self._attempts >= self.target.rules.attempts:
                self._bury(outcome.reason)
                return
        self._wait(max(self._delay, min(outcome.wait, self.target.rules.last_delay)))
        self._delay = min(self._delay * 2, self.target.rules.last_delay)

    def _bury(self, reason: str) -> None:
        event = self._events[0]
        command = BuryEvent(
            name=self.name,
            # The tags are not for the index: it has them, as long as it may.
            event=replace(event, main_tags={}),
            reason=reason,
            attempts=self._attempts,
        )

        def done(_: None) -> None:
            log.error(
                "event_buried", target=self.name, number=event.number, event_type=event.type.word
            )
            self._attempts, self._delay = 0, self.target.rules.first_delay
            self._events.popleft()
            self.position = self._recorded = event.number
            self._advance()

        self._burying = True
        self._expect(self._board.ask_soon(command), done)

    def _letter_came(self, outcome: Outcome) -> None:
        letter = self._letters.popleft()
        if outcome.delivered:
            command = DropDeadLetters(name=self.name, numbers=(letter.number,))
            self._board.ask_soon(command)
            return
        self._note_failure(outcome.reason)
        self._letters.clear()  # they stay where they are
        log.warning("replay_failed", target=self.name, number=letter.number)

    # What is noted

    def _advance(self) -> None:
        """Note how far the target has got."""
        if not self._events:
            self.position = self._last
        self._record()

    def _record(self) -> None:
        """Have the place recorded, unless that is under way."""
        if self._recording or self.position == self._recorded:
            return
        position = self.position
        passed_over = 0 <= position - self._recorded < _PASSED_OVER
        if passed_over and not self._has_news:
            self._board.ask_soon(HoldLog(reader=self.name, position=position))
            return
        self._has_news = False
        self._recording = True
        run = self._run
        expected = self._recorded if self._shared else None
        move = MoveTarget(name=self.name, position=position, expected=expected)
        reply = self._board.ask_soon(move)
        reply.on_done(
            lambda done: self._tell(
                self.name, partial(self._place_recorded, run, position, done.error)
            )
        )

    def _place_recorded(self, run: int, position: int, error: BaseException | None) -> None:
        if self._shared and run != self._run:
            return  # the place is read anew
        self._recording = False
        if error is None:
            self._recorded = position
            self._record()
        else:
            # With the next delivery; until then, a crash makes some events come twice.
            self._has_news = True
            log.warning("place_unrecorded", target=self.name, error=type(error).__name__)

    def _note_delivered(self, count: int) -> None:
        if self._failures:
            log.info("target_recovered", target=self.name, failures=self._failures)
        self._delivered += count
        self._failures = self._attempts = 0
        self._delay = self.target.rules.first_delay
        self._last_delivery_at = self._clock.now()
        self._has_news = True

    def _note_failure(self, reason: str) -> None:
        self._failures += 1
        self._last_error, self._last_error_at = reason, self._clock.now()
        if self._failures == 1:
            log.warning("delivery_failed", target=self.name, reason=reason)

    # Waiting

    def _expect(self, reply: Reply[Any], then: Callable[[Any], None]) -> None:
        """Go on with ``then`` when the answer is there."""
        self._busy = True
        run = self._run

        def came(done: Reply[Any]) -> None:
            self._tell(self.name, partial(self._answer_came, run, done, then))

        reply.on_done(came)

    def _answer_came(self, run: int, reply: Reply[Any], then: Callable[[Any], None]) -> None:
        self._busy = self._burying = False
        if run == self._run:
            if reply.error is None:
                then(reply.get())
            else:
                error = type(reply.error).__name__
                log.warning("delivery_postponed", target=self.name, error=error)
                self._is_stale = True
                self._wait(_RETRY)
        self.work()

    def _wait(self, seconds: float) -> None:
        self._alarm_at = self._clock.monotonic() + seconds
        self._alarm = self._clock.call_after(
            seconds, lambda: self._tell(self.name, partial(self._wake, self._run))
        )

    def _wake(self, run: int) -> None:
        if run == self._run:
            self._alarm = None
            self.work()

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
