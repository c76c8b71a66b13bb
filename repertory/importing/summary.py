"""What came of an import: for people, and for programs."""

from collections.abc import Iterator

from repertory.importing.progress import MEGABYTE, Tally, clock
from repertory.importing.uploading import Kind

_MOST_REASONS = 20
_MOST_NAMES = 10
_DETAILED = (Kind.SKIPPED, Kind.REFUSED, Kind.UNREADABLE)


def text(tally: Tally, url: str) -> Iterator[str]:
    """The summary, line by line; names of files only for those that failed, and a few of them."""
    yield (
        f"Sent {tally.sent:,} files to {url} in {clock(tally.seconds)} "
        f"({tally.moved / MEGABYTE:,.1f} MB, {tally.rate / MEGABYTE:,.1f} MB/s, "
        f"{tally.sent / tally.seconds:,.0f} files/s)"
    )
    for kind, number in tally.counts.items():
        if number or kind is Kind.STORED:
            yield f"  {number:>9,} {kind.value}"
    for kind in _DETAILED:
        reasons = sorted(
            ((why, names) for (one, why), names in tally.reasons.items() if one is kind),
            key=lambda pair: (-len(pair[1]), pair[0]),
        )
        if not reasons:
            continue
        yield ""
        yield f"{kind.value[0].upper()}{kind.value[1:]}:"
        for why, names in reasons[:_MOST_REASONS]:
            yield f"  {why} ({len(names):,})"
            if kind.is_failure:
                yield from (f"    {name}" for name in sorted(names)[:_MOST_NAMES])
                if len(names) > _MOST_NAMES:
                    yield f"    … and {len(names) - _MOST_NAMES:,} more"
        if len(reasons) > _MOST_REASONS:
            yield f"  … and {len(reasons) - _MOST_REASONS:,} other reasons"


def report(tally: Tally, url: str, *, complete: bool) -> dict[str, object]:
    """All of it as JSON; ``complete`` is false if files are left that nobody looked at."""
    return {
        "url": url,
        "complete": complete,
        "seconds": round(tally.seconds, 3),
        "bytes": tally.moved,
        "counts": {kind.name.lower(): number for kind, number in tally.counts.items()},
        "details": [
            {"kind": kind.name.lower(), "reason": why, "files": sorted(names)}
            for (kind, why), names in sorted(
                tally.reasons.items(), key=lambda pair: (pair[0][0].name, pair[0][1])
            )
        ],
    }
