"""C-STORE: what comes goes to the storage as it came (PS3.7 9.1.1, PS3.4 annex B)."""

from collections.abc import Iterator

import structlog

from repertory.actors.dicom import statuses
from repertory.actors.dicom.access import Caller, Permissions
from repertory.actors.dicom.exchange import Request, Response
from repertory.actors.dicom.upper.association import Message
from repertory.actors.messages.instances import (
    AbandonUpload,
    AppendToUpload,
    BeginUpload,
    Body,
    SopPair,
    StoreInstance,
    UploadId,
)
from repertory.actors.switchboard import Switchboard
from repertory.errors import RepertoryError
from repertory.modalities import Service
from repertory.model import Origin, OriginKind
from repertory.storage.dicom.wire import file_head

log = structlog.get_logger(__name__)

PIECE = 1 << 20
"""Bytes that are put on the disk at a time."""


class Storing:
    """Stores instances: success says that one is as safe as by the REST API."""

    def __init__(self, board: Switchboard, guard: Permissions, *, spool_threshold: int) -> None:
        """Take what it works with.

        Args:
            board: the switchboard.
            guard: says who may store.
            spool_threshold: bytes above which a file goes to the disk while it comes.
        """
        self._board = board
        self._guard = guard
        self._threshold = spool_threshold

    def sink(self, message: Message, caller: Caller) -> "Spool":
        """Who takes the data set of a request: it becomes a file, which begins with its head."""
        command = message.command
        head = file_head(
            sop_class=str(command.get("AffectedSOPClassUID", "")),
            sop_instance=str(command.get("AffectedSOPInstanceUID", "")),
            transfer_syntax=message.context.transfer_syntax,
            source_title=caller.title,
        )
        return Spool(self._board, head, self._threshold)

    def store(self, request: Request) -> Iterator[Response]:
        """Answer a request."""
        body: Received = request.data
        request.data = None  # or it stays in memory until the next one has come
        status, comment = self._status(request, body)
        fields = {"AffectedSOPInstanceUID": request.command["AffectedSOPInstanceUID"]}
        yield Response(status, comment=comment, fields=fields)

    def _status(self, request: Request, received: "Received") -> tuple[int, str]:
        caller = request.caller
        if not self._guard.allows(caller, Service.STORE):
            received.discard(self._board)
            return statuses.NOT_AUTHORIZED, ""
        if request.sop_class != request.context.abstract_syntax or not request.context.as_scp:
            received.discard(self._board)
            return statuses.SOP_CLASS_NOT_SUPPORTED, ""
        try:
            if received.error is not None:
                received.discard(self._board)
                raise received.error
            self._board.ask_here(
                StoreInstance(
                    content=received.content,
                    origin=Origin(
                        kind=OriginKind.DICOM_PROTOCOL,
                        remote_ip=caller.ip,
                        remote_aet=caller.title,
                        called_aet=caller.called,
                    ),
                    announced=SopPair(
                        sop_class=request.sop_class,
                        sop_instance=str(request.command["AffectedSOPInstanceUID"]),
                    ),
                )
            )
        except RepertoryError as error:
            status = statuses.of_storing(error)
            log.warning(
                "instance_refused",
                aet=caller.title,
                reason=type(error).__name__,
                status=f"{status:04X}",
            )
            return status, str(error)
        return statuses.SUCCESS, ""


class Received:
    """A file that has come, or the error that kept it from the disk."""

    def __init__(self, content: Body, error: RepertoryError | None) -> None:
        self.content = content
        self.error = error

    def discard(self, board: Switchboard) -> None:
        """It is not stored."""
        if not isinstance(self.content, bytes):
            board.ask_soon(AbandonUpload(upload=self.content))


class Spool:
    """Takes a file as it comes: into memory, and to the disk where it becomes too large."""

    def __init__(self, board: Switchboard, head: bytes, threshold: int) -> None:
        self._board = board
        self._parts = [head]
        self._size = len(head)
        self._threshold = threshold
        self._upload: UploadId | None = None
        self._error: RepertoryError | None = None

    def write(self, piece: memoryview) -> None:
        """Take a piece; after an error the rest is passed over, for who sends it cannot stop."""
        if self._error is not None:
            return
        self._parts.append(bytes(piece))
        self._size += len(piece)
        if self._size > self._threshold and (self._upload is None or self._size >= PIECE):
            self._spool()

    def finish(self) -> Received:
        """That was all."""
        if self._upload is None:
            return Received(b"".join(self._parts), self._error)
        if self._size and self._error is None:
            self._spool()
        return Received(self._upload, self._error)

    def discard(self) -> None:
        """The rest will not come."""
        self._parts.clear()
        if self._upload is not None:
            self._board.ask_soon(AbandonUpload(upload=self._upload))

    def _spool(self) -> None:
        try:
            if self._upload is None:
                self._upload = self._board.ask(BeginUpload())
                self._threshold = 0
            content = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
            self._board.ask(AppendToUpload(upload=self._upload, content=content))
        except RepertoryError as error:
            self._error = error
            self._parts.clear()
