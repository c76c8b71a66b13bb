import json
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from repertory.actors.messages.attachments import CountReleased, ReadAttachment, RemoveReleased
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import DeleteResource, ListResources
from repertory.actors.messages.trash import EmptyTrash, RestoreTrash
from repertory.conf.resources import TrashSettings
from repertory.conf.settings import Settings
from repertory.errors import ArchiveFull, CannotStart
from repertory.model import Level
from repertory.service import Repertory
from repertory.storage.backup.depot import MARKER
from repertory.storage.backup.hold import HOLD_NAME, RemovalHold
from repertory.storage.backup.making import back_up
from repertory.storage.backup.restoring import restore
from repertory.storage.backup.verifying import verify
from repertory.storage.index.sqlite.engine import RESTORING_NAME
from repertory.testing.files import make_dicom


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


@pytest.fixture
def depot(tmp_path):
    return tmp_path / "backup"


def open_archive(folder, **options):
    return Repertory(Settings(storage_directory=str(folder), http_server_enabled=False, **options))


def fill(archive, numbers):
    """Store small files; their bytes by Orthanc's identifier."""
    stored = {}
    for number in numbers:
        content = make_dicom(patient_id=f"P{number % 3}", study="1.2", number=number, seed=number)
        stored[archive.ask(StoreInstance(content=content)).ids.instance] = content
    return stored


def save(folder, depot, **options):
    return back_up(storage=folder, index=folder, to=depot, **options)


def put_back(depot, folder, **options):
    return restore(depot, storage=folder, index=folder, **options)


def read_all(folder):
    """Every instance with its bytes, as a server of that folder gives them."""
    with open_archive(folder) as archive:
        ids = archive.ask(ListResources(level=Level.INSTANCE))
        return {
            id_: archive.ask(ReadAttachment(level=Level.INSTANCE, id=id_)).content for id_ in ids
        }


def files_of(folder):
    return {path.name: path for path in folder.glob("??/??/*")}


def test_what_was_backed_up_comes_back(folder, depot, tmp_path):
    with open_archive(folder) as archive:
        stored = fill(archive, range(8))

    report = save(folder, depot)
    put_back(depot, tmp_path / "other")

    assert (report.copied, report.kept, report.manifest.instances) == (8, 0, 8)
    assert read_all(tmp_path / "other") == stored
    assert not (tmp_path / "other" / RESTORING_NAME).exists()


def test_only_new_files_are_copied_the_next_time(folder, depot):
    with open_archive(folder) as archive:
        fill(archive, range(5))
        save(folder, depot)
        fill(archive, range(5, 7))
        report = save(folder, depot)

    assert (report.copied, report.kept) == (2, 5)
    assert len(list((depot / "snapshots").glob("*.json"))) == 2


def test_each_snapshot_comes_back_as_it_was(folder, depot, tmp_path):
    with open_archive(folder) as archive:
        first = fill(archive, range(4))
        name = save(folder, depot).manifest.name
        for id_ in list(first)[:2]:
            archive.ask(DeleteResource(level=Level.INSTANCE, id=id_))
        second = fill(archive, range(4, 6))
        save(folder, depot)

    put_back(depot, tmp_path / "then", name=name)
    put_back(depot, tmp_path / "now")

    assert read_all(tmp_path / "then") == first
    assert read_all(tmp_path / "now") == {**dict(list(first.items())[2:]), **second}


def test_what_is_in_the_trash_is_backed_up_and_can_be_restored_from_there(folder, depot, tmp_path):
    keeping = TrashSettings(retention_days=1)
    with open_archive(folder, trash=keeping) as archive:
        stored = fill(archive, range(4))
        gone = next(iter(stored))
        archive.ask(DeleteResource(level=Level.INSTANCE, id=gone))
        report = save(folder, depot)
        archive.ask(EmptyTrash())
        archive.ask(RemoveReleased())
    assert len(files_of(folder)) == 3
    put_back(depot, tmp_path / "other")
    with open_archive(tmp_path / "other", trash=keeping) as archive:
        archive.ask(RestoreTrash(name=gone))

    assert (report.manifest.instances, report.manifest.files) == (3, 4)
    assert read_all(tmp_path / "other") == stored


def test_old_snapshots_go_with_the_files_that_only_they_have(folder, depot):
    with open_archive(folder) as archive:
        first = fill(archive, range(4))
        save(folder, depot)
        for id_ in list(first)[:2]:
            archive.ask(DeleteResource(level=Level.INSTANCE, id=id_))
        save(folder, depot, keep=2)
        report = save(folder, depot, keep=2)

    assert report.removed == 2
    assert len(files_of(depot / "files")) == 2
    assert verify(depot).is_sound


def test_hard_links_take_no_room(folder, depot):
    with open_archive(folder) as archive:
        fill(archive, range(3))

    save(folder, depot, link=True)

    for name, path in files_of(folder).items():
        assert path.samefile(depot / "files" / name[:2] / name[2:4] / name)
    assert verify(depot).is_sound


def test_a_backup_during_ingest_and_deletion_comes_back_whole(folder, depot, tmp_path):
    stored, gone, stop = {}, [], threading.Event()
    with open_archive(folder) as archive:
        stored.update(fill(archive, range(60)))
        doomed = list(stored)[::2]

        def ingest():
            number = 1000
            while not stop.is_set():
                stored.update(fill(archive, [number]))
                number += 1

        def delete():
            for id_ in doomed:
                if stop.is_set():
                    return
                archive.ask(DeleteResource(level=Level.INSTANCE, id=id_))
                gone.append(id_)

        workers = [threading.Thread(target=work, daemon=True) for work in (ingest, delete)]
        for worker in workers:
            worker.start()
        reports = [save(folder, depot) for _ in range(3)]
        stop.set()
        for worker in workers:
            worker.join(30)

    assert gone
    assert verify(depot).is_sound
    for number, report in enumerate(reports):
        assert report.manifest.lost == ()
        target = tmp_path / str(number)
        assert put_back(depot, target, name=report.manifest.name).lost == ()
        found = read_all(target)
        assert len(found) == report.manifest.instances
        assert all(stored[id_] == content for id_, content in found.items())


def test_files_stay_while_somebody_copies(folder):
    with open_archive(folder) as archive:
        stored = fill(archive, range(3))
        with RemovalHold(folder / HOLD_NAME).held():
            for id_ in stored:
                archive.ask(DeleteResource(level=Level.INSTANCE, id=id_))
            archive.ask(RemoveReleased())
            assert archive.ask(CountReleased()) == 3
            assert len(files_of(folder)) == 3


def test_a_killed_backup_holds_nothing_and_goes_on(folder, depot, tmp_path):
    with open_archive(folder) as archive:
        stored = fill(archive, range(40))
        script = (
            "import os, signal, sys\n"
            "from pathlib import Path\n"
            "from repertory.storage.backup import copying, making\n"
            "copying.BATCH = 10\n"
            "def stop(what, done, total):\n"
            "    if what == 'files': os.kill(os.getpid(), signal.SIGKILL)\n"
            "folder, depot = map(Path, sys.argv[1:])\n"
            "making.back_up(storage=folder, index=folder, to=depot, progress=stop)\n"
        )
        command = [sys.executable, "-c", script, str(folder), str(depot)]
        ended = subprocess.run(command, check=False, timeout=60)

        assert ended.returncode == -signal.SIGKILL
        assert not RemovalHold(folder / HOLD_NAME).is_held()
        assert 0 < len(files_of(depot / "files")) < 40
        with pytest.raises(CannotStart, match="no snapshot"):
            verify(depot)
        report = save(folder, depot)

    assert report.kept > 0
    assert report.copied + report.kept == 40
    assert len(list((depot / "snapshots").iterdir())) == 2
    put_back(depot, tmp_path / "other")
    assert read_all(tmp_path / "other") == stored


def test_a_backup_of_an_archive_that_was_killed_has_what_was_acknowledged(folder, depot, tmp_path):
    script = (
        "import os, sys\n"
        "from repertory.actors.messages.instances import StoreInstance\n"
        "from repertory.conf.settings import Settings\n"
        "from repertory.service import Repertory\n"
        "from repertory.testing.files import make_dicom\n"
        "archive = Repertory(Settings(storage_directory=sys.argv[1], http_server_enabled=False))\n"
        "archive.start()\n"
        "for number in range(5): archive.ask(StoreInstance(content=make_dicom()))\n"
        "os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(folder)], check=False, timeout=60)

    report = save(folder, depot)

    assert report.manifest.instances == 5
    put_back(depot, tmp_path / "other")
    assert len(read_all(tmp_path / "other")) == 5


def test_a_file_that_a_power_cut_left_unnamed_is_found(folder, depot):
    with open_archive(folder) as archive:
        fill(archive, range(2))
    name, path = next(iter(files_of(folder).items()))
    path.rename(folder / ".staging" / name)

    assert save(folder, depot).manifest.lost == ()
    assert verify(depot).is_sound


@pytest.fixture
def saved(folder, depot):
    """A backup of three files; their paths in it."""
    with open_archive(folder) as archive:
        fill(archive, range(3))
    save(folder, depot)
    return sorted(files_of(depot / "files").values())


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_verification_finds_what_is_damaged_and_what_is_missing(saved, depot):
    assert verify(depot).is_sound
    flip(saved[0])
    os.truncate(saved[1], 100)
    saved[2].unlink()

    report = verify(depot)

    assert set(report.damaged) == set(saved[:2])
    assert report.lost == (saved[2],)
    assert not report.is_sound


def test_verification_finds_a_damaged_snapshot(saved, depot):
    flip(next((depot / "snapshots").glob("*.db")))

    report = verify(depot)

    assert len(report.damaged_snapshots) == 1
    assert not report.is_sound


def test_a_restore_tells_of_damaged_files_and_puts_the_others_back(saved, depot, tmp_path):
    flip(saved[0])

    report = put_back(depot, tmp_path / "other")

    assert report.lost == (saved[0].name,)
    assert set(files_of(tmp_path / "other")) == {path.name for path in saved[1:]}


def test_what_is_missing_in_the_backup_is_copied_the_next_time(saved, folder, depot):
    saved[0].unlink()
    os.truncate(saved[1], 100)

    assert save(folder, depot).copied == 2
    assert verify(depot).is_sound


def test_a_file_that_is_damaged_in_the_archive_is_told_and_the_good_copy_stays(
    saved, folder, depot
):
    good, lost = saved[0], saved[1]
    flip(files_of(folder)[good.name])
    files_of(folder)[lost.name].unlink()
    lost.unlink()

    report = save(folder, depot)

    assert report.manifest.lost == (lost.name,)
    found = verify(depot)  # the snapshot before still wants it
    assert (found.lost, found.damaged) == ((lost,), ())


def test_a_new_file_that_is_damaged_in_the_archive_is_not_taken_for_good(folder, depot):
    with open_archive(folder) as archive:
        fill(archive, range(2))
    name, path = next(iter(files_of(folder).items()))
    flip(path)

    assert save(folder, depot).manifest.lost == (name,)
    assert name not in files_of(depot / "files")


def test_a_restore_that_was_ended_goes_on_and_no_server_starts_before(saved, depot, tmp_path):
    target = tmp_path / "other"

    def stop(_what, _done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        put_back(depot, target, progress=stop)
    with pytest.raises(CannotStart, match="restore"):
        open_archive(target).start()

    report = put_back(depot, target)

    assert report.kept == len(saved)
    assert len(read_all(target)) == len(saved)


def test_a_backup_is_not_put_back_over_anything(saved, folder, depot, tmp_path):
    with pytest.raises(CannotStart, match="index already"):
        put_back(depot, folder)
    other = tmp_path / "other"
    other.mkdir()
    (other / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(CannotStart, match="not empty"):
        put_back(depot, other)

    assert len(read_all(folder)) == len(saved)
    assert (other / "photo.jpg").read_bytes() == b"mine"


def test_folders_that_are_not_what_they_should_be_are_refused(saved, folder, depot, tmp_path):
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "letter.txt").write_text("mine")

    with pytest.raises(CannotStart, match="must be empty"):
        save(folder, strange)
    with pytest.raises(CannotStart, match="own folder"):
        save(folder, folder / "backup")
    with pytest.raises(CannotStart, match="no index"):
        save(tmp_path / "nowhere", tmp_path / "new")
    with pytest.raises(CannotStart, match="not a backup"):
        verify(folder)
    with pytest.raises(CannotStart, match="no snapshot of that name"):
        put_back(depot, tmp_path / "other", name="19700101T000000Z")
    (depot / MARKER).write_text(json.dumps({"format": 2}))
    with pytest.raises(CannotStart, match="newer"):
        save(folder, depot)


def test_a_full_disk_is_told_and_nothing_counts(folder, tmp_path):
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root on Linux only")
    with open_archive(folder) as archive:
        for number in range(4):
            archive.ask(StoreInstance(content=make_dicom(number=number, size=400_000)))
    small = tmp_path / "small"
    small.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if subprocess.run(mounting, check=False, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        with pytest.raises(ArchiveFull, match="full"):
            save(folder, small / "backup")
        assert not list((small / "backup").glob("snapshots/*.json"))
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_backup_may_be_moved(saved, folder, depot, tmp_path):
    shutil.move(depot, tmp_path / "elsewhere")

    assert verify(tmp_path / "elsewhere").is_sound
    assert save(folder, tmp_path / "elsewhere").kept == len(saved)
