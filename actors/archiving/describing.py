"""How much there is of resources, before an archive of them is made."""

from repertory.actors.messages.finding import DescribeMany
from repertory.actors.messages.resources import DescribeStatistics
from repertory.actors.reply import Reply, gather
from repertory.actors.switchboard import Switchboard
from repertory.model import Level, ResourceDescription, ResourceId, ResourceStatistics


def total_of(
    board: Switchboard, ids: tuple[ResourceId, ...], level: Level | None
) -> Reply[tuple[int, int]]:
    """How many instances resources have, and the bytes of their files; an estimate of work.

    What lies within another one of the resources is counted twice.
    """

    def count(found: list[tuple[Level, ResourceId]]) -> Reply[tuple[int, int]]:
        asked = [board.ask_soon(DescribeStatistics(level=at, id=id_)) for at, id_ in found]
        return gather(asked).then(_sum)

    def of_described(found: tuple[ResourceDescription, ...]) -> Reply[tuple[int, int]]:
        return count([(it.level, it.id) for it in found])

    if level is not None:
        return count([(level, id_) for id_ in ids])
    return board.ask_soon(DescribeMany(ids=ids)).then(of_described)


def _sum(found: tuple[ResourceStatistics, ...]) -> tuple[int, int]:
    return (
        sum(max(it.instances, 1) for it in found),
        sum(it.dicom_uncompressed_size for it in found),
    )
