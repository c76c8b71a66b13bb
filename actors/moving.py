"""Moving files from one storage to another."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog

from repertory.actors.messages.places import (
    CopyFile,
    RecordMoves,
    ReleaseCopies,
    ReserveCopies,
)
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import (
    ArchiveFull,
    IndexBusy,
    RepertoryError,
    ShuttingDown,
    StorageFailed,
)
from repertory.places import Copy, MoveFailure, MoveReport, OwnedFile

log = structlog.get_logger(__name__)

HOPELESS = 3
"""Refusals of a storage, with nothing moved, after which the others are not even tried."""


class Moving:
    """One run over some files, each of which gets a copy under a name of its own.

    The index knows of the copies before they are made, so that the next start removes what a crash
    cuts short. When all are made, one transaction lets them take the places of the files, which go
    to the deletion queue. Until then, whoever reads gets the files, and afterwards the copies.
    """

    def __init__(
        self,
        *,
        board: Switchboard,
        copier: Callable[[int], Switchboard],
        files: Sequence[OwnedFile],
        target: int,
        width: int,
        new_name: Callable[[], str],
    ) -> None:
        """Take what it works with.

        Args:
            board: the switchboard.
            copier: by whom a file is copied that lies in the storage of this number.
            files: the files.
            target: the number of the storage that they are to lie in.
            width: how many are under way at a time.
            new_name: gives each copy its UUID.
        """
        self._board = board
        self._copier = copier
        self._copies = tuple(
            Copy(
                file,
                replace(file.attachment, uuid=new_name(), location=target, damage=""),
            )
            for file in files
            if file.attachment.location != target
        )
        self._passed = len(files) - len(self._copies)
        self._width = width
        self._lock = threading.Lock()
        self._left = deque(self._copies)
        self._under_way = 0
        self._done: list[Copy] = []
        self._failures: list[MoveFailure] = []
        self._refusals = 0
        self._stopped: BaseException | None = None
        self._outcome: Reply[MoveReport] = Reply()

    def begin(self) -> Reply[MoveReport]:
        """Begin; the reply will be what became of the files."""
        if not self._copies:
            self._outcome.set(MoveReport(passed=self._passed))
            return self._outcome
        reserved = ReserveCopies(copies=tuple(copy.attachment for copy in self._copies))
        self._board.ask_soon(reserved).on_done(self._reserved)
        return self._outcome

    def _reserved(self, reply: Reply[None]) -> None:
        if reply.error is not None:
            self._outcome.refuse(reply.error)
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Begin the copies that may be begun; record them when none is under way any more."""
        begun: list[Copy] = []
        with self._lock:
            while self._left and self._under_way < self._width and self._stopped is None:
                self._under_way += 1
                begun.append(self._left.popleft())
            is_over = not begun and not self._under_way
        for copy in begun:
            copier = self._copier(copy.file.attachment.location)
            copier.ask_soon(CopyFile(copy=copy)).on_done(partial(self._copied, copy))
        if is_over:
            self._record()

    def _copied(self, copy: Copy, reply: Reply[None]) -> None:
        error = reply.error
        with self._lock:
            self._under_way -= 1
            if error is None:
                self._done.append(copy)
            else:
                self._note(copy, error)
        self._go_on()

    def _note(self, copy: Copy, error: BaseException) -> None:
        if not isinstance(error, RepertoryError) or isinstance(
            error, ArchiveFull | ShuttingDown | IndexBusy
        ):
            # It would be the same with all others.
            self._stopped = self._stopped or error
            return
        self._failures.append(MoveFailure(copy.file, str(error)))
        if isinstance(error, StorageFailed):
            self._refusals += 1
            if self._refusals >= HOPELESS and not self._done:
                self._stopped = self._stopped or error

    def _record(self) -> None:
        done = tuple(self._done)
        vain = {copy.attachment.uuid for copy in self._copies}
        vain.difference_update(copy.attachment.uuid for copy in done)
        if not done:
            self._end((), vain)
            return
        self._board.ask_soon(RecordMoves(copies=done)).on_done(partial(self._recorded, vain))

    def _recorded(self, vain: set[str], reply: Reply[tuple[bool, ...]]) -> None:
        if reply.error is not None:
            self._stopped = reply.error
            # Those that are recorded after all are no copies any more: they are let be.
            vain = {copy.attachment.uuid for copy in self._copies}
            self._end((), vain)
        else:
            self._end(reply.get(), vain)

    def _end(self, moved: tuple[bool, ...], vain: set[str]) -> None:
        if vain:
            # If this fails, the next start does it.
            self._board.ask_soon(ReleaseCopies(uuids=tuple(vain)))
        if self._stopped is not None:
            self._outcome.refuse(self._stopped)
            return
        sizes = [
            copy.attachment.compressed_size
            for copy, is_moved in zip(self._done, moved, strict=True)
            if is_moved
        ]
        if self._failures:
            log.warning("moves_failed", count=len(self._failures))
        self._outcome.set(
            MoveReport(
                moved=len(sizes),
                size=sum(sizes),
                passed=self._passed + len(moved) - len(sizes),
                failures=tuple(self._failures),
            )
        )
