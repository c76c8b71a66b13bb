"""The DICOM server as an actor: it is there while the archive is."""

from typing import TYPE_CHECKING

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.dicom.access import Guard
from repertory.actors.dicom.options import ServerOptions
from repertory.actors.messages.dicom import DescribeDicomServer, DicomServerDescription
from repertory.actors.switchboard import Switchboard

if TYPE_CHECKING:
    from repertory.actors.dicom.listener import Listener
    from repertory.actors.dicom.query_filter import QueryFilter
    from repertory.actors.dicom.requesting import Requestor
    from repertory.actors.filter_functions import FilterFunctions


class DicomServerActor(RepertoryActor):
    """Owns the DICOM server: its port, and the threads of its associations.

    It comes last and goes first: what an association asks for, it asks of actors that are there.
    """

    rank = 8

    def __init__(
        self,
        *,
        board: Switchboard,
        options: ServerOptions,
        functions: "FilterFunctions | None" = None,
    ) -> None:
        """Take how it behaves, and what changes queries besides Lua's scripts."""
        super().__init__(board=board)
        self._functions = functions
        self._options = options
        self._filters: QueryFilter | None = None
        self._listener: Listener | None = None
        self._requestor: Requestor | None = None

    def open(self) -> None:
        """Listen."""
        # Who never speaks DICOM need not load what speaks it.
        from repertory.actors.dicom.accepting import Acceptor  # noqa: PLC0415
        from repertory.actors.dicom.commitment import Committing  # noqa: PLC0415
        from repertory.actors.dicom.finding import Finding  # noqa: PLC0415
        from repertory.actors.dicom.forms import Forms  # noqa: PLC0415
        from repertory.actors.dicom.handing_over import HandingOver  # noqa: PLC0415
        from repertory.actors.dicom.listener import Listener  # noqa: PLC0415
        from repertory.actors.dicom.negotiation import WORKLIST_FIND, Negotiator  # noqa: PLC0415
        from repertory.actors.dicom.query_filter import QueryFilter  # noqa: PLC0415
        from repertory.actors.dicom.requesting import Requestor  # noqa: PLC0415
        from repertory.actors.dicom.retrieving import Retrieving  # noqa: PLC0415
        from repertory.actors.dicom.services import Services  # noqa: PLC0415
        from repertory.actors.dicom.storing import Storing  # noqa: PLC0415
        from repertory.actors.dicom.turns import turns_of  # noqa: PLC0415
        from repertory.actors.dicom.worklist import WorklistFinding  # noqa: PLC0415

        options = self._options
        access = options.access
        guard = Guard(access)
        finding = Finding(
            self.board, aet=access.aet, limits=options.limits, encoding=options.calls.encoding
        )
        self._requestor = Requestor(options.calls)
        forms = Forms(self.board, options.calls)
        retrieving = Retrieving(
            self.board,
            self._requestor,
            access.modalities,
            guard.same,
            forms=forms,
            defers=options.defers_moves,
        )
        storing = Storing(self.board, guard, spool_threshold=options.spool_threshold)
        self._filters = QueryFilter(self.board, self._functions)
        self._filters.open()
        worklists = WorklistFinding(self.board, self._filters)
        committing = Committing(self.board, guard)
        services = Services(
            guard,
            storing=storing,
            finding=finding,
            retrieving=retrieving,
            worklists=worklists,
            committing=committing,
            filters=self._filters,
            turns=turns_of(options.turns),
        )
        denied = () if options.worklists else (WORKLIST_FIND,)
        negotiator = Negotiator(options.storage, stores=not options.read_only, denied=denied)
        self._listener = Listener(
            options,
            Acceptor(options, guard, negotiator),
            services,
            HandingOver(self.board, guard),
        )

    def close(self) -> None:
        """Take no more associations, and end those that are there."""
        if self._requestor is not None:
            self._requestor.close()
        if self._listener is not None:
            self._listener.close()
        if self._filters is not None:
            self._filters.close()

    @handles(DescribeDicomServer)
    def describe_dicom_server(self, _query: DescribeDicomServer) -> DicomServerDescription:
        """The port, and the number of associations."""
        listener = self._listener
        return DicomServerDescription(
            port=listener.port if listener else 0,
            associations=listener.associations if listener else 0,
        )
