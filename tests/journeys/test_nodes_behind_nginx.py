"""Two nodes behind nginx, as docs/deploy sets them up: plain processes on this computer."""

import http.client
import re
import shutil
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from pynetdicom import AE

from repertory.testing.files import make_study
from repertory.testing.orthanc import free_port
from repertory.testing.server import until

MR = "1.2.840.10008.5.1.4.1.1.4"
CONFIGURATION = Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf"
STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

pytestmark = pytest.mark.skipif(
    shutil.which("nginx") is None or not STREAM.exists(),
    reason="nginx is not installed, or not its module stream",
)


@pytest.fixture
def nodes(serve, postgresql_server, tmp_path):
    """Two nodes that share a database and a folder, and the ports of both."""
    postgresql_server.ensure()
    postgresql_server.run("DROP SCHEMA IF EXISTS archive CASCADE")
    section = postgresql_server.written(Schema="archive", Lock=False)
    return [
        serve(
            HttpPort=free_port(),
            DicomServerEnabled=True,
            DicomPort=free_port(),
            StorageDirectory=str(tmp_path / "files"),
            PostgreSQL=section,
            Nodes={"Heartbeat": 0.2, "Lease": 1.5},
        )
        for _ in range(2)
    ]


@pytest.fixture
def balancer(nodes, tmp_path):
    """Nginx with the configuration of the documents, but for hosts and ports: its two ports."""
    text = CONFIGURATION.read_text()
    ports = {}
    for standard, option in (("8042", "HttpPort"), ("4242", "DicomPort")):
        for number, node in enumerate(nodes, start=1):
            address = f"127.0.0.1:{node.options[option]}"
            text = text.replace(f"node-{number}:{standard}", address)
        ports[option] = free_port()
        text = text.replace(f"listen {standard};", f"listen 127.0.0.1:{ports[option]};")
    paths = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    own = "access_log off; " + "".join(f"{it}_temp_path {tmp_path}/{it}; " for it in paths)
    text = re.sub(r"^http \{", f"http {{ {own}", text, flags=re.MULTILINE)
    head = f"load_module {STREAM}; pid {tmp_path}/nginx.pid; daemon off;\n"
    (tmp_path / "nginx.conf").write_text(head + text)
    program = shutil.which("nginx") or ""
    log = tmp_path / "nginx.log"
    process = subprocess.Popen([program, "-e", str(log), "-c", str(tmp_path / "nginx.conf")])
    try:
        until(lambda: listens(ports["HttpPort"]) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield ports
    finally:
        process.terminate()
        process.wait(20)


def listens(port):
    with closing(socket.socket()) as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def ask(balancer, method, path, body=None):
    """The status and the body of an answer by whichever node is there."""
    address = ("127.0.0.1", balancer["HttpPort"])
    with closing(http.client.HTTPConnection(*address, timeout=30)) as connection:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_clients_notice_nothing_of_a_node_that_dies(nodes, balancer):
    files = make_study(series=1, instances=6, seed=1)

    for victim, part in ((None, files[:2]), (nodes[0], files[2:4]), (nodes[1], files[4:])):
        if victim is not None:
            for node in nodes:
                if not node.is_alive:
                    node.start()
            victim.kill()
        for file in part:
            assert until(lambda it=file: ask(balancer, "POST", "/instances", it)[0] == 200)

    entity = AE("SENDER")
    entity.add_requested_context(MR)
    association = entity.associate("127.0.0.1", balancer["DicomPort"])
    (sent,) = make_study(series=1, instances=1, seed=2)
    assert association.send_c_store(dcmread(DicomBytesIO(sent))).Status == 0x0000
    association.release()
    assert nodes[0].is_alive
    assert not nodes[1].is_alive
    assert len(nodes[0].get("/instances").json) == 7
    assert ask(balancer, "POST", "/tools/shutdown")[0] == 403
