"""Worklists: modalities ask for them, clients make them, and they go when they have served."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.nodes import NodesLooked
from repertory.actors.messages.resources import DescribeResource, LookupIdentifier
from repertory.actors.messages.stability import ResourceStabilized
from repertory.actors.messages.values import ForgetValue, ListValues, RecordValue
from repertory.actors.messages.worklists import (
    CreateWorklist,
    DeleteWorklist,
    DescribeWorklist,
    FindWorklists,
    FoundWorklists,
    ListWorklists,
    SetWorklist,
    WorklistDescription,
)
from repertory.actors.switchboard import Switchboard
from repertory.errors import (
    CannotStart,
    Forbidden,
    RepertoryError,
    StorageFailed,
    UnknownItem,
    Unsupported,
)
from repertory.model import Level, TagForm
from repertory.storage.dicom.tags_json import in_form
from repertory.storage.worklists import (
    NAME,
    STUDY_INSTANCE_UID,
    Worklist,
    WorklistFolder,
    answer_of,
    as_file,
    described,
    for_station,
    is_met,
    resolved,
)

log = structlog.get_logger(__name__)

STORE = "worklists"


@message
class WorklistsDue(Event):
    """It is time to look for worklists that have served; the actor tells it to itself."""


@dataclass(frozen=True, slots=True)
class WorklistOptions:
    """Where worklists are, and how long. ``lifetime`` is seconds, 0: for ever."""

    enabled: bool = False
    folder: Path | None = None
    in_index: bool = False
    filters_station: bool = False
    most_answers: int = 0
    sets_study: bool = True
    ends_with_study: bool = True
    lifetime: float = 0.0
    interval: float = 60.0
    read_only: bool = False


class WorklistActor(RepertoryActor):
    """Owns the folder of worklists, and those that the index keeps.

    Only worklists that were made here are ever deleted by the archive itself: files that others
    put into the folder are theirs.
    """

    rank = 4

    def __init__(self, *, board: Switchboard, options: WorklistOptions) -> None:
        super().__init__(board=board)
        self._options = options
        self._folder = WorklistFolder(options.folder) if options.folder else None
        self._in_index: dict[str, Worklist] | None = None  # once they were read

    def open(self) -> None:
        """Look whether the folder is there."""
        if self._folder is not None and self._options.enabled:
            try:
                self._folder.open()
            except StorageFailed as error:
                raise CannotStart(f"Worklists.Directory: {error}") from error
        if self._keeps_house:
            self.tell_self(WorklistsDue())

    @property
    def _keeps_house(self) -> bool:
        options = self._options
        ends = options.ends_with_study or options.lifetime > 0
        return options.enabled and ends and not options.read_only

    @handles(NodesLooked)
    def nodes_looked(self, _event: NodesLooked) -> None:
        """Another node may have written some."""
        self._in_index = None

    # What modalities ask

    @handles(FindWorklists)
    def find_worklists(self, query: FindWorklists) -> FoundWorklists:
        """Match all of them."""
        keys = query.keys
        wanted = for_station(keys, query.station) if self._options.filters_station else keys
        most = self._options.most_answers
        answers: list[Mapping[str, Any]] = []
        for worklist in self._all():
            short = worklist.short
            if not is_met(wanted, short):
                continue
            if most and len(answers) == most:
                return FoundWorklists(answers=tuple(answers), complete=False)
            answers.append(answer_of(keys, short))
        return FoundWorklists(answers=tuple(answers), complete=True)

    # What clients ask

    @handles(ListWorklists)
    def list_worklists(self, query: ListWorklists) -> tuple[WorklistDescription, ...]:
        """All of them."""
        return tuple(_description(it, query.form) for it in self._all())

    @handles(DescribeWorklist)
    def describe_worklist(self, query: DescribeWorklist) -> WorklistDescription:
        """One of them."""
        return _description(self._find(query.id), query.form)

    @handles(CreateWorklist)
    def create_worklist(self, command: CreateWorklist) -> str:
        """Keep a new one."""
        self._check_writable()
        worklist = resolved(command.tags)
        if self._options.sets_study and not str(worklist.get(STUDY_INSTANCE_UID, "")).strip():
            worklist[STUDY_INSTANCE_UID] = f"2.25.{uuid.uuid4().int}"
        id_ = str(uuid.uuid4())
        if self._folder is not None and not self._options.in_index:
            self._folder.put(id_, as_file(worklist))
        else:
            self._record(id_, worklist, self.clock.now())
        log.info("worklist_created", worklist=id_)
        return id_

    @handles(SetWorklist)
    def set_worklist(self, command: SetWorklist) -> None:
        """Write one anew, where it is."""
        self._check_writable()
        found = self._find(command.id)
        worklist = resolved(command.tags)
        if command.id in self._kept():
            self._record(command.id, worklist, found.made_at)
        elif self._folder is not None:
            self._folder.put(command.id, as_file(worklist))
        log.info("worklist_changed", worklist=command.id)

    @handles(DeleteWorklist)
    def delete_worklist(self, command: DeleteWorklist) -> None:
        """Delete one."""
        self._check_writable()
        self._find(command.id)
        self._delete(command.id)
        log.info("worklist_deleted", worklist=command.id)

    # What has served

    @handles(ResourceStabilized)
    def resource_stabilized(self, event: ResourceStabilized) -> None:
        """A study is complete: its worklist is of no use any more."""
        if event.level is Level.STUDY and self._keeps_house and self._options.ends_with_study:
            self._tidy()

    @handles(WorklistsDue)
    def worklists_due(self, _event: WorklistsDue) -> None:
        """Look for what has served, also before the last stop."""
        self.tell_self(WorklistsDue(), after=self._options.interval)
        self._tidy()

    def _tidy(self) -> None:
        try:
            for worklist in list(self._all()):
                if worklist.is_own and self._has_served(worklist):
                    self._delete(worklist.id)
                    log.info("worklist_deleted", worklist=worklist.id)
        except RepertoryError as error:
            log.warning("worklists_untidied", error=type(error).__name__)

    def _has_served(self, worklist: Worklist) -> bool:
        lifetime = self._options.lifetime
        if lifetime and worklist.made_at + lifetime <= self.clock.now():
            return True
        study = str(worklist.short.get(STUDY_INSTANCE_UID) or "")
        if not study or not self._options.ends_with_study:
            return False
        found = self.board.ask(LookupIdentifier(identifier=study))
        return any(
            self.board.ask(DescribeResource(level=it.level, id=it.id)).is_stable
            for it in found
            if it.level is Level.STUDY
        )

    # Where they are

    def _all(self) -> list[Worklist]:
        if not self._options.enabled:
            raise Unsupported("Worklists are not enabled.")
        in_folder = list(self._folder.all()) if self._folder is not None else []
        return in_folder + list(self._kept().values())

    def _find(self, id_: str) -> Worklist:
        found = next((it for it in self._all() if it.id == id_), None)
        if found is None or not NAME.fullmatch(id_):
            raise UnknownItem("There is no such worklist.")
        return found

    def _kept(self) -> dict[str, Worklist]:
        if self._in_index is None:
            entries = self.board.ask(ListValues(store=STORE))
            self._in_index = {name: _kept(name, value) for name, value in entries.items()}
        return self._in_index

    def _record(self, id_: str, worklist: Mapping[str, Any], made_at: float) -> None:
        value = json.dumps({"Made": made_at, "Tags": described(as_file(worklist))})
        self.board.ask(RecordValue(store=STORE, name=id_, value=value))
        self._in_index = {**self._kept(), id_: _kept(id_, value)}

    def _delete(self, id_: str) -> None:
        if id_ in self._kept():
            self.board.ask(ForgetValue(store=STORE, name=id_))
            self._in_index = {name: it for name, it in self._kept().items() if name != id_}
        elif self._folder is not None:
            self._folder.remove(id_)

    def _check_writable(self) -> None:
        if not self._options.enabled:
            raise Unsupported("Worklists are not enabled.")
        if self._options.read_only:
            raise Forbidden("The archive is read-only.")


def _kept(name: str, value: str) -> Worklist:
    entry = json.loads(value)
    return Worklist(name, entry["Tags"], True, entry["Made"])


def _description(worklist: Worklist, form: TagForm) -> WorklistDescription:
    return WorklistDescription(id=worklist.id, tags=in_form(worklist.tags, form))
