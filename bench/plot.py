"""The result of a run as a picture: how many times better the first server is, case by case."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import log2

WIDTH, LABEL, EDGE = 860, 330, 60
ROW, TOP = 24, 46
LEAST, MOST = 0.25, 8.0
"""The ends of the scale; what lies beyond is drawn up to there."""

_INK, _GOOD, _BAD, _SPREAD, _GRID = "#222", "#3a7d44", "#b3541e", "#222", "#ccc"


@dataclass(frozen=True, slots=True)
class Bar:
    """One case: the ratio of each round, the median first."""

    title: str
    middle: float
    rounds: Sequence[float]


def bar(title: str, ours: Sequence[float], peers: Sequence[float], *, less: bool) -> Bar | None:
    """The bar of a case; ``less`` says that less is better. ``None`` where there is no ratio."""
    pairs = list(zip(ours, peers, strict=False))
    if not pairs or not all(one and other for one, other in pairs):
        return None
    rounds = [other / one if less else one / other for one, other in pairs]
    whole = statistics.median(ours) / statistics.median(peers)
    return Bar(title, 1 / whole if less else whole, rounds)


def _place(ratio: float) -> float:
    """Where a ratio is on the scale, which is logarithmic, in pixels from the left."""
    share = log2(min(max(ratio, LEAST), MOST) / LEAST) / log2(MOST / LEAST)
    return LABEL + share * (WIDTH - LABEL - EDGE)


def _text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 13) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}"'
        f' fill="{_INK}">{escape(words)}</text>'
    )


def _line(
    begin: tuple[float, float], end: tuple[float, float], color: str, width: float = 1
) -> str:
    (x1, y1), (x2, y2) = begin, end
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"'
        f' stroke-width="{width}"/>'
    )


def _drawn(number: int, it: Bar) -> Iterable[str]:
    top = TOP + number * ROW
    middle, one, place = top + ROW / 2, _place(1), _place(it.middle)
    left, right = min(one, place), max(one, place)
    yield _text(LABEL - 10, middle + 4, it.title, anchor="end")
    yield (
        f'<rect x="{left:.1f}" y="{top + 5}" width="{max(right - left, 1):.1f}"'
        f' height="{ROW - 10}" fill="{_GOOD if it.middle >= 1 else _BAD}"/>'
    )
    lowest, highest = _place(min(it.rounds)), _place(max(it.rounds))
    yield _line((lowest, middle), (highest, middle), _SPREAD, 1.5)
    yield _text(WIDTH - EDGE + 10, middle + 4, f"{it.middle:.2f}")


def picture(heading: str, bars: Sequence[Bar]) -> str:
    """An SVG: a bar for each case from 1 to its ratio, and a line over the ratios of its rounds."""
    height = TOP + len(bars) * ROW + 30
    box = f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(10, 24, heading, size=15),
    ]
    mark = LEAST
    while mark <= MOST:
        x, bottom = _place(mark), height - 24
        parts.append(_line((x, TOP), (x, bottom), _INK if mark == 1 else _GRID))
        parts.append(_text(x, bottom + 16, f"{mark:g}", anchor="middle", size=11))
        mark *= 2
    for number, it in enumerate(bars):
        parts += _drawn(number, it)
    return "\n".join([*parts, "</svg>", ""])
