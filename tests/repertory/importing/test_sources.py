import os
import zipfile

import pytest

from repertory.importing.sources import find


def names(*sources):
    return [item.name for item in find(sources)]


def test_folders_are_searched_in_the_order_of_names(folder):
    assert names(folder) == ["a.dcm", "series/b.dcm", "series/c"]


def test_several_sources_are_told_apart_by_their_names(folder):
    assert names(folder, folder / "series" / "c") == [
        "exam/a.dcm",
        "exam/series/b.dcm",
        "exam/series/c",
        "c/c",
    ]


def test_links_are_followed_but_never_in_circles(folder):
    (folder / "series" / "up").symlink_to(folder)
    (folder / "again").symlink_to(folder / "series")
    (folder / "self").symlink_to(folder / "self")

    items = {item.name: item.fault for item in find([folder])}

    assert sorted(name for name, fault in items.items() if not fault) == [
        "a.dcm",
        "again/b.dcm",
        "again/c",
    ]
    assert items["self"] == "Too many levels of symbolic links"


def test_a_link_to_nothing_is_told(folder):
    (folder / "lost").symlink_to(folder / "nowhere")

    assert {item.name: item.fault for item in find([folder])}["lost"] == "No such file or directory"


def test_pipes_are_not_opened(folder):
    os.mkfifo(folder / "pipe")

    (pipe,) = (item for item in find([folder]) if item.name == "pipe")

    assert pipe.other_kind == "not a regular file"


def test_the_files_of_an_archive_are_items_of_their_own(tmp_path):
    with zipfile.ZipFile(tmp_path / "exam.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("one/a.dcm", b"A" * 1_000)
        archive.mkdir("empty")
        archive.writestr("b.dcm", b"B")

    items = list(find([tmp_path / "exam.zip"]))

    assert [(item.name, item.size) for item in items] == [("one/a.dcm", 1_000), ("b.dcm", 1)]
    for item, content in zip(items, (b"A" * 1_000, b"B"), strict=True):
        with item.open() as stream:
            assert stream.read() == content


def test_archives_within_folders_are_opened_too(folder):
    with zipfile.ZipFile(folder / "more.ZIP", "w") as archive:
        archive.writestr("d.dcm", b"D")

    assert "more.ZIP/d.dcm" in names(folder)


@pytest.mark.parametrize("content", [b"PK\x03\x04 and then nothing", b"PK\x05\x06"])
def test_a_damaged_archive_is_told(tmp_path, content):
    (tmp_path / "bad.zip").write_bytes(content)

    (item,) = find([tmp_path / "bad.zip"])

    assert item.fault.startswith("damaged")


def test_places_tell_files_of_the_same_name_apart(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "exam.zip", "w") as archive:
        archive.writestr("a.dcm", b"A")

    places = [item.place for item in find([folder, tmp_path / "exam.zip"])]

    assert len(set(places)) == len(places) == 4
