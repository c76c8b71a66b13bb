"""The published reference of all options, made from their declarations.

``python -m repertory.conf.reference`` writes ``conf/defaults.json`` and
``docs/reference/options.md`` anew; tests keep both in step.
"""

import dataclasses
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

from repertory.conf import orthanc
from repertory.conf.fields import (
    Option,
    entries_of,
    every_option,
    option_name,
    section_of,
)
from repertory.conf.settings import Settings
from repertory.conf.values import describe

_WIDTH = 78


def render_defaults() -> str:
    """A configuration file with every option, its meaning and its default."""
    introduction = (
        "The options of Repertory, with their defaults: remove what you do not change. "
        "Options that Orthanc has, too, are named and mean the same as there. Paths are relative "
        "to the folder of this file; ${NAME} and ${NAME:-default} stand for variables of the "
        "environment."
    )
    lines = ["{"]
    lines += _comment(introduction, "  ")
    lines.append("")
    lines += _members(Settings, "  ")
    lines.append("}")
    return "\n".join(lines) + "\n"


def render_options() -> str:
    """The reference of all options in Markdown: a table for each section."""
    lines = [
        "# Options",
        "",
        "<!-- Written by `python -m repertory.conf.reference`: change the declarations in",
        "     `conf/settings.py`, not this file. -->",
        "",
        "Options marked with ◦ are our own; all others are named and mean the same as in Orthanc.",
        "How files are found and put together is in",
        "[explanation/configuration.md](../explanation/configuration.md).",
    ]
    section: tuple[str, ...] | None = None
    entries = [
        (f"Each entry of `{'.'.join(names)}`", entry)
        for names, _, annotation in every_option(Settings)
        if (entry := entries_of(annotation)) is not None
    ]
    listed = [("", *option) for option in every_option(Settings)]
    for heading, entry in entries:
        listed += [(heading, ("", *names), *more) for names, *more in every_option(entry)]
    for heading, names, field, annotation in listed:
        if names[:-1] != section:
            section = names[:-1]
            title = f"Section `{'.'.join(section)}`" if section else "At the root"
            lines += ["", f"## {heading or title}", ""]
            lines += ["| Option | Type | Default | Meaning |", "|---|---|---|---|"]
        option: Option = field.metadata["option"]
        mark = " ◦" if option.ours else ""
        default = "not set" if _default(field) is None else f"`{json.dumps(_default(field))}`"
        kind = describe(annotation).removesuffix(" or null")
        lines.append(f"| `{names[-1]}`{mark} | {kind} | {default} | {option.meaning} |")
    lines += ["", "## Options of Orthanc that have no effect (yet)", ""]
    lines += textwrap.wrap(
        "Repertory knows them, and says so at the start where a value asks for something else "
        "than what it does anyway.",
        100,
    )
    lines += ["", "| Option | Values that change nothing |", "|---|---|"]
    for name, values in sorted(orthanc.NOT_HONOURED.items()):
        shown = ", ".join(f"`{json.dumps(value)}`" for value in values) or "none"
        lines.append(f"| `{name}` | {shown} |")
    for part, options in sorted(orthanc.PARTLY_HONOURED.items()):
        lines += [f"| `{part}.{name}` | none |" for name in sorted(options)]
    own = {".".join(names[:1]) for names, _, _ in every_option(Settings) if len(names) > 1}
    sections = ", ".join(f"`{name}`" for name in sorted(orthanc.SECTIONS - own))
    lines += ["", *textwrap.wrap(f"The same goes for the sections of plugins: {sections}.", 100)]
    return "\n".join(lines) + "\n"


def write(root: Path) -> None:
    """Write both files into a checkout."""
    (root / "conf" / "defaults.json").write_text(render_defaults(), encoding="utf-8")
    reference = root / "docs" / "reference"
    reference.mkdir(parents=True, exist_ok=True)
    (reference / "options.md").write_text(render_options(), encoding="utf-8")


def _members(cls: type[Any], indent: str) -> Iterator[str]:
    """The lines of a section's members: options first, then sections, a blank line between."""
    types = get_type_hints(cls)
    fields = dataclasses.fields(cls)
    options = [field for field in fields if section_of(types[field.name]) is None]
    parts = [field for field in fields if section_of(types[field.name]) is not None]
    # A comma after the last value is no harm, but not all editors of JSON think so.
    shown = [field for field in [*options, *parts] if _default(field) is not None]
    last = shown[-1] if shown else None
    for number, field in enumerate([*options, *parts]):
        if number:
            yield ""
        comma = "" if field is last else ","
        option: Option = field.metadata["option"]
        yield from _comment(option.meaning, indent)
        name = option_name(field)
        part = section_of(types[field.name])
        if part is not None and _default(field) is None:
            # Its being there would switch something on.
            yield f'{indent}// "{name}" : {{'
            yield from (f"{indent}// {line}".rstrip() for line in _members(part, "  "))
            yield f"{indent}// }},"
        elif part is not None:
            yield f'{indent}"{name}" : {{'
            yield from _members(part, f"{indent}  ")
            yield f"{indent}}}{comma}"
        elif _default(field) is None:
            yield f'{indent}// "{name}" : {_example(types[field.name])},'
        else:
            yield f'{indent}"{name}" : {json.dumps(_default(field))}{comma}'


def _comment(text: str, indent: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=f"{indent}// ",
        subsequent_indent=f"{indent}// ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _default(field: "dataclasses.Field[Any]") -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _example(annotation: Any) -> str:
    """A value for an option that is not set by default."""
    return "false" if "true or false" in describe(annotation) else '""'


if __name__ == "__main__":
    write(Path(__file__).parents[1])
