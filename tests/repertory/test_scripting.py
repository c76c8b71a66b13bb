import http.client
import json
import sys
import threading
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE
from structlog.testing import capture_logs

from repertory import Repertory, Settings, script
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import (
    DeleteResource,
    DescribeResource,
    ListResources,
)
from repertory.errors import CannotStart, ShuttingDown, UnknownResource
from repertory.model import Level, StoreStatus
from repertory.testing import ManualClock
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import free_port
from repertory.testing.server import until

STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2.1"


@pytest.fixture
def scripted(tmp_path):
    """An archive that runs scripts; what they note in ``NOTES`` is in ``archive.notes``."""
    notes = []
    sys.modules["notes"] = type(sys)("notes")
    sys.modules["notes"].note = lambda *words: notes.append(words)

    def make(*texts, **options):
        paths = []
        for number, text in enumerate(texts, 1):
            path = tmp_path / f"script{number}.py"
            path.write_text(text)
            paths.append(str(path))
        archive = Repertory(
            Settings(
                storage_directory=str(tmp_path / "archive"),
                python_scripts=paths,
                **{"http_server_enabled": False, **options},
            ),
            clock=ManualClock(),
        )
        archive.notes = notes
        return archive

    yield make
    del sys.modules["notes"]


def store(archive, **how):
    return archive.ask(StoreInstance(content=make_dicom(**how))).ids


OURS = """
from notes import note
from repertory import script
from repertory.events import InstanceStored, ResourceDeleted

@script.on(InstanceStored)
def stored(event):
    study = script.get(f"/studies/{event.study}")
    note(study["ID"], study["PatientMainDicomTags"]["PatientID"])
    script.say("heard", level="warning")

@script.on(ResourceDeleted)
async def deleted(event):
    note("deleted", event.level.word)
"""


def test_a_script_is_told_of_events_and_asks_the_rest_api(scripted):
    with scripted(OURS) as archive, capture_logs() as logs:
        ids = store(archive, patient_id="P1")
        until(lambda: archive.notes)
        archive.ask(DeleteResource(level=Level.STUDY, id=ids.study))

    assert archive.notes[0] == (ids.study, "P1")
    assert {word for _, word in archive.notes[1:]} == {"Patient", "Study", "Series", "Instance"}
    said = [line for line in logs if line["event"] == "script_said"]
    assert [(line["script"], line["log_level"], line["text"]) for line in said] == [
        ("script1.py", "warning", "heard")
    ]


def test_a_script_is_run_anew_at_each_start_and_told_once(scripted):
    archive = scripted(OURS)
    for expected in (1, 2):
        with archive:
            store(archive)
        assert len(archive.notes) == expected


ORTHANC = """
import json
import orthanc
from notes import note

def OnChange(changeType, level, resource):
    if changeType == orthanc.ChangeType.ORTHANC_STARTED:
        note("started", level, json.loads(orthanc.RestApiGet("/system"))["ApiVersion"] > 0)
    elif changeType == orthanc.ChangeType.ORTHANC_STOPPED:
        note("stopped", resource)
    elif changeType == orthanc.ChangeType.STABLE_STUDY:
        orthanc.RestApiPut("/studies/%s/metadata/1024" % resource, "seen")
        note("stable", level == orthanc.ResourceType.STUDY, resource)
        orthanc.RestApiDelete("/studies/" + resource)
    elif changeType == orthanc.ChangeType.DELETED and level == orthanc.ResourceType.STUDY:
        note("deleted", resource)

def OnStoredInstance(dicom, instanceId):
    tags = json.loads(dicom.GetInstanceSimplifiedJson())
    full = json.loads(dicom.GetInstanceJson())
    note(
        "stored", instanceId, tags["PatientID"], len(dicom.GetInstanceData()),
        dicom.GetInstanceSize(), dicom.GetInstanceOrigin().name,
        full["0010,0020"]["Value"], dicom.GetInstanceMetadata("ReceptionDate")[:2],
        dicom.HasInstanceMetadata("ModifiedFrom"), dicom.GetInstanceRemoteAet(),
        orthanc.GetDicomForInstance(instanceId)[128:132],
        orthanc.LookupPatient(tags["PatientID"]), orthanc.LookupStudy("1.2.999"),
    )
    orthanc.LogWarning("stored")
    try:
        orthanc.RestApiGet("/studies/nothing")
    except orthanc.OrthancException as error:
        note("refused", *error.args)

orthanc.RegisterOnChangeCallback(OnChange)
orthanc.RegisterOnStoredInstanceCallback(OnStoredInstance)
"""


def test_a_script_that_was_written_for_orthanc_runs(scripted):
    content = make_dicom(patient_id="P1")
    with scripted(ORTHANC) as archive:
        ids = archive.ask(StoreInstance(content=content)).ids
        until(lambda: any(note[0] == "refused" for note in archive.notes))
        until(
            lambda: (
                archive._own_clock.advance(61),
                any(note[0] == "deleted" for note in archive.notes),
            )[1]
        )
    notes = {note[0]: note[1:] for note in archive.notes}

    assert notes["started"] == (4, True)
    assert notes["stored"] == (
        *(ids.instance, "P1", len(content), len(content), "PLUGIN", "P1", "20", 0, ""),
        *(b"DICM", ids.patient, None),
    )
    assert notes["refused"][0] == 17
    assert notes["stable"] == (True, ids.study)
    assert notes["deleted"] == (ids.study,)
    assert archive.notes[-1] == ("stopped", "")


def test_what_the_module_orthanc_lacks_is_refused_by_name_at_the_start(scripted):
    with pytest.raises(CannotStart) as refused:
        scripted("import orthanc\northanc.RegisterRestCallback('/x', None)").start()

    text = str(refused.value)
    assert "script1.py, line 2 cannot be loaded" in text
    assert "RegisterRestCallback" in text


@pytest.mark.parametrize(
    ("text", "line", "error"),
    [
        ("x = 1\nraise ValueError('no way')", 2, "ValueError: no way"),
        ("def f(:\n", 1, "SyntaxError"),
        ("import nothing_of_that_name", 1, "ModuleNotFoundError"),
        ("import sys\nsys.exit(3)", 2, "SystemExit: 3"),
        ("from repertory import script\nscript.on(int)", 2, "TypeError"),
    ],
)
def test_a_script_that_cannot_be_loaded_keeps_the_archive_from_starting(
    scripted, text, line, error
):
    archive = scripted(OURS, text)
    with pytest.raises(CannotStart) as refused:
        archive.start()

    assert f"script2.py, line {line} cannot be loaded: {error}" in str(refused.value)
    with pytest.raises(ShuttingDown):
        assert archive.board


def test_a_script_finds_what_lies_beside_it(scripted, tmp_path):
    (tmp_path / "beside_the_script.py").write_text("VALUE = 7")
    with scripted(
        "from notes import note\nimport beside_the_script\nnote(beside_the_script.VALUE)"
    ) as archive:
        pass

    assert archive.notes == [(7,)]


def test_a_callback_of_a_script_that_raises_is_logged_by_the_names_of_both(scripted):
    text = OURS.replace("    study =", "    raise KeyError('DOE')\n    study =")
    with scripted(text) as archive, capture_logs() as logs:
        store(archive)
        until(lambda: any(line["event"] == "callback_failed" for line in logs))

    (failed,) = [line for line in logs if line["event"] == "callback_failed"]
    assert failed["callback"].startswith("script script1.py.stored")
    assert failed["error"] == "KeyError"
    assert "DOE" not in json.dumps(logs, default=str)


def test_a_thread_of_a_script_speaks_to_the_only_archive_there_is(scripted):
    with scripted(OURS) as archive:
        found = []
        thread = threading.Thread(target=lambda: found.append(script.archive()))
        thread.start()
        thread.join()
    assert found == [archive]
    with pytest.raises(RuntimeError, match="belongs to no script"):
        script.archive()


def test_one_decorator_serves_several_functions(scripted):
    text = """
from notes import note
from repertory import script
from repertory.events import InstanceStored
tell = script.on(InstanceStored)
tell(lambda event: note("one", script.get("/system")["Name"]))
tell(lambda event: note("two", script.get("/system")["Name"]))
"""
    with scripted(text, name="ours") as archive:
        store(archive)

    assert sorted(archive.notes) == [("one", "ours"), ("two", "ours")]


FILTER = """
from notes import note
from repertory import script

@script.filter("IncomingFindRequestFilter")
def only_b(query, origin):
    note(origin["RemoteAet"], script.get("/statistics")["CountStudies"])
    return {**query, "0010,0020": "B"}
"""


def test_a_script_changes_queries_of_the_dicom_protocol(scripted):
    archive = scripted(
        FILTER, dicom_server_enabled=True, dicom_port=free_port(), dicom_always_allow_find=True
    )
    with archive:
        store(archive, patient_id="A")
        store(archive, patient_id="B")
        assert [it.PatientID for it in find(archive.dicom_port, "A")] == ["B"]
        assert archive.off(sys.modules["repertory_script_script1"].only_b)
        assert [it.PatientID for it in find(archive.dicom_port, "A")] == ["A"]

    assert archive.notes == [("PEER", 2)]


DECIDES = """
from notes import note
from repertory import script

@script.filter("ReceivedInstanceFilter")
def research_only(asked):
    note("instance", asked.tags["PatientID"], script.get("/statistics")["CountPatients"])
    return asked.tags["PatientID"].startswith("RES")
"""


def test_a_script_decides_which_instances_come_in(scripted):
    with scripted(DECIDES) as archive:
        kept = archive.ask(StoreInstance(content=make_dicom(patient_id="RES1", seed=1)))
        refused = archive.ask(StoreInstance(content=make_dicom(patient_id="DOE", seed=2)))
        with pytest.raises(UnknownResource):
            archive.ask(DescribeResource(level=Level.INSTANCE, id=refused.ids.instance))

    assert (kept.status, refused.status) == (StoreStatus.SUCCESS, StoreStatus.FILTERED_OUT)
    assert archive.notes == [("instance", "RES1", 0), ("instance", "DOE", 1)]


ORTHANC_FILTERS = """
import io
import json
import orthanc
import pydicom
from notes import note

def Filter(uri, **request):
    note("request", uri, request["method"] == orthanc.HttpMethod.GET, request["ip"],
         request["headers"]["host"][:9], request["get"])
    return uri != "/tools/now"

def FilterStore(dicom):
    tags = json.loads(dicom.GetInstanceSimplifiedJson())
    assert json.loads(dicom.GetInstanceJson())["0010,0020"]["Value"] == tags["PatientID"]
    note("store", tags["PatientID"], dicom.GetInstanceRemoteAet(), dicom.GetInstanceOrigin().name,
         dicom.GetInstanceSize() == len(dicom.GetInstanceData()), dicom.HasInstanceMetadata("x"))
    return 0xA700 if tags["PatientID"] == "FULL" else 0

def Received(dicom, origin):
    dataset = pydicom.dcmread(io.BytesIO(dicom))
    if dataset.PatientID == "GONE":
        return orthanc.ReceivedInstanceAction.DISCARD, None
    if dataset.PatientID == "SAME":
        return orthanc.ReceivedInstanceAction.KEEP_AS_IS, None
    dataset.InstitutionName = "Ours " + origin.name
    file = io.BytesIO()
    dataset.save_as(file)
    return orthanc.ReceivedInstanceAction.MODIFY, file.getvalue()

orthanc.RegisterIncomingHttpRequestFilter(Filter)
orthanc.RegisterIncomingCStoreInstanceFilter(FilterStore)
orthanc.RegisterReceivedInstanceCallback(Received)
"""


def test_filters_that_were_written_for_orthanc_decide(scripted):
    archive = scripted(
        ORTHANC_FILTERS,
        http_server_enabled=True,
        http_port=0,
        dicom_server_enabled=True,
        dicom_port=free_port(),
    )
    with archive:
        store = [send(archive.dicom_port, patient) for patient in ("FULL", "GONE", "SAME", "DOE")]
        found = {
            archive.ask(DescribeResource(level=Level.STUDY, id=it)).main_tags["0008,0080"]
            for it in archive.ask(ListResources(level=Level.STUDY))
        }
        statuses = [http_status(archive.port, path) for path in ("/tools/now", "/system?x=1")]

    assert store == [0xA700, 0x0000, 0x0000, 0x0000]
    assert found == {"Made-up Hospital", "Ours DICOM_PROTOCOL"}
    assert statuses == [403, 200]
    told = [note for note in archive.notes if note[0] == "store"]
    assert told[0] == ("store", "FULL", "PEER", "DICOM_PROTOCOL", True, 0)
    assert archive.notes[-1] == ("request", "/system", True, "127.0.0.1", "localhost", {"x": "1"})


def http_status(port, path):
    connection = http.client.HTTPConnection("localhost", port, timeout=10)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


def send(port, patient):
    entity = AE("PEER")
    content = dcmread(BytesIO(make_dicom(patient_id=patient, seed=sum(map(ord, patient)))))
    entity.add_requested_context(content.SOPClassUID, content.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port)
    status = association.send_c_store(content).Status
    association.release()
    return status


def test_a_program_changes_queries_of_the_dicom_protocol(tmp_path):
    archive = Repertory(
        Settings(
            storage_directory=str(tmp_path),
            http_server_enabled=False,
            dicom_server_enabled=True,
            dicom_port=free_port(),
            dicom_always_allow_find=True,
        )
    )

    @archive.filter("IncomingFindRequestFilter")
    def all_of_them(query, _origin):
        return {**query, "0010,0020": ""}

    with archive:
        store(archive, patient_id="A")
        assert [it.PatientID for it in find(archive.dicom_port, "nobody")] == ["A"]
        assert archive.off(all_of_them)
        assert find(archive.dicom_port, "nobody") == []


def find(port, patient):
    entity = AE("PEER")
    entity.add_requested_context(STUDY_ROOT)
    association = entity.associate("127.0.0.1", port)
    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    asked.PatientID = patient
    found = [it for _, it in association.send_c_find(asked, STUDY_ROOT) if it is not None]
    association.release()
    return found
