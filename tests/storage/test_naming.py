import uuid

from repertory.storage.naming import TOGETHER, NeighbouringNames


def test_names_are_random_uuids_that_share_a_folder_for_a_while():
    make = NeighbouringNames()
    names = [make() for _ in range(100 * TOGETHER)]

    assert len(set(names)) == len(names)
    assert {uuid.UUID(name).version for name in names} == {4}
    assert all(str(uuid.UUID(name)) == name for name in names)
    rows = [names[start : start + TOGETHER] for start in range(0, len(names), TOGETHER)]
    assert all(len({name[:4] for name in row}) == 1 for row in rows)
    # A hundred of 65,536 folders: that many are not the same by chance.
    assert len({row[0][:4] for row in rows}) > 90


def test_how_many_share_a_folder_can_be_said():
    make = NeighbouringNames(together=2)

    one, two, three = (make()[:4] for _ in range(3))

    assert one == two
    assert {make()[:4] for _ in range(1)} == {three}
