"""How one value is compared, as a condition in SQL.

Columns of identifiers hold normalised text, so a pattern is normalised likewise; an exact
comparison is made on the value itself, and the column narrows it down by an index. Tags and
metadata lie in JSON: ``of_tag`` and ``of_metadata`` are where a database's dialect shows.
"""

from dataclasses import dataclass
from typing import Any

from repertory.model import Metadata
from repertory.storage.index.normalization import normalized
from repertory.storage.index.packing import OF_PATIENT
from repertory.storage.patterns import AFTER_ANY_DIGIT, Kind, Pattern

ANY_LETTER = "*?"

AT_ONCE = 64
"""Conditions in one chain of AND or OR."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition and the values for its ``?``."""

    sql: str
    values: tuple[Any, ...] = ()


def all_of(conditions: list[Condition]) -> Condition:
    """All of them are true."""
    return _joined(" AND ", conditions)


def any_of(conditions: list[Condition]) -> Condition:
    """One of them is true."""
    return _joined(" OR ", conditions)


def _joined(word: str, conditions: list[Condition]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]
    if len(conditions) > AT_ONCE:
        # Databases bound how deep an expression is, and a chain is as deep as it is long.
        size = AT_ONCE * -(-len(conditions) // AT_ONCE**2)
        starts = range(0, len(conditions), size)
        return _joined(word, [_joined(word, conditions[n : n + size]) for n in starts])
    sql = word.join(f"({it.sql})" for it in conditions)
    return Condition(sql, tuple(value for it in conditions for value in it.values))


def of_tag(table: str, tag: str) -> str:
    """The value of a main DICOM tag, as text; NULL where there is none."""
    return f"""trim(json_extract({table}.main_tags, '$."{tag}"'))"""


def of_patient_tag(study: str, patient: str, tag: str) -> str:
    """The value of a patient's tag as a study's own file has it; see ``of_patient``."""
    path = f"""'$.{OF_PATIENT}."{tag}"'"""
    return (
        f"trim(CASE WHEN json_type({study}.main_tags, '$.{OF_PATIENT}') IS NULL"
        f""" THEN json_extract({patient}.main_tags, '$."{tag}"')"""
        f" ELSE json_extract({study}.main_tags, {path}) END)"
    )


def of_patient(study: str, patient: str) -> str:
    """The patient's tags that a study keeps; those of the patient where it came before it did."""
    return f"coalesce(json_extract({study}.main_tags, '$.{OF_PATIENT}'), {patient}.main_tags)"


def of_metadata(table: str, number: int) -> str:
    """The value of a metadata, as text; NULL where there is none."""
    return f"""json_extract({table}.metadata, '$."{number}"[0]')"""


def signature_of(table: str) -> str:
    """The metadata MainDicomTagsSignature; "" where there is none."""
    return f"coalesce({of_metadata(table, Metadata.MAIN_DICOM_TAGS_SIGNATURE)}, '')"


def of_time(column: str) -> str:
    """A time since the epoch as Orthanc writes it."""
    return f"strftime('%Y%m%dT%H%M%S', CAST({column} AS INTEGER), 'unixepoch')"


def value_matches(
    expression: str, patterns: tuple[Pattern, ...], *, case_sensitive: bool
) -> Condition:
    """A value matches one of the patterns."""
    equal = [it.text for it in patterns if it.kind is Kind.EQUAL]
    alternatives = []
    if case_sensitive and equal:
        alternatives.append(among(expression, equal))
    elif plain := [text.lower() for text in equal if text.isascii()]:
        alternatives.append(among(f"lower({expression})", plain))
    for pattern in patterns:
        if pattern.kind is Kind.PRESENT:
            alternatives.append(Condition(f"{expression} IS NOT NULL"))
        elif pattern.kind is Kind.RANGE:
            alternatives.append(in_range(expression, pattern))
        elif pattern.kind is Kind.WILDCARD or not (case_sensitive or pattern.text.isascii()):
            alternatives.append(_resembles(expression, pattern, case_sensitive=case_sensitive))
    return any_of(alternatives)


def identifier_matches(
    column: str, expression: str, patterns: tuple[Pattern, ...], *, case_sensitive: bool
) -> Condition:
    """An identifier matches one of the patterns.

    ``column`` holds it normalised, ``expression`` as it is in the file.
    """
    exact = [
        it
        for it in patterns
        if it.kind in (Kind.EQUAL, Kind.WILDCARD) and (case_sensitive or _loses_letters(it))
    ]
    simple = [it for it in patterns if it not in exact]
    alternatives = []
    equal = [normalized(it.text) for it in simple if it.kind is Kind.EQUAL]
    if equal:
        alternatives.append(among(column, equal))
    for pattern in simple:
        if pattern.kind is Kind.PRESENT:
            alternatives.append(Condition(f"{column} IS NOT NULL"))
        elif pattern.kind is Kind.RANGE:
            alternatives.append(in_range(column, pattern))
        elif pattern.kind is Kind.WILDCARD:
            alternatives.append(_identifier_resembles(column, normalized(pattern.text)))
    if equals := tuple(it for it in exact if it.kind is Kind.EQUAL):
        value = value_matches(expression, equals, case_sensitive=case_sensitive)
        narrowed = among(column, [normalized(it.text) for it in equals])
        alternatives.append(all_of([narrowed, value]))
    for pattern in exact:
        if pattern.kind is Kind.EQUAL:
            continue
        value = value_matches(expression, (pattern,), case_sensitive=case_sensitive)
        alternatives.append(all_of([*_narrowed(column, pattern), value]))
    return any_of(alternatives)


def is_selective(pattern: Pattern) -> bool:
    """Whether an index on a column of identifiers narrows this pattern down."""
    if pattern.kind is Kind.WILDCARD:
        return bool(normalized(pattern.prefix))
    return pattern.kind in (Kind.EQUAL, Kind.RANGE)


def among(expression: str, texts: list[str]) -> Condition:
    """The value is one of some texts."""
    if len(texts) == 1:
        return Condition(f"{expression} = ?", (texts[0],))
    return Condition(f"{expression} IN ({', '.join('?' * len(texts))})", tuple(texts))


def in_range(expression: str, pattern: Pattern) -> Condition:
    """The value lies within a range, and is not empty."""
    parts = [Condition(f"{expression} >= ?", (pattern.low,))]
    if not pattern.low:
        parts = [Condition(f"{expression} > ''")]
    if pattern.high:
        parts.append(Condition(f"{expression} < ?", (pattern.high + AFTER_ANY_DIGIT,)))
    return all_of(parts)


def _loses_letters(pattern: Pattern) -> bool:
    """Whether letters of the pattern have no ASCII counterpart, so that columns lack them."""
    text = pattern.text
    return not text.isascii() and any(
        not letter.isascii() and not normalized(letter) for letter in text
    )


def _narrowed(column: str, pattern: Pattern) -> list[Condition]:
    """What must be true of the column where the value itself has the form of a pattern."""
    prefix = normalized(pattern.prefix)
    return [_begins(column, prefix)] if prefix else []


def _begins(column: str, prefix: str) -> Condition:
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return Condition(f"{column} >= ? AND {column} < ?", (prefix, after))


def _identifier_resembles(column: str, text: str) -> Condition:
    """``text`` is normalised, so it has no letters that LIKE would take for its own."""
    literal = Pattern(Kind.WILDCARD, text).prefix
    # The blank at its end may have been trimmed from the value.
    prefix = literal.rstrip()
    like = _like(column, text)
    if not prefix:
        return like
    if text == f"{prefix}*":
        return _begins(column, prefix)
    return all_of([_begins(column, prefix), like])


def _resembles(expression: str, pattern: Pattern, *, case_sensitive: bool) -> Condition:
    """A value has the form of a pattern. LIKE and lower() know the case of ASCII letters alone."""
    text = pattern.text
    if not case_sensitive and text.isascii():
        return _like(expression, text)
    letters = (_glob_letter(letter, case_sensitive=case_sensitive) for letter in text)
    return Condition(f"glob(?, {expression})", ("".join(letters),))


def _like(expression: str, text: str) -> Condition:
    for letter in "!%_":
        text = text.replace(letter, f"!{letter}")
    text = text.replace("*", "%").replace("?", "_")
    return Condition(f"like(?, {expression}, '!')", (text,))


def _glob_letter(letter: str, *, case_sensitive: bool) -> str:
    if letter == "[":
        return "[[]"
    if case_sensitive or letter in ANY_LETTER:
        return letter
    cases = {letter, letter.lower(), letter.upper()}
    forms = sorted(form for form in cases if len(form) == 1)
    return letter if len(forms) == 1 else f"[{''.join(forms)}]"
