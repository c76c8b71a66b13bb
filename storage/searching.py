"""A search whose names are looked up: what the index is asked, and what only the files know."""

from dataclasses import dataclass, field
from typing import Any

from repertory.criteria import LabelsConstraint, OrderKind
from repertory.model import Attachment, Level, ResourceId, ResourceRef, TagForm
from repertory.storage.patterns import Pattern


@dataclass(frozen=True, slots=True)
class TagConstraint:
    """A tag whose value must match one of ``patterns``.

    ``level`` is where the index keeps the tag, ``None`` where it does not. ``is_identifier`` says
    that it is kept as it is searched, too (``normalization.SEARCHED``). ``value`` is what the
    patterns were written as; ``is_ranged`` says that a hyphen stands for a range.
    """

    tag: str
    name: str
    level: Level | None
    patterns: tuple[Pattern, ...]
    case_sensitive: bool = False
    is_identifier: bool = False
    value: str = ""
    is_ranged: bool = False


@dataclass(frozen=True, slots=True)
class MetadataConstraint:
    """A metadata whose value must match one of ``patterns``."""

    number: int
    patterns: tuple[Pattern, ...]
    case_sensitive: bool = False


@dataclass(frozen=True, slots=True)
class OrderKey:
    """What to order by: the main tag ``tag`` of ``level``, or else the metadata ``number``."""

    kind: OrderKind
    descending: bool
    level: Level
    tag: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Search:
    """``Criteria`` as the index understands them.

    ``in_files`` are the constraints that the index cannot check; ``since`` and ``limit`` then
    count what has passed them.
    """

    level: Level
    tags: tuple[TagConstraint, ...] = ()
    in_files: tuple[TagConstraint, ...] = ()
    metadata: tuple[MetadataConstraint, ...] = ()
    labels: tuple[str, ...] = ()
    labels_constraint: LabelsConstraint = LabelsConstraint.ALL
    parents: tuple[ResourceRef, ...] = ()
    within: ResourceRef | None = None
    order: tuple[OrderKey, ...] = ()
    since: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Tags to be shown besides, by where they are found.

    ``kept`` are pairs of a tag and the level where the index keeps it; ``computed`` are worked
    out by the index; ``in_files`` are read from a file. All are ``gggg,eeee``.
    """

    form: TagForm = TagForm.SIMPLIFIED
    kept: tuple[tuple[str, Level], ...] = ()
    computed: tuple[str, ...] = ()
    in_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resource to be looked at in a file: that of its first instance.

    ``instance`` is that instance, and ``metadata`` are its own. ``known`` are tags that are wanted
    and that the index knew.
    """

    id: ResourceId
    attachment: Attachment | None
    metadata: dict[int, str]
    instance: ResourceId | None = None
    known: dict[str, Any] = field(default_factory=dict)
