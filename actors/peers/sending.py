"""Instances on their way to a peer."""

import gzip
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from repertory.actors.messages.attachments import ReadAttachment, ReadFile
from repertory.actors.messages.modalities import UnsentInstance
from repertory.actors.messages.peers import PeerReceipt
from repertory.actors.messages.transcoding import ReadTranscoded
from repertory.actors.peers.connection import Answer, Connection
from repertory.actors.switchboard import Switchboard
from repertory.errors import (
    NetworkFailed,
    RepertoryError,
    ShuttingDown,
    TranscodingFailed,
    Unsupported,
)
from repertory.model import Level, ResourceId, ResourceRef

PIECE = 1 << 20
SPOOL = 16 << 20
"""Bytes of a file that are kept in memory; a larger one waits on the disk."""

_FASTEST = 1


def send(
    board: Switchboard,
    connection: Connection,
    instances: tuple[ResourceId, ...],
    *,
    compress: bool,
    transcode: str,
) -> PeerReceipt:
    """Send instances one after the other; each call waits."""
    size = 0
    unsent = []
    for id_ in instances:
        try:
            with _content(board, id_, compress=compress, transcode=transcode) as body:
                answer = post(connection, body, compressed=compress)
                size += body.seek(0, 2)
        except (NetworkFailed, ShuttingDown):
            raise
        except RepertoryError as error:
            unsent.append(UnsentInstance(id=id_, reason=str(error)))
            continue
        if not answer.is_success:
            unsent.append(UnsentInstance(id=id_, reason=refusal(answer)))
    return PeerReceipt(size=size, unsent=tuple(unsent))


def post(connection: Connection, body: BinaryIO, *, compressed: bool = False) -> Answer:
    """Upload one file."""
    headers = {"Content-Type": "application/dicom"}
    if compressed:
        headers["Content-Encoding"] = "gzip"
    return connection.ask("POST", "instances", body, headers)


def refusal(answer: Answer) -> str:
    """What a peer answered, in a sentence: its own words are not ours to pass on."""
    return f"The peer answers by status {answer.status}."


def read_json(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer.

    Raises:
        NetworkFailed: it is another answer.
    """
    if not answer.is_success:
        raise NetworkFailed(refusal(answer))
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise NetworkFailed("What the peer answers is not a JSON object.")
    return found


@contextmanager
def _content(
    board: Switchboard, id_: ResourceId, *, compress: bool, transcode: str
) -> Iterator[BinaryIO]:
    """The body that an instance is sent by, as a file."""
    with tempfile.SpooledTemporaryFile(SPOOL) as file:
        body = cast("BinaryIO", file)
        if compress:
            with gzip.GzipFile(fileobj=body, mode="wb", compresslevel=_FASTEST) as packed:
                for piece in _pieces(board, id_, transcode):
                    packed.write(piece)
        else:
            for piece in _pieces(board, id_, transcode):
                body.write(piece)
        yield body


def _pieces(board: Switchboard, id_: ResourceId, transcode: str) -> Iterator[bytes]:
    if transcode:
        wanted = ReadTranscoded(id=id_, syntaxes=(transcode,), remember=False)
        try:
            yield board.ask(wanted).content
        except (Unsupported, TranscodingFailed):
            # As Orthanc does: what cannot be had so is sent as it is.
            transcode = ""
        else:
            return
    question = ReadAttachment(level=Level.INSTANCE, id=id_, length=PIECE, remember=False)
    first = board.ask(question)
    yield first.content
    it, owner = first.attachment, ResourceRef(Level.INSTANCE, id_)
    for start in range(len(first.content), it.uncompressed_size, PIECE):
        yield board.ask(ReadFile(attachment=it, start=start, length=PIECE, owner=owner))
