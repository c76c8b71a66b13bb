"""What the archive keeps about itself, by name: lists of others that were entered over REST."""

from typing import Final

from repertory.actors.messages.base import Command, Query, message

MODALITIES: Final = "property/20"
"""The modalities (``DicomModalitiesInDatabase``): Orthanc's number, and Orthanc's JSON."""
PEERS: Final = "property/21"
"""The peers (``OrthancPeersInDatabase``)."""


@message
class DescribeProperty(Query[str | None]):
    """What is kept under a name; ``None`` where nothing is."""

    name: str


@message
class RecordProperty(Command[None]):
    """Keep a text under a name, in place of what was there.

    Where it ``compares``, only in place of what was ``expected`` there.

    Raises:
        Forbidden: the archive is read-only.
        RevisionConflict: another node has written something else.
    """

    name: str
    value: str
    compares: bool = False
    expected: str | None = None
