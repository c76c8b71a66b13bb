"""The cast of a front-end: what it answers by itself, and what it has answered for it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from repertory.actors.base import RepertoryActor
from repertory.actors.crew import ThreadCrew
from repertory.actors.dicom.attending import AssociationsActor
from repertory.actors.dicom.turns import share_of
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.inline import Inline, stand_beside
from repertory.actors.messages.attachments import (
    CheckAttachment,
    DescribeAttachment,
    LendFile,
    ListAttachments,
    LocateFile,
    ReadAttachment,
    ReadFile,
    ReadHeader,
    ReadStoredFile,
    ReadTags,
    StoreAttachment,
    VerifyFile,
)
from repertory.actors.messages.base import Message, Question
from repertory.actors.messages.dicom_rules import DescribeDefaultEncoding, EncodingChanged
from repertory.actors.messages.finding import SiftFiles
from repertory.actors.messages.instances import (
    AbandonUpload,
    AppendToUpload,
    BeginUpload,
    StoreInstance,
    StoreZip,
)
from repertory.actors.messages.labels import ListLabels
from repertory.actors.messages.metadata import DescribeMetadata, ListMetadata
from repertory.actors.messages.nodes import DescribeNodes
from repertory.actors.messages.places import ListPlaces
from repertory.actors.messages.resources import (
    DescribeParent,
    DescribeProtection,
    DescribeResource,
)
from repertory.actors.messages.scripting import DescribeFilters, FiltersChanged
from repertory.actors.messages.system import CallIn, DescribeIndex
from repertory.actors.messages.tags import (
    ReadContent,
    ReadInstancesTags,
    ReadModule,
    ReadSharedTags,
)
from repertory.actors.portal.actor import open_portal
from repertory.actors.portal.line import Line
from repertory.actors.storage import StorageActor
from repertory.actors.switchboard import Ref, Switchboard
from repertory.building import (
    engine_of,
    file_options_of,
    finding_rules_of,
    ingest_rules_of,
    local_area_of,
    main_tags_of,
)
from repertory.conf.nodes import is_shared
from repertory.conf.settings import Settings
from repertory.conf.storages import FILE_SYSTEM, storage_names
from repertory.metering import metered_areas
from repertory.nodes import base_of
from repertory.storage.index.base import IndexEngine
from repertory.storage.main_tags import MainDicomTags
from repertory.storage.naming import NeighbouringNames

AT_ONCE: frozenset[type[Message]] = frozenset(
    {
        CheckAttachment,
        DescribeAttachment,
        DescribeIndex,
        DescribeMetadata,
        DescribeParent,
        DescribeProtection,
        DescribeResource,
        ListAttachments,
        ListLabels,
        ListMetadata,
        LocateFile,
    }
)
"""Look-ups by primary key: answered by whoever asks, on a connection of its own."""

STORING: frozenset[type[Message]] = frozenset(
    {
        AbandonUpload,
        AppendToUpload,
        BeginUpload,
        StoreAttachment,
        StoreInstance,
        StoreZip,
    }
)
"""What comes in. An upload belongs to the process that has begun it, so these go together."""

READING: frozenset[type[Message]] = frozenset(
    {
        LendFile,
        ReadAttachment,
        ReadContent,
        ReadFile,
        ReadHeader,
        ReadInstancesTags,
        ReadModule,
        ReadSharedTags,
        ReadStoredFile,
        ReadTags,
        SiftFiles,
        VerifyFile,
    }
)
"""What goes out."""

_PATIENCE = 60.0


def stores_locally(settings: Settings) -> bool:
    """Whether a front-end writes files itself.

    Scripts decide in the main process which instances come in, and keep a state; there they
    see all of them.
    """
    return reads_locally(settings) and not (settings.is_scripted or settings.scripts)


def reads_locally(settings: Settings) -> bool:
    """Whether a front-end reads files itself: those of one folder, encrypted or not.

    Of several storages, one router knows which; and a bucket's clients are dear.
    """
    return storage_names(settings) == (FILE_SYSTEM,)


def serves_associations(settings: Settings) -> bool:
    """Whether front-ends serve associations of DICOM over which instances come.

    Not those of TLS, whose keys are in the process that has shaken hands.
    """
    speaks_plainly = bool(settings.dicom_server_enabled) and not settings.dicom_tls_enabled
    return speaks_plainly and stores_locally(settings)


class FrontEndCast:
    """The actors of one front-end."""

    def __init__(
        self, board: Switchboard, line: Line, settings: Settings, *, number: int, count: int
    ) -> None:
        """Take what they need; nothing is started yet."""
        self._board = board
        self._line = line
        self._settings = settings
        self._number = number
        self._count = count
        self._refs: list[Ref] = []
        self._endings: list[Callable[[], None]] = []
        self.answered_here: frozenset[type[Message]] = frozenset()
        """The types of messages that are answered in this process."""

    def start(self, kinds: Mapping[type[Question[Any]], int]) -> None:
        """Start the actors; ``kinds`` are what the main process answers.

        Raises:
            CannotStart: something is in the way.
        """
        settings = self._settings
        main_tags = main_tags_of(settings)
        engine = engine_of(settings, main_tags)
        engine.attach()
        self._endings.append(engine.detach)
        self._start_readers(engine, main_tags)
        if reads_locally(settings):
            self._start_storage(main_tags)
        if serves_associations(settings):
            self._put_on(
                AssociationsActor,
                None,
                timeout=settings.dicom_scp_timeout,
                spool_threshold=settings.spool_threshold_mb << 20,
                turns=share_of(settings.dicom_threads_count, self._number, self._count),
            )
        self.answered_here = frozenset(self._board.kinds())
        open_portal(self._board, self._line, kinds)
        encoding = main_tags.encoding
        self._board.listen(EncodingChanged, lambda event: encoding.change(event.name))
        encoding.change(self._board.ask(DescribeDefaultEncoding()))  # it may have changed before
        self._board.publish(FiltersChanged(names=self._board.ask(DescribeFilters())))

    def stop(self) -> None:
        """Finish what was begun."""
        while self._refs:
            self._refs.pop().stop(timeout=_PATIENCE)
        while self._endings:
            self._endings.pop()()
        self._board.clock.close()

    def _put_on(
        self, actor: type[RepertoryActor], only: frozenset[type[Message]] | None, **parts: Any
    ) -> None:
        ref = actor.start(board=self._board, **parts)
        self._refs.append(ref)
        self._board.connect(ref, actor, only=only)
        ref.ask(CallIn())
        stand_beside(self._board, ref, frozenset(actor.handlers) if only is None else only)

    def _start_readers(self, engine: IndexEngine, main_tags: MainDicomTags) -> None:
        board = self._board
        finding = finding_rules_of(self._settings, main_tags)
        for _ in range(self._settings.index_readers):
            self._put_on(IndexReaderActor, None, engine=engine, finding=finding)
        if not engine.is_local:
            return  # whoever asks, the event loop, would wait for the network

        def make() -> IndexReaderActor:
            return IndexReaderActor(board=board, engine=engine, finding=finding)

        at_once = Inline(make, IndexReaderActor)
        self._endings.append(at_once.close)
        for kind in AT_ONCE:
            board.take_over(kind, at_once, IndexReaderActor.rank)

    def _branch(self) -> str:
        """The name of the folder in which files are made, of this process alone."""
        own = f"front-end-{self._number}"
        if not is_shared(self._settings):
            return own
        node = self._line.ask(DescribeNodes()).get(timeout=_PATIENCE)
        return f"{base_of(node.name)}.{own}"

    def _start_storage(self, main_tags: MainDicomTags) -> None:
        settings = self._settings
        options = file_options_of(settings)
        places = {place.name: place.number for place in self._board.ask(ListPlaces())}
        number = places[FILE_SYSTEM]
        area = local_area_of(settings, branch=self._branch())
        self._put_on(
            StorageActor,
            READING | STORING if stores_locally(settings) else READING,
            area=metered_areas(self._board, {number: area})[number],
            crew=ThreadCrew(settings.storage_threads, name="storage"),
            main_tags=main_tags,
            options=replace(options, cache_size=options.cache_size // self._count),
            store_dicom=settings.store_dicom,
            unpacking_limit=settings.maximum_request_body_size_mb << 20,
            ingest=ingest_rules_of(settings),
            location=number,
            new_name=NeighbouringNames(),
        )
