"""The storage area's handlers for tags of resources above the instance."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from repertory.actors.base import handles
from repertory.actors.crew import Crew
from repertory.actors.messages.attachments import AttachmentDescription, ReadTags
from repertory.actors.messages.resources import ListChildren
from repertory.actors.messages.tags import (
    ReadContent,
    ReadInstancesTags,
    ReadModule,
    ReadSharedTags,
)
from repertory.actors.reply import Reply, gather
from repertory.errors import FileCorrupted, NotDicom
from repertory.model import ContentType, Level, Metadata, ResourceId
from repertory.storage.dicom.modules import MODULES
from repertory.storage.dicom.tags_json import in_form

if TYPE_CHECKING:
    from repertory.actors.switchboard import Switchboard

R = TypeVar("R")

Tags = Mapping[str, Any]

AT_ONCE = 16
"""How many instances of one resource are read at a time: others' files come between."""


class StorageTags:
    """A part of ``StorageActor``, apart from it for length only."""

    board: "Switchboard"
    _crew: Crew

    if TYPE_CHECKING:

        def _read_by(
            self,
            level: Level,
            id_: ResourceId,
            content_type: int,
            work: Callable[[AttachmentDescription], R],
        ) -> Reply[R]:
            """See ``StorageReading``."""

        def _read_head(self, found: AttachmentDescription) -> bytes:
            """See ``StorageActor``."""

        def read_tags(self, query: ReadTags) -> Reply[Tags]:
            """See ``StorageActor``."""

    @handles(ReadModule)
    def read_module(self, query: ReadModule) -> Reply[Tags]:
        """Read one instance, and leave out what is not of the module."""
        wanted = MODULES[query.module]

        def read(instances: tuple[ResourceId, ...]) -> Reply[Tags]:
            return self.read_tags(ReadTags(id=instances[0], ignore_length=query.ignore_length))

        def of_module(tags: Tags) -> Tags:
            return in_form({tag: it for tag, it in tags.items() if tag in wanted}, query.form)

        tags: Reply[Tags] = self._list_instances(query.level, query.id).then(read)
        return tags.then(of_module)

    @handles(ReadSharedTags)
    def read_shared_tags(self, query: ReadSharedTags) -> Reply[Tags]:
        """Read all instances, and keep what they agree on."""
        shared: dict[str, Any] = {}
        first = True

        def compare(_: ResourceId, tags: Tags) -> None:
            nonlocal first
            if first:
                first = False
                shared.update({t: it for t, it in tags.items() if it["Type"] == "String"})
            for tag in [t for t, it in shared.items() if tags.get(t) != it]:
                del shared[tag]

        instances = self._list_instances(query.level, query.id)
        done: Reply[None] = instances.then(lambda ids: self._read_all(ids, ReadTags, compare))
        return done.then(lambda _: in_form(shared, query.form))

    @handles(ReadInstancesTags)
    def read_instances_tags(
        self, query: ReadInstancesTags
    ) -> Reply[Mapping[ResourceId, Mapping[str, Any]]]:
        """Read all instances."""
        found: dict[ResourceId, Tags] = {}
        question = partial(ReadTags, form=query.form, ignore_length=query.ignore_length)
        instances = self._list_instances(query.level, query.id)
        done: Reply[None] = instances.then(
            lambda ids: self._read_all(ids, question, found.__setitem__)
        )
        return done.then(lambda _: found)

    @handles(ReadContent)
    def read_content(self, query: ReadContent) -> Reply[bytes | tuple[str, ...]]:
        """Read an instance up to its pixels, and follow the path."""
        from repertory.storage.dicom.content import (  # noqa: PLC0415 - it brings pydicom
            content,
        )

        def read(found: AttachmentDescription) -> bytes | tuple[str, ...]:
            offset = found.metadata.get(Metadata.PIXEL_DATA_OFFSET, "")
            try:
                return content(self._read_head(found), query.path, pixel_data=bool(offset))
            except NotDicom as error:
                raise FileCorrupted from error

        return self._read_by(Level.INSTANCE, query.id, ContentType.DICOM, read)

    def _list_instances(self, level: Level, id_: ResourceId) -> Reply[tuple[ResourceId, ...]]:
        return self.board.ask_soon(ListChildren(level=level, id=id_, at=Level.INSTANCE))

    def _read_all(
        self,
        instances: tuple[ResourceId, ...],
        question: Callable[..., ReadTags],
        take: Callable[[ResourceId, Tags], None],
    ) -> Reply[None]:
        """Read the tags of instances, some at a time, and hand them over in their order."""
        whole: Reply[None] = Reply()

        def go_on(start: int) -> None:
            some = instances[start : start + AT_ONCE]
            if not some:
                whole.set()
                return
            reading = gather([self.read_tags(question(id=id_)) for id_ in some])
            reading.on_done(lambda reply: collect(start, reply))

        def collect(start: int, reply: "Reply[tuple[Any, ...]]") -> None:
            if reply.error is not None:
                whole.refuse(reply.error)
                return
            for id_, tags in zip(instances[start:], reply.get(), strict=False):
                take(id_, tags)
            go_on(start + AT_ONCE)

        go_on(0)
        return whole
