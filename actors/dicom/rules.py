"""What of the rules of DICOM can be changed while the archive runs."""

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.dicom.options import StorageRules
from repertory.actors.messages.dicom_rules import (
    DescribeConformance,
    DescribeDefaultEncoding,
    DescribeDicomRules,
    DicomRules,
    EncodingChanged,
    SetAcceptedTransferSyntaxes,
    SetDefaultEncoding,
    SetUnknownSopClassAccepted,
)
from repertory.actors.switchboard import Switchboard
from repertory.storage.dicom.wire import storage_classes, transfer_syntaxes
from repertory.storage.encoding import TextEncoding


class DicomRulesActor(RepertoryActor):
    """Owns the default encoding, and which instances are taken; changes last until the end.

    Those who go by them look at the same objects, and see a change at once: the DICOM server with
    its next association, whoever reads a file with the next file.
    """

    rank = 1

    def __init__(self, *, board: Switchboard, rules: StorageRules, encoding: TextEncoding) -> None:
        super().__init__(board=board)
        self._rules = rules
        self._encoding = encoding

    @handles(DescribeDicomRules)
    def describe_dicom_rules(self, _query: DescribeDicomRules) -> DicomRules:
        """All of them."""
        return self._describe()

    @handles(DescribeConformance)
    def describe_conformance(self, _query: DescribeConformance) -> str:
        """In words."""
        from repertory.actors.dicom import conformance  # noqa: PLC0415 - see below

        rules = self._describe()
        return conformance.statement(rules.sop_classes, rules.transfer_syntaxes)

    def _describe(self) -> DicomRules:
        # Who never speaks DICOM need not load what speaks it.
        from repertory.actors.dicom import negotiation  # noqa: PLC0415

        negotiator = negotiation.Negotiator(self._rules, stores=True)
        return DicomRules(
            default_encoding=self._encoding.name,
            transfer_syntaxes=tuple(
                sorted(it for it in transfer_syntaxes() if negotiator.takes(it))
            ),
            sop_classes=tuple(sorted(it for it in storage_classes() if negotiator.stores(it))),
            unknown_accepted=self._rules.unknown_accepted,
        )

    @handles(DescribeDefaultEncoding)
    def describe_default_encoding(self, _query: DescribeDefaultEncoding) -> str:
        """Its name."""
        return self._encoding.name

    @handles(SetDefaultEncoding)
    def set_default_encoding(self, command: SetDefaultEncoding) -> None:
        """Read text otherwise, here and in other processes."""
        self._encoding.change(command.name)
        self.board.publish(EncodingChanged(name=command.name))

    @handles(SetAcceptedTransferSyntaxes)
    def set_accepted_transfer_syntaxes(self, command: SetAcceptedTransferSyntaxes) -> None:
        """Take instances in other transfer syntaxes."""
        self._rules.rejected_syntaxes = frozenset()
        self._rules.transfer_syntaxes = command.patterns

    @handles(SetUnknownSopClassAccepted)
    def set_unknown_sop_class_accepted(self, command: SetUnknownSopClassAccepted) -> None:
        """Take instances of classes that the standard does not know, or do not."""
        self._rules.unknown_accepted = command.accepted
