"""An object store that is spoken to by https."""

import pytest

pytest.importorskip("cryptography")

from repertory.testing.certificates import Authority
from repertory.testing.files import make_dicom
from repertory.testing.server import ServerProcess


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "authority")


@pytest.fixture
def store(authority, start_rclone):
    return start_rclone(tls=authority.device("store"))


def test_files_go_to_a_store_whose_certificate_is_trusted(store, authority, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.trusted))
    content = make_dicom(size=300_000)
    with ServerProcess(tmp_path / "server", AwsS3Storage=store.written("archive")) as server:
        id_ = server.post("/instances", content).json["ID"]

        assert server.get(f"/instances/{id_}/file").content == content
        name = server.get(f"/instances/{id_}/attachments/dicom/info").json["Uuid"]
    (file,) = (tmp_path / "s3" / "archive").glob(f"{name}*")
    assert file.read_bytes() == content


def test_a_store_whose_certificate_nobody_trusts_is_no_store(store, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path, "stranger").trusted))

    with pytest.raises(RuntimeError, match=r"not trusted.*SSL_CERT_FILE"):
        ServerProcess(tmp_path / "server", AwsS3Storage=store.written("archive")).start()
    assert list((tmp_path / "s3" / "archive").iterdir()) == []
