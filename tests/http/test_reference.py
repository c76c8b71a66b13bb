import re

import pytest

from repertory.http.routes import ALL
from repertory.http.routing import RouteTree

ROUTES = [route for routes in ALL for route in routes]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_says_what_it_does(route):
    summary = route.documentation.splitlines()[0]

    assert re.fullmatch(r"[A-Z].*[.:]", summary)
    assert len(summary) <= 100


def test_no_route_hides_another():
    spelled_out = [
        (route.method, route.path.replace("{level}", level.plural if level else ""))
        for route in ROUTES
        for level in route.levels or (None,)
    ]

    assert len(spelled_out) == len(set(spelled_out))
    assert RouteTree(ROUTES).find(["studies"])[0].allow == "GET"
