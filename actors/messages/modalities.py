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
    """Enter a modality, or change it: for good with DicomModalitiesInDatabase, else until the end.

    Raises:
        Forbidden: it is to be kept, and the archive is read-only.
    """

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

    ``local_aet`` and ``timeout`` are the archive's own where they are empty, here and below. With
    ``check_find`` it is also asked for a study that nobody has (C-FIND): does it answer us at all?

    Raises:
        UnknownItem: there is no modality of this name.
        NetworkFailed: it does not answer, or does not want to.
    """

    target: Target
    local_aet: str = ""
    timeout: int = 0
    check_find: bool = False


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
class GetResource(Command[int]):
    """Let a modality send us what the keys name, over the association that asks (C-GET).

    The answer is how many instances came; they are archived when it comes.

    Raises:
        UnknownItem: there is no modality of this name.
        BadParameter: a name of a tag is unknown.
        NetworkFailed: it did not do so, or some instances did not come.
    """

    target: Target
    level: Level
    keys: Mapping[str, str]
    local_aet: str = ""
    timeout: int = 0


@message
class QueryModality(Command[str]):
    """Search at a modality (C-FIND), and keep the answers under the name that is returned.

    With ``normalize``, keys that the level has not are left out.

    Raises:
        UnknownItem: there is no modality of this name.
        BadParameter: a name of a tag is unknown.
        NetworkFailed: it does not answer, or does not want to.
    """

    modality: str
    level: Level
    keys: Mapping[str, str]
    normalize: bool = True
    local_aet: str = ""
    timeout: int = 0


@message
class SearchModality(Query[tuple[Mapping[str, Any], ...]]):
    """Search at a modality (C-FIND), also for all main DICOM tags; the answers, simplified.

    Nothing is kept.

    Raises:
        UnknownItem: there is no modality of this name.
        BadParameter: a name of a tag is unknown.
        NetworkFailed: it does not answer, or does not want to.
    """

    modality: str
    level: Level
    keys: Mapping[str, str]


@message
class ForwardedInstance:
    """An instance that was sent: SOPClassUID and SOPInstanceUID."""

    sop_class: str
    sop_instance: str


@message
class ForwardToModality(Command[ForwardedInstance]):
    """Send a DICOM file to a modality (C-STORE) that need not be in the archive.

    Raises:
        UnknownItem: there is no modality of this name.
        NotDicom, MissingTag: it is no DICOM file that can be sent.
        NetworkFailed: it cannot be reached, or does not take the file.
    """

    modality: str
    content: bytes


@message
class QueryWorklists(Command[tuple[dict[str, Any], ...]]):
    """Ask a modality what is scheduled (C-FIND of worklists); the answers in a form.

    ``keys`` are tags by name or number, each with what it must match, and items within lists.

    Raises:
        UnknownItem: there is no modality of this name.
        BadParameter: a name of a tag is unknown, or a value cannot be one.
        NetworkFailed: it does not answer, or does not want to.
    """

    target: Target
    keys: Mapping[str, Any]
    form: TagForm = TagForm.SIMPLIFIED
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
