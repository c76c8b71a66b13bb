"""From files and environment to settings.

Everything that is wrong is found in one go; see ``docs/explanation/configuration.md``.
"""

import dataclasses
import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from repertory.conf import orthanc
from repertory.conf.comments import BadSyntax, Keys, parse
from repertory.conf.fields import Option, entries_of, is_list, option_name, section_of
from repertory.conf.problems import InvalidSettings, Problem
from repertory.conf.settings import Settings
from repertory.conf.values import Mismatch, convert, show
from repertory.conf.whole import doubts_about, faults_of


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was read: ``settings`` are to be used only where there are no ``problems``.

    ``files`` are those that were read, in order; ``warnings`` are what is odd in them.
    """

    settings: Settings
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    files: tuple[Path, ...]


def load_settings(*paths: Path | str, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read settings from files and folders; what they do not say is as by default.

    Args:
        paths: files, or folders of which every ``*.json`` is read; their options are put
            together, and an option may be set in one of them only.
        environment: the values of ``${NAME}`` and ``${NAME:-default}`` in the files.

    Raises:
        InvalidSettings: they cannot be used, with every reason.
    """
    loaded = read_settings(*paths, environment=environment)
    if loaded.problems:
        raise InvalidSettings(loaded.problems)
    return loaded.settings


def read_settings(*paths: Path | str, environment: Mapping[str, str] = os.environ) -> Loaded:
    """Read settings as ``load_settings`` does; return what is wrong and what is odd beside them."""
    return _Reader(environment).read(tuple(map(Path, paths)))


@dataclass(frozen=True, slots=True)
class _Source:
    """Where an option is set."""

    file: Path
    line: int


class _Reader:
    """Reads one configuration."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[Problem] = []
        self._warnings: list[Problem] = []
        self._files: list[Path] = []
        self._sources: dict[Keys, _Source] = {}
        self._latest: dict[Keys, int] = {}

    def read(self, paths: tuple[Path, ...]) -> Loaded:
        tree: dict[str, Any] = {}
        for path in paths:
            for file in self._files_at(path):
                members = self._parse(file)
                self._merge(tree, members, (), file)
        settings: Settings = self._section(Settings, tree, ())
        settings = self._as_orthanc_takes_them(settings)
        refused = {problem.option for problem in self._problems}
        for name, text in faults_of(settings):
            if name not in refused:
                self._problem(tuple(name.split(".")), text)
        for name, text in doubts_about(settings):
            self._warning(tuple(name.split(".")), text)
        return Loaded(settings, tuple(self._problems), tuple(self._warnings), tuple(self._files))

    # Files

    def _files_at(self, path: Path) -> list[Path]:
        """The file, or the files of the folder, in the order of their names."""
        try:
            if not path.is_dir():
                return [path]
            files = sorted(
                file for file in path.iterdir() if file.suffix.lower() == ".json" and file.is_file()
            )
        except OSError as error:
            self._problems.append(Problem(f"It cannot be read: {error.strerror}.", str(path)))
            return []
        if not files:
            self._warnings.append(Problem("The folder has no file named *.json.", str(path)))
        return files

    def _parse(self, file: Path) -> dict[str, Any]:
        """The members of the object that a file holds, with their places noted."""
        name = str(file)
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            self._problems.append(Problem("There is no such file.", name))
            return {}
        except OSError as error:
            self._problems.append(Problem(f"It cannot be read: {error.strerror}.", name))
            return {}
        self._files.append(file)
        missing: dict[str, None] = {}
        try:
            document = parse(self._decode(content, name), expand=self._expander(missing))
        except BadSyntax as error:
            text = f"column {error.column}: {error.reason}."
            self._problems.append(Problem(text, name, error.line))
            return {}
        self._warnings += [Problem(text, name, line) for line, text in document.doubts]
        self._warnings += [
            Problem(f"The environment variable {variable} is not set: it counts as empty.", name)
            for variable in missing
        ]
        if not isinstance(document.value, dict):
            self._problems.append(Problem("It does not hold an object in braces.", name))
            return {}
        for keys, line in document.lines.items():
            self._sources.setdefault(keys, _Source(file, line))
        self._latest = document.lines
        return document.value

    def _decode(self, content: bytes, name: str) -> str:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            self._warnings.append(Problem("It is not in UTF-8: it was read as Latin-1.", name))
            return content.decode("latin-1")

    def _expander(self, missing: dict[str, None]) -> Callable[["re.Match[str]"], str]:
        def expand(variable: "re.Match[str]") -> str:
            name, default = variable.groups()
            if name not in self._environment and default is None:
                missing[name] = None
            return self._environment.get(name, default or "")

        return expand

    def _merge(self, tree: dict[str, Any], members: dict[str, Any], keys: Keys, file: Path) -> None:
        """Add what a file says to what the files before it said."""
        for name, value in members.items():
            here = (*keys, name)
            if name not in tree:
                tree[name] = value
            elif isinstance(tree[name], dict) and isinstance(value, dict):
                self._merge(tree[name], value, here, file)
            else:
                # Orthanc does not start either: which one is meant, nobody can know.
                first = self._sources[here]
                self._problems.append(
                    Problem(
                        f"{'.'.join(here)} is also set in {first.file}, line {first.line}.",
                        str(file),
                        self._latest[here],
                        ".".join(here),
                    )
                )

    # Options

    def _section(self, cls: type[Any], tree: Mapping[str, Any], keys: Keys) -> Any:
        """A section from its members; an option that cannot be used keeps its default."""
        types = get_type_hints(cls)
        known = {option_name(field): field for field in dataclasses.fields(cls)}
        values: dict[str, Any] = {}
        ignored: dict[str, list[str]] = {}
        for name, value in tree.items():
            here = (*keys, name)
            field = known.get(name)
            if field is None:
                self._unknown(here, value, list(known), ignored, strict=cls.__strict__)
                continue
            part = section_of(types[field.name])
            entry = entries_of(types[field.name])
            if entry is not None and is_list(types[field.name]):
                values[field.name] = self._listed(entry, value, here)
            elif entry is not None and isinstance(value, dict):
                values[field.name] = self._entries(entry, value, here)
            elif part is None and entry is None:
                self._option(here, field, types[field.name], value, values)
            elif part is not None and isinstance(value, dict):
                values[field.name] = self._section(part, value, here)
            else:
                self._problem(here, f"must be an object in braces, not {show(value)}")
        for file, names in ignored.items():
            text = f"Repertory does not honour (yet) what is set here: {', '.join(names)}."
            self._warnings.append(Problem(text, file))
        return cls(**values)

    def _entries(self, cls: type[Any], tree: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
        """Sections that the user names, by their names."""
        entries: dict[str, Any] = {}
        for name, value in tree.items():
            if isinstance(value, dict):
                entries[name] = self._section(cls, value, (*keys, name))
            else:
                self._problem((*keys, name), f"must be an object in braces, not {show(value)}")
        return entries

    def _listed(self, cls: type[Any], value: Any, keys: Keys) -> list[Any]:
        """Sections in a list; each is known by its place, from 1 on."""
        if not isinstance(value, list):
            self._problem(keys, f"must be a list in brackets, not {show(value)}")
            return []
        members = {str(place): member for place, member in enumerate(value, start=1)}
        entries = list(self._entries(cls, members, keys).values())
        # One that is no section would give its place to the next.
        return entries if len(entries) == len(value) else []

    def _option(
        self,
        keys: Keys,
        field: "dataclasses.Field[Any]",
        annotation: Any,
        value: Any,
        values: dict[str, Any],
    ) -> None:
        option: Option = field.metadata["option"]
        try:
            converted = convert(value, annotation)
        except Mismatch as error:
            found = "" if option.secret else f", not {show(error.value)}"
            self._problem((*keys, *error.inner), f"must be {error.text}{found}", at=keys)
            return
        complaint = option.check(converted) if option.check else None
        if complaint:
            found = "" if option.secret else f", not {show(value)}"
            self._problem(keys, f"{complaint}{found}")
            return
        if option.path and converted:
            converted = _anchored(converted, self._sources[keys].file.parent)
        if option.paths:
            home = self._sources[keys].file.parent
            converted = {name: str(home / path) for name, path in converted.items()}
        values[field.name] = converted

    def _unknown(
        self,
        keys: Keys,
        value: Any,
        known: list[str],
        ignored: dict[str, list[str]],
        *,
        strict: bool,
    ) -> None:
        section, name = ".".join(keys[:-1]), keys[-1]
        if strict:
            nearest = _nearest(name, known)
            hint = f": perhaps {nearest} is meant" if nearest else ""
            self._problem(keys, f"is not an option{hint}")
            return
        if orthanc.changes_nothing(section, name, value):
            return
        if not section and name in orthanc.REFUSED:
            self._problem(keys, f"must not be {show(value)}: {orthanc.REFUSED[name]}")
        elif not section and name in orthanc.UNSUPPORTED:
            self._warning(keys, orthanc.UNSUPPORTED[name])
        elif orthanc.is_known(section, name):
            ignored.setdefault(str(self._sources[keys].file), []).append(".".join(keys))
        else:
            nearest = _nearest(name, [*known, *orthanc.names(section)])
            hint = f": did you mean {nearest}?" if nearest else "."
            self._warning(keys, f"is not an option{hint}")

    def _as_orthanc_takes_them(self, settings: Settings) -> Settings:
        """Replace what Orthanc replaces, too."""
        changes: dict[str, Any] = {}
        if settings.stable_age < 1:
            changes["stable_age"] = 60
            self._warning(("StableAge",), "is less than 1: 60 seconds are taken, as Orthanc does.")
        if settings.http_bind_addresses and not settings.http_bind_address:
            changes["http_bind_address"] = settings.http_bind_addresses[0]
        return dataclasses.replace(settings, **changes)

    # What is found

    def _problem(self, keys: Keys, text: str, *, at: Keys | None = None) -> None:
        self._problems.append(self._found(keys, f"{text}.", at or keys))

    def _warning(self, keys: Keys, text: str) -> None:
        self._warnings.append(self._found(keys, text, keys))

    def _found(self, keys: Keys, text: str, at: Keys) -> Problem:
        # What is missing is missing where its section is.
        places = (self._sources.get(at[:end]) for end in range(len(at), 0, -1))
        source = next((place for place in places if place is not None), None)
        option = ".".join(keys)
        return Problem(
            f"{option} {text}",
            str(source.file) if source else "",
            source.line if source else None,
            option,
        )


def _anchored(value: Any, folder: Path) -> Any:
    """A path, or those within lists, relative to the folder of the file that sets it."""
    if isinstance(value, tuple | list):
        return type(value)(_anchored(member, folder) for member in value)
    return str(folder / value) if isinstance(value, str) and value else value


def _nearest(name: str, known: list[str]) -> str | None:
    folded = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.75)
    return folded[found[0]] if found else None
