"""A list of others in the index: entries by name, in the JSON that Orthanc keeps them in."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog

from repertory.actors.messages.properties import DescribeProperty, RecordProperty
from repertory.actors.switchboard import Switchboard
from repertory.errors import RevisionConflict

log = structlog.get_logger(__name__)

T = TypeVar("T")

_TRIES = 10


class KeptBook:
    """Reads and writes such a list; what is written was never half there.

    Where it is ``shared`` with other nodes, a change is made to the list as it is just then.
    """

    def __init__(self, name: str, *, shared: bool = False) -> None:
        self._name = name
        self._shared = shared
        self._text: str | None = None

    def read(self, board: Switchboard, read: Callable[[Any], T]) -> dict[str, T]:
        """All entries; those that nobody understands are left out, and logged."""
        text = self._text = board.ask(DescribeProperty(name=self._name))
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

    def is_news(self, board: Switchboard) -> bool:
        """Whether another node has written since this one read or wrote."""
        return self._shared and board.ask(DescribeProperty(name=self._name)) != self._text

    def change(
        self,
        board: Switchboard,
        entries: Mapping[str, T],
        change: Callable[[dict[str, T]], dict[str, T]],
        read: Callable[[Any], T],
        write: Callable[[T], Any],
    ) -> dict[str, T]:
        """Change the entries and keep them; they are on the medium when this returns.

        Raises:
            RevisionConflict: other nodes write all the time.
        """
        for left in range(_TRIES, -1, -1):
            changed = change(self.read(board, read) if self._shared else dict(entries))
            text = json.dumps({name: write(it) for name, it in changed.items()})
            command = RecordProperty(
                name=self._name, value=text, compares=self._shared, expected=self._text
            )
            try:
                board.ask(command)
            except RevisionConflict:
                if not left:
                    raise
            else:
                self._text = text
                return changed
        raise AssertionError
