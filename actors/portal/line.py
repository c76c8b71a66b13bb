"""A line between two processes: each asks the other, tells it, and answers it."""

import asyncio
import itertools
import select
import socket
import threading
from collections import deque
from contextlib import suppress
from typing import Any, Protocol

import structlog

from repertory.actors.portal.frames import BrokenFrame, FrameReader, encode, portable
from repertory.actors.reply import Reply
from repertory.errors import Failed, NoReplyInTime, RepertoryError

log = structlog.get_logger(__name__)

PIECE = 1 << 18
"""Bytes that are read at a time, and that the socket may hold."""

_ASKED, _ANSWERED, _REFUSED, _TOLD = range(4)

_TOGETHER = 1 << 16
"""Letters shorter than this are joined with those beside them into one write."""


class Correspondent(Protocol):
    """What a process does with what comes by a line. Its methods are short and do not wait."""

    def answer(self, question: Any) -> "Reply[Any]":
        """The answer to a question of the other side, now or later."""

    def hear(self, news: Any) -> None:
        """The other side tells something."""

    def end(self) -> None:
        """The other side is gone, or does not speak as it should: nothing more will come."""


class Line:
    """One end of a socket pair, used by any number of threads at once.

    Whoever speaks writes by itself, together with what others have to say just then. It never
    waits: where the other side does not read, a thread of the line's own waits instead. Questions
    are numbered, and answers come in whatever order they are ready.
    """

    def __init__(self, end: socket.socket, correspondent: Correspondent) -> None:
        """Take the socket over; nothing is read before ``attend`` or ``receive``."""
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            end.setsockopt(socket.SOL_SOCKET, option, 4 * PIECE)
        end.setblocking(False)
        self._socket = end
        self._correspondent = correspondent
        self._numbers = itertools.count(1)
        self._asked: dict[int, Reply[Any]] = {}
        self._unsent: deque[bytes] = deque()
        self._sending = threading.Lock()
        self._is_full = False
        self._courier: threading.Thread | None = None
        self._reader = FrameReader()
        self._reading = threading.Lock()
        self._poll: select.poll | None = None
        self._is_ours = threading.Event()
        self._is_ours.set()
        self._ending = threading.Lock()
        self.is_ended = False
        """Whether nothing can be said or heard any more."""

    def fileno(self) -> int:
        """The descriptor to watch for what comes."""
        return self._socket.fileno()

    @property
    def waiting(self) -> int:
        """How many questions are not answered yet."""
        return len(self._asked)

    # Speaking

    def ask(self, question: Any) -> "Reply[Any]":
        """Ask the other side; the reply is its answer, or the error that it gave instead."""
        reply: Reply[Any] = Reply()
        number = next(self._numbers)
        self._asked[number] = reply
        if self.is_ended:
            self._asked.pop(number, None)
            reply.refuse(_broken())
            return reply
        try:
            frame = encode((_ASKED, number, question))
        except Exception as error:  # noqa: BLE001 - whoever asks hears of it
            self._asked.pop(number, None)
            reply.refuse(error)
            return reply
        self._send(frame)
        return reply

    def tell(self, news: Any) -> None:
        """Tell the other side something that it need not answer."""
        self._send(encode((_TOLD, 0, news)))

    def _say(self, number: int, reply: "Reply[Any]") -> None:
        """Send the outcome of a question that came; called when it is there."""
        error = reply.error
        if error is not None:
            self._send(encode((_REFUSED, number, portable(error))))
            return
        try:
            frame = encode((_ANSWERED, number, reply.get()))
        except Exception as fault:
            log.exception("letter_unwritable", letter_type=type(reply.get()).__name__)
            refusal = fault if isinstance(fault, RepertoryError) else Failed()
            frame = encode((_REFUSED, number, refusal))
        self._send(frame)

    def _send(self, frame: bytes) -> None:
        self._unsent.append(frame)
        self._flush()

    def _flush(self) -> None:
        # Whoever holds the lock sends what others have appended; it looks again after it let go,
        # for one of them may have found the lock held when the last look was over.
        while self._unsent and not self._is_full:
            if not self._sending.acquire(blocking=False):
                return
            try:
                self._write()
            except BlockingIOError:
                self._is_full = True
                self._have_it_carried()
            except OSError:
                self._unsent.clear()
                return  # whoever reads learns of the end
            finally:
                self._sending.release()

    def _write(self) -> None:
        while True:
            piece = self._next()
            if not piece:
                return
            try:
                sent = self._socket.send(piece)
            except BlockingIOError:
                self._unsent.appendleft(piece)
                raise
            if sent < len(piece):
                self._unsent.appendleft(piece[sent:])

    def _next(self) -> bytes:
        """What to write next: one long letter, or several short ones."""
        unsent = self._unsent
        pieces: list[bytes] = []
        size = 0
        while unsent and size < _TOGETHER:
            if pieces and len(unsent[0]) >= _TOGETHER:
                break
            piece = unsent.popleft()
            pieces.append(piece)
            size += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _have_it_carried(self) -> None:
        if self._courier is None or not self._courier.is_alive():
            self._courier = threading.Thread(target=self._carry, name="portal-courier", daemon=True)
            self._courier.start()

    def _carry(self) -> None:
        """Wait for the other side to read, and send what waits; ends when nothing does."""
        while not self.is_ended:
            try:
                poll = select.poll()
                poll.register(self._socket, select.POLLOUT)
                poll.poll(1000)
                with self._sending:
                    self._write()
            except BlockingIOError:
                continue
            except (OSError, ValueError):
                self._unsent.clear()  # whoever reads learns of the end
            self._courier = None
            self._is_full = False
            self._flush()
            return

    # Hearing

    def attend(self) -> None:
        """Read until the line ends, in the calling thread; then give the descriptor back."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while not self.is_ended:
            self._is_ours.wait()
            poll.poll()
            if self._is_ours.is_set():
                self.receive()
        self.release()

    def join(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let an event loop read, whose thread is also the one that waits for the answers.

        One thread less has to be woken for each. Whoever attends the line waits meanwhile.
        """
        self._is_ours.clear()
        loop.add_reader(self._socket, self.receive)

    def part(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read by the thread that attends again."""
        if not self.is_ended:
            loop.remove_reader(self._socket)
        self._is_ours.set()

    def receive(self) -> None:
        """Take what has come, without waiting."""
        if not self._reading.acquire(blocking=False):
            return  # another thread takes it
        try:
            self._receive()
        finally:
            self._reading.release()

    def _receive(self) -> None:
        try:
            data = self._socket.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        try:
            for kind, number, content in self._reader.feed(data):
                self._take(kind, number, content)
        except (BrokenFrame, TypeError, ValueError) as error:
            log.error("portal_broken", reason=type(error).__name__)  # noqa: TRY400 - ours to say
            self._end()

    def _take(self, kind: int, number: int, content: Any) -> None:
        if kind == _ASKED:
            try:
                reply = self._correspondent.answer(content)
            except Exception as error:  # noqa: BLE001 - whoever asked gets it, whatever it is
                reply = Reply()
                reply.refuse(error)
            reply.on_done(lambda done: self._say(number, done))
        elif kind == _TOLD:
            try:
                self._correspondent.hear(content)
            except Exception:
                log.exception("event_failed", event_type=type(content).__name__)
        else:
            asked = self._asked.pop(number, None)
            if asked is None or kind not in (_ANSWERED, _REFUSED):
                raise BrokenFrame("an answer to no question")
            if kind == _REFUSED:
                asked.refuse(content)
            else:
                asked.set(content)

    def hear_out(self, patience: float | None) -> bool:
        """Read in the calling thread until all that was asked is answered; whether it is.

        For a line that nobody attends. ``patience`` is how many seconds to wait for a letter.
        """
        milliseconds = None if patience is None else int(patience * 1000)
        poll = self._poll
        if poll is None:
            poll = self._poll = select.poll()
            poll.register(self._socket, select.POLLIN)
        while self._asked:
            if not poll.poll(milliseconds):
                return False
            self.receive()
        return True

    def _end(self) -> None:
        with self._ending:
            if self.is_ended:
                return
            self.is_ended = True
        self._unsent.clear()
        self._is_ours.set()
        while self._asked:
            _, reply = self._asked.popitem()
            reply.refuse(_broken())
        self._correspondent.end()

    def close(self) -> None:
        """Hang up; what is not answered by then never will be."""
        with suppress(OSError):  # the other side hung up first
            self._socket.shutdown(socket.SHUT_RDWR)
        self._end()

    def release(self) -> None:
        """Give the descriptor back, once nobody reads any more."""
        with self._sending:  # or another file might have its number while somebody writes
            self._socket.close()


def _broken() -> NoReplyInTime:
    # It may have done what was asked just before: a file that was to be recorded has to stay.
    return NoReplyInTime("The process that should have answered is gone.")
