"""Storage commitment as others ask for it, and as they report it (PS3.4 annex J)."""

from typing import Final

import structlog

from repertory.actors.dicom import commitment_data as data
from repertory.actors.dicom import statuses
from repertory.actors.dicom.access import Caller, Guard
from repertory.actors.messages.commitment import TakeCommitmentReport
from repertory.actors.messages.jobs import SubmitJob
from repertory.actors.switchboard import Switchboard
from repertory.errors import BadParameter, IndexBusy, NotDicom, RepertoryError, UnknownItem
from repertory.modalities import Service

log = structlog.get_logger(__name__)

JOB: Final = "StorageCommitmentScp"

# PS3.7 annex C.
_NO_SUCH_INSTANCE: Final = 0x0112
_NO_SUCH_EVENT_TYPE: Final = 0x0113
_INVALID_ARGUMENT: Final = 0x0115
_NO_SUCH_ACTION: Final = 0x0123
_RESOURCE_LIMITATION: Final = 0x0213


class Committing:
    """Takes requests, which a job sees to, and reports, which the index keeps."""

    def __init__(self, board: Switchboard, guard: Guard) -> None:
        self._board = board
        self._guard = guard

    def ask(
        self,
        caller: Caller,
        *,
        sop_class: str,
        sop_instance: str,
        action_type: int,
        content: bytes,
        transfer_syntax: str,
    ) -> int:
        """The status of an N-ACTION: success says that there will be a report, whatever happens.

        Args:
            caller: who asks.
            sop_class: the abstract syntax of the presentation context.
            sop_instance: the SOP instance that the message names.
            action_type: the type of the action.
            content: its information, a data set.
            transfer_syntax: how that is written.
        """
        name = self._guard.name_of(caller)
        if name is None or not self._guard.allows(caller, Service.N_ACTION):
            return statuses.NOT_AUTHORIZED
        if sop_class != data.PUSH_MODEL:
            return statuses.SOP_CLASS_NOT_SUPPORTED
        if sop_instance != data.PUSH_MODEL_INSTANCE:
            return _NO_SUCH_INSTANCE
        if action_type != data.REQUEST:
            return _NO_SUCH_ACTION
        try:
            transaction, instances = data.read_request(content, transfer_syntax)
            self._board.ask(
                SubmitJob(
                    type=JOB,
                    parameters={
                        "Modality": name,
                        "TransactionUid": transaction,
                        "RemoteAet": caller.title,
                        "CalledAet": caller.called,
                        "Instances": [[it.sop_class, it.sop_instance] for it in instances],
                    },
                )
            )
        except RepertoryError as error:
            return _refused(caller, error)
        log.info("commitment_requested", remote=name, count=len(instances))
        return statuses.SUCCESS

    def report(
        self,
        caller: Caller,
        *,
        sop_class: str,
        event_type: int,
        content: bytes,
        transfer_syntax: str,
    ) -> int:
        """The status of an N-EVENT-REPORT: success says that the report is kept."""
        if not self._guard.allows(caller, Service.EVENT_REPORT):
            return statuses.NOT_AUTHORIZED
        if sop_class != data.PUSH_MODEL:
            return statuses.SOP_CLASS_NOT_SUPPORTED
        if event_type not in (data.ALL_COMMITTED, data.SOME_FAILED):
            return _NO_SUCH_EVENT_TYPE
        try:
            transaction, committed, failures = data.read_report(content, transfer_syntax)
            self._board.ask(
                TakeCommitmentReport(
                    transaction=transaction, committed=committed, failures=failures
                )
            )
        except RepertoryError as error:
            return _refused(caller, error)
        log.info("commitment_reported", remote=caller.title, failures=len(failures))
        return statuses.SUCCESS


def _refused(caller: Caller, error: RepertoryError) -> int:
    log.warning("commitment_refused", aet=caller.title, reason=type(error).__name__)
    if isinstance(error, UnknownItem):
        return _NO_SUCH_INSTANCE
    if isinstance(error, BadParameter | NotDicom):
        return _INVALID_ARGUMENT
    return _RESOURCE_LIMITATION if isinstance(error, IndexBusy) else statuses.PROCESSING_FAILURE
