"""What of the rules of DICOM can be changed while the archive runs."""

from repertory.actors.messages.base import Command, Event, Query, message


@message
class DicomRules:
    """The default encoding by Orthanc's name, and what is taken by C-STORE, as UIDs."""

    default_encoding: str
    transfer_syntaxes: tuple[str, ...]
    sop_classes: tuple[str, ...]
    unknown_accepted: bool


@message
class DescribeDicomRules(Query[DicomRules]):
    """The rules as they are now."""


@message
class DescribeDefaultEncoding(Query[str]):
    """What text is written in where a file does not say it, by Orthanc's name."""


@message
class EncodingChanged(Event):
    """Text is read by another default encoding from now on, whose name this is."""

    name: str


@message
class DescribeConformance(Query[str]):
    """What the archive does by the DICOM protocol, as a text for people (PS3.2)."""


@message
class SetDefaultEncoding(Command[None]):
    """Read text so from now on where a file does not say what it is written in.

    Raises:
        BadParameter: there is no encoding of this name.
    """

    name: str


@message
class SetAcceptedTransferSyntaxes(Command[None]):
    """Take instances in these transfer syntaxes, with wildcards, from the next association on."""

    patterns: tuple[str, ...]


@message
class SetUnknownSopClassAccepted(Command[None]):
    """Take, or do not take, instances of SOP classes that the standard does not know."""

    accepted: bool
