"""How an option is declared: its default, its meaning and its check, in one place."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

T = TypeVar("T")

Check = Callable[[Any], str | None]
"""Says what is wrong with a value, as the end of a sentence ("must be …"), or ``None``."""


@dataclass(frozen=True, slots=True)
class Option:
    """What is known of an option besides its type.

    ``meaning`` is a sentence for the reference; ``secret`` values are never shown; ``ours`` marks
    options that Orthanc does not have; a ``path`` is relative to the file that sets it, and so are
    the members of an object of ``paths``.
    """

    meaning: str
    name: str | None = None
    check: Check | None = None
    secret: bool = False
    ours: bool = False
    path: bool = False
    paths: bool = False


def setting(
    *,
    meaning: str,
    default: object = dataclasses.MISSING,
    default_factory: Callable[[], object] | None = None,
    name: str | None = None,
    check: Check | None = None,
    secret: bool = False,
    ours: bool = False,
    path: bool = False,
    paths: bool = False,
) -> Any:
    """Declare an option: a field of a ``@section``.

    Args:
        meaning: what it does, in a sentence.
        default: its value where the configuration says nothing.
        default_factory: makes that value anew for each configuration.
        name: its name in the configuration, where it is not the field's name in CamelCase.
        check: says what is wrong with a value.
        secret: whether to hide the value wherever settings are shown.
        ours: whether Orthanc does not have the option.
        path: whether it names a file or folder, relative to the folder of the file that sets it.
        paths: whether the members of an object do.
    """
    option = Option(
        meaning=meaning,
        name=name,
        check=check,
        secret=secret,
        ours=ours,
        path=path,
        paths=paths,
    )
    metadata = {"option": option}
    if default_factory is not None:
        return dataclasses.field(
            default_factory=default_factory, repr=not secret, metadata=metadata
        )
    return dataclasses.field(default=default, repr=not secret, metadata=metadata)


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(setting, dataclasses.field)
)
def section(name: str, *, strict: bool = False) -> Callable[[type[T]], type[T]]:
    """Make a class a section of the configuration: frozen, with slots, built by keyword.

    Args:
        name: its key in the configuration; "" for the root.
        strict: whether a name in it that nobody knows is an error, and no warning.
    """

    def make(cls: type[T]) -> type[T]:
        made: type[T] = dataclass(frozen=True, slots=True, kw_only=True)(cls)
        made.__section__ = name  # type: ignore[attr-defined]
        made.__strict__ = strict  # type: ignore[attr-defined]
        return made

    return make


def option_name(field: "dataclasses.Field[Any]") -> str:
    """An option's name in the configuration: ``throttle_delay`` is ``ThrottleDelay``."""
    option: Option | None = field.metadata.get("option")
    if option is not None and option.name is not None:
        return option.name
    return "".join(part.capitalize() for part in field.name.split("_"))


def section_of(annotation: Any) -> type[Any] | None:
    """The section that a field of this type holds, if it holds one."""
    if get_origin(annotation) in (dict, list):
        return None
    candidates = (annotation, *get_args(annotation))
    return next((each for each in candidates if hasattr(each, "__section__")), None)


def entries_of(annotation: Any) -> type[Any] | None:
    """The section that each entry of a field of this type is: of sections by name, or a list."""
    members = get_args(annotation)
    if get_origin(annotation) in (dict, list) and hasattr(members[-1], "__section__"):
        entry: type[Any] = members[-1]
        return entry
    return None


def is_list(annotation: Any) -> bool:
    """Whether a field of this type holds a list."""
    return get_origin(annotation) is list


def every_option(
    cls: type[Any], names: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], "dataclasses.Field[Any]", Any]]:
    """Each option of a section with its names, its field and its type, then those within."""
    types = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if section_of(types[field.name]) is None:
            yield (*names, option_name(field)), field, types[field.name]
    for field in dataclasses.fields(cls):
        part = section_of(types[field.name])
        if part is not None:
            yield from every_option(part, (*names, option_name(field)))


def shown(settings: Any) -> dict[str, Any]:
    """The options of a section by their names, those within too; without what is secret."""
    types = get_type_hints(type(settings))
    options: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if section_of(types[field.name]) is not None:
            options[option_name(field)] = _shown_section(value)
        elif entries_of(types[field.name]) is not None and is_list(types[field.name]):
            options[option_name(field)] = [shown(entry) for entry in value]
        elif not field.metadata["option"].secret:
            options[option_name(field)] = value
    return options


def _shown_section(value: Any) -> Any:
    if isinstance(value, dict):  # sections by name
        return {name: shown(section) for name, section in value.items()}
    return None if value is None else shown(value)


def not_negative(value: float) -> str | None:
    """A number that is 0 or more."""
    return None if value >= 0 else "must be 0 or more"


def not_negative_or_not(value: float | None) -> str | None:
    """The same, where it is set."""
    return None if value is None else not_negative(value)


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


def one_to(last: int) -> Check:
    """A number from 1 to ``last``."""

    def check(value: int) -> str | None:
        return None if 1 <= value <= last else f"must be between 1 and {last}"

    return check


def overwriting(value: bool | str) -> str | None:
    """One of Orthanc's modes of overwriting, or true or false as it was before them."""
    return None if isinstance(value, bool) else one_of("Never", "Always", "IfChanged")(value)


def named_or_not(value: str | None) -> str | None:
    """A name that is one, where there is any."""
    return "must not be empty" if value is not None and not value.strip() else None


def application_entity_title(value: str) -> str | None:
    """A title of the DICOM protocol: 1 to 16 characters (PS3.5 section 6.2, AE)."""
    return None if 1 <= len(value.strip()) <= 16 else "must have 1 to 16 characters"


def quiet_periods(*, titles: bool = False) -> Check:
    """Seconds by modality, or by application entity title."""

    def check(value: dict[str, int]) -> str | None:
        names = [name.strip() if titles else name.strip().upper() for name in value]
        if not all(1 <= len(name) <= 16 for name in names):
            return "must have names of 1 to 16 characters"
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            return f"must not name {twice} twice"
        short = next((name for name, seconds in value.items() if seconds < 1), None)
        return None if short is None else f"must be 1 second or more for {short}"

    return check


def users(value: dict[str, str]) -> str | None:
    """Names and passwords that HTTP can transport (RFC 7617: a colon ends the name)."""
    if not all(value) or any(":" in name for name in value):
        return "must not have an empty name, or a colon in a name"
    for name, password in value.items():
        if not password:
            return f"must not have an empty password, as {name} has"
    return None


def user_numbers(value: dict[str, int]) -> str | None:
    """Numbers that a user may give to metadata (spec, Metadata): unique, 1024 to 65535."""
    if any(not 1024 <= number <= 65535 for number in value.values()):
        return "must have numbers between 1024 and 65535"
    if len(set(value.values())) < len(value):
        return "must not give a number to two names"
    if any(name.isdecimal() for name in value):
        return "must not have a name that looks like a number"
    return None


def user_content_types(value: dict[str, int | tuple[int | str, ...]]) -> str | None:
    """Numbers that a user may give to attachments, alone or with a MIME type."""
    numbers = {}
    for name, kind in value.items():
        parts = (kind,) if isinstance(kind, int) else kind
        if not parts or not isinstance(parts[0], int) or len(parts) > 2:
            return "must have a number, or a list of a number and a MIME type, for each name"
        if len(parts) == 1 and not isinstance(kind, int):
            return "must have two elements in each list: a number and a MIME type"
        if len(parts) == 2 and "/" not in str(parts[1]):
            return f"must have a MIME type such as application/pdf for {name}"
        numbers[name] = parts[0]
    return user_numbers(numbers)


def tags_by_level(value: dict[str, list[str]]) -> str | None:
    """Tags for each level; whether there are such tags, the start of the archive tells."""
    if set(value) - {"Patient", "Study", "Series", "Instance"}:
        return "must be given for Patient, Study, Series and Instance"
    if not all(name.strip() for names in value.values() for name in names):
        return "must not have an empty name"
    return None
