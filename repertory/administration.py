"""What the commands for administrators share: settings, an archive without a server, progress."""

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from repertory.actors.base import RepertoryActor
from repertory.actors.crew import ThreadCrew
from repertory.actors.hybrid_router import HybridRouterActor, Side
from repertory.actors.index import IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.integrity import IntegrityActor
from repertory.actors.messages.attachments import FindAttachments
from repertory.actors.messages.system import CallIn
from repertory.actors.storage import StorageActor
from repertory.actors.switchboard import Ref, Switchboard
from repertory.building import (
    engine_of,
    file_options_of,
    files_folder,
    index_folder,
    main_tags_of,
    object_area_of,
    with_encryption,
)
from repertory.conf.databases import database_of
from repertory.conf.settings import Settings
from repertory.conf.storages import storage_names
from repertory.errors import CannotStart
from repertory.places import FILE_SYSTEM, OBJECT_STORAGE
from repertory.storage.areas import FilesystemArea
from repertory.storage.areas.base import StorageArea
from repertory.storage.areas.filesystem import STAGING
from repertory.storage.index.packing import pack_uuid_or_none
from repertory.storage.index.sqlite.engine import FILE_NAME
from repertory.storage.main_tags import MainDicomTags
from repertory.storing import number_storages, threads_at

GOOD, BAD, NOT_DONE, INTERRUPTED = 0, 1, 2, 130
"""What a command ends with: nothing is wrong, something is, it could not tell, Ctrl-C."""

NOT_YOUNG = float("-inf")
"""Where no server runs, no file is on its way, whatever its age."""

_STOP_PATIENCE = 60.0
_LINE_INTERVAL = 10.0
_BAR_WIDTH = 30


class UntouchedArea(FilesystemArea):
    """A storage area that must be there, and in which a start changes nothing."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._folder = root

    def open(self) -> None:
        """Look whether it is there."""
        if not self._folder.is_dir():
            raise CannotStart("There is no storage directory: see the option StorageDirectory.")

    def staged(self) -> tuple[str, ...]:
        """The files that were being written when the last run ended."""
        if not (self._folder / STAGING).is_dir():
            return ()
        return tuple(name for name in super().leftovers() if pack_uuid_or_none(name))

    def leftovers(self) -> tuple[str, ...]:
        """None that may be removed: the next start of the server settles them."""
        return ()


class OfflineArchive:
    """The actors that a check needs, while no server runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cast: list[Ref] = []
        self.board = Switchboard(patience=None)

    def __enter__(self) -> Self:
        settings = self._settings
        folder = index_folder(settings)
        if database_of(settings) is None and not (folder / FILE_NAME).is_file():
            raise CannotStart(
                "There is no index: see the options IndexDirectory and StorageDirectory;"
                " 'repertory rebuild' makes one from the files."
            )
        main_tags = main_tags_of(settings)
        engine = engine_of(settings, main_tags)
        try:
            self._put_on(IndexActor, engine=engine)
            self._put_on(IndexReaderActor, engine=engine)
            self._start_storages(main_tags)
            self._put_on(IntegrityActor, young=NOT_YOUNG)
        except BaseException:
            self._stop()
            raise
        return self

    def _start_storages(self, main_tags: MainDicomTags) -> None:
        settings = self._settings
        folders = {FILE_SYSTEM: files_folder(settings)}
        folders |= {name: Path(it) for name, it in settings.advanced_storage.disks.items()}
        areas: dict[str, StorageArea] = {}
        for name in storage_names(settings):
            objects = object_area_of(settings, untouched=True) if name == OBJECT_STORAGE else None
            if objects is not None:
                areas[name] = objects
                continue
            local = UntouchedArea(folders[name])
            local.open()
            areas[name] = with_encryption(local, settings.storage_encryption)
            # What a power cut put back is not lost: a start of the server would do this, too.
            staged = local.staged()
            known = self.board.ask(FindAttachments(uuids=staged)) if staged else frozenset()
            for uuid in known:
                local.finish(uuid)
        storages = number_storages(settings, self.board, areas)
        sides: dict[int, Side] = {}
        for number, it in storages.areas.items():
            ref = self._put_on(
                StorageActor,
                connected=len(areas) == 1,
                area=it,
                crew=ThreadCrew(threads_at(settings, storages.names[number]), name="storage"),
                main_tags=main_tags,
                options=file_options_of(settings),
                location=number,
                others={other: a for other, a in storages.areas.items() if other != number},
            )
            sides[number] = Side(storages.names[number], ref)
        if len(areas) > 1:
            self._put_on(HybridRouterActor, sides=sides, writer=storages.writer)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _put_on(self, actor: type[RepertoryActor], *, connected: bool = True, **parts: Any) -> Ref:
        ref = actor.start(board=self.board, **parts)
        self._cast.append(ref)
        if connected:
            self.board.connect(ref, actor)
        ref.ask(CallIn())
        return ref

    def _stop(self) -> None:
        while self._cast:
            self._cast.pop().stop(timeout=_STOP_PATIENCE)
        self.board.clock.close()


class Progress:
    """Tells how far it is: a bar that is redrawn on a terminal, else a line now and then."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._is_terminal = self._stream.isatty()
        self._last = time.monotonic()
        self._drawn = 0

    def show(self, what: str, done: int, total: int) -> None:
        """Tell that ``done`` of ``total`` are done, if it is time to; 0: of an unknown number."""
        now = time.monotonic()
        if self._quiet or now - self._last < (0.1 if self._is_terminal else _LINE_INTERVAL):
            return
        self._last = now
        text = what
        if total:
            share = min(done / total, 1.0)
            text = f"[{'#' * int(share * _BAR_WIDTH):{_BAR_WIDTH}}] {share:4.0%}  {what}"
            text += f"  {done:,}/{total:,}"
        if self._is_terminal:
            self._stream.write("\r" + text.ljust(self._drawn))
            self._drawn = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line of the bar."""
        if self._drawn:
            self._stream.write("\r" + " " * self._drawn + "\r")
            self._stream.flush()
            self._drawn = 0
