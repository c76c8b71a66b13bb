"""Other application entities: who they are, and what is asked of them."""

from collections.abc import Mapping
from typing import Any

from repertory.actors.messages.base import Command, Query, message
from repertory.modalities import Modality
from repertory.model import Level, ResourceId, TagForm

Target = str | Modality
"""A modality by its name, or one that is known to whoever asks alone."""


@message
class ListModalities(Query[dict[str, Modality]]):
    """The modalities by name."""


@message
class DescribeModality(Query[Modality]):
    """One modality.

    Raises:
        UnknownItem: there is none of this name.
    """

    name: str


@message
class SetModality(Command[None]):
    """Enter a modality, or change it, until the archive stops."""

    name: str
    modality: Modality


@message
class DeleteModality(Command[None]):
    """Forget a modality.

    Raises:
        UnknownItem: there is none of this name.
    """

    name: str


@message
class EchoModality(Command[None]):
    """Ask a modality whether it is there (C-ECHO).

    ``local_aet`` and ``timeout`` are the archive's own where they are empty, here and below.

    Raises:
        UnknownItem: there is no modality of this name.
        NetworkFailed: it does not answer, or does not want to.
    """

    target: Target
    local_aet: str = ""
    timeout: int = 0


@message
class UnsentInstance:
    """An instance that the other side did not take, and the reason in a sentence."""

    id: ResourceId
    reason: str


@message
class SendInstances(Command[tuple[UnsentInstance, ...]]):
    """Send instances to a modality over one association (C-STORE); those that could not be sent.

    ``originator`` is the title of who asked for it, and the number of its message.

    Raises:
        UnknownItem: there is no modality of this name.
        NetworkFailed: no association came about, or it broke off.
    """

    target: Target
    instances: tuple[ResourceId, ...]
    local_aet: str = ""
    timeout: int = 0
    originator: tuple[str, int] | None = None


@message
class MoveResource(Command[None]):
    """Let a modality send what the keys name to ``destination`` (C-MOVE).

    Raises:
        UnknownItem: there is no modality of this name.
        BadParameter: a name of a tag is unknown.
        NetworkFailed: it did not do so.
    """

    target: Target
    level: Level
    keys: Mapping[str, str]
    destination: str = ""
    local_aet: str = ""
    timeout: int = 0


@message
class QueryModality(Command[str]):
    """Search at a modality (C-FIND), and keep the answers under the name that is returned.

    Raises:
        UnknownItem: there is no modality of this name.
        BadParameter: a name of a tag is unknown.
        NetworkFailed: it does not answer, or does not want to.
    """

    modality: str
    level: Level
    keys: Mapping[str, str]
    local_aet: str = ""
    timeout: int = 0


@message
class KeptQuery:
    """A query that was answered; ``answers`` in the form that was asked for."""

    modality: str
    level: Level
    keys: Mapping[str, str]
    query: Mapping[str, Any]
    answers: tuple[Mapping[str, Any], ...]
    local_aet: str


@message
class ListQueries(Query[tuple[str, ...]]):
    """The names of the queries that are kept, the oldest first."""


@message
class DescribeQuery(Query[KeptQuery]):
    """A query and its answers.

    Raises:
        UnknownResource: it is not kept, or not any more.
    """

    id: str
    form: TagForm = TagForm.FULL


@message
class DeleteQuery(Command[None]):
    """Forget a query.

    Raises:
        UnknownResource: it is not kept.
    """

    id: str
