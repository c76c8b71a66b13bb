"""What PostgreSQL's errors mean, and what its text cannot hold."""

from collections.abc import Sequence
from typing import Any

from repertory.storage.index.server.session import Trouble

TROUBLES = {
    "08": Trouble.LOST,
    "57P01": Trouble.LOST,
    "57P02": Trouble.LOST,
    "57P03": Trouble.LOST,
    "40001": Trouble.CONFLICT,
    "40P01": Trouble.CONFLICT,
    "55P03": Trouble.BUSY,
    "57014": Trouble.BUSY,
    "53300": Trouble.BUSY,
    "53100": Trouble.FULL,
    "25006": Trouble.READ_ONLY,
    "25P03": Trouble.LOST,
    "28": Trouble.LOGIN,
    "3D000": Trouble.NO_DATABASE,
    "42501": Trouble.NO_DATABASE,
}
"""By SQLSTATE, or by what it begins with: the class."""


def without_nul(values: Sequence[Any]) -> Sequence[Any]:
    """The same values; text of PostgreSQL cannot hold a NUL."""
    for value in values:
        if isinstance(value, str) and "\0" in value:
            return [it.replace("\0", "") if isinstance(it, str) else it for it in values]
    return values
