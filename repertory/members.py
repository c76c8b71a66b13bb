"""The members of JSON objects that somebody else wrote."""

from collections.abc import Mapping
from typing import Any, TypeVar

from repertory.errors import BadRequest

T = TypeVar("T")

_WORDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


class Members:
    """The members of a JSON object, each of the type that it must have.

    Args:
        members: the object.
        place: what errors call the object, with a dot: "" where it is the whole.
        refusal: what is raised.

    Raises (all methods):
        BadRequest: a member has another type, or is missing where it is needed.
    """

    def __init__(
        self,
        members: Mapping[str, Any],
        place: str = "",
        refusal: type[BadRequest] = BadRequest,
    ) -> None:
        self._members = members
        self._place = place
        self._refusal = refusal

    @property
    def members(self) -> Mapping[str, Any]:
        """All of them, of whatever types."""
        return self._members

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def get(self, name: str, default: T) -> T:
        """A member of the default's type, or the default."""
        return self._get(name, type(default)) if name in self._members else default

    def need(self, name: str, kind: type[T]) -> T:
        """A member that must be there."""
        if name not in self._members:
            raise self._refusal(f"The field {self._place}{name} is missing.")
        return self._get(name, kind)

    def _get(self, name: str, kind: type[T]) -> T:
        value = self._members[name]
        if type(value) is not kind:
            raise self._refusal(f"The field {self._place}{name} must be {_WORDS[kind]}.")
        return value
