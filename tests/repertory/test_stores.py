import json

import pytest

from repertory import Repertory, Settings, cli
from repertory.actors.messages.instances import StoreInstance
from repertory.conf.encryption import StorageEncryptionSettings
from repertory.testing.files import make_study

S3 = {"BucketName": "archive", "Region": "eu-central-1"}


@pytest.fixture
def config(tmp_path):
    def config(**options):
        path = tmp_path / "repertory.json"
        path.write_text(json.dumps({"StorageDirectory": "files", **options}))
        return str(path)

    return config


def test_a_backup_says_that_the_files_lie_elsewhere(config, tmp_path, capsys):
    assert cli.main(["backup", str(tmp_path / "backup"), config(AwsS3Storage=S3)]) == 2
    assert 'the files lie in the S3 bucket "archive"' in capsys.readouterr().err


def test_an_index_is_not_made_from_a_bucket(config, tmp_path, capsys):
    (tmp_path / "files").mkdir()
    assert cli.main(["rebuild", config(AwsS3Storage=S3)]) != 0
    assert 'The files lie in the S3 bucket "archive"' in capsys.readouterr().err


def test_an_archive_that_is_encrypted_is_checked_and_backed_up(config, tmp_path, capsys):
    key = tmp_path / "key"
    key.write_text("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=")
    clear = Settings(storage_directory=str(tmp_path / "files"), http_server_enabled=False)
    encrypted = Settings(
        storage_directory=str(tmp_path / "files"),
        http_server_enabled=False,
        storage_encryption=StorageEncryptionSettings(master_key=(1, str(key))),
    )
    first, second = make_study(series=1, instances=2)
    for settings, content in ((clear, first), (encrypted, second)):
        with Repertory(settings) as archive:
            archive.ask(StoreInstance(content=content))
    path = config(StorageEncryption={"MasterKey": [1, "key"]})

    assert cli.main(["fsck", "--checksums", path]) == 0
    assert cli.main(["backup", str(tmp_path / "backup"), path]) == 0
    assert cli.main(["backup", "--verify", str(tmp_path / "backup")]) == 0
    assert cli.main(["backup", str(tmp_path / "backup"), path]) == 0
    assert "had 2" in capsys.readouterr().out
    stored = [file.read_bytes() for file in (tmp_path / "backup").glob("**/??/??/*")]
    assert sorted(content[:2] == b"A1" for content in stored) == [False, True]
