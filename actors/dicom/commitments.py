"""The part of ``DicomClientActor`` that is about storage commitment."""

import json
import uuid
from typing import TYPE_CHECKING, Any, Final

from repertory.actors.base import handles
from repertory.actors.clock import Clock
from repertory.actors.dicom.lanes import Lanes
from repertory.actors.messages.commitment import (
    PROCESSING_FAILURE,
    CommitmentReport,
    DescribeCommitment,
    ReportCommitment,
    RequestCommitment,
    TakeCommitmentReport,
    UncommittedInstance,
)
from repertory.actors.messages.instances import SopPair
from repertory.actors.messages.modalities import Target
from repertory.actors.messages.values import DescribeValue, ForgetValue, ListValues, RecordValue
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import RepertoryError, UnknownItem
from repertory.modalities import Modality

if TYPE_CHECKING:
    from repertory.actors.dicom.requesting import Requestor

STORE: Final = "commitments"


class ClientCommitments:
    """Asks for commitment and reports it; the index keeps who was asked, and what they said."""

    board: Switchboard
    clock: Clock
    _lanes: Lanes
    _kept_commitments: int

    if TYPE_CHECKING:

        @property
        def _requestor(self) -> Requestor: ...
        def _modality(self, target: Target) -> Modality: ...

    @handles(RequestCommitment)
    def request_commitment(self, command: RequestCommitment) -> Reply[str]:
        """N-ACTION; the transaction is kept before, for the report may come before the answer."""
        from repertory.actors.dicom import calling_commitment  # noqa: PLC0415 - see ``_requestor``

        modality, requestor = self._modality(command.target), self._requestor
        transaction = command.transaction or f"2.25.{uuid.uuid4().int}"

        def ask() -> str:
            self._keep_transaction(
                {
                    "Made": self.clock.now(),
                    "RemoteAET": modality.aet,
                    "Instances": [[it.sop_class, it.sop_instance] for it in command.instances],
                },
                transaction,
            )
            try:
                calling_commitment.request(
                    requestor,
                    modality,
                    transaction,
                    command.instances,
                    local_aet=command.local_aet,
                    timeout=command.timeout,
                )
            except RepertoryError:
                self.board.ask(ForgetValue(store=STORE, name=transaction))
                raise
            self._forget_oldest()
            return transaction

        return self._lanes.do(modality, ask)

    @handles(ReportCommitment)
    def report_commitment(self, command: ReportCommitment) -> Reply[None]:
        """N-EVENT-REPORT."""
        from repertory.actors.dicom import calling_commitment  # noqa: PLC0415 - see ``_requestor``

        modality, requestor = self._modality(command.target), self._requestor
        return self._lanes.do(
            modality,
            lambda: calling_commitment.report(
                requestor,
                modality,
                command.transaction,
                command.committed,
                command.failures,
                local_aet=command.local_aet,
            ),
        )

    @handles(TakeCommitmentReport)
    def take_commitment_report(self, command: TakeCommitmentReport) -> None:
        """Keep a report."""
        kept = self._transaction(command.transaction)
        kept["Committed"] = [[it.sop_class, it.sop_instance] for it in command.committed]
        kept["Failures"] = [
            [it.instance.sop_class, it.instance.sop_instance, it.reason] for it in command.failures
        ]
        self._keep_transaction(kept, command.transaction)

    @handles(DescribeCommitment)
    def describe_commitment(self, query: DescribeCommitment) -> CommitmentReport:
        """What became of a transaction; an instance that no report named was not committed."""
        kept = self._transaction(query.transaction)
        if "Committed" not in kept:
            return CommitmentReport(
                transaction=query.transaction, remote_aet=kept["RemoteAET"], status="Pending"
            )
        committed = {tuple(it) for it in kept["Committed"]}
        reasons = {(it[0], it[1]): int(it[2]) for it in kept["Failures"]}
        for it in map(tuple, kept["Instances"]):
            if it not in committed:
                reasons.setdefault(it, PROCESSING_FAILURE)
        return CommitmentReport(
            transaction=query.transaction,
            remote_aet=kept["RemoteAET"],
            status="Failure" if reasons else "Success",
            committed=tuple(_pair(*it) for it in sorted(committed)),
            failures=tuple(
                UncommittedInstance(instance=_pair(*it), reason=reason)
                for it, reason in sorted(reasons.items())
            ),
        )

    def _transaction(self, transaction: str) -> dict[str, Any]:
        value = self.board.ask(DescribeValue(store=STORE, name=transaction))
        if value is None:
            raise UnknownItem("There is no such transaction.")
        kept: dict[str, Any] = json.loads(value)
        return kept

    def _keep_transaction(self, kept: dict[str, Any], transaction: str) -> None:
        self.board.ask(RecordValue(store=STORE, name=transaction, value=json.dumps(kept)))

    def _forget_oldest(self) -> None:
        kept = self.board.ask(ListValues(store=STORE))
        if len(kept) <= self._kept_commitments:
            return
        oldest = sorted(kept, key=lambda name: float(json.loads(kept[name])["Made"]))
        for name in oldest[: len(kept) - self._kept_commitments]:
            self.board.ask(ForgetValue(store=STORE, name=name))


def _pair(sop_class: str, sop_instance: str) -> SopPair:
    return SopPair(sop_class=sop_class, sop_instance=sop_instance)
