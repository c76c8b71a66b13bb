"""The parts of the reader and the writer of an index that are about values by name."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from repertory.storage.index.database import Database
from repertory.storage.index.operations import values
from repertory.storage.index.operations.group import Group

T = TypeVar("T")


class DatabaseValuesReader:
    """A part of ``DatabaseReader``."""

    _db: Database

    def list_values(self, store: str) -> dict[str, str]:
        """The values of a store."""
        return values.list_values(self._db, store)

    def describe_value(self, store: str, name: str) -> str | None:
        """One of them."""
        return values.describe_value(self._db, store, name)


class DatabaseValuesWriter:
    """A part of ``DatabaseWriter``."""

    _db: Database
    _group: Group

    if TYPE_CHECKING:

        def _change(self, operation: Callable[..., T], *values: object) -> T: ...

    def record_value(self, store: str, name: str, value: str) -> None:
        """Keep a value."""
        self._change(values.record_value, self._db, self._group, store, name, value)

    def forget_value(self, store: str, name: str) -> bool:
        """Keep a value no more."""
        return self._change(values.forget_value, self._db, self._group, store, name)
