import pytest

from repertory.actors.messages.resources import ListResources, LookupIdentifier
from repertory.http.read_only import is_there
from repertory.http.routes import ALL

WRITES = [
    "POST /instances",
    "DELETE /changes",
    "DELETE /{level}/{id}",
    "POST /{level}/{id}/reconstruct",
    "POST /tools/reconstruct",
    "POST /{level}/{id}/attachments/{name}/compress",
    "POST /{level}/{id}/attachments/{name}/uncompress",
    "POST /{level}/{id}/stable",
    "POST /{level}/{id}/unstable",
]


@pytest.fixture
def read_only(serve):
    return serve(read_only=True)


def test_routes_that_write_are_there_only_where_something_may_be_written():
    routes = {f"{route.method} {route.path}": route for routes in ALL for route in routes}

    for name in WRITES:
        assert is_there(routes[name], read_only=False)
        assert not is_there(routes[name], read_only=True)
    for name, route in routes.items():
        if name.startswith("GET "):
            assert is_there(route, read_only=True)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/instances", 405),
        ("DELETE", "/changes", 405),
        ("DELETE", f"/studies/{'-'.join(['0' * 8] * 5)}", 405),
        ("POST", f"/studies/{'-'.join(['0' * 8] * 5)}/reconstruct", 404),
        ("POST", "/tools/reconstruct", 404),
    ],
)
def test_nothing_can_be_written(read_only, method, path, status):
    assert read_only(method, path, b"body").status == status


def test_what_is_there_is_read_and_looked_up(archive, read_only):
    archive.plays(ListResources, ())
    archive.plays(LookupIdentifier, ())

    assert read_only.json("/studies") == []
    assert read_only("POST", "/tools/lookup", "X").status == 200


def test_the_log_level_can_be_changed(read_only):
    # 403: this server runs within another program, which alone sets up its log.
    assert read_only("PUT", "/tools/log-level", "verbose").status == 403
