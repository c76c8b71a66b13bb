"""The routes: a module for each topic."""

from repertory.http.routes import (
    changes,
    explorer,
    files,
    instances,
    plugins,
    reconstruction,
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
    reconstruction.routes,
)
"""Every topic, in the order of the reference."""
