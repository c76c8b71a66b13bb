"""Tags to be shown besides: those that the index keeps above, and those that it works out."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from repertory.model import Level, Metadata, Sequences, TagForm, Tags
from repertory.storage.dicom.names import may_be_sequence, tag_name
from repertory.storage.dicom.tags_json import in_form
from repertory.storage.index.database import Database
from repertory.storage.index.operations.finding.compiling import MODALITY, TABLES
from repertory.storage.index.operations.finding.matching import of_metadata, of_tag
from repertory.storage.index.packing import unpack_sequences, unpack_tags
from repertory.storage.main_tags import lacks
from repertory.storage.resolving import (
    INSTANCE_AVAILABILITY,
    MODALITIES_IN_STUDY,
    SOP_CLASSES_IN_STUDY,
)
from repertory.storage.searching import Requested, Wanted

_COUNTED = {
    "0020,1200": (Level.PATIENT, "studies"),
    "0020,1202": (Level.PATIENT, "series"),
    "0020,1204": (Level.PATIENT, "instances"),
    "0020,1206": (Level.STUDY, "series"),
    "0020,1208": (Level.STUDY, "instances"),
    "0020,1209": (Level.SERIES, "instances"),
}
"""Numbers of what is below, with the column of ``tallies`` that keeps each."""


_SIGNATURE = of_metadata("{}", Metadata.MAIN_DICOM_TAGS_SIGNATURE)
_SEQUENCES = of_metadata("{}", Metadata.MAIN_DICOM_SEQUENCES)


def requested_tags(
    db: Database, level: Level, numbers: Sequence[int], wanted: Wanted
) -> dict[int, Requested]:
    """Of each resource, the wanted tags that the index knows."""
    found: dict[int, dict[str, str]] = {number: {} for number in numbers}
    nested: dict[int, Sequences] = {}
    missing: dict[int, list[str]] = {}
    for number, kept, sequences, absent in _kept(db, level, numbers, wanted):
        found[number] = kept
        nested[number] = sequences
        missing[number] = absent
    for tag in wanted.computed:
        if tag == INSTANCE_AVAILABILITY:
            for values in found.values():
                values[tag] = "ONLINE"
        elif tag in _COUNTED:
            _add_count(db, level, numbers, tag, found)
        else:
            _add_list(db, level, numbers, tag, found)
    return {
        number: Requested(
            _in_form(values, nested.get(number, {}), wanted.form), tuple(missing.get(number, ()))
        )
        for number, values in found.items()
    }


def _in_form(tags: dict[str, str], sequences: Sequences, form: TagForm) -> dict[str, Any]:
    """Texts and sequences by tag, as a form writes them."""
    if form is TagForm.SHORT:
        return {**tags, **in_form(sequences, form)}
    if form is TagForm.SIMPLIFIED:
        named: dict[str, Any] = {tag_name(tag): value for tag, value in tags.items()}
        return {**named, **in_form(sequences, form)}
    full: dict[str, Any] = {
        tag: {"Name": tag_name(tag), "Type": "String", "Value": value}
        for tag, value in tags.items()
    }
    return {**full, **sequences}


def _upwards(level: Level, highest: Level) -> str:
    """The tables from a level up to another, joined."""
    source = f"resources AS {TABLES[level]}"
    for upper in range(level - 1, highest - 1, -1):
        above, below = TABLES[Level(upper)], TABLES[Level(upper + 1)]
        source += f" JOIN resources AS {above} ON {above}.id = {below}.parent"
    return source


def _kept(
    db: Database, level: Level, numbers: Sequence[int], wanted: Wanted
) -> Iterator[tuple[int, dict[str, str], Sequences, list[str]]]:
    """Of each resource: its number, the tags that are kept, sequences, and what is missing.

    Missing are those that were not kept when the resource was recorded, and sequences that are
    too long to be kept.
    """
    if not wanted.kept:
        return
    levels = sorted({place for _, place in wanted.kept})
    nested = {tag for tag, _ in wanted.kept if may_be_sequence(tag)}
    columns = []
    for place in levels:
        table = TABLES[place]
        tags = [tag for tag, home in wanted.kept if home is place]
        columns.append(f"{table}.main_tags")
        columns.append(_SEQUENCES.format(table) if nested.intersection(tags) else "NULL")
        columns.append(_SIGNATURE.format(table) if wanted.doubtful.intersection(tags) else "NULL")
    table = TABLES[level]
    condition, value = db.among(f"{table}.id", numbers)
    rows = db.all(
        f"SELECT {table}.id, {', '.join(columns)}"  # noqa: S608 - our own names
        f" FROM {_upwards(level, levels[0])} WHERE {condition}",
        (value,),
    )
    for number, *packed in rows:
        homes = {}
        for place, main_tags, sequences, signature in zip(
            levels, packed[::3], packed[1::3], packed[2::3], strict=True
        ):
            homes[place] = (unpack_tags(main_tags), unpack_sequences(sequences or ""), signature)
        yield number, *_sorted_out(homes, wanted)


def _sorted_out(
    homes: dict[Level, tuple[Tags, Sequences, str | None]], wanted: Wanted
) -> tuple[dict[str, str], Sequences, list[str]]:
    """Where the wanted tags are: among the texts, among the sequences, or missing."""
    found: dict[str, str] = {}
    nested: dict[str, Mapping[str, Any]] = {}
    missing = []
    for tag, place in wanted.kept:
        tags, sequences, signature = homes[place]
        if tag in tags:
            found[tag] = tags[tag]
        elif tag in sequences and sequences[tag]["Type"] == "Sequence":
            nested[tag] = sequences[tag]
        elif tag in sequences or (tag in wanted.doubtful and lacks(signature, place, tag)):
            missing.append(tag)
    return found, nested, missing


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
