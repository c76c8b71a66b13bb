"""The section Nodes: how the nodes of one archive notice that one of them has died."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from repertory.conf.databases import database_of
from repertory.conf.fields import positive, section, setting

if TYPE_CHECKING:
    from repertory.conf.settings import Settings

MOST_BEATS = 3
"""A lease lasts this many beats at least: one may be late."""


@section("Nodes")
class NodesSettings:
    """The nodes of one archive, which share a database server (``Lock`` false)."""

    heartbeat: float = setting(
        default=1.0,
        meaning=("Seconds between two signs of life of a node; as often it looks what others did."),
        check=positive,
    )
    lease: float = setting(
        default=10.0,
        meaning="Seconds without one after which others go on with a node's work.",
        check=positive,
    )


def is_shared(settings: "Settings") -> bool:
    """Whether other nodes may serve the same archive."""
    database = database_of(settings)
    return database is not None and not database[1].lock and not settings.read_only


def faults_of(settings: "Settings") -> Iterator[tuple[str, str]]:
    """Why the archive must not start."""
    if settings.nodes.lease < MOST_BEATS * settings.nodes.heartbeat:
        yield "Nodes.Lease", f"must be at least {MOST_BEATS} times Nodes.Heartbeat"
