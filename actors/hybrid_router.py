"""Answers for several storages: writes here, reads there, and moves files between them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.claims import Claims
from repertory.actors.hybrid_routing import ReadsRouting, WritesRouting
from repertory.actors.messages.base import Event
from repertory.actors.messages.health import ProbeStorage, ProbeStorages
from repertory.actors.messages.instances import UploadId
from repertory.actors.messages.integrity import ExamineFiles, SetAside, SurveyFiles
from repertory.actors.messages.places import MoveFiles
from repertory.actors.moving import Moving
from repertory.actors.reply import Reply, gather
from repertory.actors.storage import StorageActor
from repertory.actors.switchboard import Ref, Switchboard
from repertory.errors import BadParameter
from repertory.integrity import Finding, Survey
from repertory.model import ResourceRef
from repertory.places import MoveReport, OwnedFile, StorageHealth
from repertory.storage.naming import new_uuid

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Side:
    """A storage that the router answers for: its name, and the actor that owns it."""

    name: str
    ref: Ref


class HybridRouterActor(WritesRouting, ReadsRouting, RepertoryActor):
    """Answers for several storage actors, each of which owns one storage area.

    New files go to one of them. What is asked about a file goes to the storage that the index names
    as its location. The actor waits for nobody: it hands on, and the storages answer the askers.
    """

    rank = 3

    def __init__(
        self,
        *,
        board: Switchboard,
        sides: Mapping[int, Side],
        writer: int,
        spares: tuple[int, ...] = (),
        width: int = 8,
        notes_reads: bool = False,
        far: frozenset[int] = frozenset(),
        new_name: Callable[[], str] = new_uuid,
    ) -> None:
        """Take what the actor works with.

        Args:
            board: the switchboard.
            sides: the storages by their numbers.
            writer: the number of the one that new files go to.
            spares: the numbers of the disks that take what comes, one after the other as each is
                full; none: the one that writes alone.
            width: how many files are moved at a time.
            notes_reads: whether to tell what is read (``FilesRead``).
            far: the numbers of the storages whose reads are told at once (``FarFileRead``).
            new_name: gives each copy of a file its UUID.
        """
        super().__init__(board=board)
        self._names = {side.name: number for number, side in sides.items()}
        self._boards: dict[int, Switchboard] = {}
        for number, side in sides.items():
            # A switchboard for each, or nobody could say which of them is meant.
            private = Switchboard(clock=board.clock, patience=board.patience)
            private.connect(side.ref, StorageActor)
            self._boards[number] = private
            for kind in StorageActor.handlers:
                if issubclass(kind, Event):  # events are for each of them: a filter, say
                    board.listen(kind, partial(board.tell, side.ref))
        self._writing = writer
        self._spares = spares
        self._full: set[int] = set()
        self._changing = threading.Lock()
        self._width = width
        self._new_name = new_name
        self._claims = Claims(board)
        self._notes_reads = notes_reads
        self._far = far
        self._read: dict[ResourceRef, None] = {}
        self._uploads: dict[UploadId, Switchboard] = {}

    @property
    def _first(self) -> Switchboard:
        return self._boards[min(self._boards)]

    def _at(self, location: int) -> Switchboard:
        # The first one says what is wrong with a location that nobody knows.
        return self._boards.get(location, self._first)

    @handles(MoveFiles)
    def move_files(self, command: MoveFiles) -> Reply[MoveReport]:
        """Move files to another storage."""
        target = self._names.get(command.target)
        if target is None:
            raise BadParameter("There is no such storage.")

        def begin(files: Sequence[OwnedFile]) -> Reply[MoveReport]:
            moving = Moving(
                board=self.board,
                copier=partial(self._copier, target),
                files=files,
                target=target,
                width=self._width,
                new_name=self._new_name,
            )
            return moving.begin()

        return self._claims.move(command.files, begin)

    def _copier(self, target: int, source: int) -> Switchboard:
        """Who copies a file: of the two storages the one that may be slow, not the disk."""
        return self._at(target or source)

    # Looking after files

    @handles(ProbeStorage)
    def probe_storage(self, query: ProbeStorage) -> Reply[None]:
        """Whether one of them answers."""
        return self._at(query.location).ask_soon(query)

    @handles(ProbeStorages)
    def probe_storages(self, query: ProbeStorages) -> Reply[tuple[StorageHealth, ...]]:
        """Whether all can be written."""
        asked = gather([board.ask_soon(query) for board in self._boards.values()])
        return asked.then(lambda found: tuple(it for healths in found for it in healths))

    @handles(SurveyFiles)
    def survey_files(self, query: SurveyFiles) -> Reply[Survey]:
        """List a part of all areas."""
        asked = gather([board.ask_soon(query) for board in self._boards.values()])

        def merge(surveys: tuple[Survey, ...]) -> Survey:
            files = {uuid: it for survey in surveys for uuid, it in survey.files.items()}
            return Survey(files, sum(survey.foreign for survey in surveys))

        return asked.then(merge)

    @handles(ExamineFiles)
    def examine_files(self, query: ExamineFiles) -> Reply[tuple[Finding, ...]]:
        """Look at files; each is looked at where it should be."""
        return self._first.ask_soon(query)

    @handles(SetAside)
    def set_aside(self, command: SetAside) -> Reply[bool]:
        """Move a file that nobody owns out of the way, wherever it lies."""
        asked = gather([board.ask_soon(command) for board in self._boards.values()])
        return asked.then(any)
