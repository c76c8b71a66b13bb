from pathlib import Path

import pytest

from repertory.http.reference import entries, page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "routes.md"


def test_the_reference_is_what_the_routes_say():
    assert PAGE.read_text() == page(), "make docs writes it anew"


@pytest.mark.parametrize(("methods", "path", "text"), entries(), ids=lambda part: str(part)[:40])
def test_every_route_says_what_it_does(methods, path, text):
    assert text.splitlines()[0].endswith((".", ":"))
    assert methods
    assert path.startswith("/")
