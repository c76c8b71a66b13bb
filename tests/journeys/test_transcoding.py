import os
import signal
import sys
from pathlib import Path

import pytest

from repertory.storage import dicom
from repertory.storage.pixels.syntaxes import RLE
from repertory.storage.pixels.worker import MEMORY
from repertory.testing.files import make_dicom
from repertory.testing.server import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")


def workers_of(server):
    """The processes that transcode for a server."""
    found = set()
    for task in Path(f"/proc/{server.pid}/task").iterdir():
        found |= {int(number) for number in (task / "children").read_text().split()}
    return found


def is_there(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.fixture
def server(serve):
    return serve(IngestTranscoding=RLE)


def send(server, seed):
    receipt = server.post("/instances", make_dicom(seed=seed)).json
    content = server.get(f"/instances/{receipt['ID']}/file").content
    return dicom.summarize(content).transfer_syntax


def test_what_comes_in_is_transcoded_by_a_process_that_ends_with_the_server(server):
    assert workers_of(server) == set()
    assert send(server, 1) == RLE
    workers = workers_of(server)
    assert len(workers) == 1

    assert server.stop() == 0

    assert not any(map(is_there, workers))


def test_a_process_that_transcodes_has_only_so_much_memory(server):
    send(server, 1)

    (worker,) = workers_of(server)
    limits = Path(f"/proc/{worker}/limits").read_text().splitlines()
    (space,) = [line for line in limits if line.startswith("Max address space")]
    assert space.split()[3] == str(MEMORY)


def test_the_processes_of_a_server_that_is_killed_end_too(server):
    send(server, 1)
    workers = workers_of(server)

    server.kill()

    assert until(lambda: not any(map(is_there, workers)))


def test_a_codec_that_crashes_costs_the_archive_nothing(server):
    send(server, 1)
    for worker in workers_of(server):
        os.kill(worker, signal.SIGKILL)

    assert send(server, 2) == "1.2.840.10008.1.2.1"

    assert send(server, 3) == RLE
    names = [event["event"] for event in server.events()]
    assert names.count("transcoding_failed") == names.count("instance_not_transcoded") == 1


def test_the_system_says_what_files_become(server):
    assert server.get("/system").json["IngestTranscoding"] == RLE
