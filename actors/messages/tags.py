"""Tags of resources above the instance: of one of their instances, or of all of them."""

from collections.abc import Mapping
from typing import Any

from repertory.actors.messages.base import Query, message
from repertory.model import Level, ResourceId, TagForm


@message
class ReadModule(Query[Mapping[str, Any]]):
    """The tags of a DICOM module (PS3.3 C.7.1 to C.7.3 and C.12.1), from one of the instances.

    ``module`` is the level whose module it is: Patient, General Study, General Series or SOP
    Common. Values of more than 256 bytes are left out but for the tags in ``ignore_length``.

    Raises:
        UnknownResource: there is no such resource.
        FileLost: the instance's file is missing.
        FileCorrupted: it cannot be read as DICOM any more.
    """

    level: Level
    id: ResourceId
    module: Level
    form: TagForm = TagForm.FULL
    ignore_length: frozenset[str] = frozenset()


@message
class ReadSharedTags(Query[Mapping[str, Any]]):
    """The tags that have the same text in all instances of a resource; no sequences.

    Raises:
        UnknownResource: there is no such resource.
        FileLost: a file is missing.
        FileCorrupted: a file cannot be read as DICOM any more.
    """

    level: Level
    id: ResourceId
    form: TagForm = TagForm.FULL


@message
class ReadInstancesTags(Query[Mapping[ResourceId, Mapping[str, Any]]]):
    """The tags of all instances of a resource, in a form, by instance.

    Values of more than 256 bytes are left out but for the tags in ``ignore_length``.

    Raises:
        UnknownResource: there is no such resource.
        FileLost: a file is missing.
        FileCorrupted: a file cannot be read as DICOM any more.
    """

    level: Level
    id: ResourceId
    form: TagForm = TagForm.FULL
    ignore_length: frozenset[str] = frozenset()


@message
class ReadContent(Query[bytes | tuple[str, ...]]):
    """What lies at a path through an instance: tags, and numbers of items within sequences.

    The answer is the raw value of an element, or the tags of a data set (``gggg-eeee``), or the
    numbers of a sequence's items.

    Raises:
        UnknownResource: there is no such instance.
        UnknownItem: the path leads nowhere.
        Unsupported: it leads to the pixel data.
        FileLost: its file is missing.
        FileCorrupted: it cannot be read as DICOM any more.
    """

    id: ResourceId
    path: tuple[str, ...] = ()
