"""Instances that scripts may refuse, before anything of them is kept."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from repertory.actors.messages.scripting import (
    INCOMING_STORE,
    RECEIVED_INSTANCE,
    FilterInstance,
    FiltersChanged,
)
from repertory.actors.reply import Reply
from repertory.errors import MissingTag, NotDicom, ScriptFailed
from repertory.model import Origin, StoreReceipt, StoreStatus, Summary, TagForm
from repertory.storage import dicom
from repertory.storage.identifiers import resource_ids

if TYPE_CHECKING:
    from repertory.actors.clock import Clock
    from repertory.actors.crew import Crew
    from repertory.actors.switchboard import Switchboard
    from repertory.storage.main_tags import MainDicomTags

log = structlog.get_logger(__name__)

INSTANCE_FILTERS = frozenset({RECEIVED_INSTANCE, INCOMING_STORE})

PATIENCE = 60.0
"""Seconds after which a filter is not waited for any more. It ends by itself long before; this is
for the script that hangs in a library of Lua, where nothing can stop it."""


class InstanceFiltering:
    """A part of ``StorageActor``: asks the scripts, if they have a filter."""

    board: "Switchboard"
    clock: "Clock"
    _crew: "Crew"
    _main_tags: "MainDicomTags"
    _filters_instances = False

    if TYPE_CHECKING:

        def _keep_bytes(
            self, content: bytes, summary: Summary, origin: Origin
        ) -> Reply[StoreReceipt]: ...

    def note_filters(self, event: FiltersChanged) -> None:
        """Ask from now on, or do not; in the thread that says so.

        What is stored next, by whatever thread, must know of it: the mailbox would be too late.
        """
        self._filters_instances = not INSTANCE_FILTERS.isdisjoint(event.names)

    def admit(
        self,
        source: bytes | Path,
        summary: Summary,
        origin: Origin,
        keep: Callable[[], Reply[StoreReceipt]],
    ) -> Reply[StoreReceipt]:
        """Keep an instance if the scripts let it in; for the crew.

        They fail closed: where they cannot say, nothing is kept, and the sender is told.
        """
        asked = FilterInstance(
            tags=dicom.tags(
                source, TagForm.SIMPLIFIED, default_encoding=self._main_tags.encoding.name
            ),
            origin=origin,
            info={
                "TransferSyntaxUID": summary.transfer_syntax,
                "HasPixelData": summary.pixel_data_offset is not None,
            },
            file=source,
        )

        def settle(admitted: bool | bytes) -> Reply[StoreReceipt]:
            if isinstance(admitted, bytes):
                return self._crew.do(partial(self._keep_instead, admitted, origin))
            if admitted:
                return self._crew.do(keep)
            ids = resource_ids(summary.identity)
            log.info("instance_filtered_out", id=ids.instance)
            kept_out: Reply[StoreReceipt] = Reply()
            kept_out.set(StoreReceipt(ids=ids, status=StoreStatus.FILTERED_OUT))
            return kept_out

        return self._in_time(self.board.ask_soon(asked)).then(settle)

    def _keep_instead(self, content: bytes, origin: Origin) -> Reply[StoreReceipt]:
        """Keep what a filter made of an instance."""
        try:
            summary = dicom.summarize(content, self._main_tags)
        except (MissingTag, NotDicom) as error:
            raise ScriptFailed("What a filter made of the instance is no DICOM file.") from error
        return self._keep_bytes(content, summary, origin)

    def _in_time(self, reply: Reply[bool | bytes]) -> Reply[bool | bytes]:
        timely: Reply[bool | bytes] = Reply()
        late = ScriptFailed("A filter of the scripts gives no answer.")
        alarm = self.clock.call_after(PATIENCE, partial(timely.refuse, late))

        def settle(reply: Reply[Any]) -> None:
            alarm.cancel()
            timely.set(reply)

        reply.on_done(settle)
        return timely
