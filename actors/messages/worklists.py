"""Worklists: the examinations that are scheduled, as modalities ask for them."""

from collections.abc import Mapping
from typing import Any

from repertory.actors.messages.base import Command, Query, message
from repertory.model import TagForm


@message
class WorklistDescription:
    """A worklist, its tags in the form that was asked for."""

    id: str
    tags: Mapping[str, Any]


@message
class FoundWorklists:
    """What a modality is told of the worklists that match, and whether these are all."""

    answers: tuple[Mapping[str, Any], ...]
    complete: bool


@message
class FindWorklists(Query[FoundWorklists]):
    """What matches the keys of a modality (PS3.4 K.2.2): tags by number, items within lists.

    ``station`` is the title of who asks.

    Raises:
        Unsupported: worklists are not enabled.
        StorageFailed: the folder cannot be read.
    """

    keys: Mapping[str, Any]
    station: str = ""


@message
class ListWorklists(Query[tuple[WorklistDescription, ...]]):
    """All worklists, those of the folder first.

    Raises:
        Unsupported, StorageFailed: as for ``FindWorklists``.
    """

    form: TagForm = TagForm.SIMPLIFIED


@message
class DescribeWorklist(Query[WorklistDescription]):
    """One worklist.

    Raises:
        UnknownItem: there is none of this name.
        Unsupported, StorageFailed: as for ``FindWorklists``.
    """

    id: str
    form: TagForm = TagForm.SIMPLIFIED


@message
class CreateWorklist(Command[str]):
    """Make a worklist of tags by name or number, items within lists; the answer is its name.

    Raises:
        BadParameter: a name of a tag is unknown, or a value is neither a text nor a list of items.
        Forbidden: the archive is read-only.
        Unsupported, StorageFailed: as for ``FindWorklists``.
    """

    tags: Mapping[str, Any]


@message
class SetWorklist(Command[None]):
    """Give a worklist other tags.

    Raises:
        UnknownItem: there is none of this name.
        BadParameter, Forbidden, Unsupported, StorageFailed: as for ``CreateWorklist``.
    """

    id: str
    tags: Mapping[str, Any]


@message
class DeleteWorklist(Command[None]):
    """Delete a worklist.

    Raises:
        UnknownItem: there is none of this name.
        Forbidden, Unsupported, StorageFailed: as for ``CreateWorklist``.
    """

    id: str
