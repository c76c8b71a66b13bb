"""Whether files and index agree: checking, and mending what can be mended."""

from repertory.actors.messages.base import Command, Query, message
from repertory.integrity import (
    Damage,
    DamageMark,
    Finding,
    IndexedFile,
    IntegrityState,
    Recount,
    Survey,
    WrongCounter,
)
from repertory.model import Attachment, Level, ResourceId, Summary


@message
class BeginCheck(Command[IntegrityState]):
    """Begin to compare the index with the storage area; the archive goes on meanwhile.

    ``checksums``: read every file and compare its MD5 sum. ``repair``: mark what is damaged, move
    orphans to the lost-and-found folder and correct counters; nothing is ever removed.

    Raises:
        IndexBusy: a check runs already.
    """

    checksums: bool = False
    repair: bool = False


@message
class DescribeIntegrity(Query[IntegrityState]):
    """How far the check is that runs, and what the last one found."""


@message
class AwaitCheck(Query[IntegrityState]):
    """The same, once no check runs."""


@message
class CountFiles(Query[int]):
    """How many files the index knows."""


@message
class ListFiles(Query[tuple[IndexedFile, ...]]):
    """Files that the index knows, after one of them, at most ``limit``.

    Only those whose UUID begins with a byte from ``first`` up to, but not including, ``last``.
    ``after`` is resource and content type of the last file of the page before.
    """

    after: tuple[int, int]
    first: int
    last: int
    limit: int


@message
class ListOwners(Query[tuple[DamageMark | None, ...]]):
    """To whom files belong that were found to be damaged; ``None`` for those of nobody any more."""

    files: tuple[tuple[IndexedFile, Damage], ...]


@message
class ListDamaged(Query[tuple[DamageMark, ...]]):
    """The files that are marked as damaged."""


@message
class RecountTallies(Query[Recount]):
    """Count the resources and bytes of some patients anew, after the patient of a number."""

    after: int
    limit: int


@message
class RecountTotals(Query[tuple[WrongCounter, ...]]):
    """Count the resources and bytes of the whole archive anew."""


@message
class SurveyFiles(Query[Survey]):
    """What lies in the outer folder of a storage area whose name is this byte.

    Raises:
        StorageFailed: it cannot be read.
    """

    folder: int


@message
class ExamineFiles(Query[tuple[Finding, ...]]):
    """Look at files: whether they are there and have their size, and, if wanted, their MD5 sum."""

    files: tuple[IndexedFile, ...]
    checksums: bool = False


@message
class SetAside(Command[bool]):
    """Move a file that nobody owns to the lost-and-found folder; whether there was one.

    Raises:
        StorageFailed: it cannot be moved.
    """

    uuid: str


@message
class MarkFiles(Command[int]):
    """Mark files as damaged, and take the marks off others that are well again.

    A file that its resource has not any more is passed over. The answer is how many were marked.
    """

    damaged: tuple[tuple[IndexedFile, Damage], ...]
    sound: tuple[IndexedFile, ...] = ()


@message
class NoteDamage(Command[bool]):
    """Mark a file as damaged that somebody wanted to read; whether it was not marked before."""

    level: Level
    id: ResourceId
    content_type: int
    uuid: str
    damage: Damage


@message
class CorrectTallies(Command[int]):
    """Correct the counters of patients, by number, and of all below; how many were wrong."""

    patients: tuple[int, ...]


@message
class CorrectTotals(Command[int]):
    """Correct the counters of the whole archive; how many were wrong."""


@message
class MendInstance(Command[bool]):
    """Give an instance a good file in the place of one that is damaged, which is released.

    The answer is whether that was done. If the instance has another file by now than the one named
    ``replaces``, or is gone, the good one is released instead.
    """

    id: ResourceId
    replaces: str
    attachment: Attachment
    summary: Summary
