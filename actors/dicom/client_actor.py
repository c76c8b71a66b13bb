"""Asking others by DICOM, as an actor: the threads of its crew wait for them, not its mailbox."""

import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.crew import Crew
from repertory.actors.dicom.book import ModalityBook
from repertory.actors.dicom.client_services import ClientServices
from repertory.actors.dicom.commitments import ClientCommitments
from repertory.actors.dicom.lanes import Lanes
from repertory.actors.dicom.options import ClientOptions
from repertory.actors.dicom.query_filter import QueryFilter
from repertory.actors.filter_functions import FilterFunctions
from repertory.actors.kept_book import KeptBook
from repertory.actors.messages.exports import RecordExport
from repertory.actors.messages.modalities import (
    DeleteModality,
    DeleteQuery,
    DescribeModality,
    DescribeQuery,
    EchoModality,
    ForwardedInstance,
    ForwardToModality,
    KeptQuery,
    ListModalities,
    ListQueries,
    MoveResource,
    QueryModality,
    SearchModality,
    SendInstances,
    SetModality,
    Target,
    UnsentInstance,
)
from repertory.actors.messages.nodes import NodesLooked
from repertory.actors.messages.properties import MODALITIES
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import UnknownItem, UnknownResource
from repertory.modalities import Modality, read_modality, written
from repertory.model import Level, ResourceRef, TagForm
from repertory.storage.dicom.tags_json import in_form
from repertory.storage.dicom.wire import EXPLICIT, read_identifier, write_identifier
from repertory.storage.main_tags import MAIN_DICOM_TAGS, MainDicomTags

if TYPE_CHECKING:
    from repertory.actors.dicom.requesting import Requestor


class DicomClientActor(ClientServices, ClientCommitments, RepertoryActor):
    """Keeps the modalities, calls them, and keeps what they answered."""

    rank = 4

    def __init__(
        self,
        *,
        board: Switchboard,
        book: ModalityBook,
        options: ClientOptions,
        crew: Crew,
        width: int = 0,
        kept_queries: int = 100,
        kept_commitments: int = 100,
        in_database: bool = False,
        shared: bool = False,
        main_tags: MainDicomTags = MAIN_DICOM_TAGS,
        functions: FilterFunctions | None = None,
    ) -> None:
        """Take what the actor works with.

        Args:
        board: the switchboard.
        book: the modalities, which the DICOM server looks into as well.
        options: how others are called.
        crew: who waits for them; it is closed with the actor.
        width: how many threads may wait for one modality at a time; 0: all of them.
        kept_queries: how many queries are kept; the oldest go first.
        kept_commitments: how many reports of storage commitment are kept, likewise.
        in_database: whether the modalities that the index keeps count instead of the book's, and
            changes are kept (``DicomModalitiesInDatabase``).
        shared: whether other nodes of the same archive keep theirs there.
        main_tags: the keys that queries which are normalized may have.
        functions: what changes queries before they are asked, besides Lua's scripts.
        """
        super().__init__(board=board)
        self._book = book
        self._options = options
        self._crew = crew
        self._lanes = Lanes(crew, width=width)
        self._filters = QueryFilter(board, functions)
        self._most = kept_queries
        self._kept_commitments = kept_commitments
        self._main_tags = main_tags
        self._kept_book = KeptBook(MODALITIES, shared=shared) if in_database else None
        self._queries: dict[str, KeptQuery] = {}
        self._made: Requestor | None = None

    def open(self) -> None:
        """Take up what is kept."""
        if self._kept_book is not None:
            self._book.replace(self._kept_book.read(self.board, read_modality))

    def close(self) -> None:
        """Break off what is open, and wait for the crew."""
        if self._made is not None:
            self._made.close()
        self._crew.close()

    @property
    def _requestor(self) -> "Requestor":
        if self._made is None:
            # Who never calls need not load what speaks DICOM.
            from repertory.actors.dicom.keeping import Keeper  # noqa: PLC0415
            from repertory.actors.dicom.requesting import Requestor  # noqa: PLC0415

            keeper = Keeper(self.clock, self._crew, self._options.close_delay)
            self._made = Requestor(self._options, keeper)
        return self._made

    # Who they are

    @handles(ListModalities)
    def list_modalities(self, _query: ListModalities) -> dict[str, Modality]:
        """All of them."""
        return dict(self._book)

    @handles(DescribeModality)
    def describe_modality(self, query: DescribeModality) -> Modality:
        """One of them."""
        return self._modality(query.name)

    @handles(SetModality)
    def set_modality(self, command: SetModality) -> None:
        """Enter or change one."""
        if self._kept_book is None:
            self._book.put(command.name, command.modality)
        else:
            self._change_book(lambda book: {**book, command.name: command.modality})

    @handles(DeleteModality)
    def delete_modality(self, command: DeleteModality) -> None:
        """Forget one."""
        self._modality(command.name)
        if self._kept_book is None:
            self._book.remove(command.name)
        else:
            self._change_book(
                lambda book: {name: it for name, it in book.items() if name != command.name}
            )

    def _change_book(self, change: Callable[[dict[str, Modality]], dict[str, Modality]]) -> None:
        if self._kept_book is not None:
            changed = self._kept_book.change(self.board, self._book, change, read_modality, written)
            self._book.replace(changed)

    @handles(NodesLooked)
    def nodes_looked(self, _event: NodesLooked) -> None:
        """Take up what was entered at another node."""
        if self._kept_book is not None and self._kept_book.is_news(self.board):
            self._book.replace(self._kept_book.read(self.board, read_modality))

    def _modality(self, target: Target) -> Modality:
        if isinstance(target, Modality):
            return target
        if target not in self._book:
            raise UnknownItem("There is no modality of this name.")
        return self._book[target]

    # What is asked of them

    @handles(EchoModality)
    def echo_modality(self, command: EchoModality) -> Reply[None]:
        """C-ECHO, and C-FIND where that is to be checked."""
        from repertory.actors.dicom import calling  # noqa: PLC0415 - see above

        modality, requestor = self._modality(command.target), self._requestor
        local_aet, timeout = command.local_aet, command.timeout

        def echo() -> None:
            calling.echo(requestor, modality, local_aet=local_aet, timeout=timeout)
            if command.check_find:
                calling.check_find(requestor, modality, local_aet=local_aet, timeout=timeout)

        return self._lanes.do(modality, echo)

    @handles(SendInstances)
    def send_instances(self, command: SendInstances) -> Reply[tuple[UnsentInstance, ...]]:
        """C-STORE; what was sent is recorded."""
        from repertory.actors.dicom import calling  # noqa: PLC0415 - see above
        from repertory.actors.dicom.forms import Forms  # noqa: PLC0415 - see above

        modality, requestor = self._modality(command.target), self._requestor
        forms = Forms(self.board, self._options)

        def send() -> tuple[UnsentInstance, ...]:
            unsent = calling.send(
                requestor,
                self.board,
                modality,
                command.instances,
                local_aet=command.local_aet,
                timeout=command.timeout,
                originator=command.originator,
                forms=forms,
            )
            failed = {it.id for it in unsent}
            sent = [it for it in command.instances if it not in failed]
            if sent and isinstance(command.target, str):
                self.board.ask(
                    RecordExport(
                        resources=tuple(ResourceRef(Level.INSTANCE, it) for it in sent),
                        remote=command.target,
                    )
                )
            return unsent

        return self._lanes.do(modality, send)

    @handles(MoveResource)
    def move_resource(self, command: MoveResource) -> Reply[None]:
        """C-MOVE."""
        from repertory.actors.dicom import calling  # noqa: PLC0415 - see above

        modality, requestor = self._modality(command.target), self._requestor
        identifier = calling.identifier_of(command.level, command.keys)
        return self._lanes.do(
            modality,
            lambda: calling.move(
                requestor,
                modality,
                command.level,
                identifier,
                destination=command.destination or command.local_aet or self._options.aet,
                local_aet=command.local_aet,
                timeout=command.timeout,
            ),
        )

    @handles(QueryModality)
    def query_modality(self, command: QueryModality) -> Reply[str]:
        """C-FIND; the answers are kept."""
        from repertory.actors.dicom import calling, normalizing  # noqa: PLC0415 - see above

        modality, requestor = self._modality(command.modality), self._requestor
        keys = calling.identifier_of(command.level, command.keys)
        asked = read_identifier(write_identifier(keys, EXPLICIT), EXPLICIT, TagForm.FULL)
        if command.normalize:
            keys = normalizing.normalized(command.level, keys, self._main_tags)
        identifier = normalizing.suited(keys, modality.manufacturer)

        def find() -> str:
            answers = calling.find(
                requestor,
                modality,
                command.level,
                self._filters.outgoing(identifier, modality.aet),
                local_aet=command.local_aet,
                timeout=command.timeout,
            )
            kept = KeptQuery(
                modality=command.modality,
                level=command.level,
                keys=command.keys,
                query=asked,
                answers=answers,
                local_aet=command.local_aet,
            )
            return self._keep(kept)

        return self._lanes.do(modality, find)

    @handles(SearchModality)
    def search_modality(self, query: SearchModality) -> Reply[tuple[Mapping[str, Any], ...]]:
        """C-FIND; the answers are not kept."""
        from repertory.actors.dicom import calling, normalizing  # noqa: PLC0415 - see above

        modality, requestor = self._modality(query.modality), self._requestor
        keys = calling.identifier_of(query.level, query.keys)
        keys = normalizing.normalized(query.level, keys, self._main_tags)
        keys = normalizing.with_main_tags(query.level, keys)
        identifier = normalizing.suited(keys, modality.manufacturer)

        def find() -> tuple[Mapping[str, Any], ...]:
            filtered = self._filters.outgoing(identifier, modality.aet)
            answers = calling.find(
                requestor, modality, query.level, filtered, local_aet="", timeout=0
            )
            return tuple(in_form(it, TagForm.SIMPLIFIED) for it in answers)

        return self._lanes.do(modality, find)

    @handles(ForwardToModality)
    def forward_to_modality(self, command: ForwardToModality) -> Reply[ForwardedInstance]:
        """C-STORE of a file that somebody else has."""
        from repertory.actors.dicom import forwarding  # noqa: PLC0415 - see above

        modality, requestor = self._modality(command.modality), self._requestor

        def forward() -> ForwardedInstance:
            instance = forwarding.outgoing_of(command.content)
            forwarding.forward(requestor, modality, instance, command.content)
            return forwarding.receipt_of(instance)

        return self._lanes.do(modality, forward)

    def _keep(self, query: KeptQuery) -> str:
        name = str(uuid.uuid4())
        self._queries[name] = query
        for oldest in [*self._queries][: -self._most]:
            self._queries.pop(oldest, None)
        return name

    # What they answered

    @handles(ListQueries)
    def list_queries(self, _query: ListQueries) -> tuple[str, ...]:
        """The names of the queries."""
        return tuple(self._queries)

    @handles(DescribeQuery)
    def describe_query(self, query: DescribeQuery) -> KeptQuery:
        """One query, in a form."""
        kept = self._kept(query.id)
        shown: Any = lambda full: in_form(full, query.form)  # noqa: E731
        return KeptQuery(
            modality=kept.modality,
            level=kept.level,
            keys=kept.keys,
            query=shown(kept.query),
            answers=tuple(map(shown, kept.answers)),
            local_aet=kept.local_aet,
        )

    @handles(DeleteQuery)
    def delete_query(self, command: DeleteQuery) -> None:
        """Forget one."""
        self._kept(command.id)
        self._queries.pop(command.id, None)

    def _kept(self, name: str) -> KeptQuery:
        kept = self._queries.get(name)
        if kept is None:
            raise UnknownResource("There is no such query.")
        return kept
