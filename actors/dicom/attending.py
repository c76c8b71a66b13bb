"""Associations that another process of the archive has agreed to, served in this one."""

import socket
import threading
from contextlib import suppress
from functools import partial

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.dicom.turns import turns_of
from repertory.actors.messages.dicom import ServeAssociation
from repertory.actors.messages.instances import RecordInstance
from repertory.actors.portal.direct import DirectWay
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import ShuttingDown

log = structlog.get_logger(__name__)

STOP_PATIENCE = 10.0
"""Seconds that an association may take to end what it has begun."""


class AssociationsActor(RepertoryActor):
    """Owns the threads of associations over which instances come, each of which has one.

    Who may come, how many, and what was agreed on, the ``DicomServerActor`` of the main process
    has said by then. It holds the connection, too, and so can end it.
    """

    rank = 8

    def __init__(
        self,
        *,
        board: Switchboard,
        timeout: float,
        spool_threshold: int,
        turns: int | None = None,
    ) -> None:
        """Take how long others may be silent, in seconds (0: for ever), and what is too large.

        Args:
            board: the switchboard.
            timeout: seconds that the other side may be silent; 0 is for ever.
            spool_threshold: bytes above which a file goes to the disk while it comes.
            turns: how many requests are answered at a time; ``None``: one of each association.
        """
        super().__init__(board=board)
        self._timeout = timeout or None
        self._threshold = spool_threshold
        self._turns = turns_of(turns)
        self._open: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        self._closing = False

    def close(self) -> None:
        """End the associations that are there, and wait for what they have begun."""
        with self._lock:
            self._closing = True
            left = list(self._open.items())
        for how in (socket.SHUT_RD, socket.SHUT_RDWR):
            for _, connection in left:
                with suppress(OSError):  # it is gone already
                    connection.shutdown(how)
            for thread, _ in left:
                thread.join(STOP_PATIENCE)

    @handles(ServeAssociation)
    def serve_association(self, command: ServeAssociation) -> Reply[bool]:
        """Begin a thread, which answers when the association has ended."""
        connection = socket.socket(fileno=command.descriptor)
        direct = None
        if command.line >= 0:
            direct = DirectWay(self.board, socket.socket(fileno=command.line))
        reply: Reply[bool] = Reply()
        thread = threading.Thread(
            target=partial(self._attend, command, connection, direct, reply),
            name="dicom-association",
            daemon=True,
        )
        with self._lock:
            if self._closing:
                connection.close()
                if direct is not None:
                    direct.close()
                raise ShuttingDown
            self._open[thread] = connection
        thread.start()
        return reply

    def _attend(
        self,
        command: ServeAssociation,
        connection: socket.socket,
        direct: DirectWay | None,
        reply: Reply[bool],
    ) -> None:
        if direct is not None:
            self.board.go_by(direct.ask, kind=RecordInstance)
        try:
            # Who never speaks DICOM need not load what speaks it.
            from repertory.actors.dicom.receiving import receive  # noqa: PLC0415

            receive(
                self.board,
                command,
                connection,
                timeout=self._timeout,
                spool_threshold=self._threshold,
                is_closing=lambda: self._closing,
                turns=self._turns,
            )
        except Exception:
            # A defect ends its own association alone; whoever handed it over is told that it ended.
            log.exception("association_failed", aet=command.title)
        finally:
            connection.close()
            if direct is not None:
                direct.close()
            with self._lock:
                self._open.pop(threading.current_thread(), None)
            reply.set(value=True)
