"""What a start says of a database that cannot be used."""

import pytest
import structlog

from repertory.errors import CannotStart, IndexBusy
from repertory.storage.index.server.schema import LATEST


def refusal(engine):
    with pytest.raises(CannotStart) as refused:
        engine.open()
    return str(refused.value)


def test_a_server_that_is_down_is_tried_again_and_then_given_up(server, connect):
    server.stop()
    pauses = []
    engine = connect(tries=3, interval=5.0, pause=pauses.append)

    assert "it cannot be reached" in refusal(engine)
    assert pauses == [5.0] * 3


def test_a_server_that_comes_up_meanwhile_is_used(server, opened):
    server.stop()

    _, reader = opened(tries=3, pause=lambda _: server.ensure())

    assert reader.describe_index().engine == "PostgreSQL"


@pytest.mark.parametrize("option", ["password", "username"])
def test_a_wrong_password_is_named_and_neither_tried_again_nor_told(connect, option):
    pauses = []
    engine = connect(tries=3, pause=pauses.append, **{option: "s3cret-of-mine"})

    with structlog.testing.capture_logs() as lines:
        said = refusal(engine)

    assert "it refuses the user name or the password" in said
    assert pauses == []
    assert "s3cret" not in said + repr(lines)


def test_a_uri_that_is_none_is_not_repeated(connect):
    with pytest.raises(CannotStart) as refused:
        connect(uri="postgresql://me:s3cret@[broken")

    assert "ConnectionUri" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_uri_comes_before_the_other_options(server, opened):
    _, reader = opened(uri=server.uri, host="nowhere.invalid", password="")

    assert reader.describe_index().schema_version == LATEST


def test_a_database_that_is_not_there_is_named(connect):
    assert "there is no such database" in refusal(connect(database="nothing"))


def test_a_schema_that_is_newer_is_refused_and_stays(server, connect):
    engine = connect()
    engine.open()
    engine.close()
    server.run(f"INSERT INTO schema_versions (version) VALUES ({LATEST + 1})")

    assert f"schema version {LATEST + 1}, of a newer Repertory" in refusal(connect())


def test_a_schema_without_a_version_is_refused(server, connect):
    engine = connect()
    engine.open()
    engine.close()
    server.run("DELETE FROM schema_versions")

    assert "it is damaged" in refusal(connect())


def test_the_index_of_an_orthanc_is_recognised_and_stays(server, connect):
    for name in ("Resources", "GlobalProperties", "MainDicomTags"):
        server.run(f"CREATE TABLE {name} (id BIGINT)")

    assert "the index of an Orthanc" in refusal(connect())
    assert server.ask("SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'") == [(3,)]


def test_tables_of_another_program_stay_as_they_are(server, connect):
    server.run("CREATE TABLE invoices (id BIGINT)")

    assert "tables of another program" in refusal(connect())
    assert server.ask("SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'") == [(1,)]


def test_beside_another_program_there_is_room_in_another_schema(server, connect):
    server.run("CREATE TABLE invoices (id BIGINT)", "DROP SCHEMA IF EXISTS archive CASCADE")

    connect(schema="archive").open()

    assert server.ask("SELECT COUNT(*) FROM archive.totals") == [(1,)]


def test_a_user_who_may_not_make_tables_is_told_so(server, connect):
    server.run(
        "DROP ROLE IF EXISTS guest",
        "CREATE ROLE guest LOGIN PASSWORD 'guest'",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    )

    assert "may not be used" in refusal(connect(username="guest", password="guest"))


def test_a_database_of_other_letters_is_refused(server, connect):
    server.run(
        "DROP DATABASE IF EXISTS latin",
        "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
    )

    assert "its encoding is not UTF8" in refusal(connect(database="latin"))


def test_a_second_archive_is_refused_while_the_first_is_there(connect):
    first = connect()
    first.open()

    assert "Another Repertory is using this index" in refusal(connect())

    first.close()
    connect().open()


def test_nodes_of_one_archive_are_let_in_together(opened, keep):
    nodes = [opened(is_shared=True) for _ in range(2)]

    for number, (writer, _) in enumerate(nodes):
        keep(writer, "P", "1", "1.1", f"1.1.{number}")

    assert [reader.describe_totals().instances for _, reader in nodes] == [2, 2]


def test_a_node_whose_row_was_removed_while_it_had_no_connection_goes_on(
    server, proxy, opened, keep, made_up
):
    writer, reader = opened(through=proxy, is_shared=True)
    keep(writer, "P", "1", "1.1", "1.1.1")
    proxy.hang_up()
    server.run("DELETE FROM writers")  # as another node does when it starts just then
    with pytest.raises(IndexBusy):
        writer.begin()

    keep(writer, "P", "1", "1.1", "1.1.2")
    writer.begin()
    writer.record_instance(**made_up.an_instance("P", "1", "1.1", "1.1.3"))
    proxy.cut_after = lambda data: b"COMMIT" in data
    writer.commit()

    assert reader.describe_totals().instances == 3


def test_who_is_alone_does_not_start_beside_nodes_nor_they_beside_it(connect):
    alone = connect()
    alone.open()
    assert "Another Repertory is using this index" in refusal(connect(is_shared=True))
    alone.close()

    connect(is_shared=True).open()
    assert "Another Repertory is using this index" in refusal(connect())


def test_a_standby_server_can_only_be_read_and_says_so(server, connect):
    engine = connect()
    engine.open()
    engine.close()
    server.become_standby()
    try:
        assert "the database can only be read" in refusal(connect())
    finally:
        server.become_primary()
