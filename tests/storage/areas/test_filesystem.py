import os
import shutil
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from repertory.errors import ArchiveFull, CannotStart, StorageFailed
from repertory.storage.areas import FilesystemArea, filesystem
from repertory.storage.areas.filesystem import staged_file

FILE = "0123abcd-0000-4000-8000-000000000000"


@pytest.fixture
def area(tmp_path):
    area = FilesystemArea(tmp_path)
    area.open()
    return area


def test_files_lie_where_orthanc_would_put_them(area, tmp_path):
    area.create(FILE, 1, b"x")

    assert (tmp_path / "01" / "23" / FILE).read_bytes() == b"x"


class Watched:
    """The system's own calls; knows what was forced to the medium before it was put in place."""

    def __init__(self):
        self.is_forced = False
        self.in_place = []

    def __getattr__(self, name):
        return getattr(os, name)

    def open(self, path, flags, mode=0o777):
        self.is_forced = bool(flags & getattr(os, "O_DSYNC", 0))
        return os.open(path, flags, mode)

    def fsync(self, fd):
        self.is_forced = True
        os.fsync(fd)

    def rename(self, src, dst):
        os.rename(src, dst)  # noqa: PTH104 - what is watched is this call
        self.in_place.append(self.is_forced)


@pytest.mark.parametrize("synchronize", [True, False])
@pytest.mark.parametrize("content", [b"", b"x", bytes(100_000)])
@pytest.mark.parametrize("knows_flag", [True, False])
def test_what_is_put_in_its_place_was_forced_to_the_medium(
    tmp_path, monkeypatch, synchronize, content, knows_flag
):
    if not knows_flag:
        monkeypatch.setattr(filesystem, "_SYNCHRONIZED", 0)
    calls = Watched()
    area = FilesystemArea(tmp_path, synchronize=synchronize, calls=calls)
    area.open()

    area.create(FILE, 1, content)

    assert calls.in_place[-1] is synchronize
    assert area.read(FILE, 1) == content


def test_removing_the_last_file_removes_its_folders(area, tmp_path):
    area.create(FILE, 1, b"x")
    area.remove(FILE, 1)

    assert not (tmp_path / "01").exists()


def test_what_a_crash_left_half_written_is_shown_and_can_be_discarded(area):
    area.staging_path(FILE).write_bytes(b"half")
    assert area.leftovers() == (FILE,)
    area.discard(FILE)

    assert area.leftovers() == ()


@pytest.mark.parametrize("folder", ["", "01", "32"])
def test_what_an_older_version_left_elsewhere_is_settled_too(area, tmp_path, folder):
    whole, half = FILE, f"32{FILE[2:]}"
    place = tmp_path / ".staging" / folder
    place.mkdir(exist_ok=True)
    for name in (whole, half):
        if folder in {"", name[:2]}:
            (place / name).write_bytes(b"content")
        else:
            area.staging_path(name).write_bytes(b"content")

    assert set(area.leftovers()) == {whole, half}
    area.finish(whole)
    area.discard(half)

    assert area.leftovers() == ()
    assert area.read(whole, 1) == b"content"


def test_what_a_power_cut_left_in_the_staging_folder_can_be_put_in_its_place(area):
    area.staging_path(FILE).write_bytes(b"whole")
    area.finish(FILE)

    assert area.leftovers() == ()
    assert area.read(FILE, 1) == b"whole"


def test_a_storage_folder_that_was_removed_is_made_again(area, tmp_path):
    shutil.rmtree(tmp_path)
    area.create(FILE, 1, b"x")

    assert area.read(FILE, 1) == b"x"


def test_a_folder_that_is_a_file_is_refused_without_naming_it(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotStart) as refusal:
        FilesystemArea(tmp_path / "file").open()

    assert str(tmp_path) not in str(refusal.value)
    assert "StorageDirectory" in str(refusal.value)


def test_an_error_of_the_disk_leaves_nothing_behind(area, tmp_path):
    (tmp_path / "01").write_bytes(b"a file where a folder should be")
    with pytest.raises(StorageFailed) as failure:
        area.create(FILE, 1, b"x")

    assert str(tmp_path) not in str(failure.value)
    assert list((tmp_path / ".staging").glob("*/*")) == []


@pytest.fixture
def tiny_disk(tmp_path):
    """A real file system of one megabyte."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if (
        not shutil.which("mount")
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip("needs the right to mount a small tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_to_be_full_and_takes_files_again_when_there_is_room(tiny_disk):
    area = FilesystemArea(tiny_disk)
    area.open()
    area.create(FILE, 1, b"x" * 600_000)
    with pytest.raises(ArchiveFull):
        area.create(str(uuid.uuid4()), 1, b"y" * 600_000)

    assert list((tiny_disk / ".staging").glob("*/*")) == []
    area.remove(FILE, 1)
    area.create(FILE, 1, b"z" * 600_000)

    assert area.size(FILE, 1) == 600_000


def test_what_is_set_aside_can_be_moved_back(tmp_path):
    area = FilesystemArea(tmp_path)
    area.open()
    file = "abcdef00-0000-4000-8000-000000000000"
    area.create(file, 1, b"hello")
    area.set_aside(file)

    assert not (tmp_path / "ab").exists()
    (tmp_path / "lost-and-found" / "ab").rename(tmp_path / "ab")
    assert area.read(file, 1) == b"hello"


def test_a_survey_counts_what_is_none_of_ours(tmp_path):
    area = FilesystemArea(tmp_path)
    area.open()
    (tmp_path / "ab" / "cd").mkdir(parents=True)
    (tmp_path / "ab" / "cd" / "abcdef00-0000-4000-8000-000000000000").write_bytes(b"ours")
    (tmp_path / "ab" / "cd" / "ffffff00-0000-4000-8000-000000000000").write_bytes(b"misplaced")
    (tmp_path / "ab" / "cd" / "ABCDEF00-0000-4000-8000-000000000001").write_bytes(b"upper case")
    (tmp_path / "ab" / "cd" / "abcdef00-0000-4000-8000-000000000002").symlink_to("nowhere")
    (tmp_path / "ab" / "note").write_text("a file among folders")
    (tmp_path / "ab" / "longer").mkdir()
    (tmp_path / "ac").write_text("a file in the place of a folder")
    survey = area.survey(0xAB)

    assert list(survey.files) == ["abcdef00-0000-4000-8000-000000000000"]
    assert survey.foreign == 5
    assert area.survey(0xAC).files == {}


@pytest.mark.parametrize("synchronize", [False, True])
def test_files_come_and_go_in_one_folder_at_once(tmp_path, synchronize):
    area = FilesystemArea(tmp_path, synchronize=synchronize)
    area.open()

    def come_and_go(number):
        for turn in range(100):
            name = f"abcd0000-0000-4000-8000-{number:06}{turn:06}"
            area.create(name, 1, b"content")
            assert area.read(name, 1) == b"content"
            area.remove(name, 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(come_and_go, range(8)))

    assert list(area.names()) == []


def test_a_branch_settles_what_is_its_own_alone(tmp_path):
    main, branch, other = (
        FilesystemArea(tmp_path, branch=name) for name in ("", "front-end-0", "front-end-1")
    )
    for area in (main, branch, other):
        area.open()
    for area, name in ((main, "one"), (branch, "two"), (other, "three")):
        area.staging_path(name).write_bytes(b"half")

    assert main.leftovers() == ("one",)
    assert branch.leftovers() == ("two",)
    branch.discard("two")
    assert other.leftovers() == ("three",)


def test_whoever_opens_the_area_settles_what_all_branches_left(tmp_path):
    branch = FilesystemArea(tmp_path, branch="front-end-0")
    branch.open()
    name = "12345678-0000-4000-8000-000000000000"
    branch.staging_path(name).write_bytes(b"whole")

    main = FilesystemArea(tmp_path)
    main.open()

    assert main.leftovers() == (name,)
    main.finish(name)
    assert main.read(name, 1) == b"whole"
    assert not (tmp_path / ".staging" / "front-end-0").exists()


def test_a_branch_writes_files_that_all_read(tmp_path):
    main, branch = FilesystemArea(tmp_path), FilesystemArea(tmp_path, branch="front-end-0")
    main.open()
    branch.open()
    name = "12345678-0000-4000-8000-000000000000"

    branch.create(name, 1, b"content")

    assert main.read(name, 1) == b"content"
    assert (main.leftovers(), branch.leftovers()) == ((), ())


def test_a_file_in_the_making_is_found_wherever_it_lies(tmp_path):
    branch = FilesystemArea(tmp_path, branch="front-end-0")
    branch.open()
    branch.staging_path("mine").write_bytes(b"x")

    assert staged_file(str(tmp_path), "mine") == str(branch.staging_path("mine"))
    assert staged_file(str(tmp_path), "other") == str(tmp_path / ".staging/er/other")
    assert staged_file(str(tmp_path / "nowhere"), "x") == str(tmp_path / "nowhere/.staging/x/x")
