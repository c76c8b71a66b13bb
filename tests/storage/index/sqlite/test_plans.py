"""No question is answered by reading the whole index."""

import re

import apsw
import pytest

from repertory.model import ChangeType, Level, ResourceRef
from repertory.places import FILE_SYSTEM, Cursor
from repertory.tiering import Conditions, StudiesWanted

ALLOWED_SCANS = {
    "json_each",  # the list of numbers itself
    "doomed",  # what was found below
    "top",
    "released",  # in the order of its key, up to the limit
    "exports",  # likewise
    "used",  # the labels that were found so far
    "below",  # what was found below
    "family",  # likewise
}


@pytest.fixture
def plans(engine, made_up):
    """A function that runs another, and tells the plan of every statement of its connection."""
    writer, reader = engine.writer(), engine.reader()
    writer.begin()
    for number in range(300):
        uids = ("P", f"{number // 100}", f"{number // 10}", f"{number}")
        writer.record_instance(**made_up.an_instance(*uids, place=number))
    writer.commit()

    def plans(owner, action):
        seen = []
        connection = owner._db.connection

        def note(_cursor, sql, values):
            seen.append((sql, values))
            return True

        connection.exec_trace = note
        try:
            action(owner)
        finally:
            connection.exec_trace = None
        found = []
        for sql, values in seen:
            if sql.startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")):
                continue
            steps = connection.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall()
            found.append((sql, [step[3] for step in steps]))
        return found

    plans.writer, plans.reader = writer, reader
    yield plans
    writer.close()
    reader.close()


def scans(plans):
    found = []
    for sql, steps in plans:
        for step in steps:
            match = re.match(r"SCAN (\w+)", step)
            if step.endswith("INDEX tallies_by_due"):
                continue  # it has what is not stable yet, and nothing else
            if match and match[1] not in ALLOWED_SCANS and "CONSTANT" not in step:
                found.append((sql, step))
    return found


READS = {
    "resource": lambda r, ids: r.describe_resource(Level.STUDY, ids.study),
    "instance": lambda r, ids: r.describe_resource(Level.INSTANCE, ids.instance),
    "children": lambda r, ids: r.list_children(Level.STUDY, ids.study, Level.SERIES),
    "grandchildren": lambda r, ids: r.list_children(Level.STUDY, ids.study, Level.INSTANCE),
    "all below": lambda r, ids: r.describe_children(Level.PATIENT, ids.patient, Level.INSTANCE),
    "parent": lambda r, ids: r.describe_parent(Level.INSTANCE, ids.instance, Level.PATIENT),
    "statistics": lambda r, ids: r.describe_statistics(Level.PATIENT, ids.patient),
    "sizes of an instance": lambda r, ids: r.describe_statistics(Level.INSTANCE, ids.instance),
    "attachment": lambda r, ids: r.describe_attachment(Level.INSTANCE, ids.instance, 1),
    "file": lambda r, ids: r.locate_file(Level.INSTANCE, ids.instance, 1),
    "identifier": lambda r, ids: r.lookup_identifier("1.2.3"),
    "page of studies": lambda r, ids: r.describe_resources(Level.STUDY, 0, 10),
    "page of instances": lambda r, ids: r.describe_resources(Level.INSTANCE, 100, 10),
    "changes": lambda r, ids: r.list_changes(10, None, 10, ()),
    "changes up to": lambda r, ids: r.list_changes(None, 100, 10, ()),
    "changes of a type": lambda r, ids: r.list_changes(10, None, 10, {ChangeType.NEW_STUDY}),
    "last change": lambda r, ids: r.describe_last_change(),
    "unstable": lambda r, ids: r.describe_unstable(Level.STUDY, ids.study),
    "all unstable": lambda r, ids: r.list_unstable(),
    "released": lambda r, ids: r.list_released(10),
    "released elsewhere": lambda r, ids: r.list_released(10, 1, 5, (2,)),
    "changes and deletions": lambda r, ids: r.list_changes(10, None, 10, (), deletions=True),
    "last change or deletion": lambda r, ids: r.describe_last_change(deletions=True),
    "metadata": lambda r, ids: r.list_metadata(Level.STUDY, ids.study),
    "one metadata": lambda r, ids: r.describe_metadata(Level.INSTANCE, ids.instance, 1),
    "labels": lambda r, ids: r.list_labels(Level.STUDY, ids.study),
    "all labels": lambda r, ids: r.list_all_labels(),
    "attachments": lambda r, ids: r.list_attachments(Level.INSTANCE, ids.instance),
    "protection": lambda r, ids: r.describe_protection(ids.patient),
    "exports": lambda r, ids: r.list_exports(10, 10),
    "last export": lambda r, ids: r.describe_last_export(),
    "events": lambda r, ids: r.list_events(10, 10, ()),
    "events of a type": lambda r, ids: r.list_events(10, 10, {ChangeType.NEW_STUDY}),
    "events with tags": lambda r, ids: r.list_events(10, 10, (), main_tags=True),
    "dead letters": lambda r, ids: r.list_dead_letters("pacs", 0, 10),
    "files to be moved": lambda r, ids: r.list_movable([ids.study], Cursor(), "disk", 10, ""),
    "how many": lambda r, ids: r.count_movable([ids.study, ids.instance], "disk"),
    "studies for a rule": lambda r, ids: r.find_tierable(
        StudiesWanted(FILE_SYSTEM, Conditions(received_before=1.0, read_before=1.0, labels=("a",)))
    ),
    "studies that were read": lambda r, ids: r.find_read_studies(
        [ResourceRef(level, ids.at(level)) for level in (Level.STUDY, Level.SERIES, Level.INSTANCE)]
    ),
}


@pytest.mark.parametrize("name", READS)
def test_questions_are_answered_by_an_index(plans, made_up, name):
    ids = made_up.ids_of("P", "1", "15", "155")
    found = plans(plans.reader, lambda reader: READS[name](reader, ids))

    assert found
    assert [one for one in scans(found) if not one[0].endswith("FROM totals")] == []


@pytest.mark.parametrize("types", [(), {ChangeType.NEW_STUDY, ChangeType.DELETED}])
def test_a_page_of_events_is_read_in_order_and_nothing_is_sorted(plans, types):
    found = plans(plans.reader, lambda reader: reader.list_events(10, 10, types))
    steps = [step for _, some in found for step in some]

    assert any(step.startswith("SEARCH changes USING INTEGER PRIMARY KEY") for step in steps)
    assert not any("TEMP B-TREE" in step for step in steps)


def test_changes_are_written_by_an_index(plans, made_up):
    ids = made_up.ids_of("P", "1", "15", "155")
    unstable = plans.reader.list_unstable()[0]

    def change(writer):
        writer.begin()
        writer.record_instance(**made_up.an_instance("P", "1", "new", "new", place=1, expected=2))
        writer.record_instance(**made_up.an_instance("P", "1", "new", "newer", place=2))
        writer.declare_stable(unstable.level, unstable.id, made_up.NOON)
        writer.declare_unstable(unstable.level, unstable.id, made_up.NOON, 60.0)
        writer.declare_due(made_up.NOON + 61, 10, made_up.NOON + 61)
        writer.limit_periods(made_up.NOON, 60.0)
        writer.shift_periods(5.0)
        writer.set_metadata(Level.SERIES, ids.series, 1024, "a", expected=None, now=0.0)
        writer.delete_metadata(Level.SERIES, ids.series, 1024, expected=None, now=0.0)
        writer.add_label(Level.SERIES, ids.series, "a")
        writer.remove_label(Level.SERIES, ids.series, "a")
        for _ in range(2):
            file = made_up.a_file(content_type=1024)
            writer.replace_attachment(Level.SERIES, ids.series, file, expected=None, now=0.0)
        writer.delete_attachment(Level.SERIES, ids.series, 1024, expected=None, now=0.0)
        writer.set_protection(ids.patient, protected=True)
        writer.record_exports([ResourceRef(Level.SERIES, ids.series)], "PACS", 0.0)
        writer.delete_resource(Level.SERIES, ids.series, made_up.NOON)
        writer.forget_released([1, 2, 3])
        writer.commit()

    found = plans(plans.writer, change)
    assert len(found) > 15
    assert [one for one in scans(found) if "totals" not in one[0]] == []


@pytest.mark.parametrize(
    ("level", "most"), [(Level.PATIENT, 6), (Level.SERIES, 6), (Level.INSTANCE, 5)]
)
def test_a_page_takes_as_many_statements_however_long_it_is(plans, level, most):
    counts = {
        limit: len(plans(plans.reader, lambda r, n=limit: r.describe_resources(level, 0, n)))
        for limit in (1, 5, 300)
    }

    assert len(set(counts.values())) == 1
    assert counts[1] <= most


def test_identifiers_are_found_by_their_own_index(plans):
    found = plans(plans.reader, lambda reader: reader.lookup_identifier("1"))

    steps = [step for _, steps in found for step in steps if step.startswith("SEARCH")]
    for column in ("patient_id", "study_uid", "series_uid", "sop_uid"):
        assert any(f"resources_by_{column} " in step for step in steps)


def test_identifiers_of_studies_have_an_index_each(engine):
    connection = apsw.Connection(engine_path(engine), flags=apsw.SQLITE_OPEN_READONLY)
    columns = ("patient_name", "patient_birth_date", "accession_number")
    for column in (*columns, "study_description", "study_date"):
        sql = f"EXPLAIN QUERY PLAN SELECT id FROM resources WHERE level = 2 AND {column} >= 'A'"
        (step,) = connection.execute(sql).fetchall()
        assert f"resources_by_{column} " in step[3]
    connection.close()


def engine_path(engine):
    return str(engine._path)
