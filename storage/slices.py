"""The order of a series' slices in space, or else in the series."""

from collections.abc import Sequence
from itertools import pairwise

from repertory.items import SliceOrder
from repertory.model import Metadata, ResourceDescription, Tags

Vector = tuple[float, float, float]

_ORIENTATION = "0020,0037"
_POSITION = "0020,0032"
_NUMBER_OF_FRAMES = "0028,0008"

_CLOSEST = 1.2e-6
"""Two slices that are nearer than this, in millimetres, are at the same place, as in Orthanc."""


def order_slices(instances: Sequence[ResourceDescription]) -> SliceOrder:
    """Order the instances of a series.

    Parallel slices at different places are a volume, and go along its normal (PS3.3 C.7.6.2.1.1:
    by ImageOrientationPatient and ImagePositionPatient). Others go by IndexInSeries, and without
    it, where Orthanc gives up, by their arrival.
    """
    ordered = _by_place(instances)
    is_volume = ordered is not None
    if ordered is None:
        ordered = sorted(instances, key=_index_in_series)
    return SliceOrder(
        is_volume=is_volume,
        slices=tuple((one.id, _number_of_frames(one.main_tags)) for one in ordered),
    )


def _by_place(instances: Sequence[ResourceDescription]) -> list[ResourceDescription] | None:
    if len(instances) < 2:
        return None
    orientations = {one.main_tags.get(_ORIENTATION, "") for one in instances}
    normals = {_normal(orientation) for orientation in orientations}
    normal = normals.pop()
    if normal is None or normals:
        return None
    places = []
    for number, one in enumerate(instances):
        position = _numbers(one.main_tags.get(_POSITION, ""), 3)
        if position is None:
            return None
        places.append((sum(a * b for a, b in zip(normal, position, strict=True)), number))
    places.sort()
    if any(after[0] - before[0] <= _CLOSEST for before, after in pairwise(places)):
        return None
    return [instances[number] for _, number in places]


def _normal(orientation: str) -> Vector | None:
    """What stands upright on rows and columns; ``None`` where they say nothing."""
    cosines = _numbers(orientation, 6)
    if cosines is None:
        return None
    a, b, c, d, e, f = cosines
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    # Rounded, lest the noise of a modality's last digits keeps slices apart.
    return (
        None if not any(normal) else (round(normal[0], 4), round(normal[1], 4), round(normal[2], 4))
    )


def _numbers(text: str, count: int) -> tuple[float, ...] | None:
    try:
        numbers = tuple(float(part) for part in text.split("\\"))
    except ValueError:
        return None
    return numbers if len(numbers) == count else None


def _index_in_series(one: ResourceDescription) -> tuple[bool, int]:
    """Those without an index come last; at the same index the first that arrived comes first."""
    try:
        return False, int(one.metadata.get(Metadata.INDEX_IN_SERIES, ""))
    except ValueError:
        return True, 0


def _number_of_frames(tags: Tags) -> int:
    try:
        return max(1, int(tags.get(_NUMBER_OF_FRAMES, "1")))
    except ValueError:
        return 1
