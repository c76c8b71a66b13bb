"""Who is called when: each modality has a lane, and none takes all threads for itself."""

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, TypeVar

from repertory.actors.crew import Crew
from repertory.actors.reply import Reply
from repertory.modalities import Modality

R = TypeVar("R")

Lane = tuple[str, int, str]


class Lanes:
    """Hands work to a crew, but to one modality only so much at a time; the rest waits its turn.

    So a modality that answers slowly keeps those waiting who want something of it, and nobody else.
    """

    def __init__(self, crew: Crew, *, width: int = 0) -> None:
        """Take a crew.

        Args:
            crew: who does the work; whoever made it closes it.
            width: how much goes to one modality at a time; 0: as much as there are threads.
        """
        self._crew = crew
        self._width = width
        self._lock = threading.Lock()
        self._busy: defaultdict[Lane, int] = defaultdict(int)
        self._waiting: defaultdict[Lane, deque[Callable[[], None]]] = defaultdict(deque)

    def do(self, modality: Modality, work: Callable[[], R]) -> Reply[R]:
        """The reply will be what ``work`` returns or raises."""
        if not self._width:
            return self._crew.do(work)
        lane = (modality.host, modality.port, modality.aet)
        reply: Reply[R] = Reply()

        def begin() -> None:
            begun: Reply[R] = self._crew.do(work)
            begun.on_done(finish)

        def finish(done: Reply[Any]) -> None:
            # Before the answer: who asks again because of it must find the lane free.
            following = self._leave(lane)
            reply.set(done)
            if following is not None:
                following()

        if self._enter(lane, begin):
            begin()
        return reply

    def _enter(self, lane: Lane, begin: Callable[[], None]) -> bool:
        with self._lock:
            if self._busy[lane] < self._width:
                self._busy[lane] += 1
                return True
            self._waiting[lane].append(begin)
            return False

    def _leave(self, lane: Lane) -> Callable[[], None] | None:
        with self._lock:
            if self._waiting[lane]:
                return self._waiting[lane].popleft()
            del self._waiting[lane]
            self._busy[lane] -= 1
            if not self._busy[lane]:
                del self._busy[lane]
            return None
