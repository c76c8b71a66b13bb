"""Carrying an index over: every row of every table, in batches, and comparing at the end.

Rows are read in the order of the primary key. Each batch is written at the target in one
transaction with the position after it, so that whatever ends the work, it goes on there. Until all
is compared, the target says that it is unfinished, and no archive starts with it.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import structlog

from repertory.errors import (
    ArchiveFull,
    CannotStart,
    IndexBusy,
    IndexFailed,
    NoReplyInTime,
)
from repertory.storage.index.database import Row
from repertory.storage.index.held import UNFINISHED, HeldIndex
from repertory.storage.index.migration.pages import count_rows, read_page
from repertory.storage.index.migration.position import Position, mark_of
from repertory.storage.index.migration.tables import (
    IDENTIFIER,
    Table,
    carried_tables,
    rows_of_a_new_index,
)

log = structlog.get_logger(__name__)
T = TypeVar("T")

BATCH = 2_000
"""Rows in one transaction."""

TRIES, PAUSE = 6, 2.0
"""How often something is tried that a database refuses for the moment, and seconds between."""

Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A table of both indexes: how many rows it has, and whether they are the same."""

    table: str
    before: int
    after: int
    is_same: bool


@dataclass(frozen=True, slots=True)
class Migrated:
    """What became of it.

    ``rows`` are there at the target, ``carried`` of them by this run. ``different`` are the
    tables that are not the same at both ends: then the target stays unfinished.
    """

    rows: int
    carried: int
    seconds: float
    different: tuple[Compared, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do: rows by table; ``done`` were carried by a run before."""

    tables: dict[str, int]
    done: int

    @property
    def rows(self) -> int:
        """All rows that are carried."""
        return sum(self.tables.values())


@dataclass(slots=True)
class Migration:
    """A migration between two indexes that are held.

    ``batch`` rows go in one transaction; ``tell`` hears how far it is; ``pause`` waits seconds.

    Raises (all methods):
        CannotStart: it cannot be done, or not go on, and why. What was carried stays, and the
            same command goes on.
    """

    source: HeldIndex
    target: HeldIndex
    batch: int = BATCH
    tell: Tell = lambda _what, _done, _all: None
    pause: Callable[[float], None] = time.sleep
    _position: Position = field(init=False)

    def plan(self, *, anew: bool = False) -> Plan:
        """Look at both ends, and change neither.

        Args:
            anew: what a migration before has left at the target does not count.

        Raises:
            CannotStart: the target has rows that are not of this migration.
        """
        if self._read(self.source, "properties", lambda: Position.find(self.source.db)):
            raise CannotStart("The old index is itself one that was not carried over completely.")
        mark = self._read(self.source, "totals", lambda: mark_of(self.source.db))
        begun = self._read(self.target, "properties", lambda: Position.find(self.target.db))
        if begun is None:
            self._need_new()
        elif anew:
            begun = None
        elif begun.source != mark:
            raise CannotStart(
                "The new index holds a part of another index, or of this one before it was used"
                " again. To leave that and begin anew: --anew."
            )
        self._position = begun or Position(mark)
        return replace(self.count(), done=self._position.rows)

    def count(self) -> Plan:
        """Count what the source has."""
        tables: dict[str, int] = {}
        for table in carried_tables():
            self.tell("counting rows", len(tables), len(carried_tables()))
            tables[table.name] = self._read(
                self.source, table.name, partial(count_rows, self.source.db, table)
            )
        return Plan(tables, 0)

    def run(self, *, anew: bool = False) -> Migrated:
        """Carry all over, or what is left of it, and compare."""
        begun = time.monotonic()
        plan = self.plan(anew=anew)
        before = self._position.rows
        if not self._position.table:
            self._begin(self._position)
        for table in carried_tables():
            if table.name >= self._position.table:
                self._carry(table, plan)
        for table in carried_tables():
            self._set_counter(table)
        different = tuple(it for it in self._compare(plan) if not it.is_same)
        if not different:
            self._write("properties", self._finish)
        rows = self._position.rows
        seconds = time.monotonic() - begun
        log.info("index_migrated", rows=rows, different=len(different))
        return Migrated(rows, rows - before, seconds, different)

    # The steps

    def _need_new(self) -> None:
        """Raise unless the target is as it was made: nothing may be lost there."""
        used = []
        for table in carried_tables():
            new = rows_of_a_new_index()[table.name]
            found = self._page(self.target, table, None, len(new) + 1)
            if table.name == "properties":
                is_new = {row[0] for row in found} <= {IDENTIFIER}
            else:
                is_new = len(found) <= len(new) and set(found) == new
            if not is_new:
                used.append(table.name)
        if used:
            raise CannotStart(
                "The new index is not empty, and nothing was changed. Name an empty database (or"
                f" schema, or folder). Rows are in: {', '.join(used)}."
            )

    def _begin(self, position: Position) -> None:
        def clear() -> None:
            # What triggers would change is gone before they run.
            for table in sorted(carried_tables(), key=lambda table: table.is_watched):
                self.target.db.execute(f"DELETE FROM {table.name}")  # noqa: S608 - the schema's
            position.keep(self.target.db)

        self._write("properties", clear)

    def _carry(self, table: Table, plan: Plan) -> None:
        is_under_way = self._position.table == table.name
        after = self._position.after if is_under_way else None
        names, marks = ", ".join(table.columns), ", ".join("?" * len(table.columns))
        insert = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608
        while rows := self._page(self.source, table, after, self.batch):
            after = table.key_of(rows[-1])
            position = self._position.past(table.name, after, len(rows))

            def keep(rows: list[Row] = rows, position: Position = position) -> None:
                self.target.db.execute_many(insert, rows)
                position.keep(self.target.db)

            self._write(table.name, keep)
            self._position = position
            self.tell(f"carrying {table.name}", position.rows, plan.rows)

    def _set_counter(self, table: Table) -> None:
        if not table.counter:
            return
        column = table.counter
        last = self._read(
            self.source, table.name, lambda: self.source.last_number(table.name, column)
        )
        self._write(table.name, lambda: self.target.go_on_after(table.name, column, last))

    def _compare(self, plan: Plan) -> Iterator[Compared]:
        done = 0
        for table in carried_tables():
            sums = []
            for end in (self.source, self.target):
                digest, count, after = hashlib.sha256(), 0, None
                while rows := self._page(end, table, after, self.batch):
                    after = table.key_of(rows[-1])
                    count += len(rows)
                    # As the target keeps them: one of ours may hold no NUL.
                    kept = [tuple(self.target.kept(row)) for row in rows]
                    digest.update("".join(map(repr, kept)).encode())
                    self.tell(f"comparing {table.name}", done + count, 2 * plan.rows)
                done += count
                sums.append((count, digest.digest()))
            yield Compared(table.name, sums[0][0], sums[1][0], sums[0] == sums[1])

    def _finish(self) -> None:
        self.target.db.execute("DELETE FROM properties WHERE name = ?", (UNFINISHED,))

    # Both ends

    def _page(self, end: HeldIndex, table: Table, after: Row | None, size: int) -> list[Row]:
        return self._read(end, table.name, lambda: read_page(end.db, table, after, size))

    def _read(self, end: HeldIndex, table: str, work: Callable[[], T]) -> T:
        def read() -> T:
            end.db.begin_read()
            try:
                return work()
            finally:
                end.db.rollback()

        return self._patiently(end, table, read)

    def _write(self, table: str, work: Callable[[], None]) -> None:
        db = self.target.db

        def write() -> None:
            db.begin()
            try:
                work()
            except BaseException:
                db.rollback()
                raise
            db.commit()

        self._patiently(self.target, table, write)

    def _patiently(self, end: HeldIndex, table: str, work: Callable[[], T]) -> T:
        with self._explained(end, table):
            for _ in range(TRIES):
                try:
                    return work()
                except IndexBusy:
                    self.pause(PAUSE)
            return work()

    @contextmanager
    def _explained(self, end: HeldIndex, table: str) -> Iterator[None]:
        which = "old" if end is self.source else "new"
        place = f"The {which} index, in {end.engine},"
        again = "Run the same command again to go on."
        try:
            yield
        except ArchiveFull as error:
            raise CannotStart(f"{place} has no room left: make room. {again}") from error
        except (IndexBusy, NoReplyInTime) as error:
            raise CannotStart(f"{place} cannot be reached any more. {again}") from error
        except UnicodeDecodeError as error:
            raise CannotStart(f"{place} is damaged: {table} has text that is none.") from error
        except IndexFailed as error:
            if end is self.source:
                why = f"cannot be read: the table {table} is damaged ('repertory fsck' tells more)."
            else:
                why = f"does not take the rows of the table {table}."
            raise CannotStart(f"{place} {why}") from error
