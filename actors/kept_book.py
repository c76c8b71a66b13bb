"""A list of others in the index: entries by name, in the JSON that Orthanc keeps them in."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog

from repertory.actors.messages.properties import DescribeProperty, RecordProperty
from repertory.actors.switchboard import Switchboard

log = structlog.get_logger(__name__)

T = TypeVar("T")


class KeptBook:
    """Reads and writes such a list; what is written was never half there."""

    def __init__(self, name: str) -> None:
        self._name = name

    def read(self, board: Switchboard, read: Callable[[Any], T]) -> dict[str, T]:
        """All entries; those that nobody understands are left out, and logged."""
        text = board.ask(DescribeProperty(name=self._name))
        try:
            entries = json.loads(text or "{}")
        except ValueError:
            entries = None
        if not isinstance(entries, dict):
            log.error("kept_entries_unreadable", property=self._name)
            return {}
        found = {}
        for name, entry in entries.items():
            try:
                found[name] = read(entry)
            except ValueError as error:
                log.error("kept_entry_unreadable", name=name, reason=str(error))  # noqa: TRY400
        return found

    def write(self, board: Switchboard, entries: Mapping[str, Any]) -> None:
        """Keep all entries; it is on the medium when this returns."""
        board.ask(RecordProperty(name=self._name, value=json.dumps(entries)))
