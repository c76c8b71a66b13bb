"""The words of a database server that differ from SQLite's."""

from collections.abc import Sequence
from typing import Any, Protocol


class Dialect(Protocol):
    """How a server says things. What is made of statements is kept, so it may take a while."""

    begin_write: tuple[str, ...]
    begin_read: tuple[str, ...]
    take_turn: str
    """Waits until no other writer is within a transaction; without values."""

    def translate(self, sql: str) -> str:
        """A statement of the operations, in the server's words."""

    def script(self, text: str) -> list[str]:
        """The statements of a script in SQLite's words that makes or changes tables."""

    def among(self, column: str, numbers: Sequence[int]) -> tuple[str, Any]:
        """The condition that ``column`` is one of ``numbers``, and the value for its ``?``."""

    def preparation(self) -> list[str]:
        """Statements that come before the schema: where it lies, and functions that it needs."""

    def try_lock(self, name: str) -> tuple[str, Sequence[Any]]:
        """Asks for a lock that the session keeps; the answer is 1, or true, if it has it."""

    def release(self, name: str) -> tuple[str, Sequence[Any]]:
        """Asks to give it back."""

    def end_holder(self, name: str) -> list[tuple[str, Sequence[Any]]]:
        """Ends the session that holds a lock."""

    def kept(self, values: Sequence[Any]) -> Sequence[Any]:
        """The values as the server keeps them."""

    def last_number(self, table: str, column: str) -> str:
        """Asks for the last number that the server gave to a row of a table."""

    def go_on_after(self, table: str, column: str, number: int) -> str:
        """Lets the next row get a number above ``number``."""

    def list_tables(self) -> str:
        """Asks for the names of the tables where the index is to lie."""
