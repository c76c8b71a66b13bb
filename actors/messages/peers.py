"""Other archives that are reached by HTTP: who they are, and what is asked of them."""

from typing import Any

from repertory.actors.messages.base import Command, Query, message
from repertory.actors.messages.modalities import UnsentInstance
from repertory.model import ResourceId
from repertory.peers import Peer


@message
class ListPeers(Query[dict[str, Peer]]):
    """The peers by name."""


@message
class DescribePeer(Query[Peer]):
    """One peer.

    Raises:
        UnknownResource: there is none of this name.
    """

    name: str


@message
class SetPeer(Command[None]):
    """Enter a peer, or change it: for good with OrthancPeersInDatabase, else until the end.

    Raises:
        Forbidden: it is to be kept, and the archive is read-only.
    """

    name: str
    peer: Peer


@message
class DeletePeer(Command[None]):
    """Forget a peer.

    Raises:
        UnknownItem: there is none of this name.
        Forbidden: that is to be kept, and the archive is read-only.
    """

    name: str


@message
class DescribePeerSystem(Query[dict[str, Any]]):
    """What a peer says of itself (its ``/system``), as JSON has it.

    Raises:
        UnknownResource: there is no peer of this name.
        NetworkFailed: it does not answer, or not so.
    """

    name: str


@message
class PeerReceipt:
    """What was sent to a peer: bytes of all bodies, and what it did not take."""

    size: int
    unsent: tuple[UnsentInstance, ...] = ()


@message
class SendToPeer(Command[PeerReceipt]):
    """Send instances to a peer over one connection.

    ``compress`` packs each by gzip on its way; ``transcode`` is the transfer syntax that they
    shall have there: what cannot be had so is sent as it is.

    Raises:
        UnknownResource: there is no peer of this name.
        BadParameter: the transfer syntax is unknown.
        NetworkFailed: it cannot be reached, or broke off.
    """

    name: str
    instances: tuple[ResourceId, ...]
    compress: bool = False
    transcode: str = ""


@message
class ForwardToPeer(Command[dict[str, Any]]):
    """Send a DICOM file to a peer that need not be in the archive; what it answers, as JSON.

    Raises:
        UnknownResource: there is no peer of this name.
        NetworkFailed: it cannot be reached, or does not take the file.
    """

    name: str
    content: bytes
