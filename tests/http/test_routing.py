import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.http.routing import Routes, RouteTree, split
from repertory.model import Level


async def something(request):
    """Something."""


async def something_at(request, level):
    return level


def tree_of(*paths):
    routes = Routes()
    for path in paths:
        routes.get(path)(something)
    return RouteTree(routes)


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/", []),
        ("", []),
        ("/studies", ["studies"]),
        ("//studies///x/", ["studies", "x"]),
        ("/studies/./x", ["studies", "x"]),
        ("/studies/../series/x", ["series", "x"]),
        ("/../../system", ["system"]),
        ("/a/b/../..", []),
    ],
)
def test_a_path_is_cut_into_segments(path, segments):
    assert split(path) == segments


@given(st.lists(st.sampled_from(["", ".", "..", "a", "b"])))
def test_no_path_leads_out_of_the_root(parts):
    assert not {"", ".", ".."} & set(split("/".join(parts)))


def test_named_segments_are_found():
    node, named = tree_of("/studies/{id}/tags").find(["studies", "x", "tags"])

    assert node.endpoints["GET"].call is something
    assert named == {"id": "x"}


def test_a_literal_segment_wins():
    tree = tree_of("/plugins/{id}", "/plugins/explorer.js")

    assert tree.find(["plugins", "explorer.js"])[1] == {}
    assert tree.find(["plugins", "other"])[1] == {"id": "other"}


def test_a_literal_segment_that_leads_nowhere_gives_way():
    tree = tree_of("/plugins/{id}", "/plugins/queue/status")

    assert tree.find(["plugins", "queue"])[1] == {"id": "queue"}
    assert tree.find(["plugins", "queue", "status"])[0].endpoints
    assert tree.find(["plugins", "other", "status"])[0] is None


@pytest.mark.parametrize("path", [[], ["x"], ["studies"], ["studies", "x"], ["studies", "x", "y"]])
def test_a_path_without_an_answer_is_not_found(path):
    assert tree_of("/studies/{id}/tags").find(path)[0] is None


def test_a_level_stands_for_its_word():
    routes = Routes()
    routes.get("/{level}/{id}", levels=[Level.STUDY, Level.SERIES])(something_at)
    tree = RouteTree(routes)

    node, _ = tree.find(["series", "x"])
    assert node.endpoints["GET"].call.keywords == {"level": Level.SERIES}
    assert tree.find(["patients", "x"])[0] is None


def test_one_place_has_one_name():
    with pytest.raises(ValueError, match="another name"):
        tree_of("/jobs/{id}", "/jobs/{key}/x")
