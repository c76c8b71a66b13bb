"""Asking other archives by HTTP, as an actor: the threads of its crew wait for them."""

import io
from collections.abc import Callable, Mapping
from typing import Any

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.crew import Crew
from repertory.actors.kept_book import KeptBook
from repertory.actors.messages.exports import RecordExport
from repertory.actors.messages.nodes import NodesLooked
from repertory.actors.messages.peers import (
    DeletePeer,
    DescribePeer,
    DescribePeerSystem,
    ForwardToPeer,
    ListPeers,
    PeerReceipt,
    SendToPeer,
    SetPeer,
)
from repertory.actors.messages.properties import PEERS
from repertory.actors.peers import sending
from repertory.actors.peers.connection import HttpOptions, PeerCaller
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import BadParameter, UnknownItem, UnknownResource
from repertory.model import Level, ResourceRef
from repertory.peers import Peer, read_peer, written
from repertory.storage.pixels.syntaxes import SYNTAXES


class PeersActor(RepertoryActor):
    """Keeps the peers, and calls them."""

    rank = 4

    def __init__(
        self,
        *,
        board: Switchboard,
        peers: Mapping[str, Peer],
        options: HttpOptions,
        crew: Crew,
        in_database: bool = False,
        shared: bool = False,
    ) -> None:
        """Take what the actor works with.

        Args:
            board: the switchboard.
            peers: those of the configuration.
            options: how they are called.
            crew: who waits for them; it is closed with the actor.
            in_database: whether those that the index keeps count instead, and changes are kept
                (``OrthancPeersInDatabase``).
            shared: whether other nodes of the same archive keep theirs there.

        Raises:
            CannotStart: the file of authorities cannot be read.
        """
        super().__init__(board=board)
        self._peers = dict(peers)
        self._caller = PeerCaller(options)
        self._crew = crew
        self._kept = KeptBook(PEERS, shared=shared) if in_database else None

    def open(self) -> None:
        """Take up what is kept."""
        if self._kept is not None:
            self._peers = self._kept.read(self.board, read_peer)

    def close(self) -> None:
        """Cut what is open, and wait for the crew."""
        self._caller.close()
        self._crew.close()

    # Who they are

    @handles(ListPeers)
    def list_peers(self, _query: ListPeers) -> dict[str, Peer]:
        """All of them."""
        return dict(self._peers)

    @handles(DescribePeer)
    def describe_peer(self, query: DescribePeer) -> Peer:
        """One of them."""
        return self._peer(query.name)

    @handles(SetPeer)
    def set_peer(self, command: SetPeer) -> None:
        """Enter or change one."""
        self._change_peers(lambda peers: {**peers, command.name: command.peer})

    @handles(DeletePeer)
    def delete_peer(self, command: DeletePeer) -> None:
        """Forget one."""
        if command.name not in self._peers:
            raise UnknownItem("There is no peer of this name.")
        self._change_peers(
            lambda peers: {name: it for name, it in peers.items() if name != command.name}
        )

    def _change_peers(self, change: Callable[[dict[str, Peer]], dict[str, Peer]]) -> None:
        if self._kept is None:
            self._peers = change(self._peers)
        else:
            self._peers = self._kept.change(self.board, self._peers, change, read_peer, written)

    @handles(NodesLooked)
    def nodes_looked(self, _event: NodesLooked) -> None:
        """Take up what was entered at another node."""
        if self._kept is not None and self._kept.is_news(self.board):
            self._peers = self._kept.read(self.board, read_peer)

    def _peer(self, name: str) -> Peer:
        if name not in self._peers:
            raise UnknownResource("There is no peer of this name.")
        return self._peers[name]

    # What is asked of them

    @handles(DescribePeerSystem)
    def describe_peer_system(self, query: DescribePeerSystem) -> Reply[dict[str, Any]]:
        """Its ``/system``."""
        peer = self._peer(query.name)

        def ask() -> dict[str, Any]:
            with self._caller.connect(peer) as connection:
                return sending.read_json(connection.ask("GET", "system"))

        return self._crew.do(ask)

    @handles(SendToPeer)
    def send_to_peer(self, command: SendToPeer) -> Reply[PeerReceipt]:
        """Upload instances; what was sent is recorded."""
        peer = self._peer(command.name)
        if command.transcode and command.transcode not in SYNTAXES:
            raise BadParameter("Unknown transfer syntax.")

        def send() -> PeerReceipt:
            with self._caller.connect(peer) as connection:
                receipt = sending.send(
                    self.board,
                    connection,
                    command.instances,
                    compress=command.compress,
                    transcode=command.transcode,
                )
            failed = {it.id for it in receipt.unsent}
            sent = [it for it in command.instances if it not in failed]
            if sent:
                self.board.ask(
                    RecordExport(
                        resources=tuple(ResourceRef(Level.INSTANCE, it) for it in sent),
                        remote=command.name,
                    )
                )
            return receipt

        return self._crew.do(send)

    @handles(ForwardToPeer)
    def forward_to_peer(self, command: ForwardToPeer) -> Reply[dict[str, Any]]:
        """Upload a file that somebody else has."""
        peer = self._peer(command.name)

        def forward() -> dict[str, Any]:
            with self._caller.connect(peer) as connection:
                return sending.read_json(sending.post(connection, io.BytesIO(command.content)))

        return self._crew.do(forward)
