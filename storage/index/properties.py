"""What the archive keeps about itself: parts of the reader and the writer of an index."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar

from repertory.storage.index.database import Database
from repertory.storage.index.operations import properties
from repertory.storage.index.operations.group import Group

T = TypeVar("T")


class ReadsProperties:
    """A part of ``DatabaseReader``."""

    _state: AbstractContextManager[Database]

    def describe_property(self, name: str) -> str | None:
        """What is kept under a name."""
        with self._state as db:
            return properties.describe_property(db, name)


class WritesProperties:
    """A part of ``DatabaseWriter``."""

    _db: Database
    _group: Group

    if TYPE_CHECKING:

        def _change(self, operation: Callable[..., T], *values: object) -> T: ...

    def need_property(self, name: str, expected: str | None) -> None:
        """Raise ``RevisionConflict`` unless this is what is kept under a name."""
        self._change(properties.need_property, self._db, self._group, name, expected)

    def record_property(self, name: str, value: str) -> None:
        """Keep a text under a name."""
        self._change(properties.record_property, self._db, self._group, name, value)
