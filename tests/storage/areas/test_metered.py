from repertory.storage.areas.memory import MemoryArea
from repertory.storage.areas.metered import metered

UUID = "11111111-2222-4333-8444-555555555555"


class TellsSums(MemoryArea):
    """An area that tells the sum of what it received, as S3 does."""

    def create(self, uuid, content_type, content):
        super().create(uuid, content_type, content)
        return f"sum of {content.decode()}"


def test_each_operation_is_noted_with_its_bytes():
    noted = []
    area = metered(MemoryArea(), lambda name, _, size: noted.append((name, size)))
    area.open()
    path = area.staging_path(UUID)
    path.write_bytes(b"12345")

    area.create(UUID, 1, b"content")
    area.read(UUID, 1, 0, 4)
    area.remove(UUID, 1)
    area.adopt(UUID, 1, path)
    area.remove_many([(UUID, 1)])
    area.close()

    assert noted == [("create", 7), ("read", 4), ("remove", 0), ("create", 5), ("remove", 0)]


def test_what_the_area_says_of_what_it_received_is_handed_on():
    # Whoever moves a file reads it back unless the place tells its sum.
    area = metered(TellsSums(), lambda *_: None)

    assert area.create(UUID, 1, b"content") == "sum of content"
