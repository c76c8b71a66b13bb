"""Rows that no operation writes yet, but that are read, counted and released like all others."""

import uuid

import apsw
import pytest

from repertory.model import Level


@pytest.fixture
def ids(engine, made_up):
    """A study with one instance; labels, user metadata and a file of its own, put in by hand."""
    writer = engine.writer()
    writer.begin()
    writer.record_instance(**made_up.an_instance(size=10))
    writer.commit()
    writer.close()
    connection = apsw.Connection(str(engine._path))
    for label in ("beta", "Alpha", "alpha-2"):
        connection.execute("INSERT INTO labels SELECT id, ? FROM resources", (label,))
    connection.execute(
        "UPDATE resources SET metadata = json_set(metadata, '$.1024', json_array('mine', 3)),"
        " is_protected = level = 1"
    )
    connection.execute(
        "INSERT INTO attachments SELECT id, 1024, ?, 7, NULL, 5, NULL, 2, 4, 0 FROM resources"
        " WHERE level = 2",
        (uuid.UUID(int=1).bytes,),
    )
    connection.close()
    return made_up.ids_of()


@pytest.fixture
def reader(engine):
    reader = engine.reader()
    yield reader
    reader.close()


@pytest.mark.parametrize("level", list(Level))
def test_labels_come_sorted(reader, ids, level):
    found = reader.describe_resource(level, ids.at(level))
    assert found.labels == ("Alpha", "alpha-2", "beta")


@pytest.mark.parametrize("level", list(Level))
def test_user_metadata_come_with_the_others(reader, ids, level):
    metadata = reader.describe_resource(level, ids.at(level)).metadata
    assert metadata[1024] == "mine"
    assert list(metadata) == sorted(metadata)


def test_a_protected_patient_is_told(reader, ids):
    assert reader.describe_resource(Level.PATIENT, ids.patient).is_protected


def test_a_study_may_have_a_file_of_its_own(reader, ids):
    attachment, metadata = reader.describe_attachment(Level.STUDY, ids.study, 1024)

    assert attachment.uuid == str(uuid.UUID(int=1))
    assert (attachment.uncompressed_size, attachment.compressed_size) == (7, 5)
    assert (attachment.uncompressed_md5, attachment.revision) == ("", 4)
    assert metadata[1024] == "mine"


def test_other_files_of_an_instance_do_not_hide_its_dicom_file(engine, reader, ids):
    connection = apsw.Connection(str(engine._path))
    connection.execute(
        "INSERT INTO attachments SELECT id, 3, ?, 1, NULL, 1, NULL, 1, 0, 0 FROM resources"
        " WHERE level = 4",
        (uuid.UUID(int=2).bytes,),
    )
    connection.close()

    (instance,) = reader.describe_resources(Level.INSTANCE, 0, 0)
    assert instance.attachment.content_type == 1
    statistics = reader.describe_statistics(Level.INSTANCE, ids.instance)
    assert (statistics.disk_size, statistics.dicom_disk_size) == (11, 10)


def test_a_deletion_takes_all_of_it(engine, reader, ids):
    writer = engine.writer()
    writer.begin()
    writer.delete_resource(Level.INSTANCE, ids.instance, 0.0)
    writer.commit()
    writer.close()

    assert [(file.content_type, file.size) for file in reader.list_released(0)] == [
        (1024, 5),
        (1, 10),
    ]
    connection = apsw.Connection(str(engine._path))
    for table in ("resources", "tallies", "attachments", "labels", "changes"):
        assert connection.execute(f"SELECT COUNT(*) FROM {table}").get == 0
    connection.close()


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("statement", ["DELETE FROM labels", "DELETE FROM attachments", ""])
def test_one_resource_is_described_as_it_is_among_others(engine, reader, ids, level, statement):
    connection = apsw.Connection(str(engine._path))
    connection.execute(statement)
    connection.close()

    (among_others,) = reader.describe_resources(level, 0, 0)

    assert reader.describe_resource(level, ids.at(level)) == among_others


def test_the_damage_of_a_file_is_told(engine, reader, ids):
    connection = apsw.Connection(str(engine._path))
    connection.execute("DELETE FROM labels")
    connection.execute("INSERT INTO damaged SELECT id, 1, 'Lost' FROM resources WHERE level = 4")
    connection.close()

    file, _ = reader.describe_attachment(Level.INSTANCE, ids.instance, 1)
    (among_others,) = reader.describe_resources(Level.INSTANCE, 0, 0)

    assert file.damage == "Lost"
    assert reader.describe_resource(Level.INSTANCE, ids.instance) == among_others


def test_a_statement_is_not_compiled_anew_for_each_value(reader):
    """SQLite would, with partial indexes: four times the work of running it."""
    assert reader._db.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1
