"""A search as SQL.

The table ``resources`` appears once for each level that a search touches, joined by parent, under
the names ``p``, ``s``, ``e`` and ``i``. All indexes on identifiers begin with the level, so a
condition on the level is what lets SQLite use one: it is put where the most selective constraint
is, and nowhere else, so that the search begins there whatever the planner believes.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from repertory.criteria import LabelsConstraint, OrderKind
from repertory.errors import BadParameter
from repertory.model import Level, Metadata
from repertory.storage.index.normalization import SEARCHED
from repertory.storage.index.operations.finding.matching import (
    Condition,
    all_of,
    among,
    any_of,
    identifier_matches,
    is_selective,
    of_metadata,
    of_patient_tag,
    of_tag,
    of_time,
    signature_of,
    value_matches,
)
from repertory.storage.index.packing import pack_id
from repertory.storage.patterns import Kind
from repertory.storage.resolving import MODALITIES_IN_STUDY
from repertory.storage.searching import MetadataConstraint, OrderKey, Search, TagConstraint

TABLES = {Level.PATIENT: "p", Level.STUDY: "s", Level.SERIES: "e", Level.INSTANCE: "i"}
"""What each level's rows are called."""

MODALITY = "0008,0060"

MOST_VALUES = 30_000
"""SQLite takes 32,766 in a statement."""

_DATES = frozenset({"0008,0020", "0010,0030"})
"""Identifiers whose column has the order of the values themselves."""

_COLUMNS = {
    tag: (level, column) for level, columns in SEARCHED.items() for tag, column in columns.items()
}


@dataclass(frozen=True, slots=True)
class Anchor:
    """A number of a row that is known: that of the table of ``level``."""

    level: Level
    number: int


@dataclass(frozen=True, slots=True)
class Compiled:
    """The parts of a SELECT: from FROM on, without ORDER BY; then what to order by.

    ``beginning`` finds, by an index in the order of a date, those that have one: they come first.
    """

    source: str
    order: str
    values: tuple[Any, ...]
    beginning: "Compiled | None" = None


def compile_search(search: Search, anchors: tuple[Anchor, ...] = ()) -> Compiled:
    """The SQL of a search; ``anchors`` are its parents, looked up."""
    compiler = _Compiler(search)
    for anchor in anchors:
        compiler.anchor(anchor)
    for constraint in search.tags:
        compiler.tag(constraint)
    for metadata in search.metadata:
        compiler.metadata(metadata)
    compiler.labels()
    compiler.among()
    keys = [compiler.order(key) for key in search.order]
    return compiler.finish(keys)


class _Compiler:
    """Collects conditions and the tables that they need."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._level = search.level
        self._table = TABLES[search.level]
        self._highest = search.level
        self._conditions: list[Condition] = []
        # Conditions that nothing narrows down, and the same by reading the index on the column,
        # which is small, and not the rows.
        self._by_index: list[tuple[Condition, Condition]] = []
        self._with_tallies = False
        # Where to begin: how good a place it is, and the level.
        self._best = (0, search.level)

    def _reach(self, level: Level) -> str:
        """The name of an upper level's table, which is joined for it."""
        self._highest = min(self._highest, level)
        return TABLES[level]

    def _value(self, level: Level, tag: str) -> str:
        """A tag of this level or one above. A study keeps its own of what is the patient's."""
        table = self._reach(level)
        if level is Level.PATIENT and self._level > level:
            return of_patient_tag(TABLES[Level.STUDY], table, tag)
        return of_tag(table, tag)

    def _begin_at(self, merit: int, level: Level) -> None:
        # Of two that are as good, the lower one finds fewer.
        self._best = max(self._best, (merit, level))

    def anchor(self, anchor: Anchor) -> None:
        """Only what lies below a row, or is that row."""
        self._begin_at(4, anchor.level)
        if anchor.level == self._level:
            self._conditions.append(Condition(f"{self._table}.id = ?", (anchor.number,)))
        else:
            below = self._reach(Level(anchor.level + 1))
            self._conditions.append(Condition(f"{below}.parent = ?", (anchor.number,)))

    def tag(self, constraint: TagConstraint) -> None:
        """Only what has a tag that matches."""
        if constraint.tag == MODALITIES_IN_STUDY:
            self._modalities(constraint)
        elif constraint.is_identifier:
            self._identifier(constraint)
        elif constraint.level is not None and constraint.level <= self._level:
            value = self._value(constraint.level, constraint.tag)
            self._conditions.append(_tag_matches(TABLES[constraint.level], value, constraint))
        else:
            self._below(constraint)

    def _modalities(self, constraint: TagConstraint) -> None:
        study = self._reach(Level.STUDY)
        matching = value_matches(
            of_tag("x", MODALITY), constraint.patterns, case_sensitive=constraint.case_sensitive
        )
        sql = (
            f"EXISTS (SELECT 1 FROM resources AS x"  # noqa: S608 - our own names
            f" WHERE x.parent = {study}.id AND ({matching.sql}))"
        )
        self._conditions.append(Condition(sql, matching.values))

    def _identifier(self, constraint: TagConstraint) -> None:
        home, column = _COLUMNS[constraint.tag]
        needs_value = constraint.case_sensitive or any(
            not it.text.isascii() for it in constraint.patterns
        )
        # A study has its own identifiers of its patient.
        level = Level.STUDY if home is Level.PATIENT and self._level > home else home
        table = self._reach(level)
        value = self._value(home, constraint.tag) if needs_value else ""
        matching = identifier_matches(
            f"{table}.{column}",
            value,
            constraint.patterns,
            case_sensitive=constraint.case_sensitive,
        )
        kinds = {it.kind for it in constraint.patterns}
        if kinds == {Kind.EQUAL}:
            self._begin_at(3, level)
        elif len(constraint.patterns) == 1 and is_selective(constraint.patterns[0]):
            self._begin_at(2, level)
        elif not needs_value:
            self._begin_at(1, level)
            inner = identifier_matches(column, "", constraint.patterns, case_sensitive=False)
            sql = (
                f"{table}.id IN (SELECT id FROM resources"  # noqa: S608 - our own names
                f" WHERE level = ? AND {column} IS NOT NULL AND ({inner.sql}))"
            )
            self._by_index.append((matching, Condition(sql, (int(level), *inner.values))))
            return
        self._conditions.append(matching)

    def _below(self, constraint: TagConstraint) -> None:
        """Only what has something below it with a tag that matches."""
        depth = (constraint.level or self._level) - self._level
        names = [f"x{number}" for number in range(depth)]
        joins = "".join(
            f" JOIN resources AS {lower} ON {lower}.parent = {upper}.id"
            for upper, lower in pairwise(names)
        )
        matching = _tag_matches(names[-1], of_tag(names[-1], constraint.tag), constraint)
        sql = (
            f"EXISTS (SELECT 1 FROM resources AS {names[0]}{joins}"  # noqa: S608 - our own names
            f" WHERE {names[0]}.parent = {self._table}.id AND ({matching.sql}))"
        )
        self._conditions.append(Condition(sql, matching.values))

    def metadata(self, constraint: MetadataConstraint) -> None:
        """Only what has a metadata that matches."""
        if constraint.number == Metadata.LAST_UPDATE and self._level is not Level.INSTANCE:
            self._with_tallies = True
            value = of_time("t.last_update")
        else:
            value = of_metadata(self._table, constraint.number)
        matching = value_matches(
            value, constraint.patterns, case_sensitive=constraint.case_sensitive
        )
        self._conditions.append(matching)

    def labels(self) -> None:
        """Only what has the labels, or has them not."""
        search, id_ = self._search, f"{self._table}.id"
        labels = tuple(dict.fromkeys(search.labels))
        if search.labels_constraint is LabelsConstraint.NONE:
            among = f" AND label IN ({', '.join('?' * len(labels))})" if labels else ""
            sql = f"NOT EXISTS (SELECT 1 FROM labels WHERE resource = {id_}{among})"  # noqa: S608 - our own names
            self._conditions.append(Condition(sql, labels))
            return
        if not labels:
            return
        self._begin_at(2, self._level)
        if search.labels_constraint is LabelsConstraint.ANY:
            places = ", ".join("?" * len(labels))
            sql = f"{id_} IN (SELECT resource FROM labels WHERE label IN ({places}))"  # noqa: S608 - our own names
            self._conditions.append(Condition(sql, labels))
            return
        for label in labels:
            sql = f"{id_} IN (SELECT resource FROM labels WHERE label = ?)"  # noqa: S608 - our own names
            self._conditions.append(Condition(sql, (label,)))

    def among(self) -> None:
        """Only certain ones."""
        if self._search.among:
            digests = tuple(pack_id(it) for it in self._search.among)
            self._begin_at(3, self._level)
            sql = f"{self._table}.public_id IN ({', '.join('?' * len(digests))})"
            self._conditions.append(Condition(sql, digests))

    def order(self, key: OrderKey) -> str:
        """What to order by; what has no value comes last."""
        if key.kind.is_metadata:
            if key.number == Metadata.LAST_UPDATE and self._level is not Level.INSTANCE:
                self._with_tallies = True
                return f"t.last_update {'DESC' if key.descending else 'ASC'}"
            value = of_metadata(self._table, key.number)
        elif (date := self._date(key)) is not None:
            level, column = date
            value = f"{self._reach(level)}.{column}"
        else:
            value = self._value(key.level, key.tag)
        if key.kind in (OrderKind.DICOM_TAG_AS_INT, OrderKind.METADATA_AS_INT):
            value = f"CAST({value} AS INTEGER)"
        elif key.kind in (OrderKind.DICOM_TAG_AS_FLOAT, OrderKind.METADATA_AS_FLOAT):
            value = f"CAST({value} AS REAL)"
        return f"{value} {'DESC' if key.descending else 'ASC'} NULLS LAST"

    def _date(self, key: OrderKey) -> tuple[Level, str] | None:
        """The column that has the order of a date, and whose it is."""
        if key.tag not in _DATES or key.kind is not OrderKind.DICOM_TAG:
            return None
        home, column = _COLUMNS[key.tag]
        return (Level.STUDY if home is Level.PATIENT and self._level > home else home, column)

    def finish(self, keys: list[str]) -> Compiled:
        """The whole statement."""
        source = f"FROM resources AS {self._table}"
        for level in range(self._level - 1, self._highest - 1, -1):
            upper, lower = TABLES[Level(level)], TABLES[Level(level + 1)]
            source += f" JOIN resources AS {upper} ON {upper}.id = {lower}.parent"
        if self._with_tallies:
            source += f" JOIN tallies AS t ON t.resource = {self._table}.id"
        merit, first = self._best
        by_index = merit == 1
        conditions = [pair[by_index] for pair in self._by_index] + self._conditions
        if not by_index and merit < 4:
            # A plus keeps the planner from reading all rows of the level where labels tell
            # which they are.
            plus = "+" if self._search.labels and merit == 2 else ""
            conditions.insert(0, Condition(f"{plus}{TABLES[first]}.level = ?", (int(first),)))
        whole = all_of(conditions)
        where, values = whole.sql, whole.values
        if len(values) > MOST_VALUES:
            raise BadParameter("The search has too many values.")
        # Another plus: or rows would be read in their order, to save the sorting of a few.
        order = ", ".join([*keys, f"{'+' if merit else ''}{self._table}.id"])
        beginning = None
        date = self._date(self._search.order[0]) if keys and not merit else None
        if date is not None and date[0] is self._level:
            column = f"{self._table}.{date[1]}"
            by_date = order.replace(" NULLS LAST", "", 1)
            beginning = Compiled(
                f"{source} WHERE {where} AND {column} IS NOT NULL", by_date, values
            )
        return Compiled(f"{source} WHERE {where}", order, values, beginning)


def _tag_matches(table: str, value: str, constraint: TagConstraint) -> Condition:
    matching = value_matches(value, constraint.patterns, case_sensitive=constraint.case_sensitive)
    if not constraint.lacking:
        return matching
    return any_of([matching, among(signature_of(table), list(constraint.lacking))])
