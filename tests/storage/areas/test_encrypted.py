import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.building import with_encryption
from repertory.errors import CannotStart, FileCorrupted, StorageFailed
from repertory.storage.areas import FilesystemArea, MemoryArea
from repertory.storage.areas.cipher import Keys
from repertory.storage.areas.encrypted import EncryptedArea

FILE = "abcd0000-0000-4000-8000-000000000000"
OTHER = "abce0000-0000-4000-8000-000000000000"
ONE, TWO = b"\1" * 32, b"\2" * 32


@pytest.fixture
def inner():
    area = MemoryArea()
    area.open()
    yield area
    area.close()


@pytest.fixture
def area(inner):
    return EncryptedArea(inner, Keys({1: ONE}, 1))


def test_what_lies_in_the_area_is_not_what_went_in(area, inner):
    area.create(FILE, 1, b"a patient's name")

    assert b"patient" not in inner.files[FILE]
    assert len(inner.files[FILE]) == 16 + 86
    assert area.size(FILE, 1) == 16


def test_a_file_that_came_in_pieces_is_encrypted_and_nothing_clear_is_left(tmp_path):
    area = EncryptedArea(FilesystemArea(tmp_path), Keys({1: ONE}, 1))
    area.open()
    content = bytes(range(256)) * 20_000
    area.staging_path(FILE).write_bytes(content)
    area.adopt(FILE, 1, area.staging_path(FILE))

    assert area.read(FILE, 1) == content
    assert area.read(FILE, 1, 3_000_001, 70_000) == content[3_000_001:][:70_000]
    stored = (tmp_path / "ab" / "cd" / FILE).read_bytes()
    assert len(stored) == len(content) + 86
    assert content[:64] not in stored
    assert area.leftovers() == ()


@given(
    content=st.binary(max_size=400),
    start=st.integers(0, 450),
    length=st.none() | st.integers(0, 450),
    warm=st.booleans(),
    encrypted=st.booleans(),
)
def test_any_range_is_that_of_the_content(content, start, length, warm, encrypted):
    inner = MemoryArea()
    area = EncryptedArea(inner, Keys({1: ONE}, 1))
    (area if encrypted else inner).create(FILE, 1, content)
    if warm:
        assert area.size(FILE, 1) == len(content)
    end = None if length is None else start + length

    assert area.read(FILE, 1, start, length) == content[start:end]


def test_clear_files_lie_beside_encrypted_ones(area, inner):
    inner.create(OTHER, 1, b"clear, from before")
    area.create(FILE, 1, b"encrypted")

    assert area.read(OTHER, 1) == b"clear, from before"
    assert area.read(OTHER, 1, 7, 4) == b"from"
    assert area.size(OTHER, 1) == 18
    assert area.key_number(OTHER, 1) is None
    assert area.key_number(FILE, 1) == 1


def test_files_under_an_earlier_key_stay_readable(area, inner):
    area.create(FILE, 1, b"old")
    later = EncryptedArea(inner, Keys({1: ONE, 2: TWO}, 2))
    later.create(OTHER, 1, b"new")

    assert later.read(FILE, 1) == b"old"
    assert (later.key_number(FILE, 1), later.key_number(OTHER, 1)) == (1, 2)
    with pytest.raises(StorageFailed, match=f"{OTHER} is encrypted under the key 2, which is not"):
        area.read(OTHER, 1)


def test_encryption_that_was_switched_off_leaves_files_readable(area, inner):
    area.create(FILE, 1, b"encrypted")
    later = EncryptedArea(inner, Keys({1: ONE}, None))
    later.create(OTHER, 1, b"clear")

    assert later.read(FILE, 1) == b"encrypted"
    assert inner.files[OTHER] == b"clear"


def test_a_dicom_file_that_looks_like_an_encrypted_one_is_read_as_it_is(area, inner):
    content = b"A1\xff\0\0\0" + bytes(122) + b"DICM" + bytes(100)
    inner.create(FILE, 1, content)

    assert area.read(FILE, 1) == content
    assert area.size(FILE, 1) == len(content)


@pytest.mark.parametrize("place", [6, 40, 70, -1])
def test_a_file_that_was_changed_is_corrupted(area, inner, place):
    area.create(FILE, 1, b"some content")
    changed = bytearray(inner.files[FILE])
    changed[place] ^= 1
    inner.files[FILE] = bytes(changed)

    with pytest.raises(FileCorrupted):
        area.read(FILE, 1)
    with pytest.raises(FileCorrupted):
        area.read(FILE, 1, 0, 12)


def test_a_survey_tells_what_files_had_before_they_were_encrypted(area):
    area.create(FILE, 1, b"12345")

    assert area.survey(0xAB).files[FILE].size == 5


def test_a_key_that_cannot_be_used_is_refused_with_all_that_is_wrong(key_files, tmp_path):
    section = key_files(1, 2, 3)
    (tmp_path / "keys" / "1").unlink()
    (tmp_path / "keys" / "2").write_text("???")
    (tmp_path / "keys" / "3").write_text("c2VjcmV0")
    with pytest.raises(CannotStart) as refusal:
        with_encryption(MemoryArea(), section)

    text = str(refusal.value)
    assert "MasterKey" in text
    assert "No such file" in text
    assert "is not base64" in text
    assert "must hold 32 bytes in base64, not 6" in text
    assert "c2VjcmV0" not in text


def test_clear_and_encrypted_objects_lie_in_one_bucket(make_store, key_files):
    clear = make_store("AwsS3Storage")
    encrypting = make_store("AwsS3Storage", storage_encryption=key_files(1))
    clear.open()
    encrypting.open()
    clear.create(FILE, 1, b"clear")
    encrypting.create(OTHER, 1, b"encrypted")

    assert encrypting.read(FILE, 1) == b"clear"
    assert encrypting.read(OTHER, 1) == b"encrypted"
    survey = encrypting.survey(0xAB)
    assert {name: file.size for name, file in survey.files.items()} == {FILE: 5, OTHER: 9}
    assert survey.foreign == 0
    encrypting.remove_many([(FILE, 1), (OTHER, 1)])
    assert list(encrypting.names()) == []


def test_names_of_files_are_those_of_the_area(area):
    names = {str(uuid.uuid4()) for _ in range(3)}
    for name in names:
        area.create(name, 1, b"x")

    assert set(area.names()) == names
