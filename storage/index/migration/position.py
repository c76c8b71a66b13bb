"""How far a migration is: kept at the target, in the transaction of each batch."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Self

import orjson

from repertory.storage.index.database import Database, Row
from repertory.storage.index.held import FIND_UNFINISHED, UNFINISHED
from repertory.storage.index.migration.tables import IDENTIFIER
from repertory.storage.index.operations.properties import FIND, KEEP


@dataclass(frozen=True, slots=True)
class Position:
    """What is carried over.

    ``source`` tells the old index, as it was when this began, from all others; ``table`` is the
    one under way, "" before the first, ``after`` the key of the last row of it, ``rows`` how many
    there are in all.
    """

    source: str
    table: str = ""
    after: Row | None = None
    rows: int = 0

    @classmethod
    def find(cls, db: Database) -> Self | None:
        """The position in an index; ``None`` where no migration to it is unfinished."""
        row = db.one(FIND_UNFINISHED)
        if row is None:
            return None
        kept = orjson.loads(row[0])
        after = kept["After"]
        return cls(
            source=kept["Source"],
            table=kept["Table"],
            after=None if after is None else tuple(map(_unpacked, after)),
            rows=kept["Rows"],
        )

    def keep(self, db: Database) -> None:
        """Write it down."""
        after = None if self.after is None else [_packed(value) for value in self.after]
        kept = {"Source": self.source, "Table": self.table, "After": after, "Rows": self.rows}
        db.execute(KEEP, (UNFINISHED, orjson.dumps(kept).decode()))

    def past(self, table: str, after: Row | None, rows: int) -> Self:
        """The position when ``rows`` more are carried, the last one with the key ``after``."""
        return replace(self, table=table, after=after, rows=self.rows + rows)


def mark_of(db: Database) -> str:
    """What tells an index, as it is now, from others, and from itself after it was used again."""
    identifier = db.one(FIND, (IDENTIFIER,))
    totals = db.all("SELECT * FROM totals")
    return hashlib.sha256(repr((identifier, totals)).encode()).hexdigest()


def _packed(value: Any) -> Any:
    return {"Hex": value.hex()} if isinstance(value, bytes) else value


def _unpacked(value: Any) -> Any:
    return bytes.fromhex(value["Hex"]) if isinstance(value, dict) else value
