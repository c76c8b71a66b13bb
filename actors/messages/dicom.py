"""The DICOM protocol."""

from repertory.actors.messages.base import Command, Query, message


@message
class DicomServerDescription:
    """Where others reach the archive by DICOM, and how many do at this moment."""

    port: int
    associations: int


@message
class DescribeDicomServer(Query[DicomServerDescription]):
    """The DICOM server: its port, and how many associations are open."""


@message
class AgreedContext:
    """A presentation context of an association in which instances come (PS3.8 7.1.1.13)."""

    number: int
    abstract_syntax: str
    transfer_syntax: str


@message
class ServeAssociation(Command[bool]):
    """Serve an association that was agreed to, until it ends; false where nobody can.

    Only those over which instances are sent to us, in a process beside the one that agreed.
    ``descriptor`` is the connection in the process that reads this. ``largest`` is how many bytes
    a PDU to the other side may have (0: any), ``services`` what its ``title`` may ask for,
    ``is_alone`` whether there is no other association just then. ``line`` is a socket to whoever
    records what comes, in the process that reads this; -1: none.
    """

    descriptor: int
    contexts: tuple[AgreedContext, ...]
    largest: int
    title: str
    called: str
    ip: str
    services: frozenset[str]
    is_alone: bool = False
    line: int = -1
