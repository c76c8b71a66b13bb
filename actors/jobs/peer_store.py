"""Sending instances to a peer."""

from typing import Self

from repertory.actors.jobs.base import Job, Parameters, Turn
from repertory.actors.jobs.retrying import Retrying
from repertory.actors.messages.peers import PeerReceipt, SendToPeer
from repertory.actors.reply import Reply
from repertory.errors import BadParameter, BadRequest, NetworkFailed
from repertory.jobs import JobFailure, JobStep, Object
from repertory.model import ResourceId
from repertory.storage.pixels.syntaxes import SYNTAXES

CHUNK = 20
"""Instances of one step: as many go over one connection."""

_MEGABYTE = 1 << 20


class PeerStore(Job):
    """Uploads instances to a peer, some with each step.

    A step that is repeated after a crash sends some once more, which who receives them knows.
    """

    type = "OrthancPeerStore"

    def __init__(self, parameters: Parameters) -> None:
        self._name = parameters.need("Peer", str)
        instances = parameters.need("Instances", list)
        if not all(isinstance(it, str) for it in instances):
            raise BadRequest("The field Instances must be an array of strings.")
        self._instances = tuple(ResourceId(it) for it in instances)
        self._address = parameters.get("Address", list[str]())
        self._compress = parameters.get("Compress", default=False)
        self._transcode = parameters.get("Transcode", "")
        if self._transcode and self._transcode not in SYNTAXES:
            raise BadParameter("Unknown transfer syntax.")
        self._retrying = Retrying(parameters)
        self._permissive = parameters.get("Permissive", default=False)
        self._resources = parameters.get("ParentResources", list[str]())

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        """``Peer``, ``Instances``, and the fields of the REST API.

        Raises:
            BadParameter: the transfer syntax is unknown.
        """
        return cls(parameters)

    def step(self, turn: Turn) -> JobStep | Reply[JobStep]:
        """Send the next ones."""
        at = turn.position.get("At", 0)
        chunk = self._instances[at : at + CHUNK]
        if not chunk:
            return turn.ends({**turn.position, "At": at}, done=True)
        asked = turn.board.ask_soon(
            SendToPeer(
                name=self._name,
                instances=chunk,
                compress=self._compress,
                transcode=self._transcode,
            )
        )

        def ends(receipt: PeerReceipt, before: Object) -> JobStep:
            unsent = receipt.unsent
            if unsent and not self._permissive:
                raise NetworkFailed(unsent[0].reason)
            done = at + len(chunk)
            return turn.ends(
                {
                    "At": done,
                    "Failed": before.get("Failed", 0) + len(unsent),
                    "Size": before.get("Size", 0) + receipt.size,
                },
                progress=done / len(self._instances),
                done=done == len(self._instances),
                failures=tuple(JobFailure(it.id, it.reason) for it in unsent),
            )

        return self._retrying.step(turn, at / len(self._instances), asked, ends)

    def content(self, position: Object) -> Object:
        """To whom, how many and how much."""
        size = position.get("Size", 0)
        content: Object = {
            "Description": "REST API",
            "Peer": list(self._address),
            "Compress": self._compress,
            "InstancesCount": len(self._instances),
            "FailedInstancesCount": position.get("Failed", 0),
            "ParentResources": list(self._resources),
            "Size": str(size),
            "SizeMB": size // _MEGABYTE,
        }
        if self._transcode:
            content["Transcode"] = self._transcode
        return content
