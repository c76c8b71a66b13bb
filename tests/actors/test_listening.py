"""A mailbox whose actor reads lines itself."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.listening import OFTEN, ListeningInbox
from repertory.actors.messages.base import Query, message
from repertory.testing import Stage
from repertory.testing.server import until

PATIENCE = 20.0


class Pipe:
    """Puts what comes into a mailbox; "end" ends it, and "fault" is a bug."""

    def __init__(self, inbox):
        self._inbox = inbox
        self.ours, self._theirs = os.pipe()
        os.set_blocking(self.ours, False)
        self.is_ended = self.is_released = False
        self.read_by = set()

    def say(self, text):
        os.write(self._theirs, f"{text}\n".encode())

    def fileno(self):
        return self.ours

    def receive(self):
        self.read_by.add(threading.current_thread().name)
        for line in os.read(self.ours, 1 << 16).decode().splitlines():
            if line == "end":
                self.is_ended = True
            elif line == "fault":
                raise ZeroDivisionError
            else:
                self._inbox.put(line)

    def close(self):
        self.is_ended = True

    def release(self):
        assert not self.is_released
        self.is_released = True
        os.close(self.ours)
        os.close(self._theirs)


@pytest.fixture
def inbox():
    inbox = ListeningInbox()
    yield inbox
    inbox.end()


@pytest.fixture
def pipe(inbox):
    return Pipe(inbox)


@pytest.fixture
def taken(inbox):
    """What a thread takes from the mailbox; the word "stop" ends it."""
    found = []

    def take():
        while (it := inbox.get()) != "stop":
            found.append(it)

    thread = threading.Thread(target=take, name="reader", daemon=True)
    yield found, thread
    if thread.is_alive():
        inbox.put("stop")
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_without_lines_it_is_any_mailbox(inbox, taken):
    found, thread = taken
    thread.start()
    inbox.put(1)
    inbox.put(2)

    until(lambda: found == [1, 2])


def test_mail_and_lines_are_waited_for_at_once(inbox, pipe, taken):
    found, thread = taken
    inbox.listen_to(pipe)
    thread.start()

    for number in range(20):
        pipe.say(f"line {number}")
        until(lambda: len(found) % 2 == 1)
        inbox.put(f"mail {number}")
        until(lambda: len(found) % 2 == 0)

    expected = [it for number in range(20) for it in (f"line {number}", f"mail {number}")]
    assert found == expected
    assert pipe.read_by == {"reader"}


def test_several_lines_are_heard_and_each_may_end(inbox, taken):
    found, thread = taken
    lines = [Pipe(inbox) for _ in range(3)]
    for line in lines:
        inbox.listen_to(line)
    thread.start()
    for line in lines:
        line.say("a")
    until(lambda: found == ["a"] * 3)

    lines[0].say("end")
    until(lambda: lines[0].is_released)
    lines[1].say("b")
    until(lambda: found[3:] == ["b"])
    for line in lines[1:]:
        line.say("end")
    until(lambda: all(line.is_released for line in lines))
    inbox.put("mail")

    until(lambda: found[4:] == ["mail"])


def test_a_line_that_fails_ends_alone(inbox, pipe, taken):
    found, thread = taken
    other = Pipe(inbox)
    inbox.listen_to(pipe)
    inbox.listen_to(other)
    thread.start()

    pipe.say("fault")
    until(lambda: pipe.is_released)
    other.say("a")

    until(lambda: found == ["a"])


def test_however_much_mail_there_is_lines_are_heard(inbox, pipe):
    inbox.listen_to(pipe)
    for number in range(3 * OFTEN):
        inbox.put(number)
    pipe.say("line")

    found = [inbox.get() for _ in range(3 * OFTEN + 1)]

    assert found.index("line") == 3 * OFTEN  # behind what was there, and within the same breath
    assert not pipe.is_ended


def test_a_bell_that_is_rung_by_many_is_heard(inbox, pipe, taken):
    found, thread = taken
    inbox.listen_to(pipe)
    thread.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(inbox.put, range(4000)))

    until(lambda: len(found) == 4000)
    assert sorted(found) == list(range(4000))


@message
class Hello(Query[str]):
    """Answered by a name."""


class Listener(RepertoryActor):
    rank = 1

    def _create_actor_inbox(self):
        return ListeningInbox()

    @handles(Hello)
    def hello(self, _query):
        return threading.current_thread().name

    def close(self):
        self.actor_inbox.end()


def test_an_actor_with_such_a_mailbox_answers_and_stops():
    stage = Stage()
    ref = stage.put_on(Listener)
    pipe = Pipe(ref.actor_inbox)
    ref.actor_inbox.listen_to(pipe)  # no mail is under way: its thread takes note with the next
    assert stage.ask(Hello()) == stage.ask(Hello())

    stage.take_off(ref)

    assert pipe.is_released
    stage.close()
