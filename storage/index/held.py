"""An index that is held for a migration, and what says that a migration to it is not finished."""

from collections.abc import Sequence
from typing import Any, Protocol

from repertory.storage.index.database import Database

UNFINISHED = "migration"
"""The property that says how far a migration to this index is; it goes when that is done."""

FIND_UNFINISHED = f"SELECT value FROM properties WHERE name = '{UNFINISHED}'"  # noqa: S608
REFUSAL = (
    "The index was not carried over completely: run 'repertory migrate-index' again, with the"
    " same words."
)


class HeldIndex(Protocol):
    """An index whose rows are read and written one by one, while nobody else uses it."""

    @property
    def engine(self) -> str:
        """The name of the engine."""

    @property
    def db(self) -> Database:
        """The database."""

    def kept(self, values: Sequence[Any]) -> Sequence[Any]:
        """The values as this database keeps them: some hold no NUL in a text."""

    def last_number(self, table: str, column: str) -> int:
        """The last number that the database gave to a row; 0 where it gave none."""

    def go_on_after(self, table: str, column: str, number: int) -> None:
        """Let the next row get a number above ``number``."""

    def close(self) -> None:
        """Let go of it."""
