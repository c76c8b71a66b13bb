"""How MariaDB and MySQL make tables."""

from collections.abc import Callable

from repertory.storage.index.server.tables import Column, Index, Table, Trigger

TYPES = {"INTEGER": "BIGINT", "REAL": "DOUBLE", "BLOB": "VARBINARY(64)", "TEXT": "LONGTEXT"}
KEY_BYTES = 2_900
"""What the texts of a primary key may have: a key has 3,072 bytes, and numbers need some."""

LETTERS = 191
"""How much of a text an index holds: what it leaves open is compared in the rows."""

OPTIONS = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={collation}"
COLLATION = "utf8mb4_nopad_bin"


class MysqlWords:
    """``SchemaWords``. There are no indexes of a part of the rows: they hold all."""

    def __init__(self, translate: Callable[[str], str]) -> None:
        self._translate = translate
        self._texts: set[tuple[str, str]] = set()

    def table(self, table: Table) -> list[str]:
        """Makes a table."""
        keys = set(table.key)
        keys.update(it.name for it in table.columns if "PRIMARY KEY" in it.rest)
        texts = sum(it.name in keys and it.type == "TEXT" for it in table.columns)
        parts = [
            self._column(table.name, column, texts if column.name in keys else 0)
            for column in table.columns
        ]
        if table.key:
            parts.append(f"PRIMARY KEY ({', '.join(map(quoted, table.key))})")
        options = OPTIONS.format(collation=COLLATION)
        return [f"CREATE TABLE {table.name} ({', '.join(parts)}) {options}"]

    def column(self, table: str, column: Column) -> list[str]:
        """Gives a table another column."""
        return [f"ALTER TABLE {table} ADD COLUMN {self._column(table, column, 0)}"]

    def _column(self, table: str, column: Column, texts_in_key: int) -> str:
        type_ = TYPES[column.type]
        if column.type == "TEXT":
            if texts_in_key and column.name == "signature":
                # Long, and letters of ASCII alone.
                type_ = f"VARCHAR({KEY_BYTES}) CHARACTER SET ascii COLLATE ascii_nopad_bin"
            elif texts_in_key:
                type_ = f"VARCHAR({KEY_BYTES // texts_in_key // 4})"
            else:
                self._texts.add((table, column.name))
        rest = column.rest.replace("AUTOINCREMENT", "AUTO_INCREMENT")
        return f"{quoted(column.name)} {type_} {rest}".rstrip()

    def index(self, index: Index) -> list[str]:
        """Makes an index."""
        if index.where and "IS NOT NULL" not in index.where:
            return []  # of a few rows: one of all would be no help
        columns = []
        for column in index.columns:
            for name in column.split(" + "):
                is_text = (index.table, name) in self._texts
                columns.append(f"{quoted(name)}({LETTERS})" if is_text else quoted(name))
        unique = "UNIQUE " if index.is_unique else ""
        return [f"CREATE {unique}INDEX {index.name} ON {index.table} ({', '.join(columns)})"]

    def drop_index(self, name: str) -> list[str]:
        """Drops one: its table is the first part of its name."""
        return [f"DROP INDEX {name} ON {name.partition('_by_')[0]}"]

    def trigger(self, trigger: Trigger) -> list[str]:
        """Makes a trigger."""
        body = " ".join(f"{self._translate(each)};" for each in trigger.statements)
        conditions = []
        if trigger.column:
            conditions.append(f"NOT (OLD.{trigger.column} <=> NEW.{trigger.column})")
        if trigger.when:
            conditions.append(self._translate(trigger.when))
        if conditions:
            body = f"IF {' AND '.join(conditions)} THEN {body} END IF;"
        head = f"CREATE TRIGGER {trigger.name} AFTER {trigger.event} ON {trigger.table}"
        return [f"{head} FOR EACH ROW BEGIN {body} END"]


def quoted(name: str) -> str:
    """A name that may be a word of SQL."""
    return f"`{name}`" if name == "key" else name
