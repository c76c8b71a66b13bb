"""How an option is declared: its default, its meaning and its check, in one place."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")

Check = Callable[[Any], str | None]
"""Says what is wrong with a value, as the end of a sentence ("must be …"), or ``None``."""


@dataclass(frozen=True, slots=True)
class Option:
    """What is known of an option besides its type.

    ``meaning`` is a sentence for the reference; ``secret`` values are never shown; ``ours`` marks
    options that Orthanc does not have.
    """

    meaning: str
    name: str | None = None
    check: Check | None = None
    secret: bool = False
    ours: bool = False


def setting(
    default: T | Callable[[], T],
    meaning: str,
    *,
    name: str | None = None,
    check: Check | None = None,
    secret: bool = False,
    ours: bool = False,
) -> Any:
    """Declare an option: a field of a ``@section``.

    Args:
        default: its value where the configuration says nothing; a callable makes it anew.
        meaning: what it does, in a sentence.
        name: its name in the configuration, where it is not the field's name in CamelCase.
        check: says what is wrong with a value.
        secret: whether to hide the value wherever settings are shown.
        ours: whether Orthanc does not have the option.
    """
    option = Option(meaning=meaning, name=name, check=check, secret=secret, ours=ours)
    metadata = {"option": option}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(setting, dataclasses.field)
)
def section(name: str) -> Callable[[type[T]], type[T]]:
    """Make a class a section of the configuration: frozen, with slots, built by keyword.

    Args:
        name: its key in the configuration; "" for the root.
    """

    def make(cls: type[T]) -> type[T]:
        made: type[T] = dataclass(frozen=True, slots=True, kw_only=True)(cls)
        made.__section__ = name  # type: ignore[attr-defined]
        return made

    return make


def option_name(field: "dataclasses.Field[Any]") -> str:
    """An option's name in the configuration: ``throttle_delay`` is ``ThrottleDelay``."""
    option: Option | None = field.metadata.get("option")
    if option is not None and option.name is not None:
        return option.name
    return "".join(part.capitalize() for part in field.name.split("_"))


def not_negative(value: float) -> str | None:
    """A number that is 0 or more."""
    return None if value >= 0 else "must be 0 or more"


def positive(value: float) -> str | None:
    """A number greater than 0."""
    return None if value > 0 else "must be greater than 0"


def port(value: int) -> str | None:
    """A TCP port; 0 lets the system choose one."""
    return None if 0 <= value < 65536 else "must be between 0 and 65535"


def not_empty(value: str) -> str | None:
    """A text that is not empty."""
    return None if value else "must not be empty"


def one_of(*words: str) -> Check:
    """One of some words."""

    def check(value: str) -> str | None:
        return None if value in words else "must be one of " + ", ".join(words)

    return check
