"""A request, and what a service answers: all that a service sees of who asks."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from repertory.actors.dicom.access import Caller
from repertory.actors.dicom.upper.association import Association, Context, Message
from repertory.actors.dicom.upper.commands import RESPONSE, write_command

COMMENT_LENGTH = 64
"""Letters of an ErrorComment (PS3.7 table E.1-1, LO)."""


@dataclass(frozen=True, slots=True)
class Response:
    """One response to a request.

    ``fields`` are elements of the command set beyond those of every response. With ``more``, it may
    wait for those that follow at once, so that they are sent together.
    """

    status: int
    data: bytes | None = None
    comment: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    more: bool = False


class Request:
    """A request of the other side."""

    def __init__(self, association: Association, message: Message, caller: Caller) -> None:
        self.association = association
        self.context: Context = message.context
        self.command = message.command
        self.data: Any = message.data
        self.caller = caller
        self._written: dict[tuple[int, bool], bytes] = {}

    @property
    def id(self) -> int:
        """The number of the message."""
        return int(self.command["MessageID"])

    @property
    def sop_class(self) -> str:
        """The SOP class that it is about."""
        command = self.command
        found = command.get("AffectedSOPClassUID") or command.get("RequestedSOPClassUID")
        return str(found or "")

    @property
    def transfer_syntax(self) -> str:
        """How its data set is written, and that of its responses."""
        return self.context.transfer_syntax

    @property
    def is_cancelled(self) -> bool:
        """Whether a C-CANCEL came for it meanwhile.

        Raises:
            Ended: nobody is there any more to be answered.
        """
        return self.association.is_cancelled(self.id)

    def respond(self, response: Response) -> None:
        """Send a response; what ``Services`` does with those that a service yields."""
        if response.more and not response.fields and not response.comment:
            self._respond_briefly(response)
            return
        self.association.send(
            self.context, self._command(response), response.data, more=response.more
        )

    def _respond_briefly(self, response: Response) -> None:
        """One of many that differ in their data set alone: their command is written once."""
        key = (response.status, response.data is not None)
        command = self._written.get(key)
        if command is None:
            command = write_command(self._command(response), has_data=key[1])
            self._written[key] = command
        self.association.send(self.context, command, response.data, more=True)

    def _command(self, response: Response) -> dict[str, Any]:
        command = {
            "CommandField": self.command["CommandField"] | RESPONSE,
            "MessageIDBeingRespondedTo": self.id,
            "AffectedSOPClassUID": self.sop_class or None,
            "Status": response.status,
            **response.fields,
        }
        if response.comment:
            text = response.comment.encode("ascii", "replace").decode()
            command["ErrorComment"] = text[:COMMENT_LENGTH]
        return command


Service = Callable[[Request], Iterable[Response]]
"""Answers requests of one kind; it may wait, for it has a thread of its own."""
