import threading

import pytest
from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode

from repertory.actors.dicom import finding
from repertory.actors.dicom.options import ClientOptions, FindLimits
from repertory.actors.dicom.requesting import Requestor
from repertory.actors.dicom.upper.commands import C_CANCEL_RQ, C_FIND_RQ
from repertory.actors.messages.finding import FindResources, ReadFoundTags
from repertory.actors.messages.instances import StoreInstance
from repertory.criteria import Criteria
from repertory.errors import BadRequest, IndexBusy, IndexFailed
from repertory.modalities import Modality
from repertory.model import Level, ResourceId
from repertory.testing.files import make_dicom

PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1.1"
STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2.1"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.fixture
def filled(server, open_to_all):
    """An archive of three studies of two patients; the first study has two series."""
    server.start(access=open_to_all)
    names = {"A": "Müller^Änne", "B": "Miller^Ben"}
    for patient, study, series, number in (
        ("A", "1.1", "1.1.1", 1),
        ("A", "1.1", "1.1.1", 2),
        ("A", "1.1", "1.1.2", 1),
        ("A", "1.2", "1.2.1", 1),
        ("B", "1.3", "1.3.1", 1),
    ):
        content = make_dicom(
            patient_id=patient,
            study=study,
            series=series,
            instance=f"{series}.{number}",
            number=number,
            tags={
                "SpecificCharacterSet": "ISO_IR 100",
                "PatientName": names[patient],
                "StudyDate": f"2024010{study[-1]}",
                "Modality": "CT" if series == "1.1.2" else "MR",
                "AccessionNumber": f"ACC{study[-1]}",
            },
        )
        server.stage.ask(StoreInstance(content=content))
    return server


def query(server, level, *, model=STUDY_ROOT, syntax=EXPLICIT, **keys):
    """The statuses and the identifiers that come back."""
    association = server.peer(model, syntaxes=[syntax])
    asked = Dataset()
    charset = keys.pop("SpecificCharacterSet", "")
    if charset:
        asked.SpecificCharacterSet = charset
    if level:
        asked.QueryRetrieveLevel = level
    for name, value in keys.items():
        setattr(asked, name, value)
    answers = list(association.send_c_find(asked, model))
    return [status.Status for status, _ in answers], [it for _, it in answers if it is not None]


def values(answers, keyword):
    return sorted(str(it[keyword].value) for it in answers)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_all_studies_are_found_by_keys_without_values(filled, syntax):
    statuses, answers = query(filled, "STUDY", syntax=syntax, StudyInstanceUID="", PatientID="")

    assert statuses == [0xFF00, 0xFF00, 0xFF00, 0x0000]
    assert values(answers, "StudyInstanceUID") == ["1.1", "1.2", "1.3"]
    assert values(answers, "PatientID") == ["A", "A", "B"]
    assert {it.QueryRetrieveLevel for it in answers} == {"STUDY"}
    assert {it.RetrieveAETitle for it in answers} == {"ORTHANC"}


@pytest.mark.parametrize(
    ("level", "key", "expected"),
    [
        ("PATIENT", "PatientID", ["A", "B"]),
        ("STUDY", "StudyInstanceUID", ["1.1", "1.2", "1.3"]),
        ("SERIES", "SeriesInstanceUID", ["1.1.1", "1.1.2", "1.2.1", "1.3.1"]),
        ("IMAGE", "SOPInstanceUID", ["1.1.1.1", "1.1.1.2", "1.1.2.1", "1.2.1.1", "1.3.1.1"]),
    ],
)
def test_each_level_is_found(filled, level, key, expected):
    _, answers = query(filled, level, model=PATIENT_ROOT, **{key: ""})

    assert values(answers, key) == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"PatientID": "A"}, ["1.1", "1.2"]),
        ({"PatientID": "a"}, ["1.1", "1.2"]),
        ({"PatientName": "mil*"}, ["1.3"]),
        ({"PatientName": "M?ller*"}, ["1.1", "1.2", "1.3"]),
        ({"StudyDate": "20240102-"}, ["1.2", "1.3"]),
        ({"StudyDate": "-20240102"}, ["1.1", "1.2"]),
        ({"StudyDate": "20240102-20240102"}, ["1.2"]),
        ({"StudyInstanceUID": ["1.1", "1.3", "9.9"]}, ["1.1", "1.3"]),
        ({"ModalitiesInStudy": "CT"}, ["1.1"]),
        ({"AccessionNumber": "*"}, ["1.1", "1.2", "1.3"]),
        ({"PatientID": "A", "AccessionNumber": "ACC2"}, ["1.2"]),
        ({"PatientID": "nobody"}, []),
    ],
)
def test_keys_match_as_the_standard_has_it(filled, keys, expected):
    _, answers = query(filled, "STUDY", **{"StudyInstanceUID": "", **keys})

    assert values(answers, "StudyInstanceUID") == expected


def test_a_list_of_many_uids_is_heeded_to_its_end(filled):
    uids = [f"2.25.{number}{'7' * 30}" for number in range(100)]

    _, answers = query(filled, "STUDY", StudyInstanceUID=[*uids, "1.3"])

    assert values(answers, "StudyInstanceUID") == ["1.3"]


def test_what_is_below_one_parent_alone_is_found(filled):
    _, answers = query(filled, "SERIES", StudyInstanceUID="1.1", SeriesInstanceUID="")

    assert values(answers, "SeriesInstanceUID") == ["1.1.1", "1.1.2"]


def test_computed_keys_are_answered(filled):
    _, (answer,) = query(
        filled,
        "STUDY",
        StudyInstanceUID="1.1",
        ModalitiesInStudy="",
        NumberOfStudyRelatedSeries="",
        NumberOfStudyRelatedInstances="",
        InstanceAvailability="",
    )

    assert sorted(answer.ModalitiesInStudy) == ["CT", "MR"]
    assert (answer.NumberOfStudyRelatedSeries, answer.NumberOfStudyRelatedInstances) == (2, 3)
    assert answer.InstanceAvailability == "ONLINE"


def test_a_key_that_the_index_does_not_keep_is_read_from_a_file(filled):
    _, (answer,) = query(filled, "SERIES", SeriesInstanceUID="1.2.1", Rows="")

    assert answer.Rows == 64


def test_a_key_that_is_not_there_comes_back_empty(filled):
    _, (answer,) = query(filled, "STUDY", StudyInstanceUID="1.3", StudyComments="")

    assert answer.StudyComments == ""


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("", "ISO_IR 100"), ("ISO_IR 100", "ISO_IR 100"), ("ISO_IR 192", "ISO_IR 192")],
)
def test_names_come_in_the_character_set_that_was_asked_for(filled, asked, answered):
    _, (answer,) = query(
        filled,
        "PATIENT",
        model=PATIENT_ROOT,
        PatientID="A",
        PatientName="",
        SpecificCharacterSet=asked,
    )

    assert answer.SpecificCharacterSet == answered
    assert str(answer.PatientName) == "Müller^Änne"


def test_what_is_searched_is_read_in_its_character_set(filled):
    _, answers = query(
        filled, "STUDY", StudyInstanceUID="", PatientName="müll*", SpecificCharacterSet="ISO_IR 192"
    )

    assert values(answers, "StudyInstanceUID") == ["1.1", "1.2"]


def test_text_beyond_latin_1_comes_in_utf_8(filled):
    filled.stage.ask(
        StoreInstance(
            content=make_dicom(
                patient_id="J",
                tags={"SpecificCharacterSet": "ISO_IR 192", "PatientName": "山田^太郎".encode()},
            )
        )
    )

    _, (answer,) = query(filled, "STUDY", PatientID="J", PatientName="")

    assert answer.SpecificCharacterSet == "ISO_IR 192"
    assert str(answer.PatientName) == "山田^太郎"


def test_keys_that_cannot_be_matched_are_passed_over_and_said_so(filled):
    statuses, answers = query(
        filled, "STUDY", StudyInstanceUID="1.3", NumberOfStudyRelatedInstances="7"
    )

    assert statuses == [0xFF01, 0x0000]
    assert values(answers, "StudyInstanceUID") == ["1.3"]


def test_a_private_key_is_passed_over(filled):
    association = filled.peer(STUDY_ROOT)
    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    asked.StudyInstanceUID = "1.3"
    asked.private_block(0x0099, "SOMEBODY", create=True).add_new(0x01, "LO", "X")

    answers = list(association.send_c_find(asked, STUDY_ROOT))

    assert [status.Status for status, _ in answers] == [0xFF01, 0x0000]


@pytest.mark.parametrize(
    ("model", "level"),
    [(STUDY_ROOT, "PATIENT"), (STUDY_ROOT, "FRAME"), (STUDY_ROOT, ""), (PATIENT_ROOT, "")],
)
def test_a_level_that_the_model_has_not_is_an_identifier_that_does_not_match(filled, model, level):
    assert query(filled, level, model=model, PatientID="")[0] == [0xA900]


@pytest.mark.parametrize(
    ("error", "status"),
    [(BadRequest(), 0xC000), (IndexFailed(), 0xC000), (IndexBusy(), 0xA700)],
)
@pytest.mark.parametrize("message", [FindResources, ReadFoundTags])
def test_a_search_that_fails_says_so(filled, error, status, message):
    filled.stage.understudy(message, answer=error)

    assert query(filled, "STUDY", PatientID="")[0] == [status]


@pytest.mark.parametrize(("limit", "found", "final"), [(2, 2, 0xFE00), (3, 3, 0x0000)])
def test_a_limit_is_kept_and_told(server, filled, open_to_all, limit, found, final):
    server.stop()
    server.start(access=open_to_all, limits=FindLimits(results=limit))

    statuses, answers = query(server, "STUDY", StudyInstanceUID="")

    assert (len(answers), statuses[-1]) == (found, final)


def test_instances_have_a_limit_of_their_own(server, filled, open_to_all):
    server.stop()
    server.start(access=open_to_all, limits=FindLimits(results=1, instances=4))

    assert len(query(server, "IMAGE", SOPInstanceUID="")[1]) == 4


def test_who_waits_long_for_an_answer_is_not_taken_for_silent(server, open_to_all):
    server.start(access=open_to_all, timeout=0.4)
    server.stage.understudy(
        FindResources, answer=lambda _: () if not threading.Event().wait(0.8) else None
    )
    association = server.peer(STUDY_ROOT)
    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    asked.StudyInstanceUID = ""

    for _ in range(2):
        assert [it.Status for it, _ in association.send_c_find(asked, STUDY_ROOT)] == [0x0000]


def test_strangers_may_not_search(server):
    server.start()

    assert query(server, "STUDY", PatientID="")[0] == [0x0124]


def test_what_is_deleted_while_it_is_answered_is_left_out(filled, monkeypatch):
    monkeypatch.setattr(finding, "FIRST_PAGE", 1)
    monkeypatch.setattr(finding, "PAGE", 1)
    stage = filled.stage
    studies = stage.ask(FindResources(criteria=Criteria(level=Level.STUDY)))
    stage.understudy(FindResources, answer=(studies[0], ResourceId("gone"), studies[2]))

    statuses, answers = query(filled, "STUDY", StudyInstanceUID="")

    assert statuses == [0xFF00, 0xFF00, 0x0000]
    assert values(answers, "StudyInstanceUID") == ["1.1", "1.3"]


def test_a_search_that_fails_on_its_way_says_so(filled, monkeypatch):
    monkeypatch.setattr(finding, "FIRST_PAGE", 1)
    pages = [({"0020,000d": "1.1"},), IndexBusy()]
    filled.stage.understudy(ReadFoundTags, answer=lambda _: next_of(pages))

    statuses, answers = query(filled, "STUDY", StudyInstanceUID="")

    assert statuses == [0xFF00, 0xA700]
    assert values(answers, "StudyInstanceUID") == ["1.1"]


def next_of(pages):
    page = pages.pop(0)
    if isinstance(page, Exception):
        raise page
    return page


def test_a_search_that_is_cancelled_ends(filled):
    modality = Modality(aet="ORTHANC", host="127.0.0.1", port=filled.port)
    requestor = Requestor(ClientOptions(aet="PEER", timeout=10))
    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    asked.StudyInstanceUID = ""
    with requestor.associate(modality, [(STUDY_ROOT, [EXPLICIT])]) as association:
        (context,) = association.contexts.values()
        request = {
            "CommandField": C_FIND_RQ,
            "MessageID": 5,
            "AffectedSOPClassUID": STUDY_ROOT,
            "Priority": 0,
        }
        association.send(context, request, encode(asked, False, True), more=True)
        cancel = {"CommandField": C_CANCEL_RQ, "MessageIDBeingRespondedTo": 5}
        association.send(context, cancel)

        answers = [association.receive()]
        while answers[-1].command["Status"] == 0xFF00:
            answers.append(association.receive())

    assert answers[-1].command["Status"] == 0xFE00
    assert answers[-1].command["MessageIDBeingRespondedTo"] == 5
