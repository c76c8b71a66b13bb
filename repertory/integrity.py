"""Words about whether files and index agree: what is damaged, lost, left over or miscounted."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from repertory.model import Level, ResourceId


class Damage(Enum):
    """What is wrong with a file that the index knows."""

    LOST = "Lost"
    """There is no such file."""

    WRONG_SIZE = "WrongSize"
    """It is shorter or longer than it was when it was stored."""

    CORRUPTED = "Corrupted"
    """Its MD5 sum is another one, or it cannot be read as what it was."""

    UNREADABLE = "Unreadable"
    """The disk does not give it back."""


class IndexedFile(NamedTuple):
    """A file as the index knows it; packed, because there are millions.

    ``resource`` is the number of the row that owns it, ``uuid`` has 16 bytes. ``size`` and
    ``md5`` are those of the stored bytes; ``md5`` is ``None`` where none is kept. ``location`` is
    the number of the storage where it lies.
    """

    resource: int
    content_type: int
    uuid: bytes
    size: int
    md5: bytes | None
    location: int = 0


class Finding(NamedTuple):
    """What a look at a file showed: what is wrong, if anything is, and how many bytes it has.

    ``size`` is ``None`` for a file that is lost.
    """

    damage: Damage | None
    size: int | None


class FileOnDisk(NamedTuple):
    """A file that lies in a storage: its size in bytes, and seconds since it was written.

    ``location`` is the number of the storage.
    """

    size: int
    age: float
    location: int = 0


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in one of the 256 parts of a storage area.

    ``files`` goes by UUID. ``foreign`` counts what has not the name of a file of ours, or not its
    place: the archive leaves it alone.
    """

    files: dict[str, FileOnDisk]
    foreign: int


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A file that the index knows and that is not as it should be.

    ``size`` is how many bytes it should have, ``found`` how many it has, ``None`` if it is lost.
    """

    level: Level
    id: ResourceId
    content_type: int
    uuid: str
    damage: Damage
    size: int
    found: int | None


@dataclass(frozen=True, slots=True)
class DamageMark:
    """A file that was marked as damaged, with the resource that it belongs to."""

    level: Level
    id: ResourceId
    damage: Damage
    file: IndexedFile


@dataclass(frozen=True, slots=True)
class OrphanFile:
    """A file of ``size`` bytes that no resource owns, and that does not wait to be removed."""

    uuid: str
    size: int


@dataclass(frozen=True, slots=True)
class WrongCounter:
    """A number that the index keeps, and what counting anew gives.

    ``counter`` is the name of its column. ``level`` and ``id`` tell whose number it is; without
    them it is the whole archive's.
    """

    level: Level | None
    id: ResourceId | None
    counter: str
    kept: int
    counted: int


@dataclass(frozen=True, slots=True)
class Recount:
    """Some patients, with all below them, counted anew.

    ``last`` is the number of the last one, ``None`` where there was none left; ``patients`` are
    the numbers of those of which something is wrong.
    """

    last: int | None
    counters: tuple[WrongCounter, ...]
    patients: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class IntegrityReport:
    """What a check of the whole archive found, and what was done about it.

    ``started`` and ``finished`` are seconds since the epoch, UTC. ``files`` and ``size`` are how
    many files the index knows, and their bytes. The last four tell what a repair did: files
    marked as damaged, marks taken away again, orphans moved, counters corrected.
    """

    started: float
    finished: float
    with_checksums: bool
    with_repair: bool
    files: int
    size: int
    damaged: tuple[DamagedFile, ...]
    orphans: tuple[OrphanFile, ...]
    foreign: int
    counters: tuple[WrongCounter, ...]
    marked: int = 0
    cleared: int = 0
    moved: int = 0
    corrected: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.damaged or self.orphans or self.counters)


@dataclass(frozen=True, slots=True)
class IntegrityState:
    """How far a check is, and what the last one found.

    ``phase`` is one of ``Index``, ``Files``, ``Orphans``, ``Counters``, ``Repair``, or "" while no
    check runs; ``done`` of ``total`` files or folders are done. ``problem`` tells why the last
    check could not be made.
    """

    phase: str
    done: int
    total: int
    report: IntegrityReport | None
    problem: str = ""

    @property
    def is_running(self) -> bool:
        """Whether a check runs."""
        return bool(self.phase)
