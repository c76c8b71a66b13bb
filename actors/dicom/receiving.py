"""Instances that come over an association which was agreed to elsewhere: C-STORE and C-ECHO."""

import socket
from collections.abc import Callable, Collection, Iterator

from repertory.actors.dicom import statuses
from repertory.actors.dicom.access import Caller
from repertory.actors.dicom.conversing import ECHO_NEEDS, STORE_NEEDS, Kind, converse, farewell
from repertory.actors.dicom.exchange import Request, Response
from repertory.actors.dicom.storing import Storing
from repertory.actors.dicom.turns import Turns
from repertory.actors.dicom.upper.association import (
    Association,
    Context,
    Message,
    Sink,
    in_memory,
)
from repertory.actors.dicom.upper.commands import C_ECHO_RQ, C_STORE_RQ
from repertory.actors.dicom.upper.stream import PduStream
from repertory.actors.messages.dicom import ServeAssociation
from repertory.actors.switchboard import Switchboard
from repertory.modalities import Service


class Granted:
    """Says what was decided when the association began."""

    def __init__(self, services: Collection[str]) -> None:
        self._services = services

    def allows(self, _caller: Caller, service: Service) -> bool:
        """Whether the caller may ask for a service."""
        return service.value in self._services


def receive(
    board: Switchboard,
    command: ServeAssociation,
    connection: socket.socket,
    *,
    timeout: float | None,
    spool_threshold: int,
    is_closing: Callable[[], bool],
    turns: Turns,
) -> None:
    """Serve an association until it ends.

    Args:
        board: who stores what comes.
        command: what was agreed on.
        connection: the association's; the caller closes it.
        timeout: seconds that the other side may be silent; ``None`` is for ever.
        spool_threshold: bytes above which a file goes to the disk while it comes.
        is_closing: whether it is we who end it.
        turns: how many requests are answered at a time.
    """
    caller = Caller(title=command.title, called=command.called, ip=command.ip)
    granted = Granted(command.services)
    storing = Storing(board, granted, spool_threshold=spool_threshold)

    def sink(message: Message) -> Sink:
        if message.command["CommandField"] == C_STORE_RQ:
            return storing.sink(message, caller)
        return in_memory(message)

    def echo(request: Request) -> Iterator[Response]:
        allowed = granted.allows(request.caller, Service.ECHO)
        yield Response(statuses.SUCCESS if allowed else statuses.NOT_AUTHORIZED)

    kinds = {
        C_ECHO_RQ: Kind(echo, ECHO_NEEDS, is_free=True),
        C_STORE_RQ: Kind(storing.store, STORE_NEEDS, has_data=True),
    }
    stream = PduStream(connection, timeout=timeout)
    association = Association(
        stream,
        {
            it.number: Context(it.number, it.abstract_syntax, it.transfer_syntax)
            for it in command.contexts
        },
        largest=command.largest,
        sink=sink,
    )
    with farewell(stream, command.ip, association=lambda: association, is_closing=is_closing):
        converse(association, caller, kinds, turns)
