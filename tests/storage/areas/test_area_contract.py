"""What every storage area promises."""

import random
import threading
import uuid

import pytest

from repertory.errors import FileLost


def name():
    return str(uuid.uuid4())


def test_a_file_is_read_as_it_was_written(area):
    file = name()
    area.create(file, 1, b"hello")

    assert area.read(file, 1) == b"hello"
    assert area.size(file, 1) == 5


def test_an_empty_file_is_a_file(area):
    file = name()
    area.create(file, 1, b"")

    assert area.read(file, 1) == b""
    assert list(area.names()) == [file]


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, None, b"0123456789"), (3, 4, b"3456"), (8, 100, b"89"), (10, 1, b""), (50, None, b"")],
)
def test_a_range_ends_where_the_file_ends(area, start, length, expected):
    file = name()
    area.create(file, 1, b"0123456789")

    assert area.read(file, 1, start, length) == expected


def test_a_staged_file_is_adopted_and_gone_from_its_place(area):
    file = name()
    staged = area.staging_path(file)
    staged.write_bytes(b"in pieces")
    area.adopt(file, 1, staged)

    assert not staged.exists()
    assert area.read(file, 1) == b"in pieces"


def test_a_missing_file_is_lost(area):
    with pytest.raises(FileLost):
        area.read(name(), 1)
    with pytest.raises(FileLost):
        area.size(name(), 1)


def test_many_are_removed_at_once_whether_they_are_there_or_not(area):
    files = [name() for _ in range(12)]
    for file in files[:10]:
        area.create(file, 1, b"x")
    area.remove_many([(file, 1) for file in files[3:]])
    area.remove_many([])

    assert sorted(area.names()) == sorted(files[:3])


def test_a_large_staged_file_arrives_whole(area):
    file = name()
    content = random.Random(1).randbytes((12 << 20) + 7)
    staged = area.staging_path(file)
    staged.write_bytes(content)
    area.adopt(file, 1, staged)

    assert area.size(file, 1) == len(content)
    assert area.read(file, 1) == content
    assert area.read(file, 1, 5 << 20, 100) == content[5 << 20 :][:100]


def test_a_file_of_a_type_that_nobody_knows_any_more_is_still_measured(area):
    file = name()
    area.create(file, 3, b"hello")

    assert area.size(file, 0) == 5


@pytest.mark.parametrize("content_type", [0, 1, 2, 3, 1024, 65535])
def test_files_of_every_type_are_kept(area, content_type):
    file = name()
    area.create(file, content_type, b"content")

    assert area.read(file, content_type) == b"content"
    assert list(area.names()) == [file]
    area.remove(file, content_type)
    assert list(area.names()) == []


def test_what_a_crash_left_is_settled_by_the_next_start(area):
    kept, dropped = name(), name()
    for file in (kept, dropped):
        area.staging_path(file).write_bytes(b"content")
    area.adopt(kept, 1, area.staging_path(kept))

    assert kept not in area.leftovers()
    area.discard(dropped)
    area.discard(name())
    assert area.leftovers() == ()
    assert list(area.names()) == [kept]


def test_removing_twice_does_no_harm(area):
    file, other = name(), name()
    area.create(file, 1, b"x")
    area.create(other, 1, b"y")
    area.remove(file, 1)
    area.remove(file, 1)

    assert list(area.names()) == [other]


def test_many_threads_may_write_and_remove_at_once(area):
    kept, failures = [], []

    def work():
        try:
            for number in range(40):
                # The same two folders for all, so that making and removing them meet.
                file = "abcd" + name()[4:]
                area.create(file, 1, b"%d" % number)
                if number % 2:
                    area.remove(file, 1)
                else:
                    kept.append(file)
        except Exception as error:  # noqa: BLE001 - told by the assertion
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert sorted(area.names()) == sorted(kept)


def test_a_survey_tells_the_files_of_one_outer_folder(area):
    files = [f"ab{number:06x}-0000-4000-8000-000000000000" for number in (0, 1 << 20, 7)]
    for length, file in enumerate(files):
        area.create(file, 1, b"x" * length)
    area.create("ac000000-0000-4000-8000-000000000000", 1, b"elsewhere")
    survey = area.survey(0xAB)

    assert {uuid: file.size for uuid, file in survey.files.items()} == {
        file: length for length, file in enumerate(files)
    }
    assert all(-1 < file.age < 60 for file in survey.files.values())
    assert survey.foreign == 0
    assert area.survey(0x01).files == {}


def test_what_is_set_aside_is_in_the_area_no_more(area):
    file, other = name(), name()
    area.create(file, 1, b"hello")
    area.create(other, 1, b"world")

    assert area.set_aside(file)
    assert not area.set_aside(file)
    assert list(area.names()) == [other]
    with pytest.raises(FileLost):
        area.read(file, 1)


def test_a_probe_leaves_nothing(area):
    area.create(file := name(), 1, b"hello")

    area.probe()

    assert list(area.names()) == [file]
    assert area.leftovers() == ()
