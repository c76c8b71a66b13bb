"""The routes: a module for each topic."""

from repertory.http.routes import (
    changes,
    explorer,
    files,
    find,
    instances,
    plugins,
    resources,
    system,
    tools,
)
from repertory.http.routing import Routes

ALL: tuple[Routes, ...] = (
    resources.routes,
    instances.routes,
    files.routes,
    changes.routes,
    system.routes,
    tools.routes,
    plugins.routes,
    explorer.routes,
    find.routes,
)
"""Every topic, in the order of the reference."""
