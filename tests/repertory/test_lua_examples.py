import http.client
import json
from pathlib import Path

import pytest

from repertory import Repertory, Settings
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.rest_api import CallRestApi
from repertory.actors.messages.scripting import FilterQuery
from repertory.model import StoreStatus
from repertory.testing.files import make_dicom
from repertory.testing.server import until

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture
def begin(tmp_path):
    """Start an archive with one of the documents' scripts."""
    running = []

    def start(name, **options):
        archive = Repertory(
            Settings(
                storage_directory=str(tmp_path),
                http_port=0,
                lua_scripts=[str(EXAMPLES / name)],
                **options,
            )
        )
        running.append(archive)
        archive.start()
        return archive

    yield start
    for archive in running:
        archive.stop()


def ask(archive, method, path):
    connection = http.client.HTTPConnection("127.0.0.1", archive.port, timeout=20)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_research_lua_lets_in_what_belongs_to_the_project(begin):
    archive = begin("research.lua")

    def store(patient):
        return archive.ask(StoreInstance(content=make_dicom(patient_id=patient)))

    assert store("RES-1").status is StoreStatus.SUCCESS
    assert store("P1").status is StoreStatus.FILTERED_OUT
    assert ask(archive, "GET", "/system")[0] == 200
    assert ask(archive, "DELETE", "/patients/nosuch")[0] == 404  # this computer may


def test_labels_lua_labels_each_study_and_notes_when_it_was_complete(begin):
    archive = begin("labels.lua", stable_age=1)
    content = make_dicom(tags={"Modality": "CT"})
    study = f"/studies/{archive.ask(StoreInstance(content=content)).ids.study}"

    def get(path):
        return archive.ask(CallRestApi(method="GET", uri=study + path))

    until(lambda: json.loads(get("/labels").body) == ["CT"])
    until(lambda: get("/metadata/1024").status == 200)
    assert len(get("/metadata/1024").body) == len("2026-01-01")


def test_queries_lua_changes_queries_of_both_directions(begin):
    archive = begin("queries.lua")
    origin = {"RemoteIp": "10.0.0.1", "RemoteAet": "CT1", "CalledAet": "ORTHANC"}

    def changed(name, query, about=origin):
        return archive.ask(FilterQuery(name=name, query=query, about=about))

    found = changed("IncomingFindRequestFilter", {"0010,0020": "P1", "0009,1001": "private"})
    assert found == {"0010,0020": "P1"}
    step = {"0040,0100": [{"0040,0001": ""}]}
    assert changed("IncomingWorklistRequestFilter", step) == {"0040,0100": [{"0040,0001": "CT1"}]}
    query = {"0008,0061": "CT"}
    assert changed("OutgoingFindRequestFilter", query, "OLDPACS") == {"0008,0061": ""}
    assert changed("OutgoingFindRequestFilter", query, "NEWPACS") == query
