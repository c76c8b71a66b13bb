"""Which routes there are while nothing may be changed (``ReadOnly``)."""

from repertory.http.routing import Route

_CHANGE_NOTHING = frozenset(
    {
        # They look something up.
        "/tools/lookup",
        "/tools/find",
        "/tools/count-resources",
        "/tools/bulk-content",
        "/integrity/check",
        "/tools/dicom-echo",
        "/modalities/{id}/echo",
        "/modalities/{id}/query",
        # They are about the process, not about what it keeps.
        "/tools/reset",
        "/tools/shutdown",
    }
)
_LOG_LEVELS = "/tools/log-level"
_ARCHIVES = (
    "/archive",
    "/media",
    "/tools/create-archive",
    "/tools/create-media",
    "/tools/create-media-extended",
)
"""To make a ZIP archive of instances only reads them."""


def is_there(route: Route, *, read_only: bool) -> bool:
    """Whether a route is served."""
    path = route.path
    return (
        not read_only
        or route.method == "GET"
        or path in _CHANGE_NOTHING
        or path.startswith(_LOG_LEVELS)
        or path.endswith(_ARCHIVES)
    )
