"""C-FIND of worklists (PS3.4 annex K)."""

from repertory.actors.dicom import statuses
from repertory.actors.dicom.access import Caller
from repertory.actors.dicom.finding import Answers
from repertory.actors.dicom.negotiation import WORKLIST_FIND
from repertory.actors.dicom.query_filter import INCOMING_WORKLIST, QueryFilter
from repertory.actors.messages.worklists import FindWorklists
from repertory.actors.switchboard import Switchboard
from repertory.storage.dicom.wire import SPECIFIC_CHARACTER_SET, read_identifier, write_identifier

__all__ = ["WORKLIST_FIND", "WorklistFinding"]


class WorklistFinding:
    """Answers modalities that ask what is scheduled."""

    def __init__(self, board: Switchboard, filters: QueryFilter) -> None:
        self._board = board
        self._filters = filters

    def find(self, data: bytes, *, transfer_syntax: str, caller: Caller) -> tuple[Answers, int]:
        """What a query finds, each with its status, and the status that comes last.

        Raises:
            NotDicom: the identifier cannot be read.
            Unsupported: worklists are not enabled.
            ScriptFailed: a script cannot say what is asked for.
        """
        identifier = read_identifier(data, transfer_syntax)
        charset = str(identifier.pop(SPECIFIC_CHARACTER_SET, None) or "ISO_IR 100")
        keys = {tag: value for tag, value in identifier.items() if not tag.endswith(",0000")}
        asked = self._filters.incoming(INCOMING_WORKLIST, keys, caller)
        found = self._board.ask(FindWorklists(keys=asked, station=caller.title))

        def answers() -> Answers:
            for it in found.answers:
                yield statuses.PENDING, write_identifier(it, transfer_syntax, prefers=charset)

        # As Orthanc has it: what the limit cut off is told as if somebody had cancelled.
        return answers(), statuses.SUCCESS if found.complete else statuses.CANCELLED
