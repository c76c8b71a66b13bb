"""A connection to a database server, and what can be wrong with one."""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, ClassVar, Protocol

from repertory.errors import ArchiveFull, IndexBusy, IndexFailed, RepertoryError
from repertory.storage.index.database import Row

Statement = tuple[str, Sequence[Any]]

LONGEST_PAUSE = 120
"""Seconds that we may let a server wait within a transaction; then it ends the session, if it can.

A node that stands still would keep the others from writing else.
"""


class Trouble(Enum):
    """Why the server did not do what it was asked."""

    LOST = "the connection is lost, or cannot be made"
    CONFLICT = "another transaction was in the way"
    BUSY = "something is locked, or there are too many connections"
    FULL = "there is no room left"
    READ_ONLY = "the database can only be read"
    LOGIN = "the user name or the password is wrong"
    NO_DATABASE = "there is no such database, or it may not be used"
    OTHER = "the statement failed"


class SessionFailed(Exception):
    """What a session raises. ``code`` is the server's own word for it; it says no value."""

    def __init__(self, trouble: Trouble, code: str = "") -> None:
        super().__init__(trouble.value)
        self.trouble = trouble
        self.code = code

    def translated(self) -> RepertoryError:
        """What it means to whoever asked."""
        if self.trouble is Trouble.FULL:
            return ArchiveFull("There is no room left for the index.")
        if self.trouble is Trouble.READ_ONLY:
            return IndexFailed("The database of the index can only be read.")
        if self.trouble is Trouble.LOST:
            return IndexBusy("The database of the index cannot be reached: nothing was done.")
        if self.trouble in (Trouble.CONFLICT, Trouble.BUSY):
            return IndexBusy()
        return IndexFailed()


class Session(Protocol):
    """A connection, for one thread; SQL is in the server's own words.

    ``defers`` says that ``execute_many`` waits for what is asked next.

    Raises (all methods but ``close``):
        SessionFailed: the server did not do it. After ``LOST`` the session is of no use.
    """

    defers: ClassVar[bool]

    def begin(self, *statements: str) -> None:
        """Begin a transaction; may wait until something is asked in it."""

    def execute(self, sql: str, values: Sequence[Any]) -> int:
        """Run a statement; how many rows it inserted, changed or deleted."""

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row; may wait, at most until ``finish``."""

    def fetch(self, questions: Sequence[Statement]) -> list[list[Row]]:
        """The answers to some questions."""

    def finish(self, *statements: Statement) -> None:
        """Run statements, the last of which ends the transaction; returns when it has ended."""

    def leave(self) -> None:
        """End a transaction that only read; need not wait for it."""

    def run_script(self, statements: Sequence[str]) -> None:
        """Run statements without values, in a transaction of their own."""

    def close(self) -> None:
        """Hang up; what was begun is undone."""
