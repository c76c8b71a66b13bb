"""Searches of the whole archive: the index, and the files where it does not suffice."""

import pytest
from structlog.testing import capture_logs

from repertory.actors.finding_rules import FindingRules
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.messages.finding import (
    CountResources,
    DescribeFound,
    DescribeMany,
    FindResources,
    ReadFoundTags,
    SiftFiles,
)
from repertory.actors.messages.instances import StoreInstance
from repertory.criteria import Criteria
from repertory.errors import BadParameter, BadRequest
from repertory.model import Level, ResourceRef, TagForm
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.testing.files import make_dicom

LONG = "X" * 300


@pytest.fixture
def studies(archive):
    """Thirty studies; only their files tell them apart by weight."""
    receipts = []
    for number in range(30):
        tags = {"PatientWeight": str(50 + number), "PatientComments": LONG if number else "short"}
        content = make_dicom(patient_id=f"P{number}", seed=number, tags=tags, rich=True)
        receipts.append(archive.stage.ask(StoreInstance(content=content)))
    return [receipt.ids.study for receipt in receipts]


@pytest.fixture
def rules(archive):
    """Let another reader answer, by other rules."""

    def rules(**options):
        archive.stage.take_off(archive.refs[IndexReaderActor])
        engine = SqliteEngine(archive.folder / "index")
        engine._open = True  # the archive's own holds the lock
        return archive.stage.put_on(
            IndexReaderActor, engine=engine, finding=FindingRules(**options)
        )

    return rules


def studies_with(limit=0, **tags):
    return Criteria(level=Level.STUDY, tags=tuple(tags.items()), limit=limit)


def test_a_tag_that_the_index_does_not_keep_is_searched_in_the_files(archive, studies):
    ask = archive.stage.ask

    assert ask(FindResources(criteria=studies_with(PatientWeight="57"))) == (studies[7],)
    assert ask(FindResources(criteria=studies_with(PatientWeight="5?"))) == tuple(studies[:10])
    assert ask(FindResources(criteria=studies_with(PatientWeight="5?", PatientID="P3"))) == (
        studies[3],
    )
    assert ask(FindResources(criteria=studies_with(PatientComments=LONG.lower(), limit=25))) == (
        tuple(studies[1:26])
    )
    assert ask(CountResources(criteria=studies_with(PatientWeight="6*"))) == 10


def test_damaged_files_match_nothing(archive, studies):
    for path in (archive.folder / "files").rglob("*-*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    found = archive.stage.ask(FindResources(criteria=studies_with(PatientWeight="*", limit=3)))

    assert found == ()


def test_a_search_in_files_ends_when_enough_is_found(archive, studies):
    for study in studies[5:]:
        (instance,) = archive.stage.ask(DescribeMany(ids=(study,), at=Level.INSTANCE))
        archive.area.remove(instance.attachment.uuid, 1)
    with capture_logs() as logs:
        found = archive.stage.ask(FindResources(criteria=studies_with(PatientWeight="*", limit=5)))

    assert found == tuple(studies[:5])
    assert [it["event"] for it in logs if it["log_level"] != "debug"] == ["files_searched"]


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_found(archive, studies):
    first = archive.stage.ask(DescribeMany(ids=(studies[0],), at=Level.INSTANCE))[0]
    archive.area.remove(first.attachment.uuid, 1)

    found = archive.stage.ask(FindResources(criteria=studies_with(PatientWeight="50\\51")))
    described = archive.stage.ask(
        DescribeFound(criteria=studies_with(PatientID="P0"), requested=("PatientWeight",))
    )

    assert found == (studies[1],)
    assert [(it.description.id, it.requested) for it in described] == [(studies[0], {})]


def test_requested_tags_come_from_the_index_and_from_files(archive, studies):
    question = DescribeFound(
        criteria=studies_with(PatientID="P4"),
        requested=("PatientWeight", "0010,0010", "ModalitiesInStudy", "PatientComments"),
    )
    (found,) = archive.stage.ask(question)

    assert found.description.id == studies[4]
    assert found.requested == {
        "PatientWeight": "54",
        "PatientName": "Test^Patient",
        "ModalitiesInStudy": "MR",
        "PatientComments": LONG,
    }


@pytest.mark.parametrize(
    ("form", "key", "inner"),
    [
        (TagForm.SIMPLIFIED, "RequestAttributesSequence", "ScheduledProcedureStepID"),
        (TagForm.SHORT, "0040,0275", "0040,0009"),
        (TagForm.FULL, "0040,0275", "0040,0009"),
    ],
)
def test_requested_sequences_have_the_form_that_is_asked_for(archive, studies, form, key, inner):
    within = Criteria(level=Level.STUDY, within=ResourceRef(Level.STUDY, studies[0]))
    question = DescribeFound(criteria=within, requested=("RequestAttributesSequence",), form=form)
    (found,) = archive.stage.ask(question)
    items = found.requested[key]

    assert inner in (items["Value"] if form is TagForm.FULL else items)[0]


def test_the_order_of_the_index_is_kept_by_what_the_files_tell(archive, studies):
    found = archive.stage.ask(FindResources(criteria=studies_with(PatientWeight="*", limit=20)))

    assert found == tuple(studies[:20])


def test_files_are_not_searched_where_that_is_forbidden(archive, studies, rules):
    rules(storage_access="Answers")
    with pytest.raises(BadRequest, match="PatientWeight cannot be searched"):
        archive.stage.ask(FindResources(criteria=studies_with(PatientWeight="57")))
    question = DescribeFound(
        criteria=studies_with(PatientID="P4"), requested=("PatientWeight", "PatientID")
    )

    assert archive.stage.ask(question)[0].requested == {"PatientWeight": "54", "PatientID": "P4"}


def test_files_are_not_read_at_all_where_that_is_forbidden(archive, studies, rules):
    rules(storage_access="Never")
    archive.stage.understudy(SiftFiles, answer=AssertionError("files are read"))
    question = DescribeFound(
        criteria=studies_with(PatientID="P4"), requested=("PatientWeight", "PatientID")
    )

    assert archive.stage.ask(question)[0].requested == {"PatientID": "P4"}
    with pytest.raises(BadRequest):
        archive.stage.ask(CountResources(criteria=studies_with(PatientWeight="57")))


def test_what_the_index_keeps_is_answered_without_the_files(archive, studies):
    archive.stage.understudy(SiftFiles, answer=AssertionError("files are read"))
    question = DescribeFound(
        criteria=studies_with(PatientName="test*", limit=2),
        requested=("NumberOfStudyRelatedSeries",),
    )

    assert [it.requested for it in archive.stage.ask(question)] == [
        {"NumberOfStudyRelatedSeries": "1"}
    ] * 2


def test_an_unknown_tag_is_refused(archive):
    with pytest.raises(BadParameter, match="Did you mean PatientWeight"):
        archive.stage.ask(FindResources(criteria=studies_with(PatientWeigth="57")))
    with pytest.raises(BadParameter):
        archive.stage.ask(DescribeFound(criteria=studies_with(), requested=("PatientWeigth",)))


@pytest.mark.parametrize("requested", [("PatientID",), ("PatientID", "PatientWeight")])
@pytest.mark.parametrize("constraint", [{"PatientID": "P1*"}, {"PatientWeight": "6?"}])
def test_tags_alone_are_those_that_descriptions_come_with(archive, studies, requested, constraint):
    criteria = studies_with(**constraint)

    described = archive.stage.ask(DescribeFound(criteria=criteria, requested=requested))

    found = archive.stage.ask(ReadFoundTags(criteria=criteria, requested=requested))
    assert found == tuple(it.requested for it in described)
    assert len(found) > 5
