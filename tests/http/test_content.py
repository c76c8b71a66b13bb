"""Raw values of elements over HTTP."""

from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from repertory.actors.messages.instances import StoreInstance

SEQUENCE = "0010-1002"


@pytest.fixture
def client(whole):
    return whole(sync_storage_area=False)


@pytest.fixture
def path(client):
    content = Path(get_testdata_file("CT_small.dcm")).read_bytes()
    ids = client.archive.ask(StoreInstance(content=content)).ids
    return f"/instances/{ids.instance}/content"


def test_the_tags_of_a_file_are_listed(client, path):
    tags = client.json(path)

    assert tags == sorted(tags)
    assert tags[0] == "0008-0005"
    assert {"0010-0010", SEQUENCE, "0009-10e7", "7fe0-0010"} <= set(tags)


@pytest.mark.parametrize("tag", ["0010-0010", "0010,0010", "00100010", "PatientName"])
def test_a_value_is_given_as_it_is_in_the_file(client, path, tag):
    response = client.get(f"{path}/{tag}")

    assert response.content == b"CompressedSamples^CT1 "
    assert response.getheader("Content-Type") == "application/octet-stream"


def test_sequences_are_gone_through(client, path):
    assert client.json(f"{path}/{SEQUENCE}") == ["0", "1"]
    assert client.json(f"{path}/{SEQUENCE}/1") == ["0010-0020", "0010-0022"]
    assert client.get(f"{path}/{SEQUENCE}/1/0010-0020").content == b"1234ABCD"
    assert client.get(f"{path}/OtherPatientIDsSequence/0/PatientID").content == b"ABCD1234"


@pytest.mark.parametrize(
    "end",
    ["0088-0200", "nonsense", "0010-0010/0", f"{SEQUENCE}/2", f"{SEQUENCE}/-1", f"{SEQUENCE}/0/x"],
)
def test_what_is_not_there_is_404_without_a_body(client, path, end):
    response = client.get(f"{path}/{end}")

    assert (response.status, response.content) == (404, b"")


def test_pixel_data_are_not_given_in_one_piece(client, path):
    assert client.get(f"{path}/7fe0-0010").status == 415
