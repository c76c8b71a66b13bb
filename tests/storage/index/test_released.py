from repertory.model import Level, ReleasedFile


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
