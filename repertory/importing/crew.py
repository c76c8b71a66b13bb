"""The threads of an import: one looks for files, one counts them, some send them."""

import queue
import threading
from collections.abc import Sequence
from pathlib import Path

from repertory.importing.journal import Journal
from repertory.importing.progress import Tally
from repertory.importing.sources import Item, find
from repertory.importing.target import Target
from repertory.importing.uploading import (
    InterruptedImport,
    Kind,
    Outcome,
    ServerError,
    Uploader,
)

_AHEAD = 64
_STOP_PATIENCE = 5.0
_LOOK = 0.2


class Crew:
    """Sends all files of ``sources`` over ``jobs`` connections.

    ``problem`` is set if the import had to be given up: the server went away, or the journal
    cannot be written.
    """

    def __init__(
        self, *, target: Target, sources: Sequence[Path], journal: Journal, tally: Tally, jobs: int
    ) -> None:
        self._target = target
        self._sources = sources
        self._journal = journal
        self._tally = tally
        self._jobs = jobs
        self._items: queue.Queue[Item | None] = queue.Queue(maxsize=jobs + _AHEAD)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.problem = ""

    def start(self) -> None:
        """Set to work."""
        tasks = [self._find, self._count, *([self._send] * self._jobs)]
        # Daemons: a thread that waits for a silent server must not keep the program alive.
        self._threads = [threading.Thread(target=task, daemon=True) for task in tasks]
        for thread in self._threads:
            thread.start()

    def work(self, seconds: float) -> bool:
        """Wait for so long at most; whether there is still work."""
        senders = self._threads[2:]
        busy = [thread for thread in senders if thread.is_alive()]
        if busy:
            busy[0].join(seconds)
        return any(thread.is_alive() for thread in senders)

    def stop(self) -> None:
        """End what is under way, as soon as it can be."""
        self._stop.set()
        for thread in self._threads:
            thread.join(_STOP_PATIENCE / len(self._threads))

    def _give_up(self, problem: str) -> None:
        self.problem = self.problem or problem
        self._stop.set()

    def _find(self) -> None:
        try:
            self._find_all()
        except Exception as error:  # noqa: BLE001 - who waits for files must learn that none come
            self._give_up(f"looking for files failed: {error}")

    def _find_all(self) -> None:
        earlier = Outcome(Kind.EARLIER)
        for item in find(self._sources):
            if item in self._journal:
                self._tally.add(item, earlier, unsent=item.size)
            else:
                self._put(item)
            if self._stop.is_set():
                return
        for _ in range(self._jobs):
            self._put(None)

    def _put(self, item: Item | None) -> None:
        while not self._stop.is_set():
            try:
                self._items.put(item, timeout=_LOOK)
            except queue.Full:
                continue
            return

    def _count(self) -> None:
        """Look at all files once more, in advance of those who send them: for the estimate."""
        number = 0
        for item in find(self._sources):
            number += 1
            self._tally.found_size += item.size
            if self._stop.is_set():
                return
        self._tally.found = number

    def _send(self) -> None:
        moved = 0

        def move(size: int) -> None:
            nonlocal moved
            if self._stop.is_set():
                raise InterruptedImport
            moved += size
            self._tally.move(size)

        uploader = Uploader(self._target, wait=self._stop.wait, moved=move)
        try:
            while (item := self._next()) is not None:
                moved = 0
                outcome = uploader.upload(item)
                if outcome.instance_id:
                    self._journal.add(item, outcome.instance_id)
                self._tally.add(item, outcome, unsent=item.size - moved)
        except InterruptedImport:
            return
        except ServerError as error:
            self._give_up(str(error))
        except OSError as error:
            self._give_up(f"the journal cannot be written: {error.strerror}")
        except Exception as error:  # noqa: BLE001 - a file must not be left out unseen
            self._give_up(f"sending failed: {error}")
        finally:
            uploader.close()

    def _next(self) -> Item | None:
        while not self._stop.is_set():
            try:
                return self._items.get(timeout=_LOOK)
            except queue.Empty:
                continue
        return None
