"""What the archive asks of others: C-ECHO, C-STORE, C-FIND and C-MOVE; each call waits."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

import pynetdicom  # noqa: F401 - whole, before its parts (tests/house/test_imports.py)
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_ECHO, C_FIND, C_MOVE

from repertory.actors.dicom.client import Caller
from repertory.actors.dicom.finding import QUERY_RETRIEVE_LEVEL, WORDS
from repertory.actors.dicom.forms import Forms
from repertory.actors.dicom.negotiation import (
    PATIENT_ROOT_FIND,
    STUDY_ROOT_FIND,
    VERIFICATION,
    WORKLIST_FIND,
)
from repertory.actors.dicom.retrieving import UNIQUE_KEYS
from repertory.actors.dicom.sending import SUCCESSFUL, WARNINGS, Sender, context_of, data_set
from repertory.actors.dicom.sending import outgoing as outgoing_of
from repertory.actors.messages.modalities import UnsentInstance
from repertory.actors.switchboard import Switchboard
from repertory.criteria import Criteria
from repertory.errors import NetworkFailed, RepertoryError
from repertory.modalities import Modality
from repertory.model import Level, ResourceId, ResourceRef, TagForm
from repertory.storage.dicom.lookup import resolve_tag
from repertory.storage.dicom.wire import (
    EXPLICIT,
    IMPLICIT,
    data_set_of,
    read_identifier,
    write_identifier,
)

PATIENT_ROOT_MOVE: Final = "1.2.840.10008.5.1.4.1.2.1.2"
STUDY_ROOT_MOVE: Final = "1.2.840.10008.5.1.4.1.2.2.2"
PLAIN_SYNTAXES: Final = (EXPLICIT, IMPLICIT)
_PENDING: Final = frozenset({0xFF00, 0xFF01})


def echo(caller: Caller, modality: Modality, *, local_aet: str, timeout: float) -> None:
    """C-ECHO (PS3.7 9.1.5)."""
    with caller.associate(
        modality, [(VERIFICATION, PLAIN_SYNTAXES)], local_aet=local_aet, timeout=timeout
    ) as association:
        context = need(association, VERIFICATION, modality)
        request = C_ECHO()
        request.MessageID = 1
        request.AffectedSOPClassUID = VERIFICATION
        association.dimse.send_msg(request, context.context_id)
        status = answer_of(association, C_ECHO).Status
    if status not in SUCCESSFUL:
        raise NetworkFailed(f"{modality.aet} answers C-ECHO by status {status:04X}.")


def send(
    caller: Caller,
    board: Switchboard,
    modality: Modality,
    instances: tuple[ResourceId, ...],
    *,
    local_aet: str,
    timeout: float,
    originator: tuple[str, int] | None,
    forms: Forms,
) -> tuple[UnsentInstance, ...]:
    """C-STORE of some instances; those that could not be sent."""
    found = []
    unsent = []
    for id_ in instances:
        within = Criteria(level=Level.INSTANCE, within=ResourceRef(Level.INSTANCE, id_))
        here = outgoing_of(board, within)
        found += here
        if not here:
            unsent.append(UnsentInstance(id=id_, reason="There is no such instance."))
    if not found:
        return tuple(unsent)
    contexts = forms.propose(modality, found)
    with caller.associate(modality, contexts, local_aet=local_aet, timeout=timeout) as association:
        sender = Sender(association)
        for number, instance in enumerate(found, 1):
            try:
                if sender.takes(instance):
                    form, data = instance, data_set(board, instance)
                else:
                    accepted = sender.accepted(instance.sop_class)
                    asked = forms.transcoded(modality, instance, accepted)
                    form, content = asked.get(timeout=board.patience)
                    data = data_set_of(content)
            except RepertoryError as error:
                unsent.append(UnsentInstance(id=instance.id, reason=str(error)))
                continue
            status = sender.send(form, data, message_id=number, originator=originator)
            if status not in SUCCESSFUL | WARNINGS:
                reason = f"{modality.aet} answers C-STORE by status {status:04X}."
                unsent.append(UnsentInstance(id=instance.id, reason=reason))
    return tuple(unsent)


def identifier_of(level: Level, keys: Mapping[str, str]) -> dict[str, Any]:
    """The identifier that asks by these keys; the unique key of the level is always asked for.

    Raises:
        BadParameter: a name of a tag is unknown.
    """
    identifier: dict[str, Any] = {tag: "" for tag, at in UNIQUE_KEYS.items() if at is level}
    identifier.update({resolve_tag(name): value for name, value in keys.items()})
    identifier[QUERY_RETRIEVE_LEVEL] = WORDS[level]
    return identifier


def find(
    caller: Caller,
    modality: Modality,
    level: Level,
    identifier: Mapping[str, Any],
    *,
    local_aet: str,
    timeout: float,
) -> tuple[dict[str, Any], ...]:
    """C-FIND (PS3.4 C.4.1); the answers with names and types."""
    model = PATIENT_ROOT_FIND if level is Level.PATIENT else STUDY_ROOT_FIND
    return _find(caller, modality, model, identifier, local_aet=local_aet, timeout=timeout)


def find_worklists(
    caller: Caller,
    modality: Modality,
    identifier: Mapping[str, Any],
    *,
    local_aet: str,
    timeout: float,
) -> tuple[dict[str, Any], ...]:
    """C-FIND of worklists (PS3.4 K.4.1); the answers with names and types."""
    return _find(caller, modality, WORKLIST_FIND, identifier, local_aet=local_aet, timeout=timeout)


def _find(
    caller: Caller,
    modality: Modality,
    model: str,
    identifier: Mapping[str, Any],
    *,
    local_aet: str,
    timeout: float,
) -> tuple[dict[str, Any], ...]:
    answers = []
    with caller.associate(
        modality, [(model, PLAIN_SYNTAXES)], local_aet=local_aet, timeout=timeout
    ) as association:
        context = need(association, model, modality)
        syntax = str(context.transfer_syntax[0])
        request = C_FIND()
        request.MessageID = 1
        request.AffectedSOPClassUID = model
        request.Priority = 0x0002
        request.Identifier = BytesIO(write_identifier(identifier, syntax))
        association.dimse.send_msg(request, context.context_id)
        while (answer := answer_of(association, C_FIND)).Status in _PENDING:
            if answer.Identifier is not None:
                answers.append(_read(caller, answer, syntax))
    if answer.Status not in SUCCESSFUL:
        raise NetworkFailed(f"{modality.aet} answers C-FIND by status {answer.Status:04X}.")
    return tuple(answers)


def _read(caller: Caller, answer: C_FIND, syntax: str) -> dict[str, Any]:
    data = answer.Identifier.getvalue() if answer.Identifier is not None else b""
    encoding = caller.encoding.name
    return read_identifier(data, syntax, TagForm.FULL, default_encoding=encoding)


def move(
    caller: Caller,
    modality: Modality,
    level: Level,
    identifier: Mapping[str, Any],
    *,
    destination: str,
    local_aet: str,
    timeout: float,
) -> None:
    """C-MOVE (PS3.4 C.4.2); it ends when everything was sent."""
    model = PATIENT_ROOT_MOVE if level is Level.PATIENT else STUDY_ROOT_MOVE
    with caller.associate(
        modality, [(model, PLAIN_SYNTAXES)], local_aet=local_aet, timeout=timeout
    ) as association:
        context = need(association, model, modality)
        request = C_MOVE()
        request.MessageID = 1
        request.AffectedSOPClassUID = model
        request.Priority = 0x0002
        request.MoveDestination = destination
        data = write_identifier(identifier, str(context.transfer_syntax[0]))
        request.Identifier = BytesIO(data)
        association.dimse.send_msg(request, context.context_id)
        while (answer := answer_of(association, C_MOVE)).Status in _PENDING:
            continue
    if answer.Status not in SUCCESSFUL:
        raise NetworkFailed(f"{modality.aet} answers C-MOVE by status {answer.Status:04X}.")


def need(association: Association, sop_class: str, modality: Modality) -> Any:
    """The presentation context of a service.

    Raises:
        NetworkFailed: the other side does not offer it.
    """
    context = context_of(association, sop_class)
    if context is None:
        raise NetworkFailed(f"{modality.aet} does not offer this service.")
    return context


def answer_of(association: Association, kind: type[Any]) -> Any:
    """The answer that comes next, of a kind of message.

    Raises:
        NetworkFailed: none came in time, or another one.
    """
    _, answer = association.dimse.get_msg(block=True)
    if not isinstance(answer, kind) or answer.Status is None:
        raise NetworkFailed("The other side gave no answer in time, or broke off.")
    return answer
