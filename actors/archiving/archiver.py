"""The archiver: makes ZIP archives for those who read them."""

import time
import uuid as uuids
from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from repertory.actors.archiving.making import Archive
from repertory.actors.base import RepertoryActor, handles
from repertory.actors.crew import Crew
from repertory.actors.messages.archives import (
    AbandonArchive,
    ArchiveId,
    ArchiveState,
    BeginArchive,
    DescribeArchive,
    ReadArchive,
)
from repertory.actors.messages.base import Event, message
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import IndexBusy, UnknownItem

log = structlog.get_logger(__name__)

IDLE_LIMIT = 3600.0
"""Seconds after which an archive is forgotten that nobody reads."""


@message
class ArchivesDue(Event):
    """Some archive may have been forgotten; the archiver tells it to itself."""


@dataclass(slots=True)
class _Open:
    archive: Archive
    parcels: Iterator[bytes]
    touched: float
    is_read: bool = False


class ArchiverActor(RepertoryActor):
    """Makes archives piece by piece, as fast as they are read.

    The makers wait for files and for the compressors; they are another crew than those, lest all
    wait and nobody works.
    """

    rank = 4

    def __init__(self, *, board: Switchboard, makers: Crew, compressors: Crew) -> None:
        """Take the crews; they are closed with the actor."""
        super().__init__(board=board)
        self._makers = makers
        self._compressors = compressors
        self._open: dict[ArchiveId, _Open] = {}
        self._looks_after_them = False

    def close(self) -> None:
        """Finish the parcels that were begun; archives are lost, as their readers are."""
        self._makers.close()
        self._compressors.close()

    @handles(BeginArchive)
    def begin_archive(self, command: BeginArchive) -> Reply[ArchiveId]:
        """Look whether the resources are there."""
        archive = Archive(
            board=self.board,
            crew=self._compressors,
            form=command.form,
            moment=time.localtime(self.clock.now()),
        )
        id_ = ArchiveId(str(uuids.uuid4()))
        # Known from now on: whoever is told the name may ask at once.
        begun = self._open[id_] = _Open(archive, iter(()), self.clock.monotonic())
        if not self._looks_after_them:
            self._looks_after_them = True
            self.tell_self(ArchivesDue(), after=IDLE_LIMIT)

        def resolve() -> ArchiveId:
            begun.parcels = archive.parcels(archive.resolve(command.ids, command.level))
            return id_

        def forget_unless_begun(reply: Reply[ArchiveId]) -> None:
            if reply.error is not None:
                self._open.pop(id_, None)

        reply = self._makers.do(resolve)
        reply.on_done(forget_unless_begun)
        return reply

    @handles(ReadArchive)
    def read_archive(self, command: ReadArchive) -> Reply[bytes]:
        """Make the next parcel."""
        archive = self._open.get(command.archive)
        if archive is None:
            raise UnknownItem("There is no such archive.")
        if archive.is_read:
            raise IndexBusy("The archive is being read already.")
        archive.is_read = True

        def make() -> bytes:
            ended = True
            try:
                parcel = next(archive.parcels, b"")
                ended = not parcel
            finally:
                archive.touched = self.clock.monotonic()
                archive.is_read = False
                if ended:
                    self._open.pop(command.archive, None)
            return parcel

        return self._makers.do(make)

    @handles(DescribeArchive)
    def describe_archive(self, query: DescribeArchive) -> ArchiveState:
        """How far an archive is."""
        opened = self._open.get(query.archive)
        if opened is None:
            raise UnknownItem("There is no such archive.")
        archive = opened.archive
        return ArchiveState(
            instances=archive.instances,
            size=archive.size,
            missing=tuple((it.id, it.reason) for it in archive.missing),
            is_whole=archive.is_whole,
        )

    @handles(AbandonArchive)
    def abandon_archive(self, command: AbandonArchive) -> None:
        """Forget an archive."""
        self._open.pop(command.archive, None)

    @handles(ArchivesDue)
    def archives_due(self, _event: ArchivesDue) -> None:
        """Forget what nobody reads, and look again while there are any."""
        limit = self.clock.monotonic() - IDLE_LIMIT
        idle = [id_ for id_, it in list(self._open.items()) if it.touched <= limit]
        for id_ in idle:
            self._open.pop(id_, None)
        if idle:
            log.warning("archives_forgotten", count=len(idle))
        self._looks_after_them = bool(self._open)
        if self._looks_after_them:
            self.tell_self(ArchivesDue(), after=IDLE_LIMIT)
