"""Reconstructing: what the index says of resources is made anew from their files."""

from repertory.actors.messages.base import Command, Query, message
from repertory.model import (
    Attachment,
    Level,
    ResourceId,
    ResourceIds,
    Summary,
)


@message
class ReconstructionFailure:
    """An instance that could not be reconstructed, and the reason in a sentence."""

    id: ResourceId
    reason: str


@message
class ReconstructionReport:
    """How many instances were reconstructed, and which were not."""

    reconstructed: int
    failures: tuple[ReconstructionFailure, ...] = ()


@message
class ReconstructResource(Command[ReconstructionReport]):
    """Make what the index says of a resource, all below it and its parents anew from the files.

    With ``rewrite_files``, files that have not the form that new files get are stored anew: also in
    the transfer syntax that IngestTranscoding names, unless it loses something; otherwise the DICOM
    in them stays as it is, to the byte. With ``this_level_only``, one instance is read and
    the resource alone is refreshed. What users wrote stays, and nothing becomes unstable. An
    instance that cannot be reconstructed is reported, and does not keep the others from it.

    Raises:
        UnknownResource: there is no such resource.
    """

    level: Level
    id: ResourceId
    rewrite_files: bool = False
    this_level_only: bool = False


@message
class ReconstructArchive(Command[ReconstructionReport]):
    """``ReconstructResource`` for every study of the archive, one after the other."""

    rewrite_files: bool = False


@message
class FindNextSeries(Query[tuple[int, ResourceId] | None]):
    """The series that arrived next after the one with the number ``after``, with its number.

    0: the first of all. ``None`` where none comes after it. Numbers grow with arrival.
    """

    after: int


@message
class RecordReconstruction(Command[None]):
    """Refresh an instance and its parents, at ``levels``, from the file named ``replaces``.

    ``attachment`` takes that file's place, and it is released; ``None`` leaves it.

    Raises:
        UnknownResource: there is no such instance.
        UnknownItem: it has no file.
        RevisionConflict: its file is another one by now.
    """

    ids: ResourceIds
    summary: Summary
    levels: frozenset[Level]
    replaces: str
    attachment: Attachment | None = None
