"""Which files are being moved just now, so that nobody moves one twice at once."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from repertory.actors.messages.attachments import DescribeAttachment
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import UnknownItem, UnknownResource
from repertory.places import MoveReport, OwnedFile

Begin = Callable[[Sequence[OwnedFile]], Reply[MoveReport]]


class Claims:
    """The files of the runs that are under way, by their names.

    Whoever wants to move a file that another run moves waits until that is over. Then it asks where
    the file is by now, and moves it if it is not there yet; else it would do so in vain, or think
    that somebody else had brought it to its target.
    """

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._lock = threading.Lock()
        self._runs: dict[str, Reply[MoveReport]] = {}

    def move(self, files: Sequence[OwnedFile], begin: Begin) -> Reply[MoveReport]:
        """Move files, each when nobody else does.

        Args:
            files: the files.
            begin: moves some of them; the reply is what became of these.
        """
        done: Reply[MoveReport] = Reply()
        with self._lock:
            theirs = [file for file in files if file.attachment.uuid in self._runs]
            runs = {id(run): run for run in map(self._run_of, theirs)}
            taken = {file.attachment.uuid for file in theirs}
            mine = [file for file in files if file.attachment.uuid not in taken]
            for file in mine:
                self._runs[file.attachment.uuid] = done
        begin(mine).on_done(partial(self._end, mine, done))
        if not theirs:
            return done
        # Others wait for what is moved here, not for what this waits for: nobody waits in a circle.
        outcome: Reply[MoveReport] = Reply()
        after_all((done, *runs.values()), lambda: outcome.set(self._then(done, theirs, begin)))
        return outcome

    def _run_of(self, file: OwnedFile) -> Reply[MoveReport]:
        return self._runs[file.attachment.uuid]

    def _end(
        self, files: Sequence[OwnedFile], done: Reply[MoveReport], run: Reply[MoveReport]
    ) -> None:
        with self._lock:
            for file in files:
                self._runs.pop(file.attachment.uuid, None)
        done.set(run)

    def _then(
        self, first: Reply[MoveReport], theirs: Sequence[OwnedFile], begin: Begin
    ) -> Reply[MoveReport]:
        """The others' files, as they are now."""
        if first.error is not None:
            return first
        found: Reply[MoveReport] = Reply()
        replies = [self._board.ask_soon(_question(file)) for file in theirs]

        def go_on() -> None:
            here: list[OwnedFile] = []
            for file, reply in zip(theirs, replies, strict=True):
                error = reply.error
                if error is None:
                    here.append(OwnedFile(file.level, file.id, reply.get().attachment))
                elif not isinstance(error, UnknownItem | UnknownResource):
                    found.refuse(error)
                    return
            gone = len(theirs) - len(here)
            second = self.move(here, begin)
            found.set(second.then(lambda report: _sum(first.get(), report, gone)))

        after_all(replies, go_on)
        return found


def _question(file: OwnedFile) -> DescribeAttachment:
    return DescribeAttachment(
        level=file.level, id=file.id, content_type=file.attachment.content_type
    )


def after_all(replies: Sequence[Reply[Any]], call: Callable[[], None]) -> None:
    """Call when all have an outcome, whichever."""
    left = len(replies)
    lock = threading.Lock()
    if not replies:
        call()

    def one_done(_: Reply[Any]) -> None:
        nonlocal left
        with lock:
            left -= 1
            if left:
                return
        call()

    for reply in replies:
        reply.on_done(one_done)


def _sum(first: MoveReport, second: MoveReport, gone: int) -> MoveReport:
    return MoveReport(
        moved=first.moved + second.moved,
        size=first.size + second.size,
        passed=first.passed + second.passed + gone,
        failures=(*first.failures, *second.failures),
    )
