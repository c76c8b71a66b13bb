"""Scripts in Lua that change queries before they are answered, or asked."""

import threading
from contextlib import contextmanager

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from repertory.actors.crew import InlineCrew, ThreadCrew
from repertory.actors.dicom.book import ModalityBook
from repertory.actors.dicom.client_actor import DicomClientActor
from repertory.actors.dicom.options import AccessRules, ClientOptions
from repertory.actors.filter_functions import FilterFunctions
from repertory.actors.filters import FiltersActor
from repertory.actors.lua.actor import LuaActor, LuaOptions
from repertory.actors.lua.machine import Limits
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.modalities import QueryModality
from repertory.actors.messages.rest_api import CallRestApi
from repertory.actors.messages.scripting import ExecuteScript
from repertory.actors.messages.worklists import CreateWorklist
from repertory.actors.worklists import WorklistActor, WorklistOptions
from repertory.errors import ScriptFailed
from repertory.modalities import Modality
from repertory.model import Level
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import free_port

STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2.1"
WORKLIST = "1.2.840.10008.5.1.4.31"

pytest.importorskip("lupa")
pytestmark = pytest.mark.usefixtures("no_thread_stays")


@pytest.fixture
def scripted(server, tmp_path):
    """A server with two studies and a script."""
    refs = []

    def start(text):
        stage = server.stage
        stage.understudy(CallRestApi)
        script = tmp_path / "script.lua"
        script.write_text(text)
        limits = Limits(seconds=5.0, memory=32 << 20)
        options = LuaOptions(scripts=(script,), limits=limits)
        refs.append(stage.put_on(WorklistActor, options=WorklistOptions(enabled=True)))
        for station in ("PEER", "MR1"):
            step = {"ScheduledStationAETitle": station}
            tags = {"PatientID": station, "ScheduledProcedureStepSequence": [step]}
            stage.ask(CreateWorklist(tags=tags))
        for patient in ("A", "B"):
            stage.ask(StoreInstance(content=make_dicom(patient_id=patient)))
        stage.put_on(FiltersActor, functions=FilterFunctions(), make_crew=InlineCrew)
        stage.put_on(LuaActor, options=options, crew=InlineCrew())
        always = frozenset({"Find", "FindWorklist"})
        return server.start(access=AccessRules(always=always), worklists=True)

    yield start
    server.close()


def find(server, model=STUDY_ROOT, **keys):
    association = server.peer(model)
    asked = Dataset()
    if model == STUDY_ROOT:
        asked.QueryRetrieveLevel = "STUDY"
    for name, value in keys.items():
        setattr(asked, name, value)
    answers = list(association.send_c_find(asked, model))
    return answers[-1][0].Status, [it for _, it in answers if it is not None]


def test_what_is_searched_by_may_be_changed_and_what_is_told_may_not(scripted):
    server = scripted(
        """
        function IncomingFindRequestFilter(query, origin)
          assert(origin.RemoteAet == "PEER" and origin.CalledAet == "ORTHANC")
          assert(origin.RemoteIp == "127.0.0.1")
          assert(query["0008,0052"] == "STUDY")
          query["0010,0020"] = "B"
          query["0008,0050"] = nil
          return query
        end
        """
    )

    status, answers = find(server, PatientID="A", AccessionNumber="none")

    assert status == 0x0000
    assert [it.PatientID for it in answers] == ["B"]
    assert "AccessionNumber" in answers[0]


def test_worklists_have_a_filter_of_their_own(scripted):
    server = scripted(
        """
        function IncomingWorklistRequestFilter(query, origin)
          query["0040,0100"][1]["0040,0001"] = origin.RemoteAet
          return query
        end
        function IncomingFindRequestFilter(query, origin) error("not this one") end
        """
    )
    step = Dataset()
    step.ScheduledStationAETitle = ""

    status, answers = find(server, WORKLIST, PatientID="", ScheduledProcedureStepSequence=[step])

    assert status == 0x0000
    assert [it.PatientID for it in answers] == ["PEER"]


@pytest.mark.parametrize(
    "body", ["error('no')", "return nil", "return 5", "return 'x'", "return { a = { b = 'c' } }"]
)
def test_a_filter_that_cannot_say_lets_nothing_be_told(scripted, body):
    server = scripted(f"function IncomingFindRequestFilter(query, origin) {body} end")

    assert find(server, PatientID="") == (0xC000, [])


def test_a_filter_counts_from_when_it_is_defined_until_it_is_gone(scripted):
    server = scripted("")
    assert len(find(server, PatientID="")[1]) == 2

    define = "function IncomingFindRequestFilter(q) q['0010,0020'] = 'A' return q end"
    server.stage.ask(ExecuteScript(text=define))
    assert len(find(server, PatientID="")[1]) == 1

    server.stage.ask(ExecuteScript(text="IncomingFindRequestFilter = nil"))
    assert len(find(server, PatientID="")[1]) == 2


class Peer:
    """Somebody who is queried."""

    def __init__(self):
        self.port = free_port()
        self.asked = []
        self.arrived = threading.Event()

    def on_find(self, event):
        self.asked.append(event.identifier)
        yield 0x0000, None

    @contextmanager
    def listening(self):
        entity = AE("OTHER")
        entity.add_supported_context(STUDY_ROOT)
        server = entity.start_server(
            ("127.0.0.1", self.port), block=False, evt_handlers=[(evt.EVT_C_FIND, self.on_find)]
        )
        try:
            yield self
        finally:
            server.shutdown()


@pytest.fixture
def asking(server):
    """The archive, that asks a peer."""
    peer = Peer()
    book = ModalityBook({"other": Modality("OTHER", "127.0.0.1", peer.port)})
    crew = ThreadCrew(1, name="client")
    ref = server.stage.put_on(
        DicomClientActor, book=book, options=ClientOptions(timeout=5.0), crew=crew
    )
    yield peer
    server.stage.take_off(ref)


def query(server):
    keys = {"PatientID": "A*", "AccessionNumber": ""}
    return server.stage.ask(QueryModality(modality="other", level=Level.STUDY, keys=keys))


def test_what_we_ask_others_may_be_changed(asking, scripted):
    server = scripted(
        """
        function OutgoingFindRequestFilter(query, modality)
          assert(modality == "OTHER")
          for key, value in pairs(query) do
            if value == "A*" then query[key] = "B" end
          end
          return query
        end
        """
    )
    with asking.listening():
        query(server)

    assert [it.PatientID for it in asking.asked] == ["B"]
    assert "AccessionNumber" in asking.asked[0]


def test_others_are_not_asked_where_the_filter_cannot_say(asking, scripted):
    server = scripted("function OutgoingFindRequestFilter(query, modality) return true end")

    with asking.listening(), pytest.raises(ScriptFailed):
        query(server)

    assert asking.asked == []
