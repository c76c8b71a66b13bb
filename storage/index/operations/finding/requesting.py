"""Tags to be shown besides: those that the index keeps above, and those that it works out."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from repertory.model import Level, Metadata, TagForm
from repertory.storage.dicom.names import tag_name
from repertory.storage.index.database import Database
from repertory.storage.index.operations.finding.compiling import MODALITY, TABLES
from repertory.storage.index.operations.finding.matching import of_metadata, of_tag
from repertory.storage.index.packing import unpack_tags
from repertory.storage.resolving import (
    INSTANCE_AVAILABILITY,
    MODALITIES_IN_STUDY,
    SOP_CLASSES_IN_STUDY,
)
from repertory.storage.searching import Wanted

_COUNTED = {
    "0020,1200": (Level.PATIENT, "studies"),
    "0020,1202": (Level.PATIENT, "series"),
    "0020,1204": (Level.PATIENT, "instances"),
    "0020,1206": (Level.STUDY, "series"),
    "0020,1208": (Level.STUDY, "instances"),
    "0020,1209": (Level.SERIES, "instances"),
}
"""Numbers of what is below, with the column of ``tallies`` that keeps each."""


def requested_tags(
    db: Database, level: Level, numbers: Sequence[int], wanted: Wanted
) -> dict[int, dict[str, Any]]:
    """Of each resource, the wanted tags that the index knows; as its form writes them."""
    found: dict[int, dict[str, str]] = {number: {} for number in numbers}
    _add_kept(db, level, numbers, wanted.kept, found)
    for tag in wanted.computed:
        if tag == INSTANCE_AVAILABILITY:
            for values in found.values():
                values[tag] = "ONLINE"
        elif tag in _COUNTED:
            _add_count(db, level, numbers, tag, found)
        else:
            _add_list(db, level, numbers, tag, found)
    return {number: in_form(values, wanted.form) for number, values in found.items()}


def in_form(tags: dict[str, str], form: TagForm) -> dict[str, Any]:
    """Texts by tag, as a form writes them."""
    if form is TagForm.SHORT:
        return dict(tags)
    if form is TagForm.SIMPLIFIED:
        return {tag_name(tag): value for tag, value in tags.items()}
    return {
        tag: {"Name": tag_name(tag), "Type": "String", "Value": value}
        for tag, value in tags.items()
    }


def _upwards(level: Level, highest: Level) -> str:
    """The tables from a level up to another, joined."""
    source = f"resources AS {TABLES[level]}"
    for upper in range(level - 1, highest - 1, -1):
        above, below = TABLES[Level(upper)], TABLES[Level(upper + 1)]
        source += f" JOIN resources AS {above} ON {above}.id = {below}.parent"
    return source


def _add_kept(
    db: Database,
    level: Level,
    numbers: Sequence[int],
    kept: Sequence[tuple[str, Level]],
    found: dict[int, dict[str, str]],
) -> None:
    if not kept:
        return
    levels = sorted({place for _, place in kept})
    columns = ", ".join(f"{TABLES[place]}.main_tags" for place in levels)
    table = TABLES[level]
    condition, value = db.among(f"{table}.id", numbers)
    rows = db.all(
        f"SELECT {table}.id, {columns} FROM {_upwards(level, levels[0])} WHERE {condition}",  # noqa: S608 - our own names
        (value,),
    )
    for number, *packed in rows:
        tags = {place: unpack_tags(it) for place, it in zip(levels, packed, strict=True)}
        for tag, place in kept:
            if tag in tags[place]:
                found[number][tag] = tags[place][tag]


def _add_count(
    db: Database,
    level: Level,
    numbers: Sequence[int],
    tag: str,
    found: dict[int, dict[str, str]],
) -> None:
    home, column = _COUNTED[tag]
    table = TABLES[level]
    condition, value = db.among(f"{table}.id", numbers)
    rows = db.all(
        f"SELECT {table}.id, t.{column} FROM {_upwards(level, home)}"  # noqa: S608 - our own names
        f" JOIN tallies AS t ON t.resource = {TABLES[home]}.id WHERE {condition}",
        (value,),
    )
    for number, total in rows:
        found[number][tag] = str(total)


def _add_list(
    db: Database,
    level: Level,
    numbers: Sequence[int],
    tag: str,
    found: dict[int, dict[str, str]],
) -> None:
    """What differs among the series or instances of a study, joined by backslashes."""
    if tag not in (MODALITIES_IN_STUDY, SOP_CLASSES_IN_STUDY):
        return
    table = TABLES[level]
    condition, value = db.among(f"{table}.id", numbers)
    source = f"{_upwards(level, Level.STUDY)} JOIN resources AS x ON x.parent = s.id"
    if tag == MODALITIES_IN_STUDY:
        column = of_tag("x", MODALITY)
    else:
        source += " JOIN resources AS y ON y.parent = x.id"
        column = of_metadata("y", Metadata.SOP_CLASS_UID)
    rows = db.all(
        f"SELECT DISTINCT {table}.id, {column} FROM {source} WHERE {condition}",  # noqa: S608 - our own names
        (value,),
    )
    texts: dict[int, set[str]] = defaultdict(set)
    for number, text in rows:
        if text:
            texts[number].add(text)
    for number in numbers:
        found[number][tag] = "\\".join(sorted(texts[number]))
