"""A server of MariaDB that goes away, or cannot be used."""

import pytest

from repertory.errors import ArchiveFull, CannotStart, IndexBusy
from repertory.storage.index.server.schema import LATEST

COMMIT = b"; COMMIT"


def refusal(engine):
    with pytest.raises(CannotStart) as refused:
        engine.open()
    return str(refused.value)


def instances(reader):
    return reader.describe_totals().instances


def test_a_server_that_is_down_is_tried_again_and_then_given_up(server, connect):
    server.stop()
    pauses = []

    assert "it cannot be reached" in refusal(connect(tries=2, pause=pauses.append))
    assert pauses == [0.05] * 2


def test_a_wrong_password_is_named_and_not_told(connect):
    said = refusal(connect(tries=3, password="s3cret-of-mine"))

    assert "it refuses the user name or the password" in said
    assert "s3cret" not in said


def test_a_database_that_is_not_there_is_named(connect):
    assert "there is no such database" in refusal(connect(database="nothing"))


def test_a_schema_that_is_newer_is_refused(server, connect):
    engine = connect()
    engine.open()
    engine.close()
    server.run(f"INSERT INTO schema_versions (version) VALUES ({LATEST + 1})")

    assert "of a newer Repertory" in refusal(connect())


def test_tables_of_another_program_stay_as_they_are(server, connect):
    server.run("CREATE TABLE invoices (id BIGINT)")

    assert "tables of another program" in refusal(connect())
    assert server.ask("SHOW TABLES") == [("invoices",)]


def test_a_first_start_that_was_cut_short_begins_anew(server, connect, opened):
    engine = connect()
    engine.open()
    engine.close()
    server.run(
        f"DELETE FROM schema_versions WHERE version = {LATEST}",
        "DROP TABLE totals",
        "DROP TABLE changes",
    )

    _, reader = opened()

    assert instances(reader) == 0
    assert reader.describe_index().schema_version == LATEST


def test_a_second_archive_is_refused_while_the_first_is_there(connect):
    first = connect()
    first.open()

    assert "Another Repertory is using this index" in refusal(connect())
    assert "Another Repertory is using this index" in refusal(connect(is_shared=True))

    first.close()
    connect().open()


def test_nodes_of_one_archive_see_what_the_other_has_written(opened, keep):
    nodes = [opened(is_shared=True) for _ in range(2)]

    for number in range(4):
        keep(nodes[number % 2][0], "P", "1", "1.1", f"1.1.{number}")

    assert [instances(reader) for _, reader in nodes] == [4, 4]
    changes = nodes[0][1].list_changes(0, None, 100, ()).changes
    assert [change.seq for change in changes] == [*range(1, 8)]


def test_both_go_on_after_the_server_has_crashed(server, opened, keep, made_up):
    writer, reader = opened()
    keep(writer)
    assert instances(reader) == 1
    server.stop("immediate")
    server.start()

    assert instances(reader) <= 1  # this server does not wait for the disk
    writer.begin()
    with pytest.raises(IndexBusy):
        writer.record_instance(**made_up.an_instance("Q"))
    writer.rollback()
    keep(writer, "Q")
    assert ("Q",) in [(it.main_tags["0010,0020"],) for it in reader.describe_resources(1, 0, 0)]


def test_a_full_disk_voids_the_group_and_says_so(server, opened, keep, made_up):
    writer, reader = opened()
    keep(writer)
    server.run(
        "CREATE TRIGGER no_room BEFORE INSERT ON attachments FOR EACH ROW"
        " SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'"
    )

    writer.begin()
    writer.record_instance(**made_up.an_instance("Q"))
    with pytest.raises(ArchiveFull):
        writer.commit()

    assert instances(reader) == 1
    server.run("DROP TRIGGER no_room")
    keep(writer, "Q")
    assert instances(reader) == 2
