"""What was being written when a run ended, or when another node did."""

import structlog

from repertory.actors.base import handles
from repertory.actors.crew import Crew
from repertory.actors.messages.attachments import FindAttachments
from repertory.actors.messages.nodes import NodesLooked
from repertory.actors.switchboard import Switchboard
from repertory.storage.areas.base import StorageArea

log = structlog.get_logger(__name__)


class StorageLeftovers:
    """A part of ``StorageActor``."""

    board: Switchboard
    _area: StorageArea
    _crew: Crew

    @handles(NodesLooked)
    def nodes_looked(self, event: NodesLooked) -> None:
        """Settle what nodes were writing that are no more."""
        if event.left:
            self._crew.do(self._settle_leftovers)

    def _settle_leftovers(self) -> None:
        leftovers = self._area.leftovers()
        if not leftovers:
            return
        known = self.board.ask(FindAttachments(uuids=leftovers))
        for uuid in leftovers:
            if uuid in known:
                self._area.finish(uuid)
            else:
                self._area.discard(uuid)
        log.info("leftovers_settled", finished=len(known), discarded=len(leftovers) - len(known))
