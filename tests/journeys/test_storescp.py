"""DCMTK's storescp, which is sent to: as it takes, and asks for, one transfer syntax."""

import json
import subprocess

import pytest
from pydicom import dcmread

from repertory.testing.dcmtk import find_tool
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import free_port
from repertory.testing.server import until

IMPLICIT = "1.2.840.10008.1.2"
RLE = "1.2.840.10008.1.2.5"

pytestmark = pytest.mark.skipif(find_tool("storescp") is None, reason="DCMTK is not installed")


def test_storescp_gets_what_it_takes_pixel_for_pixel(serve, tmp_path):
    port = free_port()
    server = serve(
        IngestTranscoding=RLE, DicomModalities={"reader": ["STORESCP", "127.0.0.1", port]}
    )
    content = make_dicom(study="1.1", instance="1.1.1")
    original = tmp_path / "original.dcm"
    original.write_bytes(content)
    instance = server.post("/instances", content).json["ID"]
    assert server.get(f"/instances/{instance}/metadata/TransferSyntax").text == RLE
    folder = tmp_path / "received"
    folder.mkdir()
    words = [find_tool("storescp"), "+xi", "-od", str(folder), str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as other:
        try:
            assert until(lambda: server.post("/modalities/reader/echo", "").status == 200)
            sent = server.post("/modalities/reader/store", json.dumps([instance]))
            assert sent.json["FailedInstancesCount"] == 0
            files = until(lambda: list(folder.iterdir()))
        finally:
            other.terminate()

    (received,) = map(dcmread, files)
    assert received.file_meta.TransferSyntaxUID == IMPLICIT
    assert received.SOPInstanceUID == "1.1.1"
    assert received.pixel_array.tolist() == dcmread(original).pixel_array.tolist()
