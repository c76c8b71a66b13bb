"""Many rows in few statements."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from repertory.storage.index.server.session import Statement

SIZES = (64, 16, 4, 1)
"""Rows to a statement: few sizes, so that a server has few statements to prepare."""

_VALUES = re.compile(r"(INSERT INTO .* VALUES )\((\$\d+(?:, \$\d+)*)\)")


def in_bulk(sql: str, rows: Sequence[Sequence[Any]]) -> list[Statement]:
    """The statements that run ``sql``, whose marks are ``$1`` and so on, for each of the rows."""
    if len(rows) < SIZES[-2] or _VALUES.fullmatch(sql) is None:
        return [(sql, row) for row in rows]
    found: list[Statement] = []
    first = 0
    for size in SIZES:
        while len(rows) - first >= size:
            values = tuple(chain.from_iterable(rows[first : first + size]))
            found.append((_of_rows(sql, size), values))
            first += size
    return found


@lru_cache(maxsize=256)
def _of_rows(sql: str, size: int) -> str:
    parts = _VALUES.fullmatch(sql)
    if parts is None or size == 1:
        return sql
    width = parts[2].count("$")
    places = (
        ", ".join(f"${row * width + column + 1}" for column in range(width)) for row in range(size)
    )
    return parts[1] + ", ".join(f"({each})" for each in places)
