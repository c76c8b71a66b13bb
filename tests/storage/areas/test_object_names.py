import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.storage.areas.naming import Named, ObjectNames

UUID = "0123abcd-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("content_type", "extension"),
    [(0, ".unk"), (1, ".dcm"), (2, ".json"), (3, ".dcm.head"), (1024, ".unk")],
)
def test_flat_names_have_the_extension_of_the_content_type(content_type, extension):
    assert ObjectNames().new(UUID, content_type) == UUID + extension
    assert ObjectNames(root="a/b").new(UUID, content_type) == f"a/b/{UUID}{extension}"
    assert ObjectNames(root="a/").new(UUID, content_type) == f"a/{UUID}{extension}"
    encrypted = ObjectNames(encrypted=True, mixed=True)
    assert encrypted.new(UUID, content_type) == f"{UUID}{extension}.enc"


@pytest.mark.parametrize("encrypted", [False, True])
def test_legacy_names_have_no_extension_even_if_encrypted(encrypted):
    names = ObjectNames(root="dicom", legacy=True, encrypted=encrypted, mixed=encrypted)

    assert list(names.candidates(UUID, 1)) == [f"dicom/01/23/{UUID}"]
    assert list(names.all_candidates(UUID)) == [f"dicom/01/23/{UUID}"]


def test_the_old_name_of_beginnings_is_tried_only_where_that_is_wanted():
    assert list(ObjectNames().candidates(UUID, 3)) == [f"{UUID}.dcm.head"]
    assert list(ObjectNames(unknown_heads=True).candidates(UUID, 3)) == [
        f"{UUID}.dcm.head",
        f"{UUID}.unk",
    ]
    assert list(ObjectNames(unknown_heads=True).candidates(UUID, 1)) == [f"{UUID}.dcm"]


def test_where_clear_and_encrypted_files_lie_together_both_names_are_tried():
    names = ObjectNames(encrypted=True, mixed=True)
    assert list(names.candidates(UUID, 1)) == [f"{UUID}.dcm.enc", f"{UUID}.dcm"]
    names = ObjectNames(encrypted=False, mixed=True)
    assert list(names.candidates(UUID, 1)) == [f"{UUID}.dcm", f"{UUID}.dcm.enc"]


@given(
    uuid=st.uuids().map(str),
    kind=st.integers(0, 65535),
    names=st.builds(
        ObjectNames,
        root=st.sampled_from(["", "a", "a/b"]),
        legacy=st.booleans(),
        encrypted=st.booleans(),
        mixed=st.booleans(),
    ),
)
def test_a_name_is_read_as_what_it_was_made_from(uuid, kind, names):
    made = names.new(uuid, kind)

    assert names.read(made) == Named(uuid, None if names.legacy else names.encrypted)
    assert made in list(names.all_candidates(uuid))
    assert names.is_aside(names.aside(made))
    assert not names.is_aside(made)


@pytest.mark.parametrize(
    "name",
    [
        "note.txt",
        UUID,
        f"{UUID}.exe",
        f"{UUID.upper()}.dcm",
        f"deeper/{UUID}.dcm",
        f"01/23/{UUID}",
        f"lost-and-found/{UUID}.dcm",
    ],
)
def test_other_names_are_none_of_ours(name):
    assert ObjectNames().read(name) is None


@pytest.mark.parametrize("name", [UUID, f"01/24/{UUID}", f"01/{UUID}", f"01/23/4/{UUID}"])
def test_other_places_are_none_of_ours(name):
    assert ObjectNames(legacy=True).read(name) is None
