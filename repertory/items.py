"""The words for what belongs to resources: metadata, attachments, exports, their stability."""

from dataclasses import dataclass

from repertory.model import Attachment, Identity, Level, ResourceId, ResourceRef

FIRST_USER_NUMBER = 1024
LAST_USER_NUMBER = 65535


def is_user_number(number: int) -> bool:
    """Whether a kind of metadata or attachment is the users' own, and not the archive's."""
    return FIRST_USER_NUMBER <= number <= LAST_USER_NUMBER


@dataclass(frozen=True, slots=True)
class Revision:
    """One writing of a metadata or an attachment; on the wire the ETag ``"<number>-<md5>"``.

    The first writing is number 0, each further one adds 1; what was deleted and is made anew
    begins at 0 again, so that ``md5``, the MD5 sum of the content, belongs to it.
    """

    number: int
    md5: str


UNWRITTEN = Revision(-1, "")
"""No writing at all: expected by whoever may make something new, but replace nothing."""


def written(attachment: Attachment) -> Revision:
    """Which writing of an attachment this is."""
    return Revision(attachment.revision, attachment.uncompressed_md5)


@dataclass(frozen=True, slots=True)
class MetadataValue:
    """The value of a metadata, and which writing of it this is."""

    value: str
    revision: Revision


@dataclass(frozen=True, slots=True)
class Export:
    """One line of the log of exports: a resource that was sent to ``remote``.

    ``date`` is UTC, ``YYYYMMDDTHHMMSS``. Identifiers below the resource's level are "".
    """

    seq: int
    level: Level
    id: ResourceId
    remote: str
    date: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class ExportPage:
    """Some exports in ascending order; ``last``, ``first`` and ``done`` as for changes."""

    exports: tuple[Export, ...]
    done: bool
    last: int
    first: int | None


@dataclass(frozen=True, slots=True)
class SliceOrder:
    """The instances of a series in order, each with the number of its frames.

    ``is_volume`` says that they are parallel slices, ordered along their normal.
    """

    is_volume: bool
    slices: tuple[tuple[ResourceId, int], ...]


@dataclass(frozen=True, slots=True)
class Outdated:
    """A list of main DICOM tags by which resources of a level were recorded, and are no more.

    ``signature`` is that list, "" where they have none; ``resources`` how many have it still.
    """

    level: Level
    signature: str
    resources: int


@dataclass(frozen=True, slots=True)
class Unstable:
    """A resource that received an instance lately.

    ``activity`` is the number of its latest instance's arrival. It has been quiet since
    ``quiet_since``, in seconds since the epoch, UTC, and is stable once that is more than
    ``stable_age`` seconds ago.
    """

    level: Level
    id: ResourceId
    activity: int
    quiet_since: float
    stable_age: float


@dataclass(frozen=True, slots=True)
class Stabilized:
    """The resources that became stable just now, and in how many seconds the next one will.

    ``next_in`` is 0 where more wait for nothing but their turn, ``None`` where all are stable.
    """

    resources: tuple[ResourceRef, ...]
    next_in: float | None
