import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from repertory.testing.files import make_dicom
from repertory.testing.server import ServerProcess, until


def test_sigterm_ends_an_idle_server_within_two_seconds(server):
    server.post("/instances", make_dicom())
    with closing(server.connect()) as idle:
        idle.request("GET", "/system")
        idle.getresponse().read()

        began = time.monotonic()
        assert server.stop() == 0

    assert time.monotonic() - began < 2.0
    assert [event["event"] for event in server.events()][-1] == "archive_stopped"


def test_sigterm_lets_running_requests_finish_and_takes_no_new_ones(server):
    content = make_dicom(size=600_000)
    with closing(server.connect()) as running, closing(server.connect()) as idle:
        idle.connect()
        running.putrequest("POST", "/instances")
        running.putheader("Content-Length", str(len(content)))
        running.endheaders()
        running.send(content[:300_000])
        # Connections are served in turn: once this is answered, the upload has begun.
        assert server.get("/system").status == 200

        server.terminate()

        def refuses():
            try:
                server.get("/system")
            except OSError:
                return True
            return False

        assert until(refuses)
        assert server.is_alive
        running.send(content[300_000:])
        response = running.getresponse()
        receipt = json.loads(response.read())
        assert (response.status, receipt["Status"]) == (200, "Success")
        assert response.getheader("Connection") == "close"
        assert server.wait() == 0

    server.start()
    assert server.get(f"/instances/{receipt['ID']}/file").content == content


def test_uploads_at_full_speed_are_answered_truly_when_the_server_stops(server):
    stored = []

    def send(number):
        while True:
            content = make_dicom(patient_id=f"P{number}")
            try:
                answer = server.post("/instances", content)
            except OSError:
                return
            # What the index had not yet begun is refused: 503, and a retry is safe.
            assert answer.status in (200, 503)
            if answer.status == 200:
                stored.append((answer.json["ID"], content))

    with ThreadPoolExecutor(6) as pool:
        senders = [pool.submit(send, number) for number in range(6)]
        until(lambda: len(stored) > 30)
        assert server.stop() == 0
        for sender in senders:
            sender.result(10)

    server.start()
    assert set(server.get("/instances").json) == {id_ for id_, _ in stored}
    assert len(server.files()) == len(stored)
    assert server.staged() == set()


def test_shutdown_is_answered_and_ends_the_server(server):
    answer = server.post("/tools/shutdown", b"")

    assert (answer.status, answer.json) == (200, {})
    assert server.wait() == 0


def test_reset_starts_anew_with_the_same_archive(server):
    id_ = server.post("/instances", make_dicom()).json["ID"]
    server.options["HttpPort"] = server.port
    (server.folder / "configuration.json").write_text(
        json.dumps({**server.options, "Name": "Anew"})
    )

    answer = server.post("/tools/reset", b"")
    assert (answer.status, answer.json) == (200, {})

    def name():
        try:
            return server.get("/system").json["Name"]
        except OSError:
            return None

    assert until(lambda: name() == "Anew")
    assert server.get("/instances").json == [id_]
    assert server.stop() == 0


def test_a_second_server_on_the_same_folder_refuses_to_start(server, tmp_path):
    id_ = server.post("/instances", make_dicom()).json["ID"]
    second = ServerProcess(tmp_path / "second", StorageDirectory=str(server.storage))
    with second.launch():
        assert second.wait() == 1

    said = second.log.splitlines()
    assert "Repertory cannot start:" in said
    assert "Another Repertory is using this index" in said[-1]
    assert "Traceback" not in second.log
    assert server.get("/instances").json == [id_]


@pytest.mark.parametrize("option", ["HttpPort", "StorageDirectory"])
def test_what_is_in_the_way_of_a_start_is_said(server, tmp_path, option):
    (tmp_path / "file").write_text("")
    value = {"HttpPort": server.port, "StorageDirectory": str(tmp_path / "file")}[option]
    second = ServerProcess(tmp_path / "second", **{option: value})
    with second.launch():
        assert second.wait() == 1

    assert option in second.log.split("Repertory cannot start:")[1]
    assert "Traceback" not in second.log
