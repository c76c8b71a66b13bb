import threading

import pytest

from repertory.actors.reply import Reply, gather
from repertory.errors import BadRequest, NoReplyInTime, UnknownItem


def test_a_reply_is_waited_for():
    reply = Reply()
    threading.Timer(0.01, lambda: reply.set(3)).start()

    assert reply.get(timeout=10) == 3


def test_waiting_ends_in_time():
    with pytest.raises(NoReplyInTime):
        Reply().get(timeout=0.001)


def test_the_first_outcome_holds():
    reply = Reply()
    reply.set(1)
    reply.set(2)
    reply.refuse(BadRequest())

    assert reply.get() == 1


def test_a_reply_set_to_a_reply_becomes_its_outcome():
    inner, outer = Reply(), Reply()
    outer.set(inner)
    assert not outer.done
    inner.set("there")

    assert outer.get() == "there"


def test_a_refusal_travels_through_forwarding():
    inner, outer = Reply(), Reply()
    outer.set(inner)
    inner.refuse(UnknownItem())
    with pytest.raises(UnknownItem):
        outer.get()


def test_a_callback_that_raises_does_not_reach_whoever_sets():
    reply = Reply()
    seen = []
    reply.on_done(lambda _: 1 / 0)
    reply.on_done(lambda done: seen.append(done.get()))
    reply.set(7)

    assert seen == [7]


def test_a_callback_that_comes_late_is_called_at_once():
    reply, seen = Reply(), []
    reply.set(7)
    reply.on_done(lambda done: seen.append(done.get()))

    assert seen == [7]


def test_then_goes_on_with_the_value():
    reply = Reply()
    following = reply.then(lambda value: value + 1)
    reply.set(1)

    assert following.get() == 2


def test_then_may_go_on_to_another_reply():
    reply, other = Reply(), Reply()
    following = reply.then(lambda _: other)
    reply.set(1)
    assert not following.done
    other.set("done")

    assert following.get() == "done"


def test_then_is_skipped_by_an_error_and_hands_on_its_own():
    first, second = Reply(), Reply()
    refused = first.then(lambda _: pytest.fail("not to be called"))
    raised = second.then(lambda _: int("x"))
    first.refuse(BadRequest())
    second.set(1)
    with pytest.raises(BadRequest):
        refused.get()
    with pytest.raises(ValueError, match="invalid literal"):
        raised.get()


def test_gather_keeps_the_order_of_the_questions():
    replies = [Reply() for _ in range(3)]
    whole = gather(replies)
    for number in (2, 0, 1):
        assert not whole.done
        replies[number].set(number)

    assert whole.get() == (0, 1, 2)


def test_gather_of_nothing_is_there_at_once():
    assert gather([]).get() == ()


def test_gather_tells_the_first_error_when_all_are_done():
    replies = [Reply() for _ in range(2)]
    whole = gather(replies)
    replies[0].refuse(BadRequest())
    assert not whole.done
    replies[1].set(1)
    with pytest.raises(BadRequest):
        whole.get()
