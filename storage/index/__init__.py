"""Databases that hold the index; ``ENGINES`` lists them by name."""

from collections.abc import Callable

from repertory.storage.index.base import IndexEngine
from repertory.storage.index.sqlite.engine import SqliteEngine

ENGINES: dict[str, Callable[..., IndexEngine]] = {"SQLite": SqliteEngine}
"""What makes an engine of that name: called with the index folder and its keyword options."""
