"""How many resources were recorded with other main DICOM tags than new ones are."""

import pytest

from repertory.items import Outdated
from repertory.model import Level
from repertory.storage.index.policy import Overwriting, StorePolicy

NEW = {level: f"{int(level)};new" for level in Level}


@pytest.fixture
def run(make_engine, tmp_path):
    """Open the index with other signatures, as a start with another configuration does."""
    opened = []

    def close():
        for part in opened:
            part.close()
        opened.clear()

    def run(signatures):
        close()
        engine = make_engine(tmp_path / "index", signatures=signatures)
        engine.open()
        writer, reader = engine.writer(), engine.reader()
        opened.extend((reader, writer, engine))
        return writer, reader

    yield run
    close()


@pytest.fixture
def record(made_up):
    """Record instances in a group of their own."""

    def record(writer, *instances, **options):
        writer.begin()
        for uids in instances:
            writer.record_instance(**made_up.an_instance(*uids), **options)
        writer.commit()

    return record


ONE = ("P", "1", "1.1", "1")
TWO = ("P", "1", "1.1", "2")
THREE = ("Q", "2", "2.1", "3")


def counts(reader):
    return {(it.level, it.signature): it.resources for it in reader.list_outdated()}


def test_nothing_is_outdated_while_the_tags_stay(run, record, made_up):
    writer, _ = run(made_up.SIGNATURES)
    record(writer, ONE)
    _, reader = run(made_up.SIGNATURES)

    assert reader.list_outdated() == ()


def test_what_was_there_is_outdated_once_the_tags_change(run, record, made_up):
    writer, _ = run(made_up.SIGNATURES)
    record(writer, ONE, TWO, THREE)
    writer, reader = run({**made_up.SIGNATURES, Level.INSTANCE: "x"})
    record(writer, ("P", "1", "1.1", "4"))

    assert reader.list_outdated() == (Outdated(Level.INSTANCE, "0008,0018", 3),)


def test_what_had_no_signature_is_counted_as_such(run, record):
    writer, _ = run({})
    record(writer, ONE)
    _, reader = run(NEW)

    assert counts(reader) == {(level, ""): 1 for level in Level}


def test_tags_that_come_back_are_not_outdated_any_more(run, record, made_up):
    writer, _ = run(made_up.SIGNATURES)
    record(writer, ONE)
    writer, _ = run(NEW)
    record(writer, THREE)
    _, reader = run(made_up.SIGNATURES)

    assert counts(reader) == {(level, NEW[level]): 1 for level in Level}


def test_deletions_are_discounted(run, record, made_up):
    writer, _ = run(made_up.SIGNATURES)
    record(writer, ONE, TWO, THREE)
    writer, reader = run(NEW)
    ids = made_up.ids_of(*ONE)
    writer.begin()
    writer.delete_resource(Level.INSTANCE, ids.instance, made_up.NOON)
    writer.commit()
    assert sorted(counts(reader).values()) == [2, 2, 2, 2]
    writer.begin()
    writer.delete_resource(Level.PATIENT, ids.patient, made_up.NOON)
    writer.commit()

    assert sorted(counts(reader).values()) == [1, 1, 1, 1]


def test_a_deletion_that_is_undone_is_not_discounted(run, record, made_up):
    writer, _ = run(made_up.SIGNATURES)
    record(writer, ONE)
    writer, reader = run(NEW)
    writer.begin()
    writer.delete_resource(Level.PATIENT, made_up.ids_of(*ONE).patient, made_up.NOON)
    writer.rollback()

    assert sorted(counts(reader).values()) == [1, 1, 1, 1]


@pytest.mark.parametrize("levels", [[Level.STUDY], list(Level)])
def test_reconstructions_are_discounted_once(run, record, made_up, levels):
    writer, _ = run(made_up.SIGNATURES)
    record(writer, ONE)
    writer, reader = run(NEW)
    read = made_up.an_instance(*ONE)
    file, _ = reader.describe_attachment(Level.INSTANCE, read["ids"].instance, 1)
    for _ in range(2):
        writer.begin()
        writer.record_reconstruction(
            ids=read["ids"],
            summary=read["summary"],
            levels=frozenset(levels),
            replaces=file.uuid,
            attachment=None,
        )
        writer.commit()

    assert {it.level for it in reader.list_outdated()} == set(Level).difference(levels)


def test_overwriting_is_discounted_at_all_levels(run, record, made_up):
    writer, _ = run(made_up.SIGNATURES)
    record(writer, ONE)
    writer, reader = run(NEW)
    record(writer, ONE, policy=StorePolicy(overwriting=Overwriting.ALWAYS))

    assert reader.list_outdated() == ()


def test_metadata_of_users_change_no_count(run, record, made_up):
    writer, _ = run(made_up.SIGNATURES)
    record(writer, ONE)
    writer, reader = run(NEW)
    writer.begin()
    writer.set_metadata(
        Level.STUDY, made_up.ids_of(*ONE).study, 1024, "x", expected=None, now=made_up.NOON
    )
    writer.commit()

    assert sorted(counts(reader).values()) == [1, 1, 1, 1]
