"""Worklists: how they match what a modality asks for (PS3.4 K.2.2), and the folder of them."""

import os
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from repertory.errors import BadParameter, RepertoryError, StorageFailed
from repertory.model import TagForm
from repertory.storage.dicom.lookup import resolve_tag
from repertory.storage.dicom.names import asked_entry, parse_tag
from repertory.storage.dicom.tags import tags
from repertory.storage.dicom.tags_json import EVERY_TAG, in_form
from repertory.storage.dicom.wire import (
    EXPLICIT,
    IMPLEMENTATION_CLASS_UID,
    SPECIFIC_CHARACTER_SET,
    file_head,
    write_identifier,
)
from repertory.storage.patterns import RANGED, matches, parse_patterns

WORKLIST_FIND: Final = "1.2.840.10008.5.1.4.31"
"""Modality Worklist Information Model - FIND (PS3.4 K.6.1.4)."""

STUDY_INSTANCE_UID: Final = "0020,000d"
SCHEDULED_STEPS: Final = "0040,0100"
STATION_TITLE: Final = "0040,0001"

SUFFIX: Final = ".wl"
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
"""What the name of a worklist looks like: it is that of a file, too."""

DEEPEST = 8
"""Levels of sequences within each other."""

_META_LENGTH = 1024
_LARGEST = 4 << 20

Tags = Mapping[str, Any]
"""Tag (``gggg,eeee``) to text, or to a list of items of the same kind."""


@dataclass(frozen=True, slots=True)
class Worklist:
    """A worklist: its tags with names and types, whether it was made here, and when."""

    id: str
    tags: Tags
    is_own: bool
    made_at: float

    @property
    def short(self) -> dict[str, Any]:
        """Its tags by number."""
        return in_form(self.tags, TagForm.SHORT)


def is_met(keys: Tags, found: Tags) -> bool:
    """Whether what was found matches all keys; a key without a value asks for nothing."""
    return all(_matches(tag, value, found.get(tag)) for tag, value in keys.items())


def answer_of(keys: Tags, found: Tags) -> dict[str, Any]:
    """What is told of a worklist: what was asked for, of sequences the items that match."""
    answer: dict[str, Any] = {}
    for tag, key in keys.items():
        value = found.get(tag)
        if not isinstance(key, list):
            answer[tag] = "" if value is None else value
        elif not key or not isinstance(value, list):
            answer[tag] = value if isinstance(value, list) else []
        else:
            answer[tag] = [answer_of(key[0], item) for item in value if is_met(key[0], item)]
    return answer


def for_station(keys: Tags, title: str) -> dict[str, Any]:
    """The same keys, and that a step is scheduled for the station of this title."""
    steps = keys.get(SCHEDULED_STEPS)
    item = steps[0] if isinstance(steps, list) and steps else {}
    return {**keys, SCHEDULED_STEPS: [{**item, STATION_TITLE: title}]}


def _matches(tag: str, key: Any, value: Any) -> bool:
    if tag == SPECIFIC_CHARACTER_SET:
        return True
    if isinstance(key, list):
        wanted = key[0] if key else {}
        if _is_universal(wanted):
            return True
        items = value if isinstance(value, list) else []
        return any(is_met(wanted, item) for item in items)
    vr = asked_entry(parse_tag(tag) or 0).vr
    patterns = parse_patterns(str(key or ""), ranged=vr in RANGED)
    if not patterns or str(key).strip() == "*":
        return True
    texts = str(value or "").split("\\")
    return any(matches(patterns, text, case_sensitive=vr != "PN") for text in texts)


def _is_universal(keys: Tags) -> bool:
    return all(
        all(_is_universal(item) for item in key)
        if isinstance(key, list)
        else str(key or "").strip() in ("", "*")
        for key in keys.values()
    )


def described(content: bytes) -> dict[str, Any]:
    """The tags of a worklist's file, with names and types.

    Raises:
        NotDicom: it is none.
    """
    return dict(tags(content, TagForm.FULL, EVERY_TAG))


def as_file(worklist: Tags) -> bytes:
    """The file of a worklist that has these tags, by number."""
    head = file_head(
        sop_class=WORKLIST_FIND,
        sop_instance=f"2.25.{uuid.uuid4().int}",
        transfer_syntax=EXPLICIT,
    )
    return head + write_identifier(worklist, EXPLICIT)


def resolved(given: Tags, depth: int = 0) -> dict[str, Any]:
    """The tags by number.

    Raises:
        BadParameter: a name is unknown, or a value cannot be one.
    """
    if depth > DEEPEST:
        raise BadParameter(f"Sequences are nested deeper than {DEEPEST} levels.")
    found: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, list) and all(isinstance(it, dict) for it in value):
            found[resolve_tag(name)] = [resolved(it, depth + 1) for it in value]
        elif isinstance(value, str):
            found[resolve_tag(name)] = value
        else:
            raise BadParameter(f"The value of {name[:64]} must be a string, or an array of items.")
    return found


class WorklistFolder:
    """A folder of files; others put files there, and take them away, whenever they like."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[tuple[int, int], Worklist | None]] = {}

    def open(self) -> None:
        """Make the folder where it is missing.

        Raises:
            StorageFailed: it cannot be made or read.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            next(iter(self._folder.iterdir()), None)
        except OSError as error:
            raise StorageFailed("The folder of worklists cannot be read.") from error

    def all(self) -> Iterator[Worklist]:
        """Those that can be read, by their names; a file is read anew when it has changed.

        Raises:
            StorageFailed: the folder cannot be read.
        """
        known, self._known = self._known, {}
        try:
            entries = sorted(os.scandir(self._folder), key=lambda it: it.name)
        except OSError as error:
            raise StorageFailed("The folder of worklists cannot be read.") from error
        for entry in entries:
            if not entry.name.lower().endswith(SUFFIX):
                continue
            try:
                state = entry.stat()
            except OSError:
                continue  # it is gone again
            mark = (state.st_mtime_ns, state.st_size)
            found = known.get(entry.name)
            if found is None or found[0] != mark:
                found = (mark, self._read(entry.name, state))
            self._known[entry.name] = found
            if found[1] is not None:
                yield found[1]

    def put(self, id_: str, content: bytes) -> None:
        """Write a file; nobody sees half of it, and it is on the medium when this returns.

        Raises:
            StorageFailed: it cannot be written.
        """
        target = self._folder / f"{id_}{SUFFIX}"
        staged = self._folder / f".{id_}.{uuid.uuid4().hex}"
        try:
            try:
                with staged.open("xb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                staged.replace(target)
            finally:
                staged.unlink(missing_ok=True)
            self._settle()
        except OSError as error:
            raise StorageFailed("The worklist cannot be written.") from error

    def remove(self, id_: str) -> bool:
        """Remove a file; whether it was there.

        Raises:
            StorageFailed: it cannot be removed.
        """
        try:
            (self._folder / f"{id_}{SUFFIX}").unlink()
            self._settle()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageFailed("The worklist cannot be removed.") from error
        return True

    def _settle(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _read(self, name: str, state: os.stat_result) -> Worklist | None:
        """One that is no DICOM, or too long to be a worklist, or gone again, is passed over."""
        if not 0 < state.st_size <= _LARGEST:
            return None
        try:
            content = (self._folder / name).read_bytes()
            found = described(content)
        except (OSError, RepertoryError):
            return None
        own = IMPLEMENTATION_CLASS_UID.encode() in content[:_META_LENGTH]
        return Worklist(name[: -len(SUFFIX)], found, own, state.st_mtime)
