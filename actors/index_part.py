"""What the parts of ``IndexActor`` have in common."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from repertory.actors.clock import Clock
from repertory.actors.messages.base import Event
from repertory.actors.reply import Reply
from repertory.storage.index.base import IndexWriter

R = TypeVar("R")


class IndexPart:
    """A part of ``IndexActor``, apart from it for length only."""

    clock: Clock
    _writer: IndexWriter
    _configuration: str
    _is_noted: bool

    if TYPE_CHECKING:

        def _change(
            self, work: Callable[[], R], events: Callable[[R], tuple[Event, ...]] = ...
        ) -> Reply[R]:
            """Change the index in its group; see ``IndexActor``."""

    def _store(
        self, work: Callable[[], R], events: Callable[[R], tuple[Event, ...]] = lambda _: ()
    ) -> Reply[R]:
        """Change what is stored: the first time in a run, its configuration is noted as well."""

        def note_and_work() -> R:
            outcome = work()  # first, for it may refuse
            if not self._is_noted and self._configuration:
                self._writer.note_stored_under(self._configuration)
                self._is_noted = True
            return outcome

        return self._change(note_and_work, events)
