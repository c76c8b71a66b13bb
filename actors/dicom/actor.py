"""The DICOM server as an actor: it is there while the archive is."""

from typing import TYPE_CHECKING

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.dicom.access import Guard
from repertory.actors.dicom.options import ServerOptions
from repertory.actors.messages.dicom import DescribeDicomServer, DicomServerDescription
from repertory.actors.switchboard import Switchboard

if TYPE_CHECKING:
    from repertory.actors.dicom.client import Caller
    from repertory.actors.dicom.listener import Listener


class DicomServerActor(RepertoryActor):
    """Owns the DICOM server: its port, and the threads of its associations.

    It comes last and goes first: what an association asks for, it asks of actors that are there.
    """

    rank = 8

    def __init__(self, *, board: Switchboard, options: ServerOptions) -> None:
        super().__init__(board=board)
        self._options = options
        self._listener: Listener | None = None
        self._caller: Caller | None = None

    def open(self) -> None:
        """Listen."""
        # Who never speaks DICOM need not load what speaks it.
        from repertory.actors.dicom.client import Caller  # noqa: PLC0415
        from repertory.actors.dicom.finding import Finding  # noqa: PLC0415
        from repertory.actors.dicom.listener import Listener  # noqa: PLC0415
        from repertory.actors.dicom.negotiation import Negotiator  # noqa: PLC0415
        from repertory.actors.dicom.retrieving import Retrieving  # noqa: PLC0415
        from repertory.actors.dicom.services import Services  # noqa: PLC0415

        options = self._options
        access = options.access
        guard = Guard(access)
        finding = Finding(self.board, aet=access.aet, limits=options.limits)
        self._caller = Caller(options.calls)
        retrieving = Retrieving(self.board, self._caller, access.modalities, guard.same)
        services = Services(self.board, guard, finding, retrieving)
        negotiator = Negotiator(options.storage, stores=not options.read_only)
        self._listener = Listener(options, guard, negotiator, services.serve)

    def close(self) -> None:
        """Take no more associations, and end those that are there."""
        if self._caller is not None:
            self._caller.close()
        if self._listener is not None:
            self._listener.close()

    @handles(DescribeDicomServer)
    def describe_dicom_server(self, _query: DescribeDicomServer) -> DicomServerDescription:
        """The port, and the number of associations."""
        listener = self._listener
        return DicomServerDescription(
            port=listener.port if listener else 0,
            associations=listener.associations if listener else 0,
        )
