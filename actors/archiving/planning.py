"""What is to be in an archive, and under which name."""

from collections.abc import Iterator
from typing import Protocol

from repertory.actors.messages.archives import ArchiveForm
from repertory.actors.messages.finding import DescribeMany
from repertory.actors.messages.resources import DescribeResource, ListChildren
from repertory.actors.switchboard import Switchboard
from repertory.errors import UnknownResource
from repertory.model import Level, ResourceDescription, ResourceId
from repertory.storage.archive_names import ArchiveNames

Planned = tuple[ResourceId, str]
"""An instance, and the name of its file in the archive."""


class Namer(Protocol):
    """Names the next instance of a series."""

    def next_name(
        self,
        patient: ResourceDescription,
        study: ResourceDescription,
        series: ResourceDescription,
    ) -> str:
        """The path of the file."""


class MediaNames:
    """Names as media have them: eight capitals and digits at most (PS3.10 section 8.2)."""

    def __init__(self) -> None:
        self._count = 0

    def next_name(self, *_: ResourceDescription) -> str:
        """The path of the next file."""
        name = f"IMAGES/IM{self._count}"
        self._count += 1
        return name


class Plan:
    """The instances of resources, found as they are needed: an archive begins at once.

    It waits for the index; for threads that may.
    """

    def __init__(self, board: Switchboard, form: ArchiveForm) -> None:
        self._board = board
        self._names: Namer = MediaNames() if form.media else ArchiveNames(utf8=form.utf8)
        self._patient: ResourceDescription | None = None
        self._study: ResourceDescription | None = None

    def resolve(
        self, ids: tuple[ResourceId, ...], level: Level | None
    ) -> tuple[ResourceDescription, ...]:
        """The resources, each once.

        Raises:
            UnknownResource: one of them is not there.
        """
        if level is not None:
            return tuple(self._board.ask(DescribeResource(level=level, id=id_)) for id_ in ids)
        resources = self._board.ask(DescribeMany(ids=ids))
        missing = set(ids) - {it.id for it in resources}
        if missing:
            raise UnknownResource(f"There is no resource {min(missing)}.")
        return resources

    def instances(self, resources: tuple[ResourceDescription, ...]) -> Iterator[Planned]:
        """The instances of resources, each once, in their order."""
        # One resource has each instance once: no need to remember millions of them.
        seen: set[ResourceId] | None = set() if len(resources) > 1 else None
        for resource in resources:
            for id_, series in self._below(resource):
                if seen is not None:
                    if id_ in seen:
                        continue
                    seen.add(id_)
                yield id_, self._name(series)

    def _below(
        self, resource: ResourceDescription
    ) -> Iterator[tuple[ResourceId, ResourceDescription]]:
        for series in self._board.ask(DescribeMany(ids=(resource.id,), at=Level.SERIES)):
            if resource.level is Level.INSTANCE:
                yield resource.id, series
                continue
            try:
                children = ListChildren(level=Level.SERIES, id=series.id, at=Level.INSTANCE)
                instances = self._board.ask(children)
            except UnknownResource:  # deleted meanwhile
                continue
            for id_ in instances:
                yield id_, series

    def _name(self, series: ResourceDescription) -> str:
        if self._study is None or self._study.id != series.parent:
            self._study = self._above(series)
            self._patient = self._above(self._study)
        return self._names.next_name(self._patient or series, self._study, series)

    def _above(self, resource: ResourceDescription) -> ResourceDescription:
        """The parent; where it is gone meanwhile, what is known of the resource has to do."""
        if resource.parent is None or resource.level is Level.PATIENT:
            return resource
        try:
            question = DescribeResource(level=Level(resource.level - 1), id=resource.parent)
            return self._board.ask(question)
        except UnknownResource:
            return resource
