import os
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from repertory.actors.portal.frames import Defect, encode
from repertory.actors.portal.line import Line
from repertory.actors.reply import Reply
from repertory.errors import IN_DOUBT, Failed, UnknownResource
from repertory.testing.server import until

PATIENCE = 20.0


class Person:
    """Answers by a function, and remembers what it hears."""

    def __init__(self, answer=lambda question: question):
        self.reply = answer
        self.heard = []
        self.ended = threading.Event()

    def answer(self, question):
        answer = self.reply(question)
        if isinstance(answer, Reply):
            return answer
        reply = Reply()
        reply.set(answer)
        return reply

    def hear(self, news):
        if isinstance(news, Exception):
            raise news
        self.heard.append(news)

    def end(self):
        self.ended.set()


@pytest.fixture
def pair():
    """Two people and the line between them; ``attends`` says which of them read."""
    lines = []

    def connect(here, there, attends=(True, True)):
        ends = socket.socketpair()
        made = [Line(end, one) for end, one in zip(ends, (here, there), strict=True)]
        for line, reads in zip(made, attends, strict=True):
            if reads:
                threading.Thread(target=line.attend, daemon=True).start()
        lines.extend(made)
        return made

    yield connect
    for line in lines:
        line.close()
        line.release()


def test_what_one_side_asks_the_other_answers(pair):
    line, back = pair(Person(lambda it: -it), Person(lambda it: it + 1))

    assert line.ask(1).get(timeout=PATIENCE) == 2
    assert back.ask(5).get(timeout=PATIENCE) == -5


def test_answers_come_in_the_order_in_which_they_are_ready(pair):
    waiting = {name: Reply() for name in ("first", "second")}
    line, _ = pair(Person(), Person(waiting.__getitem__))
    first, second = line.ask("first"), line.ask("second")

    waiting["second"].set(2)
    assert second.get(timeout=PATIENCE) == 2
    assert not first.done
    waiting["first"].set(1)
    assert first.get(timeout=PATIENCE) == 1
    assert line.waiting == 0


def test_errors_arrive_as_errors_and_bugs_as_bugs(pair):
    def fail(question):
        raise question

    line, _ = pair(Person(), Person(fail))

    with pytest.raises(UnknownResource, match="not there"):
        line.ask(UnknownResource("not there")).get(timeout=PATIENCE)
    with pytest.raises(Defect, match="KeyError"):
        line.ask(KeyError("secret")).get(timeout=PATIENCE)


def test_a_question_that_cannot_be_written_is_refused_here(pair):
    line, _ = pair(Person(), Person())

    with pytest.raises(Exception, match="pickle"):
        line.ask(lambda: None).get(timeout=PATIENCE)
    assert line.waiting == 0


def test_an_answer_that_cannot_be_written_is_a_failure_there(pair):
    line, _ = pair(Person(), Person(lambda _: threading.Lock()))

    with pytest.raises(Failed):
        line.ask(1).get(timeout=PATIENCE)
    assert line.waiting == 0


def test_news_are_heard_and_bad_ones_do_no_harm(pair):
    person = Person()
    line, _ = pair(Person(), person)

    line.tell(ValueError("a listener fails"))
    line.tell("then this")

    assert until(lambda: person.heard == ["then this"])


def test_many_threads_speak_at_once(pair):
    line, back = pair(Person(lambda it: ("here", it)), Person(lambda it: ("there", it)))

    def talk(number):
        for n in range(100):
            size = (number * 7919 + n * 104_729) % 50_000
            said = (number, n, bytes(size))
            assert line.ask(said).get(timeout=PATIENCE) == ("there", said)
            assert back.ask(said).get(timeout=PATIENCE) == ("here", said)
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(talk, range(8)))


def test_whoever_speaks_to_somebody_who_does_not_listen_is_not_kept(pair):
    person = Person()
    line, back = pair(Person(), person, attends=(True, False))
    letters = [(number, bytes(200_000)) for number in range(100)]

    for letter in letters:
        line.tell(letter)  # twenty megabytes: no socket takes them
    threading.Thread(target=back.attend, daemon=True).start()

    assert until(lambda: len(person.heard) == len(letters))
    assert person.heard == letters


def test_whoever_waits_is_told_when_the_other_side_goes(pair):
    here = Person()
    line, back = pair(here, Person(lambda _: Reply()))
    reply = line.ask("anything")

    back.close()

    with pytest.raises(IN_DOUBT):  # it may have been done
        reply.get(timeout=PATIENCE)
    assert here.ended.wait(PATIENCE)
    assert line.is_ended
    with pytest.raises(Failed):
        line.ask("more").get(timeout=PATIENCE)
    line.tell("into the void")


@pytest.mark.parametrize(
    "said",
    [
        struct.pack("!I", 0xFFFFFFFF),
        struct.pack("!I", 4) + b"junk",
        encode("no letter"),
        encode((1, 4711, "an answer to no question")),
        encode((9, 0, "of no kind")),
        os.urandom(64) + bytes(1 << 16),
    ],
)
def test_who_does_not_speak_as_it_should_is_hung_up_on(said):
    ours, theirs = socket.socketpair()
    person = Person()
    line = Line(ours, person)
    reading = threading.Thread(target=line.attend, daemon=True)
    reading.start()
    reply = line.ask("are you there")

    with theirs:
        theirs.sendall(said)
        # Random bytes may be the beginning of a letter that never comes to its end.
        theirs.shutdown(socket.SHUT_WR)
        assert person.ended.wait(PATIENCE)
    with pytest.raises(Failed):
        reply.get(timeout=PATIENCE)
    reading.join(PATIENCE)


def test_half_a_letter_is_never_taken_for_one():
    ours, theirs = socket.socketpair()
    person = Person()
    line = Line(ours, person)
    threading.Thread(target=line.attend, daemon=True).start()

    with theirs:
        theirs.sendall(encode((3, 0, "whole")) + encode((3, 0, "half"))[:-1])
    assert person.ended.wait(PATIENCE)
    assert person.heard == ["whole"]
    line.release()
