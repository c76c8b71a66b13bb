import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.model import Level, ResourceDescription, ResourceId
from repertory.storage.slices import order_slices

UPRIGHT = "1\\0\\0\\0\\1\\0"


def an_instance(name, *, orientation=UPRIGHT, position=None, index=None, frames=None):
    tags = {"0020,0037": orientation, "0020,0032": position, "0028,0008": frames}
    return ResourceDescription(
        level=Level.INSTANCE,
        id=ResourceId(str(name)),
        parent=None,
        children=(),
        main_tags={tag: value for tag, value in tags.items() if value is not None},
        patient_tags={},
        metadata={} if index is None else {1: str(index)},
        labels=(),
        is_stable=True,
    )


def names(order):
    return "".join(id_ for id_, _ in order.slices)


@given(st.permutations(range(6)), st.floats(0.001, 50), st.floats(-1000, 1000))
def test_parallel_slices_are_ordered_along_their_normal(places, thickness, origin):
    order = order_slices(
        [
            an_instance(place, position=f"7\\-7\\{origin + place * thickness:.4f}", index=place)
            for place in places
        ]
    )

    assert (order.is_volume, names(order)) == (True, "012345")


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [("0\\1\\0\\1\\0\\0", "cba"), ("1\\0\\0\\0\\0.8\\0.6", "abc"), (UPRIGHT, "abc")],
)
def test_the_normal_says_which_way_to_go(orientation, expected):
    order = order_slices(
        [
            an_instance(name, orientation=orientation, position=f"0\\0\\{place}")
            for name, place in zip("cab", (3, 1, 2), strict=True)
        ]
    )

    assert (order.is_volume, names(order)) == (True, expected)


SOMEWHERE = ["0\\0\\1", "0\\0\\2", "0\\0\\3"]


@pytest.mark.parametrize(
    ("orientations", "positions"),
    [
        ([UPRIGHT] * 3, ["0\\0\\1"] * 3),
        ([UPRIGHT] * 3, [None, *SOMEWHERE[1:]]),
        ([UPRIGHT] * 3, ["0\\0", *SOMEWHERE[1:]]),
        ([UPRIGHT] * 3, ["a\\b\\c", *SOMEWHERE[1:]]),
        ([None] * 3, SOMEWHERE),
        (["1\\0\\0\\1\\0\\0"] * 3, SOMEWHERE),
        ([UPRIGHT, UPRIGHT, "0\\1\\0\\0\\0\\-1"], SOMEWHERE),
    ],
)
def test_what_is_no_volume_goes_by_its_index(orientations, positions):
    order = order_slices(
        [
            an_instance(name, orientation=orientation, position=position, index=index)
            for name, orientation, position, index in zip(
                "cab", orientations, positions, (3, 1, 2), strict=True
            )
        ]
    )

    assert (order.is_volume, names(order)) == (False, "abc")


def test_a_single_slice_is_no_volume():
    order = order_slices([an_instance("a", position="0\\0\\1")])

    assert (order.is_volume, names(order)) == (False, "a")


def test_without_an_index_the_first_to_arrive_comes_first():
    order = order_slices([an_instance("b"), an_instance("c"), an_instance("a", index=1)])

    assert names(order) == "abc"


@pytest.mark.parametrize(
    ("said", "frames"), [(None, 1), ("1", 1), ("12", 12), ("0", 1), ("x", 1), ("", 1)]
)
def test_every_instance_has_a_frame_at_least(said, frames):
    assert order_slices([an_instance("a", frames=said)]).slices == (("a", frames),)
