"""What the archive keeps about itself: parts of ``IndexReader`` and ``IndexWriter``."""

from typing import Protocol


class PropertiesReader(Protocol):
    """What is kept."""

    def describe_property(self, name: str) -> str | None:
        """What is kept under a name; ``None`` where nothing is."""


class PropertiesWriter(Protocol):
    """Keeping it."""

    def record_property(self, name: str, value: str) -> None:
        """Keep a text under a name, in place of what was there."""
