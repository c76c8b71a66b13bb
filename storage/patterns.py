r"""What a value must match (PS3.4 C.2.2.2): one value, wildcards, a range, or a list of these.

A list is separated by backslashes. Ranges are for dates and times alone: elsewhere a hyphen is a
letter. ``*`` alone is any value, but there must be one.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

RANGED = frozenset({"DA", "TM", "DT"})
"""Value representations that can be asked for by ranges."""

AFTER_ANY_DIGIT = "~"
"""Added to the end of a range, it comes after all that begins with it: 12:00:30 is in ``-1200``."""


class Kind(Enum):
    """How a pattern is compared."""

    PRESENT = auto()
    EQUAL = auto()
    WILDCARD = auto()
    RANGE = auto()


@dataclass(frozen=True, slots=True)
class Pattern:
    """One alternative: ``text`` to be equal to or with wildcards, or a range.

    ``low`` and ``high`` may be "", for a range that is open at that end.
    """

    kind: Kind
    text: str = ""
    low: str = ""
    high: str = ""

    @property
    def prefix(self) -> str:
        """What the value begins with, up to the first wildcard."""
        return _PREFIX.match(self.text)[0]  # type: ignore[index]  # it matches every text


_PREFIX = re.compile(r"[^*?]*", re.DOTALL)
_STARS = re.compile(r"\*[*?]*\*")


def parse_patterns(value: str, *, ranged: bool = False) -> tuple[Pattern, ...]:
    """The alternatives that ``value`` stands for; none where it is no constraint."""
    patterns = []
    for part in value.split("\\"):
        text = part.strip()
        if not text:
            continue
        if ranged and "-" in text:
            low, _, high = text.partition("-")
            if not low.strip() and not high.strip():
                return ()
            pattern = Pattern(Kind.RANGE, low=low.strip(), high=high.strip())
        elif "*" in text or "?" in text:
            # Stars in a row are one, or matching would try each way to divide the text.
            text = _STARS.sub(lambda run: "?" * run[0].count("?") + "*", text)
            pattern = Pattern(Kind.PRESENT if text == "*" else Kind.WILDCARD, text)
        else:
            pattern = Pattern(Kind.EQUAL, text)
        patterns.append(pattern)
    return tuple(patterns)


def matches(patterns: tuple[Pattern, ...], value: str | None, *, case_sensitive: bool) -> bool:
    """Whether a value, ``None`` where there is none, matches one of the patterns."""
    if value is None:
        return False
    text = value.strip()
    return any(_matches(pattern, text, case_sensitive) for pattern in patterns)


def _matches(pattern: Pattern, text: str, case_sensitive: bool) -> bool:
    if pattern.kind is Kind.PRESENT:
        return True
    if pattern.kind is Kind.RANGE:
        high = pattern.high + AFTER_ANY_DIGIT
        return text != "" and pattern.low <= text and (not pattern.high or text < high)
    wildcards = pattern.kind is Kind.WILDCARD
    return _resembles(text, pattern.text, wildcards=wildcards, case_sensitive=case_sensitive)


def _resembles(text: str, pattern: str, *, wildcards: bool, case_sensitive: bool) -> bool:
    """Whether a text has the form of a pattern; in time that grows with their lengths alone."""
    position = place = 0
    star = -1  # the place of the last star, and where in the text it has been tried
    tried = 0
    while position < len(text):
        letter = pattern[place] if place < len(pattern) else ""
        if wildcards and letter == "*":
            star, tried = place, position
            place += 1
        elif letter and (
            (wildcards and letter == "?") or _same(letter, text[position], case_sensitive)
        ):
            position += 1
            place += 1
        elif star >= 0:
            tried += 1
            position, place = tried, star + 1
        else:
            return False
    rest = pattern[place:]
    return not rest or (wildcards and not rest.strip("*"))


def _same(letter: str, other: str, case_sensitive: bool) -> bool:
    if letter == other:
        return True
    if case_sensitive:
        return False
    return letter.lower() == other.lower() or letter.upper() == other.upper()
