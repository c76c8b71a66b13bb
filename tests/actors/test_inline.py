import threading

import pytest

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.inline import Inline, stand_beside
from repertory.actors.messages.resources import ListChildren, ListResources
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import ShuttingDown, UnknownResource
from repertory.model import Level, ResourceId

QUESTION = ListResources(level=Level.STUDY)


class Reader(RepertoryActor):
    rank = 1
    made: list["Reader"] = []  # noqa: RUF012 - for the tests alone

    def open(self):
        self.thread = threading.get_ident()
        self.closed = False
        self.made.append(self)

    def close(self):
        self.closed = True

    @handles(ListResources)
    def list_resources(self, query):
        return self.thread, threading.get_ident()

    @handles(ListChildren)
    def list_children(self, query):
        raise UnknownResource


@pytest.fixture
def board():
    return Switchboard(patience=10.0)


@pytest.fixture
def seat(board):
    Reader.made = []
    seat = Inline(lambda: Reader(board=board), Reader)
    for kind in (ListResources, ListChildren):
        board.take_over(kind, seat, Reader.rank)
    return seat


@pytest.mark.usefixtures("seat")
def test_who_asks_plays_the_actor_and_each_thread_its_own(board):
    answers = [board.ask(QUESTION)]
    thread = threading.Thread(target=lambda: answers.append(board.ask(QUESTION)))
    thread.start()
    thread.join()

    assert all(opened_in == played_in for opened_in, played_in in answers)
    assert len({opened_in for opened_in, _ in answers}) == 2
    assert board.ask(QUESTION) == answers[0]
    assert len(Reader.made) == 2


@pytest.mark.usefixtures("seat")
def test_the_answer_is_there_at_once_also_where_it_is_an_error(board):
    assert board.ask_soon(QUESTION).done
    refusal = board.ask_soon(ListChildren(level=Level.STUDY, id=ResourceId("x"), at=Level.SERIES))
    assert refusal.done
    with pytest.raises(UnknownResource):
        refusal.get()


def test_closed_it_closes_what_its_actors_own_and_plays_no_more(board, seat):
    board.ask(QUESTION)

    seat.close()

    assert [actor.closed for actor in Reader.made] == [True]
    answers = []

    def ask():
        answers.append(board.ask_soon(QUESTION).error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert isinstance(answers[0], ShuttingDown)


@pytest.mark.usefixtures("seat")
def test_it_has_no_mail(board):
    board.ask(QUESTION)

    assert board.loads() == {"Reader": 0}


class Porter(RepertoryActor):
    """Hands out work of one kind, and does the other itself."""

    rank = 1

    @handles(ListResources, anywhere=True)
    def list_resources(self, query):
        return threading.get_ident()

    @handles(ListChildren)
    def list_children(self, query):
        return threading.get_ident()


ITS_OWN = ListChildren(level=Level.STUDY, id=ResourceId("x"), at=Level.SERIES)


@pytest.fixture
def porter(stage):
    ref = stage.put_on(Porter)
    stand_beside(stage.board, ref, frozenset({ListResources, ListChildren}))
    return ref


@pytest.mark.usefixtures("porter")
def test_who_stands_beside_an_actor_plays_what_any_thread_may_and_nothing_else(stage):
    assert stage.board.ask(QUESTION) == threading.get_ident()
    assert stage.board.ask(ITS_OWN) != threading.get_ident()


def test_what_an_actor_lends_it_lends_also_with_somebody_beside_it(stage, porter):
    def lent(_):
        reply = Reply()
        reply.set("lent")
        return reply

    stage.board.lend(ListResources, porter, lent)

    assert stage.board.ask_here(QUESTION) == "lent"


def test_the_mail_of_an_actor_with_somebody_beside_it_is_counted_once(stage, porter):
    porter.actor_inbox.busy = True  # as while it handles something

    assert stage.board.loads() == {"Porter": 1}


def test_nobody_plays_an_actor_that_has_stopped(stage, porter):
    porter.stop()

    with pytest.raises(ShuttingDown):
        stage.board.ask(QUESTION)
