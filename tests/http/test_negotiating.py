import pytest
from aiohttp.test_utils import make_mocked_request

from repertory.errors import UnknownItem
from repertory.http.negotiating import choose

OFFERED = [("image/png", "png"), ("image/jpeg", "jpeg")]


def chosen(*accept):
    headers = [("Accept", it) for it in accept]
    return choose(make_mocked_request("GET", "/", headers=headers), OFFERED)


@pytest.mark.parametrize(
    ("accept", "format_"),
    [
        ((), "png"),
        (("",), "png"),
        (("*/*",), "png"),
        (("image/*",), "png"),
        (("image/jpeg",), "jpeg"),
        (("IMAGE/JPEG; q=0.3",), "jpeg"),
        (("text/html, image/png;q=0.5, image/jpeg;q=0.9",), "jpeg"),
        (("image/png;q=0.5, image/*;q=0.9",), "jpeg"),
        (("image/png;q=0, */*",), "jpeg"),
        (("text/html", "image/jpeg"), "jpeg"),
        (("image/jpeg;level=1;q=1",), "jpeg"),
    ],
)
def test_the_format_is_the_one_that_is_liked_best(accept, format_):
    assert chosen(*accept) == format_


@pytest.mark.parametrize(
    "accept", ["text/html", "image/png;q=0", "image/png;q=x", "*/*;q=0", "image", ","]
)
def test_what_is_not_liked_is_not_chosen(accept):
    with pytest.raises(UnknownItem):
        chosen(accept)
