"""What the archive asks of others: C-ECHO, C-STORE, C-FIND and C-MOVE; each call waits."""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from repertory.actors.dicom.finding import QUERY_RETRIEVE_LEVEL, WORDS
from repertory.actors.dicom.forms import Forms
from repertory.actors.dicom.negotiation import (
    PATIENT_ROOT_FIND,
    STUDY_ROOT_FIND,
    VERIFICATION,
    WORKLIST_FIND,
)
from repertory.actors.dicom.requesting import Keep, Requestor, Stale
from repertory.actors.dicom.retrieving import UNIQUE_KEYS
from repertory.actors.dicom.sending import SUCCESSFUL, WARNINGS
from repertory.actors.dicom.sending import outgoing as outgoing_of
from repertory.actors.dicom.suboperations import ReadAhead, Sender, reading
from repertory.actors.dicom.upper.association import Association, Context
from repertory.actors.dicom.upper.commands import (
    C_ECHO_RQ,
    C_FIND_RQ,
    C_MOVE_RQ,
    MEDIUM,
    status_of,
)
from repertory.actors.messages.modalities import UnsentInstance
from repertory.actors.switchboard import Switchboard
from repertory.criteria import Criteria
from repertory.errors import NetworkFailed, RepertoryError
from repertory.modalities import Modality
from repertory.model import Level, ResourceId, TagForm
from repertory.storage.dicom.lookup import resolve_tag
from repertory.storage.dicom.wire import EXPLICIT, IMPLICIT, read_identifier, write_identifier

PATIENT_ROOT_MOVE: Final = "1.2.840.10008.5.1.4.1.2.1.2"
STUDY_ROOT_MOVE: Final = "1.2.840.10008.5.1.4.1.2.2.2"
PLAIN_SYNTAXES: Final = (EXPLICIT, IMPLICIT)
ONLY: Final = 1
"""The number of a message that is alone in its association."""

_PENDING: Final = frozenset({0xFF00, 0xFF01})


def echo(requestor: Requestor, modality: Modality, *, local_aet: str, timeout: float) -> None:
    """C-ECHO (PS3.7 9.1.5)."""
    with requestor.associate(
        modality, [(VERIFICATION, PLAIN_SYNTAXES)], local_aet=local_aet, timeout=timeout
    ) as association:
        context = need(association, VERIFICATION, modality)
        command = {
            "CommandField": C_ECHO_RQ,
            "MessageID": ONLY,
            "AffectedSOPClassUID": VERIFICATION,
        }
        status = status_of(association.call(context, command).command, C_ECHO_RQ, ONLY)
    if status not in SUCCESSFUL:
        raise NetworkFailed(f"{modality.aet} answers C-ECHO by status {status:04X}.")


def check_find(requestor: Requestor, modality: Modality, *, local_aet: str, timeout: float) -> None:
    """C-FIND of a study that nobody has; what is found does not matter.

    Raises:
        NetworkFailed: it is not answered by success.
    """
    nobodys = f"2.25.{uuid.uuid4().int}"
    identifier = identifier_of(Level.STUDY, {"0020,000d": nobodys})
    find(requestor, modality, Level.STUDY, identifier, local_aet=local_aet, timeout=timeout)


def send(
    requestor: Requestor,
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
    within = Criteria(level=Level.INSTANCE, among=instances)
    known = {it.id: it for it in outgoing_of(board, within)}
    found = [known[id_] for id_ in instances if id_ in known]
    missing = tuple(
        UnsentInstance(id=id_, reason="There is no such instance.")
        for id_ in instances
        if id_ not in known
    )
    if not found:
        return missing
    contexts = forms.propose(modality, found)

    def over(keep: Keep) -> Iterator[UnsentInstance]:
        with requestor.associate(
            modality, contexts, local_aet=local_aet, timeout=timeout, keep=keep
        ) as association:
            sender = Sender(association)
            files = ReadAhead(found, reading(board, sender, forms, modality))
            for number, (instance, file) in enumerate(files, 1):
                try:
                    form, content = file.get(timeout=board.patience)
                    status = sender.send(form, content, message_id=number, originator=originator)
                except RepertoryError as error:
                    yield UnsentInstance(id=instance.id, reason=str(error))
                    continue
                if status not in SUCCESSFUL | WARNINGS:
                    reason = f"{modality.aet} answers C-STORE by status {status:04X}."
                    yield UnsentInstance(id=instance.id, reason=reason)

    try:
        return missing + tuple(over(Keep.TAKE))
    except Stale:
        # The other side may have ended it at this very moment. To send twice does no harm.
        return missing + tuple(over(Keep.FRESH))


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
    requestor: Requestor,
    modality: Modality,
    level: Level,
    identifier: Mapping[str, Any],
    *,
    local_aet: str,
    timeout: float,
) -> tuple[dict[str, Any], ...]:
    """C-FIND (PS3.4 C.4.1); the answers with names and types."""
    model = PATIENT_ROOT_FIND if level is Level.PATIENT else STUDY_ROOT_FIND
    return _find(requestor, modality, model, identifier, local_aet=local_aet, timeout=timeout)


def find_worklists(
    requestor: Requestor,
    modality: Modality,
    identifier: Mapping[str, Any],
    *,
    local_aet: str,
    timeout: float,
) -> tuple[dict[str, Any], ...]:
    """C-FIND of worklists (PS3.4 K.4.1); the answers with names and types."""
    return _find(
        requestor, modality, WORKLIST_FIND, identifier, local_aet=local_aet, timeout=timeout
    )


def _find(
    requestor: Requestor,
    modality: Modality,
    model: str,
    identifier: Mapping[str, Any],
    *,
    local_aet: str,
    timeout: float,
) -> tuple[dict[str, Any], ...]:
    answers = []
    encoding = requestor.encoding
    with requestor.associate(
        modality, [(model, PLAIN_SYNTAXES)], local_aet=local_aet, timeout=timeout
    ) as association:
        context = need(association, model, modality)
        syntax = context.transfer_syntax
        association.send(context, query(C_FIND_RQ, model), write_identifier(identifier, syntax))
        while True:
            answer = association.response()
            status = status_of(answer.command, C_FIND_RQ, ONLY)
            if status not in _PENDING:
                break
            if answer.data is not None:
                answers.append(
                    read_identifier(
                        answer.data, syntax, TagForm.FULL, default_encoding=encoding.name
                    )
                )
    if status not in SUCCESSFUL:
        raise NetworkFailed(f"{modality.aet} answers C-FIND by status {status:04X}.")
    return tuple(answers)


def move(
    requestor: Requestor,
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
    with requestor.associate(
        modality, [(model, PLAIN_SYNTAXES)], local_aet=local_aet, timeout=timeout
    ) as association:
        context = need(association, model, modality)
        command = {**query(C_MOVE_RQ, model), "MoveDestination": destination}
        association.send(context, command, write_identifier(identifier, context.transfer_syntax))
        while True:
            status = status_of(association.response().command, C_MOVE_RQ, ONLY)
            if status not in _PENDING:
                break
    if status not in SUCCESSFUL:
        raise NetworkFailed(f"{modality.aet} answers C-MOVE by status {status:04X}.")


def query(kind: int, model: str) -> dict[str, Any]:
    """The command of a request that has an identifier."""
    return {
        "CommandField": kind,
        "MessageID": ONLY,
        "AffectedSOPClassUID": model,
        "Priority": MEDIUM,
    }


def need(association: Association, sop_class: str, modality: Modality) -> Context:
    """The presentation context of a service.

    Raises:
        NetworkFailed: the other side does not offer it.
    """
    for context in association.contexts.values():
        if context.abstract_syntax == sop_class:
            return context
    raise NetworkFailed(f"{modality.aet} does not offer this service.")
