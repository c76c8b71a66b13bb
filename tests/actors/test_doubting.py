"""After the main DICOM tags have grown: searches of what came before."""

import apsw
import pytest
from structlog.testing import capture_logs

from repertory.actors.doubting import Doubts
from repertory.actors.finding_rules import FindingRules
from repertory.actors.messages.finding import (
    CountResources,
    DescribeFound,
    FindResources,
    SiftFiles,
)
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.reconstruction import ReconstructArchive
from repertory.actors.messages.resources import DeleteResource
from repertory.conf.orthanc_warnings import INCONSISTENT_TAGS, READ_FROM_STORAGE
from repertory.criteria import Criteria, Order, OrderKind
from repertory.model import Level, ResourceRef, TagForm
from repertory.storage.main_tags import MainDicomTags
from repertory.storage.resolving import Resolver
from repertory.testing.files import make_dicom

GROWN = MainDicomTags.defaults(
    {
        Level.STUDY: ["0010,1030", "0008,1110"],  # PatientWeight, ReferencedStudySequence
        Level.SERIES: ["0018,0050"],  # SliceThickness
        Level.INSTANCE: ["0008,0008"],  # ImageType
    }
)


def store(archive, number, *, series=1, **tags):
    name = str(number)
    content = make_dicom(
        patient_id=f"P{number}",
        study=f"1.2.{name}",
        series=f"1.2.{name}.{series}",
        instance=f"1.2.{name}.{series}.1",
        tags={
            "PatientWeight": str(50 + number),
            "ReferencedStudySequence": [{"ReferencedSOPInstanceUID": f"1.{name}"}],
            **tags,
        },
    )
    return archive.stage.ask(StoreInstance(content=content)).ids


@pytest.fixture
def grown(archive):
    """Four studies: two from before, two from after the main tags grew; nothing has been read."""
    ids = [store(archive, number) for number in range(2)]
    archive.main_tags = GROWN
    archive.restart()
    return [*ids, *(store(archive, number) for number in range(2, 4))]


@pytest.fixture
def ask(archive):
    """Ask a question; gives the answer and what was logged besides."""

    def ask(question):
        with capture_logs() as logs:
            answer = archive.stage.ask(question)
        return answer, [it for it in logs if it["log_level"] in ("warning", "error")]

    return ask


def by(level=Level.STUDY, **options):
    tags = {name: options.pop(name) for name in list(options) if name[0].isupper()}
    return FindResources(criteria=Criteria(level=level, tags=tuple(tags.items()), **options))


def requested(level, *names, **options):
    return DescribeFound(criteria=Criteria(level=level, **options), requested=names)


def files_read(logs):
    return sum(it["files"] for it in logs if it["event"] == "files_searched")


def strip_signatures(path):
    """Make of an index what an adoption makes of that of an Orthanc 1.10."""
    connection = apsw.Connection(str(path))
    connection.execute("""UPDATE resources SET metadata = json_remove(metadata, '$."15"')""")
    connection.execute("DELETE FROM signatures")
    connection.close()


def test_what_came_before_is_found_by_a_new_main_tag(grown, ask):
    studies = [ids.study for ids in grown]

    found, logs = ask(by(PatientWeight="51\\52"))

    assert found == (studies[1], studies[2])
    assert [it["event"] for it in logs] == ["main_tags_outdated", "files_searched"]
    assert logs[0] == {
        "event": "main_tags_outdated",
        "log_level": "warning",
        "level": "Study",
        "names": ["PatientWeight"],
        "resources": 2,
    }
    # Only those of which the index does not know it.
    assert files_read(logs) == 2


def test_other_searches_read_no_file_and_warn_of_nothing(archive, grown, ask):
    archive.stage.understudy(SiftFiles, answer=AssertionError("files are read"))

    for question in (
        by(PatientID="P1"),
        by(StudyDate="20200101-"),
        by(Modality="MR"),
        by(InstitutionName="*"),
        by(ModalitiesInStudy="MR"),
        requested(Level.STUDY, "PatientID", "InstitutionName", "NumberOfStudyRelatedSeries"),
    ):
        assert ask(question)[1] == []


@pytest.mark.parametrize("limit", [0, 1, 2, 3])
@pytest.mark.parametrize("since", [0, 1, 2])
def test_pages_and_orders_are_those_of_an_index_that_knows_all(grown, ask, since, limit):
    order = (Order(OrderKind.DICOM_TAG, "PatientID", descending=True),)
    studies = [ids.study for ids in reversed(grown)]
    found, _ = ask(by(PatientWeight="5?", order=order, since=since, limit=limit))

    assert list(found) == studies[since : since + limit if limit else None]


def test_a_count_counts_what_came_before(grown, ask):
    criteria = Criteria(level=Level.STUDY, tags=(("PatientWeight", "50\\53"),), limit=1)

    assert ask(CountResources(criteria=criteria))[0] == 2


@pytest.mark.parametrize("level", [Level.STUDY, Level.SERIES, Level.INSTANCE])
def test_tags_of_upper_levels_are_in_doubt_where_those_came_before(grown, ask, level):
    found, logs = ask(by(level, PatientWeight="51\\53"))

    assert found == (grown[1].at(level), grown[3].at(level))
    assert files_read(logs) == 2


def test_tags_of_lower_levels_are_looked_for_in_each_of_them(archive, ask):
    one = store(archive, 1, SliceThickness="1")
    store(archive, 1, series=2, SliceThickness="2")
    store(archive, 2, SliceThickness="3")
    archive.main_tags = GROWN
    archive.restart()
    store(archive, 1, series=3, SliceThickness="4")

    assert [ask(by(SliceThickness=it))[0] for it in "1245"] == [(one.study,)] * 3 + [()]


def test_tags_of_lower_levels_and_of_files_are_looked_for_together(archive, ask):
    ids = store(archive, 1, SliceThickness="1", MagneticFieldStrength="3")
    store(archive, 1, series=2, SliceThickness="2", MagneticFieldStrength="3")
    archive.main_tags = GROWN
    archive.restart()

    assert ask(by(SliceThickness="2", MagneticFieldStrength="3"))[0] == (ids.study,)
    assert ask(by(SliceThickness="2", MagneticFieldStrength="1"))[0] == ()


def test_constraints_that_are_in_doubt_must_all_be_met(grown, ask):
    both = by(Level.INSTANCE, PatientWeight="51\\53", ImageType="ORIGINAL*")
    none = by(Level.INSTANCE, PatientWeight="51\\53", ImageType="DERIVED*")

    assert ask(both)[0] == (grown[1].instance, grown[3].instance)
    assert ask(none)[0] == ()


def test_tags_that_only_files_know_may_be_searched_besides(grown, ask):
    found, _ = ask(by(PatientWeight="51\\53", MagneticFieldStrength="*"))

    assert found == (grown[1].study, grown[3].study)


def test_requested_tags_are_read_for_those_that_lack_them(grown, ask):
    question = requested(Level.STUDY, "PatientWeight", "PatientID", "ReferencedStudySequence")
    found, logs = ask(question)

    assert [it.requested for it in found] == [
        {
            "PatientWeight": str(50 + number),
            "PatientID": f"P{number}",
            "ReferencedStudySequence": [{"ReferencedSOPInstanceUID": f"1.{number}"}],
        }
        for number in range(4)
    ]
    assert files_read(logs) == 2


def test_requested_tags_of_an_upper_level_are_read_where_that_lacks_them(grown, ask):
    within = ResourceRef(Level.INSTANCE, grown[0].instance)
    ((found,), logs) = ask(requested(Level.INSTANCE, "PatientWeight", within=within))

    assert found.requested == {"PatientWeight": "50"}
    assert files_read(logs) == 1


def test_a_tag_that_a_resource_has_not_is_read_for_once_and_left_out(archive, grown, ask):
    ids = store(archive, 9, PatientWeight=None)
    within = ResourceRef(Level.STUDY, ids.study)
    ((found,), logs) = ask(requested(Level.STUDY, "PatientWeight", within=within))

    assert found.requested == {}
    assert files_read(logs) == 0


def test_once_all_is_reconstructed_no_file_is_read_any_more(archive, grown, ask):
    archive.stage.ask(ReconstructArchive())
    archive.stage.understudy(SiftFiles, answer=AssertionError("files are read"))

    assert ask(by(PatientWeight="51\\52")) == ((grown[1].study, grown[2].study), [])
    found, logs = ask(requested(Level.STUDY, "PatientWeight", "ReferencedStudySequence"))
    assert [len(it.requested) for it in found] == [2] * 4
    assert logs == []


def test_once_the_old_ones_are_gone_nothing_is_in_doubt(archive, grown, ask):
    for ids in grown[:2]:
        archive.stage.ask(DeleteResource(level=Level.PATIENT, id=ids.patient))

    assert ask(by(PatientWeight="51\\52")) == ((grown[2].study,), [])


def test_where_files_must_not_be_searched_the_log_tells_that_some_may_be_missing(
    archive, grown, ask
):
    archive.finding = {"storage_access": "Answers"}
    archive.restart()

    found, logs = ask(by(PatientWeight="51\\52"))
    shown, _ = ask(requested(Level.STUDY, "PatientWeight"))

    assert found == (grown[2].study,)
    assert [it["event"] for it in logs] == ["main_tags_outdated"]
    assert [it.requested["PatientWeight"] for it in shown] == ["50", "51", "52", "53"]


def test_where_no_file_may_be_read_the_log_tells_what_is_left_out(archive, grown, ask):
    archive.finding = {"storage_access": "Never"}
    archive.restart()

    shown, logs = ask(requested(Level.STUDY, "PatientWeight", "MagneticFieldStrength"))

    assert [it.requested for it in shown] == [
        {},
        {},
        {"PatientWeight": "52"},
        {"PatientWeight": "53"},
    ]
    assert [it["event"] for it in logs] == ["main_tags_outdated", "tags_left_out"]
    assert logs[1]["names"] == ["MagneticFieldStrength", "PatientWeight"]


def test_warnings_are_switched_off_one_by_one(archive, grown, ask):
    archive.finding = {"warnings": {INCONSISTENT_TAGS: False}}
    archive.restart()
    first = ask(by(PatientWeight="51"))[1]
    archive.finding = {"warnings": {INCONSISTENT_TAGS: True, READ_FROM_STORAGE: False}}
    archive.restart()
    second = ask(by(PatientWeight="51"))[1]

    assert [it["event"] for it in first] == ["files_searched"]
    assert [it["event"] for it in second] == ["main_tags_outdated"]


def test_an_order_by_a_tag_that_some_lack_is_warned_of(grown, ask):
    order = (Order(OrderKind.DICOM_TAG, "PatientWeight"),)
    found, logs = ask(by(order=order))

    assert found == tuple(grown[n].study for n in (2, 3, 0, 1))
    assert [it["event"] for it in logs] == ["main_tags_outdated"]


def test_resources_without_a_list_of_tags_have_those_of_an_old_orthanc(archive, grown, ask):
    archive.stage.close()
    strip_signatures(archive.folder / "index" / "repertory.db")
    archive.restart()

    found, logs = ask(by(PatientWeight="51"))
    assert found == (grown[1].study,)
    assert [it["event"] for it in logs] == ["signatures_missing", "files_searched"]
    assert ask(by(InstitutionName="*"))[1] == []
    # RequestAttributesSequence is kept since Orthanc 1.12.5 only.
    assert files_read(ask(requested(Level.SERIES, "RequestAttributesSequence"))[1]) == 4


def test_tags_of_lower_levels_and_of_the_meta_header_are_warned_of(grown, ask):
    found, logs = ask(requested(Level.STUDY, "SliceThickness", "TransferSyntaxUID"))

    assert [list(it.requested) for it in found] == [["SliceThickness"]] * 4
    assert [it["event"] for it in logs] == [
        "header_requested",
        "lower_level_requested",
        "files_searched",
    ]


def test_a_sequence_that_is_too_long_to_be_kept_is_read_when_it_is_requested(archive, ask):
    archive.main_tags = GROWN
    archive.restart()
    ids = store(archive, 1, ReferencedStudySequence=[{"TextValue": "x" * 200}] * 400)
    within = ResourceRef(Level.STUDY, ids.study)
    ((found,), logs) = ask(requested(Level.STUDY, "ReferencedStudySequence", within=within))

    assert found.description.main_sequences["0008,1110"]["Type"] == "TooLong"
    assert len(found.requested["ReferencedStudySequence"]) == 400
    assert files_read(logs) == 1


class NobodyKnows:
    """A reader that must not be asked."""

    def list_outdated(self):
        raise AssertionError("the index is asked")


def test_a_search_by_identifiers_does_not_even_ask_whether_some_are_older():
    doubts = Doubts(NobodyKnows(), FindingRules(main_tags=GROWN))
    tags = (("PatientID", "P"), ("StudyDate", "2020-"), ("ModalitiesInStudy", "MR"))
    search = Resolver(GROWN).search(Criteria(level=Level.STUDY, tags=tags))
    wanted = Resolver(GROWN).wanted(Level.STUDY, ["ModalitiesInStudy"], TagForm.FULL)

    assert doubts.of_search(search) == search
    assert doubts.of_wanted(Level.STUDY, wanted) == wanted
