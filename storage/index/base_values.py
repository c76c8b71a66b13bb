"""Values by name: parts of ``IndexReader`` and ``IndexWriter``."""

from typing import Protocol


class ValuesReader(Protocol):
    """What is kept."""

    def list_values(self, store: str) -> dict[str, str]:
        """The values of a store by their names, in the order of these."""

    def describe_value(self, store: str, name: str) -> str | None:
        """One of them; ``None`` where there is none of that name."""


class ValuesWriter(Protocol):
    """Keeping them."""

    def record_value(self, store: str, name: str, value: str) -> None:
        """Keep a value, in the place of the one that had its name."""

    def forget_value(self, store: str, name: str) -> bool:
        """Keep it no more; whether it was there."""
