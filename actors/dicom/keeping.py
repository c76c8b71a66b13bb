"""Associations that stay open for a while, for whoever has more to send to the same modality.

The option is ``DicomAssociationCloseDelay``. What is kept is idle: no answer is owed to anybody.
"""

import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from repertory.actors.clock import Appointment, Clock
from repertory.actors.crew import Crew
from repertory.actors.dicom.upper.association import Association
from repertory.actors.dicom.upper.pdus import BadPdu
from repertory.actors.dicom.upper.stream import Ended, PduStream
from repertory.modalities import Modality

MOST: Final = 32
"""Associations that are kept; what comes when there are as many is ended at once."""

_FAREWELL: Final = 1.0
"""Seconds that the other side has to close the connection when the archive stops."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What an association is good for: with whom, by which title, how patiently, for what."""

    modality: Modality
    title: str
    seconds: float | None
    contexts: frozenset[tuple[str, tuple[str, ...]]]

    def serves(self, wanted: "Purpose") -> bool:
        """Whether an association for this purpose is good for another one."""
        return (self.modality, self.title, self.seconds) == (
            wanted.modality,
            wanted.title,
            wanted.seconds,
        ) and wanted.contexts <= self.contexts


@dataclass(eq=False, slots=True)
class Held:
    """An association, its connection, and the call that ends it."""

    purpose: Purpose
    stream: PduStream
    association: Association
    end: Appointment | None = None


class Keeper:
    """Keeps associations until they are wanted, or the time is over; of many threads."""

    def __init__(self, clock: Clock, crew: Crew, delay: float) -> None:
        """Take the clock, who ends them, and for how many seconds they are kept; 0: not at all."""
        self._clock = clock
        self._crew = crew
        self._delay = delay
        self._lock = threading.Lock()
        self._idle: list[Held] = []
        self._closed = False

    def take(self, wanted: Purpose) -> Held | None:
        """An association that serves, if there is one and the other side has not ended it."""
        while True:
            with self._lock:
                held = next((it for it in self._idle if it.purpose.serves(wanted)), None)
                if held is None:
                    return None
                self._idle.remove(held)
            if held.end is not None:
                held.end.cancel()
            if held.association.is_idle:
                return held
            held.stream.close()

    def keep(self, held: Held) -> bool:
        """Keep an association; ``False`` where it is not wanted any more, or cannot be."""
        if not self._delay or not held.association.is_idle:
            return False
        with self._lock:
            if self._closed or len(self._idle) >= MOST:
                return False
            self._idle.append(held)
            held.end = self._clock.call_after(self._delay, partial(self._tell_crew, held))
        return True

    def close(self) -> None:
        """End all of them, and keep no more."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for held in idle:
            if held.end is not None:
                held.end.cancel()
            with suppress(Ended):
                held.association.ask_for_release()
        for held in idle:
            held.stream.linger(_FAREWELL)
            held.stream.close()

    def _tell_crew(self, held: Held) -> None:
        self._crew.do(partial(self._end, held))

    def _end(self, held: Held) -> None:
        with self._lock:
            if held not in self._idle:  # it is in use again, or gone
                return
            self._idle.remove(held)
        try:
            end(held.association)
        finally:
            held.stream.close()


def end(association: Association) -> None:
    """End in good order; who does not agree to that has had everything all the same."""
    with suppress(BadPdu, Ended):
        association.release()


def purpose_of(
    modality: Modality,
    title: str,
    seconds: float | None,
    contexts: Iterable[tuple[str, tuple[str, ...]]],
) -> Purpose:
    """What is wanted of an association."""
    return Purpose(modality, title, seconds, frozenset(contexts))
