from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.deletion import LAST_RETRY, ReleasedFile, retry_delay
from repertory.model import Level

NOON = 1_800_000_000.0


@pytest.fixture
def released(group, made_up):
    """Release files of these sizes, each a second after the one before."""

    def release(*sizes):
        for second, size in enumerate(sizes):
            with group(NOON + second) as writer:
                writer.release(made_up.a_file(size=size))

    return release


def test_a_file_without_owner_is_listed(group, reader, made_up):
    file = made_up.a_file(size=100, disk=70)
    with group() as writer:
        writer.release(file)

    assert reader.list_released(10) == (ReleasedFile(1, file.uuid, 1, 70),)
    assert reader.count_released() == 1


def test_files_are_listed_in_the_order_of_their_release(group, reader, made_up):
    files = [made_up.a_file(content_type=number) for number in (3, 1, 2)]
    with group() as writer:
        for file in files:
            writer.release(file)

    assert [file.uuid for file in reader.list_released(2)] == [file.uuid for file in files[:2]]
    assert [file.content_type for file in reader.list_released(0)] == [3, 1, 2]


def test_a_removed_file_is_forgotten_and_forgetting_twice_does_no_harm(group, reader, made_up):
    with group() as writer:
        for _ in range(3):
            writer.release(made_up.a_file())
    for _ in range(2):
        with group() as writer:
            writer.forget_released([1, 3, 99])

    assert [file.number for file in reader.list_released(0)] == [2]


def test_numbers_are_not_given_twice(group, reader, made_up, engine):
    with group() as writer:
        writer.release(made_up.a_file())
    with group() as writer:
        writer.forget_released([1])
    with group() as writer:
        writer.release(made_up.a_file())

    assert [file.number for file in reader.list_released(0)] == [2]


def test_forgetting_nothing_does_nothing(group, reader, made_up):
    with group() as writer:
        writer.release(made_up.a_file())
        writer.forget_released([])

    assert reader.count_released() == 1


def test_all_files_of_a_deleted_series_are_released(group, delete, reader, made_up):
    records = [made_up.an_instance("P", "1", "1", str(n), disk=n) for n in range(50)]
    with group() as writer:
        for record in records:
            writer.record_instance(**record)
    delete(Level.SERIES, made_up.public_id("P", "1", "1"))

    expected = [(record["attachment"].uuid, size) for size, record in enumerate(records)]
    assert [(file.uuid, file.size) for file in reader.list_released(0)] == expected


def test_what_waits_is_added_up_and_told_with_its_oldest(released, group, reader):
    released(10, 20, 30)
    assert reader.describe_backlog().oldest == NOON
    with group() as writer:
        writer.forget_released([1])
    backlog = reader.describe_backlog()

    assert (backlog.files, backlog.size, backlog.last, backlog.failed) == (2, 50, 3, 0)
    assert backlog.oldest == NOON + 1


def test_nothing_waits_in_a_new_index(reader):
    backlog = reader.describe_backlog()

    assert (backlog.files, backlog.size, backlog.last, backlog.oldest) == (0, 0, 0, None)
    assert not backlog.is_paused


def test_files_after_a_number_are_listed(released, reader):
    released(1, 2, 3, 4)

    assert [file.number for file in reader.list_released(2, after=1)] == [2, 3]


def test_files_of_some_storages_are_left_out(group, reader, made_up):
    for location in (0, 2, 3, 2, 0):
        with group() as writer:
            writer.release(replace(made_up.a_file(), location=location))
    with group() as writer:
        writer.record_failed_removals([(1, "a"), (2, "b"), (3, "c")], NOON)

    assert [it.number for it in reader.list_released(9, without=(2,))] == [1, 3, 5]
    assert [it.number for it in reader.list_released(9, after=1, without=(2, 3))] == [5]
    failures = reader.list_failed_removals(9, 9, without=(2, 7))
    assert [it.file.number for it in failures] == [1, 3]


def test_files_that_failed_are_left_out_up_to_a_number(released, group, reader):
    released(1, 2, 3, 4, 5)
    with group() as writer:
        writer.record_failed_removals([(2, "a"), (4, "b")], NOON)

    def listed(**which):
        return [it.number for it in reader.list_released(9, **which)]

    assert listed(tried=3) == [1, 3, 4, 5]
    assert listed(after=2, tried=5) == [3, 5]
    assert listed(after=3, tried=3) == [4, 5]


def test_failures_are_counted_and_due_ever_later(released, group, reader):
    released(1, 2)
    for attempt in (1, 2, 3):
        with group() as writer:
            writer.record_failed_removals([(2, f"reason {attempt}")], NOON)
    (failure,) = reader.describe_backlog(failures=10).failures

    assert (failure.attempts, failure.reason, failure.failed_at) == (3, "reason 3", NOON)
    assert failure.due == NOON + 4
    assert reader.describe_backlog().failures == ()
    assert reader.describe_backlog().failed == 1


def test_a_failure_goes_with_its_file_and_one_without_a_file_is_passed_over(
    released, group, reader
):
    released(1)
    with group() as writer:
        writer.record_failed_removals([(1, "stuck"), (99, "unknown")], NOON)
    assert reader.describe_backlog().failed == 1
    with group() as writer:
        writer.forget_released([1])

    assert reader.describe_backlog(failures=9).failures == ()
    assert reader.describe_backlog().failed == 0


def test_the_first_due_failure_comes_first_and_only_due_ones_if_that_is_asked(
    released, group, reader
):
    released(1, 2, 3)
    with group() as writer:
        writer.record_failed_removals([(1, "a")], NOON + 10)
        writer.record_failed_removals([(2, "b")], NOON)
        writer.record_failed_removals([(3, "c")], NOON + 5)

    def listed(**which):
        return [it.file.number for it in reader.list_failed_removals(**which)]

    assert listed(up_to=3, limit=9) == [2, 3, 1]
    assert listed(up_to=3, limit=1) == [2]
    assert listed(up_to=2, limit=9) == [2, 1]
    assert listed(up_to=3, limit=9, due=NOON + 6.5) == [2, 3]


def test_a_clock_that_was_set_back_postpones_no_retry_for_long(released, group, reader):
    released(1)
    with group() as writer:
        writer.record_failed_removals([(1, "a")], NOON + 86_400)

    assert len(reader.list_failed_removals(up_to=1, limit=1, due=NOON)) == 1


def test_a_pause_is_remembered(group, reader):
    for paused in (True, False):
        with group() as writer:
            writer.record_pause(is_paused=paused)
        assert reader.describe_backlog().is_paused is paused


@given(st.integers(1, 10**6))
def test_the_delay_never_shrinks_and_never_exceeds_the_longest(attempts):
    assert 0 < retry_delay(attempts) <= retry_delay(attempts + 1) <= LAST_RETRY
