"""A server that goes away, is full or slow, while the archive runs."""

import pytest

from repertory.errors import ArchiveFull, IndexBusy, UnknownResource
from repertory.model import Level

COMMIT = b"COMMIT\0"


def instances(reader):
    return reader.describe_totals().instances


def test_a_reader_goes_on_after_the_server_has_restarted(server, opened, keep):
    writer, reader = opened(tries=3, interval=0.1)
    keep(writer)
    assert instances(reader) == 1

    server.stop("immediate")
    server.start()

    assert instances(reader) == 1


def test_a_writer_goes_on_after_the_server_has_restarted(server, opened, keep):
    writer, reader = opened()
    keep(writer)
    server.stop("immediate")
    server.start()

    writer.begin()
    with pytest.raises(IndexBusy):
        writer.clear_changes()
    writer.rollback()
    keep(writer, "Q")

    assert instances(reader) == 2


def test_what_was_committed_is_there_after_a_crash_and_what_was_not_is_not(
    server, opened, keep, made_up
):
    writer, reader = opened()
    keep(writer)
    writer.begin()
    writer.record_instance(**made_up.an_instance("Q"))

    server.stop("immediate")
    server.start()

    with pytest.raises(IndexBusy):
        writer.record_instance(**made_up.an_instance("R"))
    assert writer.is_void
    writer.rollback()
    assert reader.list_resources(Level.PATIENT, 0, 0) == (made_up.public_id("P"),)


def test_while_the_server_is_down_nothing_is_done_and_a_retry_is_safe(
    server, opened, keep, made_up
):
    writer, reader = opened()
    keep(writer)
    server.stop()

    with pytest.raises(IndexBusy):
        instances(reader)
    writer.begin()
    with pytest.raises(IndexBusy):
        writer.record_instance(**made_up.an_instance("Q"))
    writer.rollback()
    with pytest.raises(IndexBusy):
        writer.begin()

    server.start()
    # Those who asked right after were refused without another attempt.
    writer._db._connector._given_up_at = reader._db._connector._given_up_at = -1e9
    keep(writer, "Q")
    assert instances(reader) == 2


def test_a_full_disk_voids_the_group_and_says_so(server, opened, keep, made_up):
    writer, reader = opened()
    keep(writer)
    server.run(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$",
        "CREATE TRIGGER no_room BEFORE INSERT ON attachments EXECUTE FUNCTION no_room()",
    )

    writer.begin()
    writer.record_instance(**made_up.an_instance("Q"))
    with pytest.raises(ArchiveFull):
        writer.commit()
    assert instances(reader) == 1

    server.run("DROP TRIGGER no_room ON attachments", "DROP FUNCTION no_room")
    keep(writer, "Q")
    assert instances(reader) == 2


def test_a_database_that_becomes_read_only_says_so(server, opened, keep, made_up):
    writer, reader = opened()
    keep(writer)
    server.run(
        "CREATE FUNCTION frozen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'read-only' USING ERRCODE = '25006'; END $$",
        "CREATE TRIGGER frozen BEFORE INSERT ON resources EXECUTE FUNCTION frozen()",
    )

    writer.begin()
    with pytest.raises(Exception, match="can only be read"):
        writer.record_instance(**made_up.an_instance("Q"))
    writer.rollback()

    assert instances(reader) == 1


def test_an_answer_that_takes_long_is_waited_for(proxy, opened, keep):
    writer, reader = opened(through=proxy)
    proxy.delay = 0.05

    keep(writer)

    assert instances(reader) == 1


def test_a_reader_that_was_cut_off_within_an_answer_asks_nothing_anew(proxy, opened, keep, made_up):
    """What it has seen by then is of another state."""
    writer, reader = opened(through=proxy)
    keep(writer)
    id_ = made_up.ids_of().study

    proxy.cut_before = lambda data: b"FROM labels" in data
    with pytest.raises(IndexBusy):
        reader.describe_resources(Level.STUDY, 0, 0)

    assert reader.describe_resource(Level.STUDY, id_).id == id_
    with pytest.raises(UnknownResource):
        reader.describe_resource(Level.STUDY, made_up.public_id("nothing"))


def test_statements_are_logged_without_values_if_that_is_wanted(opened, keep):
    import structlog  # noqa: PLC0415

    with structlog.testing.capture_logs() as lines:
        writer, _ = opened(is_verbose=True)
        keep(writer, "SECRET^PATIENT")

    run = [line for line in lines if line["event"] == "statement_run"]
    assert any(line["sql"].startswith("INSERT INTO resources") for line in run)
    assert "SECRET" not in repr(lines)
