"""A whole server in a test: store, end it as a power cut would, start it again, look."""

from pathlib import Path

from repertory.testing.files import make_dicom
from repertory.testing.server import ServerProcess

content = make_dicom(patient_id="EXAMPLE")

with ServerProcess(Path("server"), StableAge=1) as server:
    assert server.post("/instances", content).status == 200
    server.kill()
    server.start()
    assert len(server.get("/instances").json) == 1
    print(server.get("/patients?expand").text)
