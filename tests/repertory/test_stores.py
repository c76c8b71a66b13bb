import base64
import json
import os
import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from repertory import Repertory, Settings, cli
from repertory.actors.messages.attachments import (
    DescribeAttachment,
    ReadAttachment,
    StoreAttachment,
)
from repertory.actors.messages.housekeeping import DescribeHousekeeping
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.integrity import AwaitCheck, BeginCheck
from repertory.actors.messages.resources import DeleteResource
from repertory.actors.messages.system import DescribeTotals
from repertory.actors.messages.trash import ListTrash, RestoreTrash
from repertory.actors.storage import StorageActor
from repertory.conf.encryption import StorageEncryptionSettings
from repertory.conf.housekeeper import HousekeeperSettings
from repertory.conf.resources import TrashSettings
from repertory.model import ContentType, Level
from repertory.testing.files import make_study
from repertory.testing.server import until


@pytest.fixture
def config(tmp_path):
    def config(**options):
        path = tmp_path / "repertory.json"
        path.write_text(json.dumps({"StorageDirectory": "files", **options}))
        return str(path)

    return config


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


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_files_are_written_or_handed_to_the_crew_by_whoever_brings_them(
    tmp_path, monkeypatch, is_encrypted
):
    key = tmp_path / "key"
    key.write_text("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=")
    how = {"master_key": (1, str(key))} if is_encrypted else {}
    settings = Settings(
        storage_directory=str(tmp_path / "files"),
        http_server_enabled=False,
        storage_encryption=StorageEncryptionSettings(**how),
    )
    threads = []
    original = StorageActor.store_instance

    @wraps(original)
    def store_instance(actor, command):
        threads.append(threading.current_thread())
        return original(actor, command)

    monkeypatch.setattr(StorageActor, "store_instance", store_instance)
    with Repertory(settings) as archive:
        archive.ask(StoreInstance(content=make_study(series=1, instances=1)[0]))

    assert threads == [threading.current_thread()]


def key_numbers(folder):
    """Under which key each file is encrypted; files and folders go while they are looked at."""
    found = []
    for parent, _, names in os.walk(folder):
        for name in names:
            if name.startswith(Path(parent).parent.name) and len(name) == 36:
                with suppress(FileNotFoundError):
                    beginning = Path(parent, name).read_bytes()[2:6]
                    found.append(int.from_bytes(beginning, "little"))
    return found


@pytest.fixture
def with_keys(tmp_path):
    """Settings of an archive that has a housekeeper, and the last of some keys."""

    def settings(*numbers, **more):
        keys = [(number, str(tmp_path / str(number))) for number in numbers]
        for number, path in keys:
            Path(path).write_bytes(base64.b64encode(bytes([number]) * 32))
        return Settings(
            storage_directory=str(tmp_path / "files"),
            http_server_enabled=False,
            storage_encryption=StorageEncryptionSettings(
                master_key=keys[-1], previous_master_keys=tuple(keys[:-1])
            ),
            housekeeper=HousekeeperSettings(enable=True, throttle_delay=0.0),
            **more,
        )

    return settings


def test_another_key_makes_housekeeping_encrypt_the_files_anew(tmp_path, with_keys):
    def numbers():
        return key_numbers(tmp_path / "files")

    contents = make_study(series=1, instances=3)
    with Repertory(with_keys(1)) as archive:
        receipts = [archive.ask(StoreInstance(content=content)) for content in contents]
    assert numbers() == [1, 1, 1]
    with Repertory(with_keys(1, 2)) as archive:
        until(lambda: numbers() == [2, 2, 2])
        for receipt, content in zip(receipts, contents, strict=True):
            question = ReadAttachment(
                level=Level.INSTANCE, id=receipt.ids.instance, content_type=ContentType.DICOM
            )
            assert archive.ask(question).content == content


def test_another_key_makes_housekeeping_encrypt_attachments_of_all_levels_anew(tmp_path, with_keys):
    def numbers():
        return key_numbers(tmp_path / "files")

    def described(archive, ids):
        question = [DescribeAttachment(level=it, id=ids.at(it), content_type=2000) for it in Level]
        return [archive.ask(it).attachment for it in question]

    with Repertory(with_keys(1)) as archive:
        studies = [make_study(series=1, instances=2, seed=seed) for seed in (1, 2)]
        receipts = [archive.ask(StoreInstance(content=it)) for study in studies for it in study]
        ids = receipts[0].ids
        for level in Level:
            archive.ask(
                StoreAttachment(
                    level=level, id=ids.at(level), content_type=2000, content=level.word.encode()
                )
            )
        before = described(archive, ids)
        totals = archive.ask(DescribeTotals())
    assert numbers() == [1] * 8

    with Repertory(with_keys(1, 2)) as archive:
        until(lambda: numbers() == [2] * 8)

        after = described(archive, ids)
        for level, old, new in zip(Level, before, after, strict=True):
            assert new == replace(old, uuid=new.uuid)
            assert new.uuid != old.uuid
            question = ReadAttachment(level=level, id=ids.at(level), content_type=2000)
            assert archive.ask(question).content == level.word.encode()
        assert archive.ask(DescribeTotals()) == totals
        archive.ask(BeginCheck(checksums=True))
        assert archive.ask(AwaitCheck()).report.is_sound


def test_an_attachment_that_is_lost_keeps_nothing_else_from_the_new_key(tmp_path, with_keys):
    with Repertory(with_keys(1)) as archive:
        ids = archive.ask(StoreInstance(content=make_study(series=1, instances=1)[0])).ids
        lost = archive.ask(
            StoreAttachment(level=Level.STUDY, id=ids.study, content_type=2000, content=b"x")
        )
    next((tmp_path / "files").glob(f"??/??/{lost.uuid}")).unlink()

    with Repertory(with_keys(1, 2)) as archive:
        until(lambda: archive.ask(DescribeHousekeeping()).backlog.failed)

        (failure,) = archive.ask(DescribeHousekeeping()).backlog.failures
        assert failure.instance == ids.instance
        assert "The attachment 2000 of a Study" in failure.reason
        until(lambda: key_numbers(tmp_path / "files") == [2])


@pytest.fixture
def with_trash(with_keys):
    """The same, of an archive that has a trash."""
    return partial(with_keys, trash=TrashSettings(retention_days=1))


def has_new_key(archive):
    status = archive.ask(DescribeHousekeeping())
    return status.completed is not None and status.completed.encryption == "2"


def test_another_key_makes_housekeeping_encrypt_the_trash_anew(tmp_path, with_trash):
    contents = make_study(series=2, instances=15)  # more than one step of it
    with Repertory(with_trash(1)) as archive:
        stored = [archive.ask(StoreInstance(content=content)).ids for content in contents]
        archive.ask(
            StoreAttachment(level=Level.STUDY, id=stored[0].study, content_type=2000, content=b"x")
        )
        archive.ask(DeleteResource(level=Level.STUDY, id=stored[0].study))

    with Repertory(with_trash(1, 2)) as archive:
        until(lambda: has_new_key(archive))
        until(lambda: key_numbers(tmp_path / "files") == [2] * 31)

    with Repertory(with_trash(2)) as archive:  # without the old one
        archive.ask(RestoreTrash(name=stored[0].study))
        for ids, content in zip(stored, contents, strict=True):
            question = ReadAttachment(level=Level.INSTANCE, id=ids.instance)
            assert archive.ask(question).content == content
        question = ReadAttachment(level=Level.STUDY, id=stored[0].study, content_type=2000)
        assert archive.ask(question).content == b"x"
        archive.ask(BeginCheck(checksums=True))
        assert archive.ask(AwaitCheck()).report.is_sound


def test_a_file_in_the_trash_that_is_lost_keeps_nothing_else_from_the_new_key(tmp_path, with_trash):
    with Repertory(with_trash(1)) as archive:
        stored = [archive.ask(StoreInstance(content=it)).ids for it in make_study(instances=2)]
        lost = archive.ask(DescribeAttachment(level=Level.INSTANCE, id=stored[0].instance))
        archive.ask(DeleteResource(level=Level.STUDY, id=stored[0].study))
    next((tmp_path / "files").glob(f"??/??/{lost.attachment.uuid}")).unlink()

    with capture_logs() as logs, Repertory(with_trash(1, 2)) as archive:
        until(lambda: has_new_key(archive))
        until(lambda: key_numbers(tmp_path / "files") == [2] * (len(stored) - 1))

        assert [entry.files for entry in archive.ask(ListTrash())] == [len(stored)]
    (kept,) = [it for it in logs if it["event"] == "trashed_file_kept"]
    assert kept["uuid"] == lost.attachment.uuid
