"""The routes: a module for each topic."""

from repertory.http.routes import (
    changes,
    explorer,
    files,
    instances,
    integrity,
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
    integrity.routes,
)
"""Every topic, in the order of the reference."""
