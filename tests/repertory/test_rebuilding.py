import json
import os
import uuid
from dataclasses import replace

import pytest

from repertory import Repertory, Settings, cli
from repertory.actors.messages.attachments import DescribeAttachment, ReadAttachment
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import DescribeResources
from repertory.actors.messages.system import DescribeTotals
from repertory.errors import CannotStart, FileCorrupted
from repertory.model import Compression, Level
from repertory.rebuild import WORK_FOLDER, Rebuild
from repertory.storage import describing
from repertory.storage.areas import FilesystemArea
from repertory.storage.compression import compress
from repertory.storage.describing import describe_file
from repertory.testing.files import make_dicom, make_study


@pytest.fixture
def options(tmp_path):
    return Settings(storage_directory=str(tmp_path / "files"), http_server_enabled=False)


@pytest.fixture
def area(tmp_path):
    area = FilesystemArea(tmp_path / "files")
    area.open()
    return area


@pytest.fixture
def config(options, tmp_path):
    path = tmp_path / "repertory.json"
    path.write_text(json.dumps({"StorageDirectory": "files"}))
    return path


def fill(options, *contents):
    with Repertory(options) as archive:
        for content in contents or [*make_study(series=2, instances=4), make_dicom()]:
            archive.ask(StoreInstance(content=content))
        return described(archive)


def described(archive):
    """All that an index made anew should say as the old one did."""
    resources = []
    for level in Level:
        for it in archive.ask(DescribeResources(level=level)):
            same = replace(it, metadata={}, is_stable=True, children=tuple(sorted(it.children)))
            resources.append(same)
    return sorted(resources, key=lambda it: (it.level, it.id)), archive.ask(DescribeTotals())


def place(area, content):
    name = str(uuid.uuid4())
    area.create(name, 1, content)
    return name


def index_of(options):
    return os.path.join(options.storage_directory, "repertory.db")  # noqa: PTH118


def test_an_index_made_anew_says_what_the_old_one_said(options):
    before = fill(options)
    os.unlink(index_of(options))  # noqa: PTH108
    rebuilt = Rebuild(options, threads=3).run()

    assert (rebuilt.recorded, rebuilt.backup) == (9, "")
    assert not rebuilt.skipped + rebuilt.duplicates + rebuilt.unreadable
    with Repertory(options) as archive:
        assert described(archive) == before
        instance = archive.ask(DescribeResources(level=Level.INSTANCE))[0].id
        assert archive.ask(ReadAttachment(level=Level.INSTANCE, id=instance)).content


def test_the_old_index_is_kept(options, tmp_path):
    fill(options)
    old = (tmp_path / "files" / "repertory.db").read_bytes()
    rebuilt = Rebuild(options, threads=1).run()

    assert (tmp_path / "files" / rebuilt.backup).read_bytes() == old
    assert not (tmp_path / "files" / WORK_FOLDER).exists()
    again = Rebuild(options, threads=1).run()
    assert again.recorded == 9
    assert again.backup != rebuilt.backup


def test_no_file_is_lost_by_a_rebuild(options, area, tmp_path):
    fill(options)
    place(area, b"not DICOM")
    before = sorted(area.names())
    Rebuild(options, threads=2).run()
    fill(options, make_dicom())

    assert set(before) < set(area.names())


def test_what_is_no_dicom_file_is_skipped_and_what_is_damaged_is_told(options, area):
    good = place(area, make_dicom())
    text = place(area, b"a user's attachment")
    empty = place(area, b"")
    broken = place(area, make_dicom()[:2000])
    rebuilt = Rebuild(options, threads=2).run()

    assert rebuilt.recorded == 1
    assert sorted(rebuilt.skipped) == sorted([text, empty])
    assert rebuilt.unreadable == [broken]
    assert set(area.names()) == {good, text, empty, broken}


def test_of_two_files_with_one_instance_the_older_one_is_taken(options, area, tmp_path):
    content = make_dicom()
    names = [place(area, content) for _ in range(3)]
    for age, name in enumerate(names):
        path = tmp_path / "files" / name[:2] / name[2:4] / name
        os.utime(path, (1e9 - age, 1e9 - age))
    rebuilt = Rebuild(options, threads=2).run()

    assert rebuilt.recorded == 1
    assert rebuilt.duplicates == [names[1], names[0]]


@pytest.mark.parametrize("form", [Compression.ZLIB_WITH_SIZE, Compression.ZSTANDARD])
@pytest.mark.parametrize("size", [20_000, 9 << 20])
def test_compressed_files_are_known_by_their_beginning(options, area, form, size):
    content = make_dicom(size=size)
    packed = compress(content, form, level=1, head=300)
    place(area, packed)
    place(area, compress(make_dicom(), form, level=1)[:-100])
    rebuilt = Rebuild(options, threads=1).run()

    assert (rebuilt.recorded, len(rebuilt.unreadable)) == (1, 1)
    with Repertory(options) as archive:
        (instance,) = archive.ask(DescribeResources(level=Level.INSTANCE))
        question = DescribeAttachment(level=Level.INSTANCE, id=instance.id)
        attachment = archive.ask(question).attachment
    assert attachment.compression is form
    assert attachment.uncompressed_size == len(content)
    assert attachment.compressed_size == len(packed)


@pytest.mark.parametrize("form", [Compression.ZLIB_WITH_SIZE, Compression.ZSTANDARD])
def test_a_large_compressed_file_is_described_as_a_small_one_is(tmp_path, form, monkeypatch):
    content = make_dicom(size=5 << 20)
    path = tmp_path / "file"
    path.write_bytes(compress(content, form, level=1, head=300))
    in_memory = describe_file(path, "", keep_md5=True)
    monkeypatch.setattr(describing, "_IN_MEMORY", 1000)

    assert describe_file(path, "", keep_md5=True) == in_memory
    assert in_memory[1].uncompressed_size == len(content)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileCorrupted):
        describe_file(path, "", keep_md5=True)


def test_an_interrupted_run_is_gone_on_with(options):
    before = fill(options, *make_study(series=1, instances=20))
    old = index_of(options)

    def interrupt(what, done, _total):
        if what == "recording" and done == 12:
            raise KeyboardInterrupt

    import repertory.rebuild as module  # noqa: PLC0415 - to commit after a few

    module.GROUP, kept = 5, module.GROUP
    try:
        with pytest.raises(KeyboardInterrupt):
            Rebuild(options, threads=2, tell=interrupt).run()
        assert os.path.exists(old)  # noqa: PTH110
        rebuilt = Rebuild(options, threads=2).run()
    finally:
        module.GROUP = kept

    assert (rebuilt.recorded_before, rebuilt.recorded) == (10, 10)
    with Repertory(options) as archive:
        assert described(archive) == before


def test_a_file_that_a_power_cut_left_behind_is_put_in_its_place(options, area):
    content = make_dicom()
    name = str(uuid.uuid4())
    area.staging_path(name).write_bytes(content)
    area.staging_path(str(uuid.uuid4())).write_bytes(content[:500])
    rebuilt = Rebuild(options, threads=1).run()

    assert rebuilt.recorded == 1
    assert list(area.names()) == [name]
    assert len(area.leftovers()) == 1


def test_while_a_server_runs_nothing_is_rebuilt(options):
    with Repertory(options), pytest.raises(CannotStart, match="Another Repertory"):
        Rebuild(options, threads=1).run()


def test_the_command_tells_what_it_did(options, config, tmp_path, capsys):
    fill(options)
    area = FilesystemArea(tmp_path / "files")
    text = place(area, b"text")

    assert cli.main(["rebuild", "--json", str(tmp_path / "out.json"), str(config)]) == 0
    out = capsys.readouterr().out
    assert "9 files recorded." in out
    assert text in out
    assert "The old index is kept as repertory-before-" in out
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["Recorded"], report["Skipped"]) == (9, [text])
    broken = place(area, make_dicom()[:2000])
    assert cli.main(["rebuild", str(config)]) == 1
    assert broken in capsys.readouterr().out


def test_without_a_storage_directory_nothing_is_made(config, tmp_path, capsys):
    assert cli.main(["rebuild", str(config)]) == 2
    assert "There is no storage directory" in capsys.readouterr().err
    assert not (tmp_path / "files").exists()
