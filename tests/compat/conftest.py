"""Orthanc's own clients against a whole server."""

import io
import zipfile

import pytest

from repertory.testing.files import make_study
from repertory.testing.server import ServerProcess


@pytest.fixture(scope="module", params=[0, 2], ids=["one process", "two front-ends"])
def server(tmp_path_factory, request):
    options = {"StableAge": 1, "FrontEndProcesses": request.param}
    with ServerProcess(tmp_path_factory.mktemp("compat"), **options) as server:
        yield server
        assert server.stop() == 0
        assert {event["level"] for event in server.events()} <= {"debug", "info", "warning"}


@pytest.fixture
def empty(server):
    """The server, without any resource."""
    for patient in server.get("/patients").json:
        server.delete(f"/patients/{patient}")
    return server


@pytest.fixture
def files():
    return make_study(series=2, instances=3, patient_id="COMPAT", study="2.25.1234")


@pytest.fixture
def packed(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number, file in enumerate(files):
            archive.writestr(f"{number}.dcm", file)
    return content.getvalue()
