import pytest

from repertory.testing.files import make_dicom

SECRET = "Verborgen"


@pytest.mark.parametrize("level", ["default", "verbose", "trace"])
def test_the_log_tells_nothing_of_patients_at_any_level(serve, level):
    arguments = [] if level == "default" else [f"--{level}"]
    server = serve(arguments=arguments, HttpLogRequests=True, StableAge=1)
    tags = {
        keyword: f"{SECRET}^{keyword}"
        for keyword in ("PatientName", "ReferringPhysicianName", "OperatorsName")
    }
    tags |= {"AccessionNumber": SECRET, "PatientBirthDate": "19330303", "OtherPatientIDs": SECRET}

    for syntax in ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2"):
        content = make_dicom(patient_id=SECRET, tags=tags, transfer_syntax=syntax)
        id_ = server.post("/instances", content).json["ID"]
        server.post("/instances", content)
        server.post("/instances", content[:-100])
        server.post("/instances", make_dicom(patient_id=SECRET, tags={"SOPInstanceUID": None}))
        assert SECRET in server.get(f"/instances/{id_}/tags").text
    server.post("/tools/lookup", SECRET.encode())
    server.get(f"/patients?PatientName={SECRET}")
    for patient in server.get("/patients").json:
        server.delete(f"/patients/{patient}")
    assert server.stop() == 0

    assert SECRET not in server.log
    assert "19330303" not in server.log
    assert "request_handled" in server.log


def test_how_much_is_logged_can_be_changed(server):
    def debugged():
        return any(event["level"] == "debug" for event in server.events())

    assert server.get("/tools/log-level").text == "default"
    server.get("/system")
    assert not debugged()
    answer = server.ask("PUT", "/tools/log-level", b"verbose")
    assert (answer.status, answer.content) == (200, b"")
    assert server.get("/tools/log-level").text == "verbose"
    server.get("/system")
    assert debugged()

    assert server.ask("PUT", "/tools/log-level", b"loud").status == 400
    assert server.ask("PUT", "/tools/log-level-http", b"default").status == 200
    assert server.get("/tools/log-level-http").text == "default"
    assert server.get("/tools/log-level-sqlite").text == "verbose"
