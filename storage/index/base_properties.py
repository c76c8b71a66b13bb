"""What the archive keeps about itself: parts of ``IndexReader`` and ``IndexWriter``."""

from typing import Protocol


class PropertiesReader(Protocol):
    """What is kept."""

    def describe_property(self, name: str) -> str | None:
        """What is kept under a name; ``None`` where nothing is."""


class PropertiesWriter(Protocol):
    """Keeping it."""

    def need_property(self, name: str, expected: str | None) -> None:
        """Raise ``RevisionConflict`` unless this is what is kept under a name."""

    def record_property(self, name: str, value: str) -> None:
        """Keep a text under a name, in place of what was there."""
