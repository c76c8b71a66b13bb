"""A search reads what it finds, and not the whole index."""

import re
from dataclasses import replace

import pytest

from repertory.criteria import Criteria, LabelsConstraint, Order, OrderKind
from repertory.model import Level, ResourceRef
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.storage.resolving import Resolver

PATIENT, STUDY, SERIES, INSTANCE = Level
RESOLVER = Resolver(MAIN_DICOM_TAGS)


@pytest.fixture
def plan(engine, made_up):
    """The steps of the plan of a search."""
    writer, reader = engine.writer(), engine.reader()
    writer.begin()
    for number in range(60):
        uids = (f"{number // 20}", f"{number // 10}", f"{number // 5}", f"{number}")
        writer.record_instance(**made_up.an_instance(*uids))
    writer.commit()

    def plan(level, sensitive=False, lacking=(), **criteria):
        tags = {k: criteria.pop(k) for k in list(criteria) if k[0].isupper()}
        asked = Criteria(
            level=level, tags=tuple(tags.items()), case_sensitive=sensitive, **criteria
        )
        seen = []
        connection = reader._db.connection
        connection.exec_trace = lambda _, sql, values: seen.append((sql, values)) or True
        search = RESOLVER.search(asked)
        marked = tuple(
            it if it.is_identifier else replace(it, lacking=lacking) for it in search.tags
        )
        reader.find_resources(replace(search, tags=marked))
        connection.exec_trace = None
        sql, values = next(it for it in seen if " FROM resources AS " in it[0])
        return [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]

    yield plan
    reader.close()
    writer.close()


IDENTIFIERS = {
    "PatientID": "patient_id",
    "PatientName": "patient_name",
    "PatientBirthDate": "patient_birth_date",
    "StudyInstanceUID": "study_uid",
    "AccessionNumber": "accession_number",
    "StudyDescription": "study_description",
    "StudyDate": "study_date",
}


@pytest.mark.parametrize("level", [STUDY, SERIES, INSTANCE])
@pytest.mark.parametrize("value", ["20200101", "20200101\\20200102", "2020*", "2020*1"])
@pytest.mark.parametrize("tag", IDENTIFIERS)
def test_identifiers_are_found_by_their_index(plan, level, value, tag):
    steps = plan(level, **{tag: value}, limit=100)

    first = re.match(r"SEARCH s USING (COVERING )?INDEX resources_by_(\w+)", steps[0])
    assert first, steps
    assert first[2] == IDENTIFIERS[tag]
    assert all(step.startswith(("SEARCH", "USE TEMP B-TREE")) for step in steps)


@pytest.mark.parametrize(("level", "tag"), [(PATIENT, "PatientID"), (SERIES, "SeriesInstanceUID")])
def test_the_levels_themselves_have_their_identifiers(plan, level, tag):
    column = {"PatientID": "patient_id", "SeriesInstanceUID": "series_uid"}[tag]

    assert f"resources_by_{column} " in plan(level, **{tag: "1"})[0]


def test_the_lowest_of_several_identifiers_is_where_a_search_begins(plan):
    steps = plan(INSTANCE, PatientID="1", StudyInstanceUID="1", SOPInstanceUID="7")

    assert steps[0].startswith("SEARCH i USING INDEX resources_by_sop_uid")


def test_ranges_are_found_by_their_index(plan):
    for value in ("20200101-20201231", "-20201231", "20200101-"):
        assert "resources_by_study_date " in plan(STUDY, StudyDate=value, limit=10)[0]


def test_an_exact_search_is_narrowed_down_by_the_index(plan):
    for tag, value, column in [
        ("PatientID", "Abc", "patient_id"),
        ("PatientName", "Abc*d", "patient_name"),
        ("AccessionNumber", "Abc", "accession_number"),
    ]:
        steps = plan(STUDY, True, **{tag: value})
        assert f"resources_by_{column} " in steps[0]
        assert all(step.startswith(("SEARCH", "USE TEMP B-TREE")) for step in steps)


def test_a_wildcard_before_all_else_reads_the_index_and_not_the_rows(plan):
    steps = plan(STUDY, PatientName="*DOE*")

    assert any("USING COVERING INDEX resources_by_patient_name" in step for step in steps)
    assert any(step.startswith("SEARCH s USING INTEGER PRIMARY KEY") for step in steps)
    assert not any(step.startswith("SCAN s") for step in steps)


def test_a_wildcard_adds_nothing_to_what_narrows_a_search_down(plan):
    steps = plan(STUDY, PatientName="*DOE*", StudyDate="20200101-20201231")

    assert "resources_by_study_date " in steps[0]
    assert not any("patient_name" in step for step in steps)


@pytest.mark.parametrize("constraint", [LabelsConstraint.ALL, LabelsConstraint.ANY])
def test_labels_are_found_by_their_index(plan, constraint):
    steps = plan(STUDY, labels=("a", "b"), labels_constraint=constraint)

    assert steps[0].startswith("SEARCH s USING INTEGER PRIMARY KEY")
    assert any("labels_by_label" in step for step in steps)


def test_what_lies_below_a_parent_is_found_by_it(plan, made_up):
    ids = made_up.ids_of("0", "0", "0", "0")
    for level in (SERIES, INSTANCE):
        steps = plan(level, parents=(ResourceRef(STUDY, ids.study),), Modality="CT")
        assert "resources_by_parent" in steps[0]
        assert all(step.startswith(("SEARCH", "USE TEMP B-TREE")) for step in steps)


def test_a_page_of_everything_is_not_sorted(plan):
    steps = plan(STUDY, limit=10)

    assert steps == ["SEARCH s USING INDEX resources_by_level (level=?)"]


def test_an_order_costs_one_pass_and_a_sort(plan):
    steps = plan(STUDY, order=(Order(OrderKind.DICOM_TAG, "PatientName", True),), limit=10)

    assert steps[0] == "SEARCH s USING INDEX resources_by_level (level=?)"
    assert steps[-1] == "USE TEMP B-TREE FOR ORDER BY"
    assert all(step.startswith(("SEARCH", "USE TEMP B-TREE")) for step in steps)


@pytest.mark.parametrize("descending", [False, True])
def test_the_newest_and_the_oldest_are_found_by_their_date(plan, descending):
    steps = plan(STUDY, order=(Order(OrderKind.DICOM_TAG, "StudyDate", descending),), limit=3)

    assert "resources_by_study_date " in steps[0]
    assert "USE TEMP B-TREE FOR ORDER BY" not in steps


def test_the_last_to_change_are_found_without_reading_all_rows(plan):
    steps = plan(STUDY, order=(Order(OrderKind.METADATA, "7", True),), limit=3)

    assert steps[0] == "SEARCH s USING COVERING INDEX resources_by_level (level=?)"


@pytest.mark.parametrize("level", [STUDY, SERIES, INSTANCE])
def test_a_search_that_is_in_doubt_begins_at_the_identifier_all_the_same(plan, level):
    certain = plan(level, PatientID="1", InstitutionName="X")
    doubtful = plan(level, PatientID="1", InstitutionName="X", lacking=("a", ""))

    assert doubtful == certain
    assert any("resources_by_patient_id" in step for step in doubtful)
