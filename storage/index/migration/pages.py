"""Reading a table page by page, in the order of its primary key."""

from repertory.storage.index.database import Database, Row
from repertory.storage.index.migration.tables import Table


def read_page(db: Database, table: Table, after: Row | None, size: int) -> list[Row]:
    """The rows whose keys come after ``after`` (``None``: the first ones), at most ``size``.

    First those that share all but the last column of the key, then all but two, and so on: each
    is a range of the primary key in any database, which ``(a, b) > (?, ?)`` is not.
    """
    if after is None:
        return db.all(_select(table, 0, is_first=True), (size,))
    found: list[Row] = []
    for shared in range(len(table.key) - 1, -1, -1):
        wanted = size - len(found)
        if not wanted:
            break
        found += db.all(_select(table, shared), (*after[: shared + 1], wanted))
    return found


def count_rows(db: Database, table: Table) -> int:
    """How many rows are carried."""
    where = f" WHERE {table.where}" if table.where else ""
    rows = db.all(f"SELECT COUNT(*) FROM {table.name}{where}")  # noqa: S608 - the schema's names
    return int(rows[0][0])


def _select(table: Table, shared: int, *, is_first: bool = False) -> str:
    conditions = [table.where] if table.where else []
    if not is_first:
        conditions += [f"{column} = ?" for column in table.key[:shared]]
        conditions.append(f"{table.key[shared]} > ?")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    columns, order = ", ".join(table.columns), ", ".join(table.key)
    return f"SELECT {columns} FROM {table.name}{where} ORDER BY {order} LIMIT ?"  # noqa: S608
