"""The log of exports: what was sent to others."""

from repertory.actors.messages.base import Command, Query, message
from repertory.items import ExportPage
from repertory.model import ResourceRef


@message
class ListExports(Query[ExportPage]):
    """Some exports, in ascending order, after number ``since``; ``limit`` 0 is no limit."""

    since: int = 0
    limit: int = 100


@message
class DescribeLastExport(Query[ExportPage]):
    """The newest export alone."""


@message
class RecordExport(Command[None]):
    """Log that resources were sent to ``remote``, the name of a modality or a peer.

    Whoever sends says so each time; where ``LogExportedResources`` is off, nothing is kept.
    """

    resources: tuple[ResourceRef, ...]
    remote: str


@message
class ClearExports(Command[None]):
    """Empty the log of exports; numbering goes on from where it was."""
