"""The messages of one association, from the first one to its end, however it ends."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from repertory.actors.dicom.access import Caller
from repertory.actors.dicom.exchange import Request
from repertory.actors.dicom.exchange import Service as Answering
from repertory.actors.dicom.turns import Turns, turns_of
from repertory.actors.dicom.upper.association import Association, Message
from repertory.actors.dicom.upper.pdus import BadPdu
from repertory.actors.dicom.upper.stream import Ended, PduStream, Silent

log = structlog.get_logger(__name__)

_AT_ONCE = turns_of(None)

ECHO_NEEDS = ("MessageID", "AffectedSOPClassUID")
STORE_NEEDS = (*ECHO_NEEDS, "Priority", "AffectedSOPInstanceUID")
"""What requests must have (PS3.7 tables 9.1-1 and 9.1-5)."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request: who answers it, and what it must have to be one (PS3.7 section 9.3).

    One that ``is_free`` waits for no turn.
    """

    answer: Answering
    needs: tuple[str, ...]
    has_data: bool = False
    is_free: bool = False


def converse(
    association: Association,
    caller: Caller,
    kinds: Mapping[int, Kind],
    turns: Turns,
    *,
    may_move: Callable[[], bool] = lambda: False,
) -> bool:
    """Answer messages until the other side releases the association, each in its turn.

    What goes wrong ends the association, and nothing else. False: it has not ended, but may go on
    in another process, between two messages; ``may_move`` is asked after each.

    Raises:
        BadPdu: the protocol is not kept.
        Ended: the other side is gone.
    """
    while (message := association.receive()) is not None:
        kind = kinds.get(message.command["CommandField"])
        if kind is None or not _is_whole(message, kind):
            name = f"{message.command['CommandField']:04X}"
            log.warning("message_refused", aet=caller.title, message_type=name)
            association.abort()
            return True
        association.forget_cancels()
        request = Request(association, message, caller)
        del message  # or its data set would stay in memory until the next one has come
        try:
            with _AT_ONCE if kind.is_free else turns:
                for response in kind.answer(request):
                    request.respond(response)
        except (BadPdu, Ended):
            raise
        except Exception:
            # A defect in one answer: what state the association is in nobody knows, so it ends.
            log.exception("association_failed", aet=caller.title)
            association.abort()
            return True
        if association.is_between_messages and may_move():
            return False
    association.answer_release()
    return True


def _is_whole(message: Message, kind: Kind) -> bool:
    return all(it in message.command for it in kind.needs) and (
        not kind.has_data or message.data is not None
    )


@contextmanager
def farewell(
    stream: PduStream,
    ip: str,
    *,
    association: Callable[[], Association | None],
    is_closing: Callable[[], bool],
) -> Iterator[None]:
    """See a conversation to its end: what the other side did wrong is told to it, and logged.

    Args:
        stream: the connection.
        ip: the address of the other side.
        association: what was agreed on, as soon as something was.
        is_closing: whether it is we who end it.
    """
    try:
        yield
    except BadPdu as error:
        log.warning("association_broken_off", ip=ip, reason="protocol")
        stream.abort(error)
    except Silent:
        # Whoever asked for no association yet is not told why there is none.
        log.warning("association_broken_off", ip=ip, reason="silence")
        if association() is not None:
            stream.abort()
    except Ended:
        if is_closing():
            stream.abort()
    finally:
        open_one = association()
        if open_one is not None:
            open_one.discard()
