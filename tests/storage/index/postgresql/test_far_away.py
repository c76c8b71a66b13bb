"""A database far away: how often a question waits for the network."""

from itertools import count, islice

import pytest

from repertory.model import Level

LEVELS = list(Level)
DELAY = 0.01
"""Seconds each way: twenty milliseconds there and back."""

LONG_DELAY = 0.3
"""Seconds each way, longer than a loaded machine lets a process rest."""


@pytest.fixture
def far(proxy, opened, keep, made_up):
    """A reader, far from an archive with something of everything."""
    writer, reader = opened(through=proxy)
    for number in range(3):
        keep(writer, "P", "1", "1.1", f"1.1.{number}", place=number + 1, expected=3)
    ids = made_up.ids_of("P", "1", "1.1", "1.1.0")
    writer.begin()
    for level in LEVELS:
        writer.add_label(level, ids.at(level), "seen")
        writer.set_metadata(level, ids.at(level), 1024, "x", expected=None, now=0.0)
        file = made_up.a_file(content_type=1025)
        writer.replace_attachment(level, ids.at(level), file, expected=None, now=0.0)
    writer.commit()
    # Statements are prepared when they come again.
    for _ in range(2):
        reader.describe_totals()
    proxy.delay = DELAY
    return reader, ids


def trips(proxy, ask):
    before = proxy.trips
    ask()
    return proxy.trips - before


def is_near(proxy, ask):
    """Whether it waits twice at most.

    A client that has to rest between two parts of what it says, for longer than the way there and
    back, looks like one that waits. So whatever seems far is asked again over a longer way: who
    waits is seen to wait there, too.
    """
    if trips(proxy, ask) <= 2:
        return True
    proxy.delay = LONG_DELAY
    try:
        return trips(proxy, ask) <= 2
    finally:
        proxy.delay = DELAY


READS = {
    "describe": lambda reader, level, id_: reader.describe_resource(level, id_),
    "statistics": lambda reader, level, id_: reader.describe_statistics(level, id_),
    "metadata": lambda reader, level, id_: reader.list_metadata(level, id_),
    "one metadata": lambda reader, level, id_: reader.describe_metadata(level, id_, 1024),
    "labels": lambda reader, level, id_: reader.list_labels(level, id_),
    "attachments": lambda reader, level, id_: reader.list_attachments(level, id_),
    "an attachment": lambda reader, level, id_: reader.describe_attachment(level, id_, 1025),
    "its stability": lambda reader, level, id_: reader.describe_unstable(level, id_),
}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("read", READS)
def test_a_read_of_a_resource_waits_twice_at_most(proxy, far, read, level):
    reader, ids = far

    for _ in range(3):
        assert is_near(proxy, lambda: READS[read](reader, level, ids.at(level)))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("at", LEVELS)
def test_parents_and_children_are_as_near(proxy, far, level, at):
    reader, ids = far
    asks = []
    if at >= level:
        asks.append(lambda: reader.list_children(level, ids.at(level), at))
        asks.append(lambda: reader.describe_children(level, ids.at(level), at))
    if at <= level:
        asks.append(lambda: reader.describe_parent(level, ids.at(level), at))

    for ask in asks:
        assert is_near(proxy, ask)


def test_lists_and_logs_are_as_near(proxy, far):
    reader, _ = far

    for ask in (
        lambda: reader.describe_resources(Level.STUDY, 0, 0),
        lambda: reader.list_resources(Level.INSTANCE, 0, 2),
        lambda: reader.lookup_identifier("P"),
        lambda: reader.list_changes(0, None, 100, ()),
        reader.describe_last_change,
        reader.describe_totals,
        reader.list_all_labels,
    ):
        assert is_near(proxy, ask)


def test_a_group_of_new_instances_is_one_way_there_and_back(proxy, opened, keep, made_up):
    writer, reader = opened(through=proxy)
    keep(writer, "P", "1", "1.1", "1.1.0")
    proxy.delay = DELAY

    numbers = count(1)

    def record():
        writer.begin(is_repeatable=True)
        for number in islice(numbers, 20):
            writer.record_instance(**made_up.an_instance("P", "1", "1.1", f"1.1.{number}"))
        writer.commit()

    assert is_near(proxy, record)
    assert reader.describe_totals().instances == next(numbers)


def test_a_proxy_counts_what_is_waited_for(proxy, far):
    """The test of the test: a read in three steps is seen to be one, over any way."""
    reader, ids = far

    def in_steps():
        with reader._state as db:
            for _ in range(3):
                db.all("SELECT id FROM resources WHERE level = ?", (1,))

    assert trips(proxy, in_steps) >= 3
    assert not is_near(proxy, in_steps)
    assert is_near(proxy, lambda: reader.describe_resource(Level.STUDY, ids.study))
