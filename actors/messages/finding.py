"""Searching resources: find, describe what is found, count."""

from collections.abc import Mapping
from typing import Any

from repertory.actors.messages.attachments import AttachmentDescription
from repertory.actors.messages.base import Query, message
from repertory.criteria import Criteria
from repertory.model import Level, ResourceDescription, ResourceId, TagForm


@message
class FoundResource:
    """A resource, and the tags that were requested besides, in the form that was asked for."""

    description: ResourceDescription
    requested: Mapping[str, Any]


@message
class FindResources(Query[tuple[ResourceId, ...]]):
    """The identifiers of what meets the criteria.

    Tags that the index does not keep are read from a file of each resource that meets the rest.

    Raises:
        BadParameter: the name of a tag is unknown, or it cannot be searched at this level.
        BadRequest: files would have to be read, and must not (StorageAccessOnFind).
        UnknownResource: the resource is not there that they are to be within.
    """

    criteria: Criteria


@message
class DescribeFound(Query[tuple[FoundResource, ...]]):
    """What ``FindResources`` finds, described.

    ``requested`` are names or numbers of tags to show besides, written in ``form``. They may be
    tags of upper levels, tags that are computed (ModalitiesInStudy, NumberOfStudyRelatedSeries
    and their like), or others, which are read from a file; what is not there is left out.
    """

    criteria: Criteria
    requested: tuple[str, ...] = ()
    form: TagForm = TagForm.SIMPLIFIED


@message
class ReadFoundTags(Query[tuple[Mapping[str, Any], ...]]):
    """Of what ``FindResources`` finds, the tags that are requested, as in ``DescribeFound``."""

    criteria: Criteria
    requested: tuple[str, ...]
    form: TagForm = TagForm.SIMPLIFIED


@message
class CountResources(Query[int]):
    """How many resources meet the criteria, whatever their limit."""

    criteria: Criteria


@message
class DescribeMany(Query[tuple[ResourceDescription, ...]]):
    """Resources of any level, described: each once, and none for an identifier that is unknown.

    With ``at``, what is above or below them at that level.
    """

    ids: tuple[ResourceId, ...]
    at: Level | None = None


@message
class FileConstraint:
    """What a tag (``gggg,eeee``) in a file must match, as in ``Criteria``.

    ``is_ranged`` says that a hyphen stands for a range.
    """

    tag: str
    value: str
    case_sensitive: bool
    is_ranged: bool


@message
class InstanceFile:
    """The file of an instance."""

    instance: ResourceId
    file: AttachmentDescription


@message
class FileToSift:
    """A resource, with the file of its first instance, if that has one, and perhaps others.

    ``wanted`` are tags to be read from the first of them. ``is_met`` says that the constraints
    are known to be met: then it passes whatever the files say.
    """

    id: ResourceId
    files: tuple[InstanceFile, ...] = ()
    wanted: tuple[str, ...] = ()
    is_met: bool = False


@message
class Sifted:
    """A resource whose file passed, and what was wanted of it."""

    id: ResourceId
    tags: Mapping[str, Any]


@message
class SiftFiles(Query[tuple[Sifted, ...]]):
    """The resources whose files meet all constraints, in their order, at most ``limit`` (0: all).

    Where a resource comes with several files, each constraint is met by one of them. The tags
    that are wanted of it are written in ``form``. A file that cannot be read meets no constraint;
    where there are no constraints, its resource passes without tags.
    """

    files: tuple[FileToSift, ...]
    constraints: tuple[FileConstraint, ...] = ()
    form: TagForm = TagForm.SIMPLIFIED
    limit: int = 0
