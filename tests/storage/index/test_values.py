"""Values by name, each in the store of whoever keeps it."""

STORE, OTHER = "worklists", "commitments"


def test_a_store_without_values_is_empty(reader):
    assert reader.list_values(STORE) == {}
    assert reader.describe_value(STORE, "one") is None


def test_values_are_kept_by_name_and_by_store(group, reader):
    with group() as writer:
        writer.record_value(STORE, "two", "2")
        writer.record_value(STORE, "one", "1 \u00fc \u65e5")
        writer.record_value(OTHER, "one", "x" * 100_000)

    assert list(reader.list_values(STORE).items()) == [("one", "1 \u00fc \u65e5"), ("two", "2")]
    assert reader.describe_value(OTHER, "one") == "x" * 100_000


def test_a_value_takes_the_place_of_the_one_before(group, reader):
    for value in ("1", "2"):
        with group() as writer:
            writer.record_value(STORE, "one", value)

    assert reader.list_values(STORE) == {"one": "2"}


def test_a_value_is_forgotten_once(group, reader):
    with group() as writer:
        writer.record_value(STORE, "one", "1")
    with group() as writer:
        assert writer.forget_value(STORE, "one")
        assert not writer.forget_value(STORE, "one")
        assert not writer.forget_value(OTHER, "one")

    assert reader.list_values(STORE) == {}


def test_what_is_rolled_back_is_not_kept(writer, reader):
    writer.begin()
    writer.record_value(STORE, "one", "1")
    writer.rollback()

    assert reader.list_values(STORE) == {}
