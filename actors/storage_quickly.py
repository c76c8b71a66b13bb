"""Small files that are written by whoever brings them, while the disk is quick."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec

from repertory.actors.brisk import SMALL, Briskness
from repertory.actors.clock import Clock
from repertory.actors.messages.instances import FileArrived, RecordInstance, SopPair
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import ShuttingDown
from repertory.model import Attachment, Origin, StoreReceipt, Summary
from repertory.storage.areas.base import StorageArea
from repertory.storage.files import Files
from repertory.storage.identifiers import resource_ids
from repertory.storage.pixels.rules import IngestRules

P = ParamSpec("P")


class StorageQuickly:
    """A part of ``StorageActor``: what whoever asks does, and what is done at the same time."""

    board: Switchboard
    clock: Clock
    _area: StorageArea
    _brisk: Briskness
    _closing: bool
    _files: Files
    _filters_instances: bool
    _in_the_midst: set[Reply[Any]]
    _index_is_near: bool
    _ingest: IngestRules

    if TYPE_CHECKING:

        @staticmethod
        def _create_future() -> Reply[Any]: ...
        def store_bytes(
            self, content: bytes, origin: Origin, announced: SopPair | None = None
        ) -> Reply[StoreReceipt]:
            """See ``StorageActor``."""

        def _settled(
            self, reply: Reply[StoreReceipt], attachment: Attachment, summary: Summary
        ) -> Reply[StoreReceipt]: ...

    def _counted(
        self, store: Callable[P, Reply[StoreReceipt]], *values: P.args, **named: P.kwargs
    ) -> Reply[StoreReceipt]:
        """Let others know that a file is on its way, until there is an answer."""
        self._brisk.begin()
        try:
            reply = store(*values, **named)
        except BaseException:
            self._brisk.end()
            raise
        reply.on_done(lambda _: self._brisk.end())
        return reply

    def _is_quick_to_store(self, content: bytes) -> bool:
        """Whether whoever asks may as well do the work."""
        return (
            len(content) <= SMALL
            and self.board.has_volunteer
            and self._brisk.is_brisk
            and not (self._closing or self._filters_instances or self._ingest.syntax)
            and self._area.local_path("0" * 36) is not None
        )

    def _store_quickly(
        self, content: bytes, origin: Origin, announced: SopPair | None
    ) -> Reply[StoreReceipt]:
        began = self.clock.monotonic()
        ended = self._create_future()
        self._in_the_midst.add(ended)  # before it is looked whether the storage closes
        try:
            if self._closing:
                raise ShuttingDown
            return self.store_bytes(content, origin, announced)
        finally:
            self._brisk.note(self.clock.monotonic() - began)
            self._in_the_midst.discard(ended)
            ended.set()

    def _may_write_meanwhile(self, content: bytes) -> bool:
        """Whether the index may enter a file while it is written: whoever is alone gains by it."""
        return (
            self._index_is_near
            and len(content) <= SMALL
            and self._brisk.is_alone
            and self._brisk.is_brisk
            and self._area.local_path("0" * 36) is not None
        )

    def _write_meanwhile(
        self, announced: Attachment, content: bytes, summary: Summary, origin: Origin
    ) -> Reply[StoreReceipt]:
        """Write a file while the index enters it, which commits once the file is there."""
        reply = self._enter(summary, announced, origin, is_arriving=True)
        if reply.error is not None:
            return reply
        began = self.clock.monotonic()
        try:
            self._files.put(announced, content)
        except BaseException:
            self.board.publish(FileArrived(uuid=announced.uuid, is_there=False))
            raise
        self.board.publish(FileArrived(uuid=announced.uuid))
        if not self.board.has_volunteer:  # of those all that they do is timed
            self._brisk.note(self.clock.monotonic() - began)
        return self._settled(reply, announced, summary)

    def _enter(
        self,
        summary: Summary,
        attachment: Attachment | None,
        origin: Origin,
        *,
        is_arriving: bool = False,
    ) -> Reply[StoreReceipt]:
        return self.board.ask_soon(
            RecordInstance(
                ids=resource_ids(summary.identity),
                summary=summary,
                attachment=attachment,
                origin=origin,
                release_duplicate=False,
                is_arriving=is_arriving,
            )
        )

    def _finish_what_askers_write(self) -> None:
        """Wait until nobody is in the midst of a file; ``_closing`` lets nobody begin."""
        for ended in tuple(self._in_the_midst):
            ended.get()
