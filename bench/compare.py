"""Ask Orthanc and Repertory the same, and explain every difference.

    python bench/compare.py             # what differs, and why; ends with 1 if that is not known
    python bench/compare.py --write     # and write docs/explanation/differences.md

Both get the same files, in the same order; then both are asked the same several hundred things
(``compare_requests.py``). What differs is told once for each kind of request and field, with the
reason from ``compare_reasons.py``. Needs an ``Orthanc`` (Debian: ``apt install orthanc``).
"""

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from compare_reasons import VOLATILE, is_wordy, reason_of  # noqa: E402 - the path comes first
from compare_requests import LEVELS, questions  # noqa: E402

from repertory.conf.settings import Settings  # noqa: E402
from repertory.logs import set_up  # noqa: E402
from repertory.service import Repertory  # noqa: E402
from repertory.testing.files import make_dicom, make_study  # noqa: E402
from repertory.testing.orthanc import OrthancProcess, ask, free_port  # noqa: E402

PAGE = ROOT / "docs" / "explanation" / "differences.md"
SHOWN = 60
EXAMPLES = 3


def files() -> list[bytes]:
    """What both servers get."""
    return [
        *make_study(patient_id="ONE", seed=1, series=2, instances=3),
        *make_study(patient_id="TWO", seed=2, series=1, instances=2, rich=True),
        make_dicom(patient_id="THREE", seed=3, tags={"PatientName": "Müller^Jürgen"}),
        make_dicom(patient_id="", seed=4, tags={"StudyDate": "19991231"}),
        make_dicom(patient_id="FIVE", seed=5, tags={"PixelData": None, "Modality": "SR"}),
        make_dicom(patient_id="SIX", seed=6, transfer_syntax="1.2.840.10008.1.2"),
        make_dicom(patient_id="SEVEN", seed=7),
        make_study(patient_id="ONE", seed=1, series=2, instances=3)[0],  # once more
    ]


@dataclass(slots=True)
class Difference:
    """One field of one kind of request, with an example of each side."""

    method: str
    kind: str
    field: str
    theirs: str
    ours: str
    times: int = 1
    reason: str = field(default="")


def differing(theirs: Any, ours: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The fields in which two JSON values differ."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted({*theirs, *ours}):
            below = f"{path}.{key}" if path else key
            if key not in theirs:
                yield below, "(absent)", ours[key]
            elif key not in ours:
                yield below, theirs[key], "(absent)"
            else:
                yield from differing(theirs[key], ours[key], below)
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        if theirs != ours and sorted(map(identity, theirs)) == sorted(map(identity, ours)):
            if list(map(identity, theirs)) != list(map(identity, ours)):
                yield f"{path or 'body'} (order)", "another order", "the order of arrival"
            theirs, ours = sorted(theirs, key=identity), sorted(ours, key=identity)
        for one, other in zip(theirs, ours, strict=True):
            yield from differing(one, other, f"{path}[]")
    elif theirs != ours and not any(re.search(pattern, path) for pattern in VOLATILE):
        yield path or "body", theirs, ours


def identity(item: Any) -> str:
    """What tells an item of a list from others."""
    return str(item["ID"]) if isinstance(item, dict) and "ID" in item else json.dumps(item)


def parse(content: bytes) -> Any:
    """A body to compare: JSON where it is, else text, else bytes."""
    try:
        return json.loads(content)
    except ValueError:
        return content.decode("utf-8", "backslashreplace") if len(content) < 4096 else content


def compare(theirs: Any, ours: Any) -> Iterator[tuple[str, Any, Any]]:
    """In what two answers differ: status first, and then nothing else."""
    if theirs[0] != ours[0]:
        yield "status", theirs[0], ours[0]
        return
    kinds = [answer[1].get("content-type", "(none)").replace(" ", "") for answer in (theirs, ours)]
    if kinds[0] != kinds[1]:
        yield "Content-Type", *kinds
    if theirs[2] != ours[2]:
        yield from differing(parse(theirs[2]), parse(ours[2]))


def show(value: Any) -> str:
    """A value in a cell of a table."""
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text.split()).replace("|", "\\|").replace("`", "'")
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def run(folder: Path) -> tuple[list[Difference], int]:
    """Ask both; what differs, and how many things they were asked."""
    found: dict[tuple[str, str, str], Difference] = {}
    number = 0
    settings = Settings(
        name="COMPARE",
        storage_directory=str(folder / "ours"),
        http_port=free_port(),
        stable_age=86_400,
    )
    with (
        OrthancProcess(folder / "peer", Name="COMPARE", StableAge=86_400) as orthanc,
        Repertory(settings) as archive,
    ):
        ports = (orthanc.port, archive.port)
        for content in files():
            theirs, ours = (ask(port, "POST", "/instances", content) for port in ports)
            _note(found, "POST", "/instances (a file)", theirs, ours)
            number += 1
        resources = {
            level: json.loads(ask(orthanc.port, "GET", f"/{level}")[2]) for level in LEVELS
        }
        uids = [
            json.loads(ask(orthanc.port, "GET", f"/{level}/{resources[level][0]}")[2])
            for level in LEVELS
        ]
        words = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        tags = [each["MainDicomTags"][word] for each, word in zip(uids, words, strict=True)]
        for question in questions(resources, tags):
            theirs, ours = (
                ask(port, question.method, question.path, question.body) for port in ports
            )
            _note(found, question.method, question.kind, theirs, ours)
            number += 1
    return list(found.values()), number


def _note(
    found: dict[tuple[str, str, str], Difference], method: str, kind: str, theirs: Any, ours: Any
) -> None:
    for name, one, other in compare(theirs, ours):
        known = found.get((method, kind, name))
        if known is not None:
            known.times += 1
            continue
        reason = reason_of(f"{method} {kind}", name)
        found[method, kind, name] = Difference(
            method, kind, name, show(one), show(other), reason=reason
        )


def rows(differences: list[Difference]) -> list[str]:
    """A row for each field, with what differs in the same way put together."""
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for each in differences:
        known = is_wordy(each.field)
        key = (each.method, each.field, "" if known else each.theirs, "" if known else each.ours)
        groups.setdefault(key, []).append(each.kind)
    lines = []
    for (method, name, theirs, ours), kinds in groups.items():
        more = f" and {len(kinds) - EXAMPLES} more" if len(kinds) > EXAMPLES else ""
        shown = ", ".join(f"`{method} {show(kind)}`" for kind in kinds[:EXAMPLES])
        cells = [f"`{value}`" if value else "(differs)" for value in (theirs, ours)]
        lines.append(f"| {shown}{more} | {name} | {cells[0]} | {cells[1]} |")
    return lines


def page(differences: list[Difference], number: int) -> str:
    """What was found, in Markdown: by reason, the reasons with most differences first."""
    reasons = Counter(each.reason for each in differences)
    lines = [
        "<!-- Written by `python bench/compare.py --write`: change bench/compare_reasons.py. -->",
        "",
        "# How our answers differ from Orthanc's",
        "",
        "Debian's Orthanc 1.10.1 and Repertory, which follows Orthanc 1.13, got the same files.",
        f"Both were asked the same {number} things, and every field of every answer was compared:",
        "status, content type, body. What is not listed here is the same.",
        "Names of files on the disk and times are left out.",
        "",
    ]
    for reason, times in sorted(reasons.items(), key=lambda item: (item[0] == "", -item[1])):
        lines += [f"## {reason or 'Not explained yet'}", ""]
        lines += ["| request | field | Orthanc 1.10.1 | Repertory |", "|---|---|---|---|"]
        lines += rows([each for each in differences if each.reason == reason])
        lines += ["", f"{times} kinds of answers." if times > 1 else "One kind of answer.", ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Compare; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        set_up(file=Path(folder) / "log")
        differences, number = run(Path(folder))
    text = page(differences, number)
    print(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")
    unexplained = [each for each in differences if not each.reason]
    print(f"{number} requests, {len(differences)} differences, {len(unexplained)} not explained.")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
