"""The result of a run: medians, ratios and their spread, as Markdown and as JSON."""

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cases import Case, Sample
from driver import default_processes
from limits import Limit
from plot import bar, picture
from servers import ROOT, Memory

LIMITS = {
    **{f"ingest-10k-x{n}": f"write a file of 10 KB with fsync ×{n}" for n in (1, 4, 16)},
    **{f"ingest-500k-x{n}": f"write a file of 0.5 MB with fsync ×{n}" for n in (1, 4, 16)},
    "read-file-x16": "driver's ceiling, GET of 0.5 MB ×16",
    "read-study-x16": "bare aiohttp, GET of 1 KB ×16",
    "read-tags-x16": "bare aiohttp, GET of 1 KB ×16",
}
"""What bounds a case on any server, by the names of cases and limits."""

BUSY = 0.7
DISTURBED = 0.1
MEGABYTE = 1_000_000


@dataclass(slots=True)
class Life:
    """One start and stop of a server with its index filled; seconds, and the idle memory."""

    start: float
    stop: float
    memory: Memory


@dataclass(slots=True)
class Results:
    """All that was measured. Lists have an entry for each round; keys are names of servers.

    The first server of ``servers`` is compared with the second.
    """

    servers: dict[str, str] = field(default_factory=dict)
    studies: int = 0
    rounds: int = 0
    options: dict[str, dict[str, object]] = field(default_factory=dict)
    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    lives: dict[str, list[Life]] = field(default_factory=dict)
    memory_after: dict[str, Memory] = field(default_factory=dict)
    memory_peak: dict[str, int] = field(default_factory=dict)
    """The most resident memory that was found after a round, in bytes."""
    limits: list[Limit] = field(default_factory=list)
    differences: dict[str, list[str]] = field(default_factory=dict)

    def as_json(self) -> str:
        """Everything, each round, for programs that compare runs."""
        return json.dumps({"machine": machine(), **asdict(self)}, indent=1)


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "Processor": f"{model}, {os.cpu_count()} cores",
        "Memory": f"{pages / 2**30:.0f} GiB",
        "System": f"Linux {platform.release()}, Python {platform.python_version()}",
        "Date": time.strftime("%Y-%m-%d"),
        "Commit": commit.stdout.strip() or "unknown",
    }


def number(value: float | None) -> str:
    """A figure with no more digits than it deserves."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; all columns but the first are aligned to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def _ratio(ours: Sequence[float], peers: Sequence[float], *, less_is_better: bool) -> list[str]:
    """How many times better the first is: of the medians, and the spread over the rounds."""
    pairs = list(zip(ours, peers, strict=False))
    if not pairs or not all(one and other for one, other in pairs):
        return ["–", "–"]
    ratios = [other / one if less_is_better else one / other for one, other in pairs]
    middle, base = statistics.median(ours), statistics.median(peers)
    whole = base / middle if less_is_better else middle / base
    return [f"**{whole:.2f}**", f"{min(ratios):.2f}–{max(ratios):.2f}"]


def _line(
    title: str, values: dict[str, list[float]], names: Sequence[str], *, less_is_better: bool
) -> list[str]:
    row = [title]
    row += [number(statistics.median(values[name])) if values.get(name) else "–" for name in names]
    if len(names) == 2:
        ours, peers = (values.get(name, []) for name in names)
        row += _ratio(ours, peers, less_is_better=less_is_better)
    return row


def _valid(results: Results, case: Case) -> dict[str, list[Sample]]:
    """The samples of a case by server; none of a server that failed once."""
    return {
        name: [] if any(sample.failures for sample in samples) else samples
        for name, samples in results.samples.get(case.name, {}).items()
    }


def _values(valid: dict[str, list[Sample]]) -> dict[str, list[float]]:
    return {name: [sample.value for sample in valid[name]] for name in valid}


def drawn(results: Results, cases: Sequence[Case]) -> str:
    """The ratios as a picture (SVG)."""
    names = list(results.servers)
    bars = []
    for case in cases:
        values = _values(_valid(results, case))
        sides = [values.get(name, []) for name in names]
        if len(sides) == 2:
            bars.append(bar(case.title, sides[0], sides[1], less=case.unit == "ms"))
    heading = f"{names[0]} beside {names[-1]}: how many times better" if names else ""
    return picture(heading, [it for it in bars if it is not None])


def _bound(results: Results, case: Case) -> str:
    """What the machine itself can do of what a case does most; "" where nobody measured it."""
    for limit in results.limits:
        if limit.name == LIMITS.get(case.name):
            return f"{number(limit.rate)} ({limit.name})"
    return ""


def _speed(results: Results, cases: Sequence[Case]) -> Iterable[list[str]]:
    names = list(results.servers)
    for case in cases:
        valid = _valid(results, case)
        less = case.unit == "ms"
        row = _line(f"{case.title}, {case.unit}", _values(valid), names, less_is_better=less)
        yield [*row, _bound(results, case)] if results.limits else row
        lags = {
            name: [sample.lag for sample in valid[name] if sample.lag is not None] for name in valid
        }
        if any(lags.values()):
            title = "… until the files are gone after the last answer, ms"
            row = _line(title, lags, names, less_is_better=True)
            # No ratio: a difference of some milliseconds says nothing about either server.
            yield [*row[: 1 + len(names)], *("" for _ in row[1 + len(names) :])]


def _lives(results: Results) -> Iterable[list[str]]:
    names = list(results.servers)
    figures: dict[str, Callable[[Life], float]] = {
        "start to the first answer, ms": lambda life: life.start * 1_000,
        "stop (SIGTERM to the end of all processes), ms": lambda life: life.stop * 1_000,
        "idle memory, resident (RSS), MB": lambda life: life.memory.rss / MEGABYTE,
        "idle memory, proportional (PSS), MB": lambda life: life.memory.pss / MEGABYTE,
    }
    for title, figure in figures.items():
        values = {name: [figure(life) for life in lives] for name, lives in results.lives.items()}
        if any(values.values()):
            yield _line(title, values, names, less_is_better=True)
    if peak := {name: [size / MEGABYTE] for name, size in results.memory_peak.items()}:
        title = "highest memory after any round (RSS), MB"
        row = _line(title, peak, names, less_is_better=True)
        yield [*row[:-1], "once"] if len(names) == 2 else row
    if after := {name: [m.rss / MEGABYTE] for name, m in results.memory_after.items()}:
        row = _line("memory after the whole run (RSS), MB", after, names, less_is_better=True)
        yield [*row[:-1], "once"] if len(names) == 2 else row


def _cost(results: Results, cases: Sequence[Case]) -> Iterable[list[str]]:
    for case in cases:
        row, driver = [case.title], []
        for name in results.servers:
            samples = results.samples.get(case.name, {}).get(name, [])
            if not samples or any(sample.failures for sample in samples):
                row += ["–", "–", "–"]
                continue
            for figure, factor in (("p50", 1_000), ("p99", 1_000), ("server_cpu", 1)):
                values = [getattr(sample, figure) for sample in samples]
                known = [value * factor for value in values if value is not None]
                row.append(number(statistics.median(known)) if known else "–")
            if case.unit == "per s":
                driver += [s.value * (s.client_cpu or 0) / 1_000 for s in samples]
        share = max(driver, default=0.0) / default_processes(case.connections)
        yield [*row, f"{share:.0%}" + (" (!)" if share > BUSY else "")]


def markdown(results: Results, cases: Sequence[Case]) -> str:
    """The page: what was measured on what, the tables, and what to keep in mind."""
    names = list(results.servers)
    compared = len(names) == 2
    lines = [
        " · ".join(f"{word}: {value}" for word, value in machine().items()),
        "",
        f"Servers: {'; '.join(f'{n} {v}' for n, v in results.servers.items())}.",
        f"{results.studies:,} studies in each index before the first measurement;",
        f"medians of {results.rounds} interleaved rounds.",
    ]
    for name, options in results.options.items():
        if options:
            words = ", ".join(f"{key} = {json.dumps(value)}" for key, value in options.items())
            lines.append(f"{name} with {words}.")
    measured = [case for case in cases if case.name in results.samples]
    head = ["", *names, *(["ratio (more is better for the first)", "rounds"] if compared else [])]
    if results.limits:
        head.append("the machine's own limit")
    rows = [
        [*row, *("" for _ in head[len(row) :])]
        for row in (*_speed(results, measured), *_lives(results))
    ]
    if rows:
        lines += ["", "### Speed and size", "", *table(head, rows)]
    if measured:
        lines += [
            "",
            "### Latency and processor time",
            "",
            "Latencies in ms; processor time of the server in seconds for 1,000 operations",
            "(for 1,000 files, when a study is deleted). The last column is how busy the driver's",
            f"processes were: above {BUSY:.0%} the driver would itself be the limit.",
            "",
            *table(
                [
                    "",
                    *(f"{name} {word}" for name in names for word in ("p50", "p99", "CPU s")),
                    "driver",
                ],
                _cost(results, measured),
            ),
        ]
    if results.limits:
        lines += [
            "",
            "### Limits of the machine",
            "",
            *table(["", "per s"], ([limit.name, number(limit.rate)] for limit in results.limits)),
        ]
    remarks = list(_remarks(results))
    if remarks:
        lines += ["", "### To keep in mind", "", *(f"- {remark}" for remark in remarks)]
    return "\n".join(lines) + "\n"


def _remarks(results: Results) -> Iterable[str]:
    disturbed = {
        case: max(sample.others for samples in servers.values() for sample in samples)
        for case, servers in results.samples.items()
    }
    if noisy := {case: share for case, share in disturbed.items() if share > DISTURBED}:
        words = ", ".join(f"{case} {share:.0%}" for case, share in noisy.items())
        yield f"other programs used the processors, in a round at most: {words}"
    for name, found in results.differences.items():
        for difference in found:
            yield f"{name}: {difference}"
    for case, servers in results.samples.items():
        for name, samples in servers.items():
            failures = sum(sample.failures for sample in samples)
            reconnects = sum(sample.reconnects for sample in samples)
            if failures:
                yield f"{name}, {case}: {failures} answers were not 200; the figure is left out"
            if reconnects:
                yield f"{name}, {case}: {reconnects} connections were closed by the server"
            for note in sorted({sample.note for sample in samples if sample.note}):
                yield f"{name}, {case}: {note}"
