"""Modalities that ask what is scheduled."""

import pytest
from pydicom.dataset import Dataset

from repertory.actors.dicom.options import AccessRules
from repertory.actors.messages.worklists import CreateWorklist, FindWorklists
from repertory.actors.worklists import WorklistActor, WorklistOptions
from repertory.errors import StorageFailed
from repertory.modalities import Modality, Service

WORKLIST = "1.2.840.10008.5.1.4.31"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"

pytestmark = pytest.mark.usefixtures("no_thread_stays")


def rules(**modality):
    modalities = {"ct": Modality("PEER", "127.0.0.1", 104, **modality)}
    return AccessRules(always=frozenset({"FindWorklist"}), modalities=modalities)


@pytest.fixture
def scheduled(server):
    """A server that knows two examinations of two stations."""

    def start(access=None, **options):
        options = WorklistOptions(enabled=True, **options)
        server.stage.put_on(WorklistActor, options=options)
        for patient, station in (("Müller^Änne", "PEER"), ("Miller^Ben", "MR1")):
            step = {"ScheduledStationAETitle": station, "Modality": "CT"}
            tags = {"PatientName": patient, "ScheduledProcedureStepSequence": [step]}
            server.stage.ask(CreateWorklist(tags=tags))
        return server.start(access=access or rules(), worklists=True)

    yield start
    server.close()


def ask(server, *, syntax=EXPLICIT, station="", title="PEER", **keys):
    association = server.peer(WORKLIST, syntaxes=[syntax], title=title)
    step = Dataset()
    step.ScheduledStationAETitle = station
    step.Modality = ""
    asked = Dataset()
    asked.PatientName = keys.get("name", "")
    asked.ScheduledProcedureStepSequence = [step]
    answers = list(association.send_c_find(asked, WORKLIST))
    return [status.Status for status, _ in answers], [it for _, it in answers if it is not None]


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_a_modality_is_told_what_is_scheduled(scheduled, syntax):
    statuses, answers = ask(scheduled(), syntax=syntax)

    assert statuses == [0xFF00, 0xFF00, 0x0000]
    assert sorted(str(it.PatientName) for it in answers) == ["Miller^Ben", "Müller^Änne"]
    assert answers[0].ScheduledProcedureStepSequence[0].Modality == "CT"
    assert "StudyInstanceUID" not in answers[0]


def test_keys_within_a_sequence_match_too(scheduled):
    _, answers = ask(scheduled(), station="MR1")

    assert [str(it.PatientName) for it in answers] == ["Miller^Ben"]


def test_a_modality_gets_its_own_where_that_is_wanted(scheduled):
    statuses, answers = ask(scheduled(filters_station=True))

    assert [str(it.PatientName) for it in answers] == ["Müller^Änne"]
    assert statuses == [0xFF00, 0x0000]


def test_what_the_limit_cuts_off_is_told(scheduled):
    statuses, answers = ask(scheduled(most_answers=1))

    assert len(answers) == 1
    assert statuses == [0xFF00, 0xFE00]


def test_a_modality_may_be_denied_worklists_alone(scheduled):
    access = rules(denied=frozenset({Service.FIND_WORKLIST}))

    assert ask(scheduled(access))[0] == [0x0124]


def test_strangers_are_told_nothing_unless_they_may(scheduled):
    server = scheduled(AccessRules())

    assert ask(server, title="STRANGER")[0] == [0x0124]


def test_a_server_without_worklists_does_not_offer_them(server):
    server.start(access=rules())

    association = server.peer("1.2.840.10008.1.1", WORKLIST)

    assert [it.abstract_syntax for it in association.rejected_contexts] == [WORKLIST]
    server.close()


def test_a_failure_is_told_and_the_association_lives(scheduled):
    server = scheduled()
    server.stage.understudy(FindWorklists, answer=StorageFailed("The folder cannot be read."))

    assert ask(server)[0] == [0xC000]
    assert ask(server)[0] == [0xC000]
