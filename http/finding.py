"""The body of a search, as Orthanc's clients write it."""

import json
from difflib import get_close_matches
from typing import Any, TypeVar

from aiohttp import web

from repertory.conf.settings import Settings
from repertory.criteria import Criteria, LabelsConstraint, Order, OrderKind
from repertory.errors import BadParameter, BadRequest
from repertory.http.bodies import TEXT_LIMIT, read_text
from repertory.members import Members
from repertory.model import Level, Metadata, ResourceId, ResourceRef, TagForm

T = TypeVar("T")

_LEVELS = {word.lower(): level for level in Level for word in (level.word, level.plural)}
_SYSTEM_METADATA = {item.word: int(item) for item in Metadata}


class Fields(Members):
    """The members of a JSON object, each of the type that it must have.

    Raises (all methods):
        BadRequest: a member has another type, or is missing where it is needed.
    """

    def value(self, name: str) -> Any:
        """A member of any type; ``None`` where it is not there."""
        return self._members.get(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """The strings of an array; none where it is not there."""
        items: list[Any] = self.get(name, [])
        if not all(isinstance(item, str) for item in items):
            raise self._refusal(f"The field {self._place}{name} must be an array of strings.")
        return tuple(items)

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """The names and strings of an object; none where it is not there."""
        return tuple(_pairs(self.get(name, {}), name))

    def number(self, name: str) -> int:
        """A number that is 0 or more, or else ``BadParameter``; 0 where it is not there."""
        value = self.get(name, 0)
        if value < 0:
            raise BadParameter(f"The field {name} must be 0 or more.")
        return value


async def read_fields(
    request: web.Request, *, limit: int = TEXT_LIMIT, refusal: type[BadRequest] = BadRequest
) -> Fields:
    """The body, which must be a JSON object.

    Raises:
        BadRequest: it is something else; ``refusal`` is the kind of it.
    """
    try:
        body = json.loads(await read_text(request, limit=limit))
    except (ValueError, RecursionError):
        raise refusal("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise refusal("The body must be a JSON object.")
    return Fields(body, refusal=refusal)


def level_of(word: str) -> Level:
    """The level that a word stands for, singular or plural, in whatever case."""
    level = _LEVELS.get(word.lower())
    if level is None:
        raise BadParameter("The field Level must be Patient, Study, Series or Instance.")
    return level


def form_of(fields: Fields) -> TagForm:
    """How tags are to be written."""
    if fields.get("Full", default=False):
        return TagForm.FULL
    return TagForm.SHORT if fields.get("Short", default=False) else TagForm.SIMPLIFIED


def criteria_of(fields: Fields, settings: Settings) -> Criteria:
    """What is searched.

    Raises:
        BadRequest: a field is missing or has another type.
        BadParameter: a field has a value that means nothing.
    """
    level = level_of(fields.need("Level", str))
    most = settings.limit_find_instances if level is Level.INSTANCE else settings.limit_find_results
    limit = fields.number("Limit")
    if most and (limit == 0 or limit > most):
        limit = most
    return Criteria(
        level=level,
        tags=tuple(_pairs(fields.need("Query", dict), "Query")),
        case_sensitive=fields.get("CaseSensitive", default=False)
        if "CaseSensitive" in fields
        else None,
        metadata=tuple(
            (metadata_number(name, settings), value)
            for name, value in fields.pairs("MetadataQuery")
        ),
        labels=fields.texts("Labels"),
        labels_constraint=_labels_constraint(fields.get("LabelsConstraint", "All")),
        parents=tuple(
            ResourceRef(parent, ResourceId(fields.need(name, str)))
            for parent in (Level.PATIENT, Level.STUDY, Level.SERIES)
            if (name := f"Parent{parent.word}") in fields
        ),
        order=tuple(_order(item, settings) for item in fields.get("OrderBy", list[Any]())),
        since=fields.number("Since"),
        limit=limit,
    )


def metadata_number(name: str, settings: Settings) -> int:
    """The number of a metadata: the system's, the user's, or written as it is.

    Raises:
        BadParameter: it has no such name.
    """
    number = _SYSTEM_METADATA.get(name) or settings.user_metadata.get(name)
    if number is None and name.isascii() and name.isdigit() and len(name) <= 5:
        number = int(name)
    if number is None:
        near = get_close_matches(name, [*_SYSTEM_METADATA, *settings.user_metadata], n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise BadParameter(f"There is no metadata of that name.{hint}")
    return number


def _pairs(members: dict[str, Any], name: str) -> list[tuple[str, str]]:
    for key, value in members.items():
        if not isinstance(value, str):
            raise BadRequest(f"In the field {name}, the value of {key[:64]} must be a string.")
    return list(members.items())


def _labels_constraint(word: str) -> LabelsConstraint:
    try:
        return LabelsConstraint(word)
    except ValueError:
        raise BadParameter("The field LabelsConstraint must be All, Any or None.") from None


def _order(item: Any, settings: Settings) -> Order:
    if not isinstance(item, dict):
        raise BadRequest("The field OrderBy must be an array of objects.")
    fields = Fields(item, "OrderBy.")
    try:
        kind = OrderKind(fields.need("Type", str))
    except ValueError:
        words = ", ".join(it.value for it in OrderKind)
        raise BadParameter(f"The field OrderBy.Type must be one of {words}.") from None
    key = fields.need("Key", str)
    direction = fields.need("Direction", str)
    if direction not in ("ASC", "DESC"):
        raise BadParameter("The field OrderBy.Direction must be ASC or DESC.")
    if kind.is_metadata:
        key = str(metadata_number(key, settings))
    return Order(kind=kind, key=key, descending=direction == "DESC")
