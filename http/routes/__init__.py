"""The routes: a module for each topic."""

from repertory.http.routes import (
    archives,
    attachments,
    changes,
    changes_stream,
    explorer,
    exports,
    files,
    find,
    instances,
    integrity,
    labels,
    metadata,
    plugins,
    protection,
    reconstruction,
    resources,
    system,
    tags,
    tools,
    webhooks,
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
    metadata.routes,
    labels.routes,
    attachments.routes,
    protection.routes,
    changes_stream.routes,
    exports.routes,
    reconstruction.routes,
    find.routes,
    tags.routes,
    integrity.routes,
    archives.routes,
    webhooks.routes,
)
"""Every topic, in the order of the reference."""
