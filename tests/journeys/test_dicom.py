import subprocess

import pytest

from repertory.testing.dcmtk import find_tool, run_tool
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import free_port
from repertory.testing.server import until

TOOLS = {
    name: find_tool(name)
    for name in ("echoscu", "findscu", "getscu", "movescu", "storescp", "storescu")
}

pytestmark = pytest.mark.skipif(not all(TOOLS.values()), reason="DCMTK's tools are not installed")


@pytest.fixture
def served(serve):
    port = free_port()
    modality = {"AET": "FINDSCU", "Host": "127.0.0.1", "Port": 104}
    server = serve(
        DicomServerEnabled=True, DicomPort=port, DicomModalities={"workstation": modality}
    )
    return server, ("127.0.0.1", port)


def test_what_dcmtk_sends_is_found_over_rest_and_by_dcmtk(served, tmp_path):
    server, address = served
    files = []
    for number in range(5):
        files.append(tmp_path / f"{number}.dcm")
        files[-1].write_bytes(make_dicom(patient_id=f"P{number}", seed=number))

    assert run_tool("echoscu", *address)[0] == 0
    assert run_tool("storescu", *address, *files)[0] == 0

    assert len(server.get("/instances").json) == 5
    code, text = run_tool(
        "findscu", "-S", *address, "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=P3"
    )
    assert code == 0
    assert text.count("Find Response:") == 1
    instance = server.get("/instances").json[0]
    assert server.get(f"/instances/{instance}/metadata/Origin").text == "DicomProtocol"


def test_what_is_stored_is_moved_and_got_by_dcmtk(serve, tmp_path):
    port, own = free_port(), free_port()
    modality = {"AET": "READER", "Host": "127.0.0.1", "Port": own}
    server = serve(DicomServerEnabled=True, DicomPort=port, DicomModalities={"reader": modality})
    for number in range(5):
        server.post("/instances", make_dicom(study="1.1", instance=f"1.1.{number}", number=number))
    key = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.1")
    moved, got = tmp_path / "moved", tmp_path / "got"
    moved.mkdir()
    got.mkdir()

    words = ("-S", "-aet", "READER", "127.0.0.1", port, *key)
    assert run_tool("movescu", "-aem", "READER", "+P", own, "-od", moved, *words)[0] == 0
    assert run_tool("getscu", "-od", got, *words)[0] == 0

    assert len(list(moved.iterdir())) == 5
    assert len(list(got.iterdir())) == 5


def test_a_move_that_became_a_job_goes_on_after_a_kill(serve, tmp_path):
    port, reader = free_port(), free_port()
    server = serve(
        DicomServerEnabled=True,
        DicomPort=port,
        DicomModalities={"reader": ["READER", "127.0.0.1", reader]},
        DicomAlwaysAllowMove=True,
        SynchronousCMove=False,
    )
    for number in range(3):
        server.post("/instances", make_dicom(study="1.1", instance=f"1.1.{number}", number=number))
    key = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.1")

    code, text = run_tool("movescu", "-d", "-S", "-aem", "READER", "127.0.0.1", port, *key)
    assert (code, text.count("DIMSE Status                  : 0x0000")) == (0, 1)
    (job,) = server.get("/jobs").json
    until(lambda: server.get(f"/jobs/{job}").json["State"] == "Retry")  # nobody is there
    server.kill()
    moved = tmp_path / "moved"
    moved.mkdir()
    words = [TOOLS["storescp"], "-aet", "READER", "-od", str(moved), str(reader)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as other:
        try:
            until(lambda: run_tool("echoscu", "127.0.0.1", reader)[0] == 0)
            server.start()
            until(lambda: server.get(f"/jobs/{job}").json["State"] == "Success")
        finally:
            other.terminate()

    assert len(list(moved.iterdir())) == 3
    content = server.get(f"/jobs/{job}").json["Content"]
    assert (content["Description"], content["RemoteAet"]) == ("C-MOVE", "reader")


def test_what_was_acknowledged_survives_a_kill(served, tmp_path):
    server, address = served
    file = tmp_path / "one.dcm"
    file.write_bytes(make_dicom(seed=1))

    assert run_tool("storescu", *address, file)[0] == 0
    server.kill()
    server.start()

    (instance,) = server.get("/instances").json
    assert server.get(f"/instances/{instance}/file").content[128:132] == b"DICM"


def test_a_server_stops_while_somebody_sends(served, tmp_path):
    server, address = served
    for number in range(300):
        (tmp_path / f"{number}.dcm").write_bytes(make_dicom(seed=number))
    sender = subprocess.Popen(
        [TOOLS["storescu"], *map(str, address), *map(str, tmp_path.glob("*.dcm"))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: len(server.get("/instances").json) > 3)
        assert server.stop() == 0
    finally:
        sender.wait(60)
    assert server.staged() == set()


def test_the_port_of_another_program_is_told(serve):
    server = serve(DicomServerEnabled=True, DicomPort=free_port())
    port = server.options["DicomPort"]

    with pytest.raises(RuntimeError):
        serve(DicomServerEnabled=True, DicomPort=port)
