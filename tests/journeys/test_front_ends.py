"""Several processes serve one archive: nobody can tell, whatever becomes of them."""

import base64
import http.client
import io
import json
import os
import random
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import AE

from repertory import Repertory, Settings
from repertory.testing.crashing import Client, Ledger, ingest
from repertory.testing.files import make_dicom, make_study, write_large_dicom
from repertory.testing.orthanc import free_port
from repertory.testing.server import PATIENCE, ServerProcess, until

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "send_fds"), reason="sockets cannot be handed to other processes here"
)

COUNT = 2


@pytest.fixture
def front(serve):
    """Start a server with front-ends.

    The main process has a connection already, so that all others come to the front-ends.
    """
    with ExitStack() as stack:

        def start(**options):
            server = serve(**{"FrontEndProcesses": COUNT, "KeepAliveTimeout": 600, **options})
            stack.enter_context(closing(occupy(server)))
            return server

        yield start


def occupy(server):
    """A connection to the main process, which takes the first one."""
    connection = server.connect()
    connection.request("GET", "/system")
    connection.getresponse().read()
    return connection


def children(server):
    """The processes that the main process has started."""
    found = []
    for task in Path(f"/proc/{server.pid}/task").iterdir():
        with suppress(FileNotFoundError):
            found += map(int, (task / "children").read_text().split())
    return sorted(found)


def runs(pid):
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return False
    return words[0] not in "ZX"


def told(server, event):
    return [it for it in server.events() if it["event"] == event]


def served_by(server, number):
    """A connection to the front-end of this number: it says so in the log."""
    server.ask("PUT", "/tools/log-level-http", "verbose")
    others = []
    for attempt in range(200):
        connection = server.connect()
        path = f"/tools/now/{number}/{attempt}/{os.urandom(4).hex()}"
        connection.request("GET", path)
        connection.getresponse().read()
        (mine,) = until(
            lambda path=path: [it for it in told(server, "request_handled") if it["path"] == path]
        )
        if mine.get("front_end") == number:
            for other in others:
                other.close()
            return connection
        others.append(connection)  # kept, so that the next one is for another process
    raise AssertionError(f"no connection came to front-end {number}")


def test_the_only_connection_is_the_main_processs_and_what_it_sets_holds_in_all(serve):
    server = serve(FrontEndProcesses=COUNT, KeepAliveTimeout=600)

    def front_end_of(connection, path):
        """Who handled a request; ``None`` is the main process."""
        connection.request("GET", path)
        connection.getresponse().read()
        events = until(lambda: [it for it in told(server, "request_handled") if it["path"] == path])
        return events[0].get("front_end")

    for number in range(100):  # those by which the server was started may not be gone yet
        only = server.connect()
        only.request("PUT", "/tools/log-level-http", "verbose")
        only.getresponse().read()
        if front_end_of(only, f"/tools/now/only-{number}") is None:
            break
        only.close()
    else:
        raise AssertionError("the main process served no connection")
    with closing(only), closing(server.connect()) as other:
        assert front_end_of(other, "/tools/now/other") in range(COUNT)


def test_the_processes_end_with_the_server(front):
    server = front()
    started = children(server)
    assert len(started) == COUNT

    assert server.stop() == 0

    assert not any(map(runs, started))
    assert told(server, "front_ends_stopped")
    assert {event["level"] for event in server.events()} <= {"debug", "info"}


def test_no_process_is_left_behind_by_a_server_that_is_killed(front):
    server = front()
    started = children(server)

    server.kill()

    assert until(lambda: not any(map(runs, started)))


def test_signals_are_for_the_main_process_alone(front):
    server = front()
    started = children(server)

    for pid in started:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(pid, number)

    assert server.get("/system").status == 200
    assert children(server) == started
    assert server.stop() == 0


def test_what_was_answered_by_one_is_seen_by_all(front):
    server = front()
    connections = [served_by(server, number) for number in range(COUNT)]

    def ask(number, method, path, body=None):
        connections[number].request(method, path, body)
        answer = connections[number].getresponse()
        return answer.status, answer.read()

    for turn in range(40):
        here, there = turn % COUNT, (turn + 1) % COUNT
        content = make_dicom(patient_id=f"P{turn}", seed=turn)
        status, _ = ask(here, "POST", "/instances", content)
        assert status == 200
        found = server.get("/instances").json
        assert len(found) == 1
        assert ask(there, "GET", f"/instances/{found[0]}/file") == (200, content)
        assert ask(there, "DELETE", f"/instances/{found[0]}")[0] == 200
        assert ask(here, "GET", f"/instances/{found[0]}")[0] == 404
    for connection in connections:
        connection.close()


def test_one_that_dies_is_replaced_and_the_others_go_on(front):
    server = front()
    victim, other = children(server)

    os.kill(victim, signal.SIGKILL)

    def replaced():
        now = children(server)
        return len(now) == COUNT and victim not in now and now

    now = until(replaced)
    assert other in now
    until(lambda: told(server, "front_end_replaced"))
    assert [it["code"] for it in told(server, "front_end_died")] == [-signal.SIGKILL]
    for number in range(COUNT):
        served_by(server, number).close()
    assert server.stop() == 0
    assert not any(map(runs, now))


def test_one_that_cannot_live_does_not_keep_the_main_process_busy(front):
    server = front(FrontEndProcesses=1)
    until(lambda: children(server))

    for _ in range(4):
        (pid,) = until(lambda: children(server))
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: pid not in children(server))

    assert until(lambda: server.get("/system").status == 200)
    assert server.stop() == 0


def test_what_was_being_sent_to_one_that_dies_is_not_stored_by_half(front):
    server = front(SpoolThresholdMB=1, FrontEndProcesses=1)
    (pid,) = children(server)
    content = make_dicom(size=3_000_000)
    with closing(server.connect()) as connection:
        connection.putrequest("POST", "/instances")
        connection.putheader("Content-Length", str(len(content)))
        connection.endheaders()
        connection.send(content[:2_500_000])
        until(server.staged)

        os.kill(pid, signal.SIGKILL)

        with suppress(OSError):  # a part of it may still find room in the socket
            connection.send(content[2_500_000:])
        with pytest.raises((http.client.HTTPException, OSError)):
            connection.getresponse()
    until(lambda: told(server, "front_end_replaced"))
    assert server.get("/instances").json == []
    assert server.staged() == set()
    assert server.files() == set()
    assert server.post("/instances", content).status == 200


@pytest.mark.parametrize("victims", ["main", "front-end"])
def test_what_was_answered_survives_kill_9_of_any_process(front, victims):
    server = front(SpoolThresholdMB=1, StableAge=1, FrontEndProcesses=3)
    ledger = Ledger()
    chance = random.Random(ledger.seed)

    for _ in range(3):
        before, enough, over = ledger.answers, threading.Event(), threading.Event()

        def work(number, before=before, enough=enough, over=over):
            while not over.is_set():
                with closing(Client(server, ledger, number)) as client:
                    with suppress(http.client.HTTPException, OSError):
                        while not over.is_set():
                            ingest(client)
                            if ledger.answers - before > 20:
                                enough.set()
                    if victims == "main":
                        return

        with ThreadPoolExecutor(6) as pool:
            working = [pool.submit(work, number) for number in range(6)]
            enough.wait(PATIENCE)
            threading.Event().wait(chance.uniform(0.0, 0.2))
            ledger.crashes += 1
            started = children(server)
            if victims == "main":
                server.kill()
                until(lambda started=started: not any(map(runs, started)))
                over.set()
                server.start()
            else:
                victim = chance.choice(started)
                os.kill(victim, signal.SIGKILL)
                until(lambda victim=victim: len(set(children(server)) - {victim}) == 3)
                over.set()
            for one in working:
                one.result(PATIENCE)
        until(lambda: server.staged() == set())
        ledger.check(server, sample=50)

    ledger.check(server)
    ledger.check_files(server)
    assert server.stop() == 0


def test_a_stream_of_changes_tells_what_came_by_another_process(front):
    server = front()
    listening = [served_by(server, number) for number in range(COUNT)]
    streams = []
    for connection in listening:
        connection.request("GET", "/changes/stream")
        streams.append(connection.getresponse())
        assert streams[-1].readline() == b"retry: 3000\n"

    for content in make_study(series=1, instances=2):
        assert server.post("/instances", content).status == 200

    for stream in streams:
        kinds = []
        while kinds.count(b"NewInstance") < 2:
            line = stream.readline()
            assert line
            kinds += [word for word in (b"NewInstance",) if word in line]
    for connection in listening:
        connection.close()


def test_large_files_come_and_go_in_pieces(front, tmp_path):
    server = front(SpoolThresholdMB=1)
    path = tmp_path / "large.dcm"
    write_large_dicom(path, 30_000_000)
    content = path.read_bytes()

    assert server.post("/instances", content).status == 200

    (id_,) = server.get("/instances").json
    assert server.get(f"/instances/{id_}/file").content == content
    part = server.ask(
        "GET",
        f"/instances/{id_}/attachments/dicom/data",
        headers={"Range": "bytes=5000000-6999999"},
    )
    assert (part.status, part.content) == (206, content[5_000_000:7_000_000])
    assert server.get(f"/instances/{id_}/tags").status == 200


def test_archives_are_made_by_the_main_process(front):
    server = front()
    for content in make_study(series=2, instances=3):
        server.post("/instances", content)
    (study,) = server.get("/studies").json

    answer = server.get(f"/studies/{study}/archive")

    assert answer.status == 200
    assert answer.content.startswith(b"PK")


def test_scripts_filter_what_comes_by_any_process(front, tmp_path):
    script = tmp_path / "filter.lua"
    script.write_text(
        "function IncomingHttpRequestFilter(method, uri) return uri ~= '/statistics' end\n"
        "function ReceivedInstanceFilter(dicom) return dicom.PatientID ~= 'OUT' end\n"
    )
    server = front(LuaScripts=[str(script)])

    for number in range(COUNT):
        with closing(served_by(server, number)) as connection:
            connection.request("GET", "/statistics")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 403
            for name in ("OUT", f"IN{number}"):
                connection.request("POST", "/instances", make_dicom(patient_id=name))
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200

    patients = [server.get(f"/patients/{it}").json for it in server.get("/patients").json]
    assert {it["MainDicomTags"]["PatientID"] for it in patients} == {"IN0", "IN1"}


def test_stopping_and_starting_anew_can_be_asked_of_any_process(front):
    server = front()
    started = children(server)

    assert server.post("/tools/reset", "").status == 200

    until(lambda: len(told(server, "archive_started")) == 2)
    server.port = told(server, "archive_started")[-1]["port"]
    now = until(lambda: len(children(server)) == COUNT and children(server))
    assert not set(started) & set(now)
    assert server.post("/tools/shutdown", "").status == 200
    assert server.wait() == 0
    assert not any(map(runs, [*started, *now]))


def test_a_level_of_the_log_is_set_in_all_of_them(front):
    server = front()

    server.ask("PUT", "/tools/log-level-http", "verbose")

    assert {server.get("/tools/log-level-http").text for _ in range(8)} == {"verbose"}
    for number in range(COUNT):
        served_by(server, number).close()


def test_the_default_encoding_is_changed_in_all_of_them_and_in_those_that_come_later(front):
    server = front(DefaultEncoding="Latin1")
    name = "\xf6\xe4\xfcabc"
    silent = make_dicom(tags={"SpecificCharacterSet": None, "PatientName": "XXXXXX"})
    coded = silent.replace(b"XXXXXX", name.encode("latin-1"))
    receipt = server.post("/instances", coded).json
    path = f"/instances/{receipt['ID']}/simplified-tags"

    def names():
        found = set()
        for number in range(COUNT):
            with closing(served_by(server, number)) as connection:
                connection.request("GET", path)
                found.add(json.loads(connection.getresponse().read())["PatientName"])
        return found

    assert names() == {name}

    server.ask("PUT", "/tools/default-encoding", "Cyrillic")

    cyrillic = name.encode("latin-1").decode("iso8859-5")
    assert until(lambda: names() == {cyrillic})
    for pid in children(server):
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(told(server, "front_end_replaced")) == COUNT)
    assert names() == {cyrillic}


def test_metrics_are_those_of_all_processes(front):
    server = front()
    assert server.post("/instances", make_dicom()).status == 200
    (id_,) = json.loads(server.get("/studies").text)
    for _ in range(20):
        assert server.get(f"/studies/{id_}").status == 200

    def sums():
        page = server.get("/tools/metrics-prometheus").text
        wanted = (
            'repertory_http_request_duration_seconds_count{method="GET",path="/studies/{id}"} 20',
            'repertory_http_request_duration_seconds_count{method="POST",path="/instances"} 1',
            'repertory_message_duration_seconds_count{message="DescribeResource"} 20',
            'repertory_message_duration_seconds_count{message="RecordInstance"} 1',
            'repertory_storage_duration_seconds_count{operation="create"} 1',
        )
        return all(f"{line}\n" in page for line in wanted)

    assert until(sums)

    pages = [server.get("/tools/metrics-prometheus") for _ in range(4)]

    assert {page.status for page in pages} == {200}
    assert all("orthanc_count_instances 1 " in page.text for page in pages)
    assert server.ask("PUT", "/tools/metrics", "0").status == 200
    assert {server.get("/tools/metrics").text for _ in range(4)} == {"0"}


def test_users_must_say_who_they_are_to_all_of_them(front):
    server = front(AuthenticationEnabled=True, RegisteredUsers={"ann": "secret"})

    assert {server.get("/system").status for _ in range(8)} == {401}
    assert "secret" not in server.log


def test_requests_that_run_are_finished_before_the_end(front):
    server = front(FrontEndProcesses=1)
    content = make_dicom(size=200_000)
    with closing(server.connect()) as connection:
        connection.putrequest("POST", "/instances")
        connection.putheader("Content-Length", str(len(content)))
        connection.endheaders()
        connection.send(content[:100_000])
        until(lambda: server.get("/system").status == 200)

        server.terminate()
        until(lambda: told(server, "stop_requested"))
        connection.send(content[100_000:])

        assert connection.getresponse().status == 200
    assert server.wait() == 0


def test_a_port_that_is_taken_is_told_as_ever(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = ServerProcess(
            tmp_path / "server", FrontEndProcesses=COUNT, HttpPort=taken.getsockname()[1]
        )
        with pytest.raises(RuntimeError, match="cannot be listened on"):
            server.start()


def test_an_encrypted_archive_is_served_alike(front, tmp_path):
    key = tmp_path / "key"
    key.write_bytes(base64.b64encode(bytes(range(32))))
    server = front(
        StorageEncryption={"Enable": True, "MasterKey": [1, str(key)], "PreviousMasterKeys": []}
    )
    content = make_dicom()

    assert server.post("/instances", content).status == 200

    (id_,) = server.get("/instances").json
    assert {server.get(f"/instances/{id_}/file").content for _ in range(6)} == {content}
    (name,) = server.files()
    stored = (server.storage / name[:2] / name[2:4] / name).read_bytes()
    assert content[200:400] not in stored


def test_several_storages_are_left_to_the_router_of_the_main_process(front, tmp_path):
    server = front(
        AdvancedStorage={
            "Enable": True,
            "MultipleStorages": {
                "Storages": {"one": str(tmp_path / "one"), "two": str(tmp_path / "two")},
                "CurrentWriteStorage": "two",
            },
        },
        SpoolThresholdMB=1,
    )
    small, large = make_dicom(seed=1), make_dicom(seed=2, size=3_000_000)

    assert server.post("/instances", small).status == 200
    assert server.post("/instances", large).status == 200

    contents = {server.get(f"/instances/{it}/file").content for it in server.get("/instances").json}
    assert contents == {small, large}
    assert any(path.is_file() for path in (tmp_path / "two").rglob("*"))


FILTERS = """
from repertory import script

@script.filter("IncomingHttpRequestFilter")
def no_deletions(asked):
    return asked.method != "DELETE"

@script.filter("ReceivedInstanceFilter")
def research_only(asked):
    return asked.tags["PatientID"].startswith("RES")
"""


def test_scripts_of_python_decide_for_front_ends_too(front, tmp_path):
    script = tmp_path / "filters.py"
    script.write_text(FILTERS)
    server = front(PythonScripts=[str(script)])

    for _ in range(2 * COUNT):
        assert server.delete("/instances/x").status == 403
    answers = [
        server.post("/instances", make_dicom(patient_id=patient, seed=seed)).json["Status"]
        for seed, patient in enumerate(("RES1", "DOE", "RES2"))
    ]

    assert answers == ["Success", "FilteredOut", "Success"]
    assert len(server.get("/patients").json) == 2


def send(port, content):
    """The status of a C-STORE."""
    sent = dcmread(io.BytesIO(content))
    entity = AE("PEER")
    entity.add_requested_context(sent.SOPClassUID, sent.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port)
    try:
        return association.send_c_store(sent).Status
    finally:
        association.release()


def test_functions_of_a_program_decide_for_its_front_ends(tmp_path):
    archive = Repertory(
        Settings(
            storage_directory=str(tmp_path),
            http_port=0,
            front_end_processes=1,
            dicom_server_enabled=True,
            dicom_port=free_port(),
        )
    )
    asked = []

    @archive.filter("IncomingCStoreInstanceFilter")
    def full(_instance):
        return 0xA700

    @archive.filter("ReceivedInstanceFilter")
    def nothing(instance):
        asked.append(instance.content)
        return False

    def store(content):
        with closing(http.client.HTTPConnection("localhost", archive.port, timeout=30)) as client:
            client.request("POST", "/instances", content)
            return json.loads(client.getresponse().read())["Status"]

    content = make_dicom(seed=1)
    with archive:
        assert store(content) == "FilteredOut"
        assert archive.off(nothing)
        assert until(lambda: store(content) == "Success")
        assert send(archive.dicom_port, content) == 0xA700
    assert asked[0] == content
