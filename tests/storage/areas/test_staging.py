"""The staging folders of nodes that share a storage."""

from repertory.storage.areas.staging import gather_leftovers


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def test_what_the_dead_left_is_taken_over_and_what_the_living_write_is_left_alone(tmp_path):
    for name in (
        "dead/ab/a",
        "dead.front-end-0/b",
        "alive/c",
        "alive.front-end-0/d",
        "mine/e",
        "f",
    ):
        put(tmp_path / name)

    found = gather_leftovers(tmp_path, "mine", lambda: {"alive"})

    assert found == ("a", "b", "f")
    assert {it.name for it in tmp_path.iterdir()} == {"alive", "alive.front-end-0", "mine"}
    assert {it.name for it in (tmp_path / "mine").iterdir()} == {"a", "b", "e", "f"}
    assert gather_leftovers(tmp_path, "mine", lambda: {"alive"}) == ()


def test_a_node_that_begins_while_others_look_keeps_its_folder(tmp_path):
    put(tmp_path / "mine" / "a")

    def living():
        put(tmp_path / "new" / "b")
        return set()

    assert gather_leftovers(tmp_path, "mine", living) == ()
    assert (tmp_path / "new" / "b").exists()
