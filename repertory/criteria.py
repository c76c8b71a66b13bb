"""What resources are searched by, in the words of whoever searches.

Names of tags are keywords of the DICOM dictionary or ``gggg,eeee``; who answers looks them up.
"""

from dataclasses import dataclass
from enum import Enum

from repertory.model import Level, ResourceId, ResourceRef


class LabelsConstraint(Enum):
    """How the labels of a resource must be related to those that are asked for."""

    ALL = "All"
    ANY = "Any"
    NONE = "None"


class OrderKind(Enum):
    """What resources are ordered by: a tag or a metadata, as text or as a number."""

    DICOM_TAG = "DicomTag"
    DICOM_TAG_AS_INT = "DicomTagAsInt"
    DICOM_TAG_AS_FLOAT = "DicomTagAsFloat"
    METADATA = "Metadata"
    METADATA_AS_INT = "MetadataAsInt"
    METADATA_AS_FLOAT = "MetadataAsFloat"

    @property
    def is_metadata(self) -> bool:
        """Whether the key is the number of a metadata, not the name of a tag."""
        return self.value.startswith("Metadata")


@dataclass(frozen=True, slots=True)
class Order:
    """One key to order by; ``key`` is the name of a tag, or the number of a metadata as text."""

    kind: OrderKind
    key: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which resources of a level are meant, in which order, and how many of them.

    ``tags`` are pairs of a tag's name and what its value must match (PS3.4 C.2.2.2): ``*`` and
    ``?`` stand for letters, ``a-b`` is a range of dates or times, backslashes separate
    alternatives, "" is no constraint. ``metadata`` are the same by number. ``case_sensitive``
    ``None`` is the archive's own rule.
    ``parents`` must all be above; of a parent that is not there, nothing is found. ``within`` is
    one resource, of any level: what is found is that resource, or lies below or above it.
    Where there are any, only those in ``among`` are found.
    With ``labels_constraint`` NONE, no ``labels`` are any label at all.
    ``order`` comes first, the order of arrival last; without a value is after all others.
    ``limit`` 0 is no limit.
    """

    level: Level
    tags: tuple[tuple[str, str], ...] = ()
    case_sensitive: bool | None = None
    metadata: tuple[tuple[int, str], ...] = ()
    labels: tuple[str, ...] = ()
    labels_constraint: LabelsConstraint = LabelsConstraint.ALL
    parents: tuple[ResourceRef, ...] = ()
    within: ResourceRef | None = None
    among: tuple[ResourceId, ...] = ()
    order: tuple[Order, ...] = ()
    since: int = 0
    limit: int = 0
