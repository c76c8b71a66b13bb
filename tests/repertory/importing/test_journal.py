import os

from hypothesis import given
from hypothesis import strategies as st

from repertory.importing.journal import Journal, default_path
from repertory.importing.sources import Item

ITEM = Item(name="a", place="a", size=3, mtime_ns=5)


def test_what_was_acknowledged_is_known_the_next_time(tmp_path):
    with Journal(tmp_path / "deep" / "journal") as journal:
        assert ITEM not in journal
        journal.add(ITEM, "id-1")

    with Journal(tmp_path / "deep" / "journal") as journal:
        assert ITEM in journal
        assert (len(journal), journal.last_id) == (1, "id-1")


def test_a_file_that_was_changed_is_another(tmp_path):
    with Journal(tmp_path / "journal") as journal:
        journal.add(ITEM, "id-1")

    with Journal(tmp_path / "journal") as journal:
        assert Item(name="a", place="a", size=4, mtime_ns=5) not in journal
        assert Item(name="a", place="a", size=3, mtime_ns=6) not in journal
        assert Item(name="a", place="b", size=3, mtime_ns=5) not in journal


def test_a_journal_can_be_begun_anew(tmp_path):
    with Journal(tmp_path / "journal") as journal:
        journal.add(ITEM, "id-1")

    with Journal(tmp_path / "journal", forget=True) as journal:
        assert ITEM not in journal


@given(cut=st.integers(min_value=0, max_value=400), names=st.lists(st.text(), max_size=4))
def test_a_torn_end_costs_one_line_at_most(tmp_path_factory, cut, names):
    path = tmp_path_factory.mktemp("torn") / "journal"
    items = [Item(name="", place=name, size=at) for at, name in enumerate(names)]
    with Journal(path) as journal:
        for item in items:
            journal.add(item, "id")
    os.truncate(path, max(path.stat().st_size - cut, 0))
    whole = path.read_bytes().count(b"\n")

    with Journal(path) as journal:
        # The very last end of a line may be missing from a line that is whole.
        assert len(journal) in (whole, whole + 1)
        journal.add(ITEM, "id")
    with Journal(path) as journal:
        assert ITEM in journal
        assert len(journal) in (whole + 1, whole + 2)


def test_names_that_are_not_unicode_are_kept_apart(tmp_path):
    item = Item(name="", place=os.fsdecode(b"caf\xe9"))
    with Journal(tmp_path / "journal") as journal:
        journal.add(item, "id")

    with Journal(tmp_path / "journal") as journal:
        assert item in journal


def test_each_server_and_source_has_a_journal_of_its_own(tmp_path, state):
    one = default_path("http://one", [tmp_path / "a"])

    assert one.parent == state
    assert one == default_path("http://one", [tmp_path / "x" / ".." / "a"])
    assert one != default_path("http://two", [tmp_path / "a"])
    assert one != default_path("http://one", [tmp_path / "a", tmp_path / "b"])
