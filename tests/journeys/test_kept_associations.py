"""Instances that are sent one by one to DCMTK's storescp."""

import json
import os
import subprocess

import pytest

from repertory.testing.dcmtk import find_tool
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import free_port
from repertory.testing.server import until

STORESCP = find_tool("storescp")

pytestmark = pytest.mark.skipif(STORESCP is None, reason="storescp is not installed")


@pytest.fixture
def storescp(tmp_path):
    """Its port, its folder and what it says."""
    folder, log = tmp_path / "received", tmp_path / "storescp.log"
    folder.mkdir()
    port = free_port()
    words = [STORESCP, "-v", "-od", str(folder), str(port)]
    with log.open("wb") as said:
        process = subprocess.Popen(
            words, stdout=said, stderr=said, env={**os.environ, "TCP_NODELAY": "1"}
        )
    try:
        yield port, folder, log
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("delay", "associations"), [(0, 3), (60, 1)])
def test_instances_go_over_one_association_where_it_is_kept(serve, storescp, delay, associations):
    port, folder, log = storescp
    server = serve(
        DicomAssociationCloseDelay=delay, DicomModalities={"other": ["STORESCP", "127.0.0.1", port]}
    )
    ids = [server.post("/instances", make_dicom(seed=seed)).json["ID"] for seed in (1, 2, 3)]
    until(lambda: server.post("/modalities/other/echo", "{}").status == 200)
    before = log.read_text().count("Association Received")

    for id_ in ids:
        assert server.post("/modalities/other/store", json.dumps(id_)).status == 200

    assert len(list(folder.iterdir())) == 3
    assert log.read_text().count("Association Received") - before == associations
