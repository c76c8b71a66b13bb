"""A search whose names are looked up: what the index is asked, and what only the files know."""

from dataclasses import dataclass, field, replace
from typing import Any

from repertory.criteria import LabelsConstraint, OrderKind
from repertory.model import Attachment, Level, ResourceId, ResourceRef, TagForm
from repertory.storage.patterns import Pattern


@dataclass(frozen=True, slots=True)
class TagConstraint:
    """A tag whose value must match one of ``patterns``.

    ``level`` is where the index keeps the tag, ``None`` where it does not. ``is_identifier`` says
    that it is kept as it is searched, too (``normalization.SEARCHED``). ``value`` is what the
    patterns were written as; ``is_ranged`` says that a hyphen stands for a range. ``lacking`` are
    the signatures of resources that were recorded without the tag: they may match all the same.
    """

    tag: str
    name: str
    level: Level | None
    patterns: tuple[Pattern, ...]
    case_sensitive: bool = False
    is_identifier: bool = False
    value: str = ""
    is_ranged: bool = False
    lacking: tuple[str, ...] = ()


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

    ``in_files`` are the constraints that the index cannot check, ``doubtful`` those of ``tags``
    that it cannot check for all resources; where there are any, ``since`` and ``limit`` count what
    has passed them.
    """

    level: Level
    tags: tuple[TagConstraint, ...] = ()
    in_files: tuple[TagConstraint, ...] = ()
    metadata: tuple[MetadataConstraint, ...] = ()
    labels: tuple[str, ...] = ()
    labels_constraint: LabelsConstraint = LabelsConstraint.ALL
    parents: tuple[ResourceRef, ...] = ()
    within: ResourceRef | None = None
    among: tuple[ResourceId, ...] = ()
    order: tuple[OrderKey, ...] = ()
    since: int = 0
    limit: int = 0

    @property
    def doubtful(self) -> tuple[TagConstraint, ...]:
        """The constraints that some resources may meet without the index's knowing."""
        return tuple(it for it in self.tags if it.lacking)

    @property
    def needs_files(self) -> bool:
        """Whether files have to be looked at."""
        return bool(self.in_files) or any(it.lacking for it in self.tags)

    def by_index_alone(self) -> "Search":
        """What it would find, in all, if nothing were in doubt."""
        tags = tuple(replace(it, lacking=()) for it in self.tags)
        return replace(self, tags=tags, in_files=(), order=(), since=0, limit=0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Tags to be shown besides, by where they are found.

    ``kept`` are pairs of a tag and the level where the index keeps it; ``computed`` are worked
    out by the index; ``in_files`` are read from a file. All are ``gggg,eeee``. ``doubtful`` are
    those of ``kept`` that some resources were recorded without.
    """

    form: TagForm = TagForm.SIMPLIFIED
    kept: tuple[tuple[str, Level], ...] = ()
    computed: tuple[str, ...] = ()
    in_files: tuple[str, ...] = ()
    doubtful: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Requested:
    """The wanted tags of a resource that the index knows, as their form writes them.

    ``missing`` are those of ``Wanted.kept`` that its files may have all the same.
    """

    tags: dict[str, Any]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resource to be looked at in a file: that of its first instance.

    ``files`` are that file with its instance's metadata and identifier, and others where
    constraints are about what lies below. ``is_met`` says that the index has found all
    constraints met. ``known`` are tags that are wanted and that the index knew, ``missing``
    those that it should.
    """

    id: ResourceId
    files: tuple[tuple[Attachment, dict[int, str], ResourceId], ...]
    is_met: bool = False
    known: dict[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
