"""A commit without an answer, on the servers that we start: it is asked about, never guessed."""

import pytest

from repertory.errors import IndexBusy, NoReplyInTime
from repertory.model import StoreStatus
from repertory.storage.index.mysql.engine import MysqlEngine
from repertory.testing.tcp_proxy import TcpProxy


@pytest.fixture
def proxy(server):
    with TcpProxy("127.0.0.1", server.port) as proxy:
        yield proxy


@pytest.fixture
def is_commit(kind):
    """Tells the commit of a transaction from all else that a client says."""
    said = b"; COMMIT" if kind is MysqlEngine else b"COMMIT\0"
    return lambda data: said in data


def instances(reader):
    return reader.describe_totals().instances


def test_a_commit_whose_answer_was_lost_was_done(proxy, opened, made_up, is_commit):
    writer, reader = opened(through=proxy)
    writer.begin()
    receipt = writer.record_instance(**made_up.an_instance())
    proxy.cut_after = is_commit

    writer.commit()

    assert receipt.status is StoreStatus.SUCCESS
    assert instances(reader) == 1


def test_a_commit_that_never_arrived_was_not_done(proxy, opened, keep, made_up, is_commit):
    writer, reader = opened(through=proxy)
    writer.begin()
    writer.record_instance(**made_up.an_instance())
    proxy.cut_before = is_commit

    with pytest.raises(IndexBusy):
        writer.commit()

    assert instances(reader) == 0
    keep(writer)
    assert instances(reader) == 1


@pytest.mark.parametrize("was_done", [True, False])
def test_nobody_guesses_whether_a_commit_was_done_while_it_cannot_be_known(
    proxy, opened, keep, made_up, is_commit, was_done
):
    writer, reader = opened(through=proxy)

    def cut(data):
        proxy.is_down |= is_commit(data)
        return is_commit(data)

    writer.begin()
    writer.record_instance(**made_up.an_instance())
    if was_done:
        proxy.cut_after = cut
    else:
        proxy.cut_before = cut
    with pytest.raises(NoReplyInTime):
        writer.commit()

    proxy.is_down = False
    writer._db._connector._given_up_at = -1e9
    # The next group is told apart from the one in doubt.
    proxy.cut_after = is_commit
    assert keep(writer, "Q").status is StoreStatus.SUCCESS
    assert instances(reader) == 1 + was_done


def test_a_session_that_the_server_still_holds_is_ended_by_the_next_one(opened, keep):
    writer, reader = opened()
    keep(writer)
    # To the server, the first session looks alive: the client alone has lost it.
    lost, writer._db._session = writer._db._session, None

    keep(writer, "Q")

    assert instances(reader) == 2
    lost.close()
