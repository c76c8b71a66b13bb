import base64
import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from repertory import Repertory, Settings, cli
from repertory.actors.messages.attachments import ReadAttachment
from repertory.actors.messages.instances import StoreInstance
from repertory.conf.encryption import StorageEncryptionSettings
from repertory.conf.housekeeper import HousekeeperSettings
from repertory.model import ContentType, Level
from repertory.testing.files import make_study
from repertory.testing.server import until

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


def test_another_key_makes_housekeeping_encrypt_the_files_anew(tmp_path):
    for number in (1, 2):
        key = base64.b64encode(bytes([number]) * 32)
        (tmp_path / str(number)).write_bytes(key)
    one, two = ((number, str(tmp_path / str(number))) for number in (1, 2))

    def settings(**options):
        return Settings(
            storage_directory=str(tmp_path / "files"),
            http_server_enabled=False,
            storage_encryption=StorageEncryptionSettings(**options),
            housekeeper=HousekeeperSettings(enable=True, throttle_delay=0.0),
        )

    def numbers():
        found = []
        # Files and folders go while they are looked at.
        for folder, _, names in os.walk(tmp_path / "files"):
            for name in names:
                if name.startswith(Path(folder).parent.name) and len(name) == 36:
                    with suppress(FileNotFoundError):
                        beginning = Path(folder, name).read_bytes()[2:6]
                        found.append(int.from_bytes(beginning, "little"))
        return found

    contents = make_study(series=1, instances=3)
    with Repertory(settings(master_key=one)) as archive:
        receipts = [archive.ask(StoreInstance(content=content)) for content in contents]
    assert numbers() == [1, 1, 1]
    with Repertory(settings(master_key=two, previous_master_keys=(one,))) as archive:
        until(lambda: numbers() == [2, 2, 2])
        for receipt, content in zip(receipts, contents, strict=True):
            question = ReadAttachment(
                level=Level.INSTANCE, id=receipt.ids.instance, content_type=ContentType.DICOM
            )
            assert archive.ask(question).content == content
