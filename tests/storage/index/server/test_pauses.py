"""A node that stands still within a transaction does not hold up the others for ever."""

import pytest

from repertory.errors import IndexBusy
from repertory.storage.index.mysql import session as mysql
from repertory.storage.index.mysql.engine import MysqlEngine
from repertory.storage.index.postgresql.engine import PostgresqlEngine
from repertory.storage.index.postgresql.session import PostgresqlSession


@pytest.mark.parametrize("kind", [MysqlEngine])
def test_a_writer_that_stands_still_loses_its_turn_and_what_it_had_begun(
    opened, keep, made_up, monkeypatch
):
    monkeypatch.setattr(mysql, "LONGEST_PAUSE", 1)
    stands, reader = opened(is_shared=True)
    keep(stands)
    stands.begin()
    stands.record_instance(**made_up.an_instance("Q"))

    other, _ = opened(is_shared=True)
    keep(other, "R")  # once the server has given the first one up

    with pytest.raises(IndexBusy):
        stands.record_instance(**made_up.an_instance("S"))
    stands.rollback()
    keep(stands, "T")
    assert reader.describe_totals().instances == 3


@pytest.mark.parametrize("kind", [PostgresqlEngine])
def test_a_server_notices_whoever_was_cut_off(server):
    session = PostgresqlSession(server.options(port=0).parameters())

    names = ("idle", "interval", "count")
    answers = session.fetch([(f"SHOW tcp_keepalives_{name}", ()) for name in names])

    assert [answer[0][0] for answer in answers] == ["10", "5", "3"]
    session.close()
