"""C-STORE, C-FIND, C-MOVE and C-GET of DCMTK's tools, against Repertory and Debian's Orthanc.

    python bench/dicom.py                                  a quick look: two minutes
    python bench/dicom.py --studies 20000 --rounds 5       as in docs/explanation/performance.md
    python bench/dicom.py --only store-10k --files 1000    some of it; a name's beginning suffices

Both servers run for the whole time and are measured in turns, so what else the machine does falls
on both: the ratios of the rounds count. Each association of C-STORE is a ``storescu`` of its own,
whose start counts; with TCP_NODELAY on all sides, or DCMTK measures the delayed acknowledgements of
the kernel. ``ceiling`` sends to DCMTK's own ``storescp``, which throws everything away.
"""

import argparse
import http.client
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from files import Stamp

from repertory.testing.dcmtk import find_tool
from repertory.testing.orthanc import OrthancProcess, find_orthanc, free_port
from repertory.testing.server import ServerProcess

PATIENCE = 120.0
CLIENTS = 4
MOVED = 1000
STUDY = 999_999_999  # other studies have lower numbers
LONE = 2_000
SIZES = {"10k": 10_000, "500k": 500_000}
STORES = {f"store-{size}-{n}": (size, n) for size in SIZES for n in (1, 4)}
CASES = (*STORES, "find", "move", "get")
UNITS = dict.fromkeys(STORES, "per s") | dict.fromkeys(("find", "move", "get"), "s")


def start(*words: str | int | Path) -> "subprocess.Popen[bytes]":
    """One of DCMTK's tools."""
    path = find_tool(words[0])
    if path is None:
        raise RuntimeError(f"DCMTK's {words[0]} is not installed")
    return subprocess.Popen(
        [path, *map(str, words[1:])], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finish(tools: "Sequence[subprocess.Popen[bytes]]") -> bytes:
    """Wait for them, and tell what they said; ``RuntimeError`` where one failed or did not end."""
    said = b""
    try:
        for tool in tools:
            told, _ = tool.communicate(timeout=PATIENCE)
            if tool.returncode:
                raise RuntimeError(f"{tool.args}: {told.decode(errors='replace')[-2000:]}")
            said += told
    finally:
        for tool in tools:
            tool.kill()
    return said


@dataclass(frozen=True, slots=True)
class Side:
    """A server: its name, its ports, and where those who receive from it listen."""

    name: str
    port: int
    dicom: int
    own: int
    pid: int

    @property
    def processor(self) -> float:
        """Seconds of processor time that it and what it started have used so far."""
        return sum(map(processor_time, family(self.pid)))


def family(pid: int) -> Iterator[int]:
    """A process and those that descend from it."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in children.read_text().split():
                yield from family(int(child))


def processor_time(pid: int) -> float:
    """Seconds of processor time of one process (Linux)."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    files: int
    studies: int

    def count(self, size: str) -> int:
        """How many files of a size are sent in one round."""
        return max(self.files if size == "10k" else self.files // 5, 4)


class Bench:
    """Measures one case of one server after the other."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self._plan = plan
        self._stamps = {size: Stamp(length) for size, length in SIZES.items()}

    def fill(self, cases: Sequence[str], sides: Sequence[Side]) -> None:
        """Store what is retrieved and searched, by the REST API."""
        moved = found = 0
        if "move" in cases or "get" in cases:
            moved = MOVED
        if "find" in cases:
            found = self._plan.studies
        bodies = [self._stamps["10k"].file(STUDY, 1, number) for number in range(moved)]
        bodies += Stamp(LONE).studies(found)
        for side in sides:
            with ThreadPoolExecutor(CLIENTS) as pool:
                for done in pool.map(
                    lambda share, port=side.port: post(port, share),
                    [bodies[first::CLIENTS] for first in range(CLIENTS)],
                ):
                    if done is not None:
                        raise RuntimeError(f"{side.name}: {done}")

    def files(self, case: str) -> list[Path]:
        """The folders that each association sends: what nobody has seen, one study each."""
        size, associations = STORES[case]
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        parts = []
        for number in range(associations):
            part = folder / str(number)
            part.mkdir()
            count = self._plan.count(size) // associations
            for index, file in enumerate(self._stamps[size].study(count)):
                (part / f"{index}.dcm").write_bytes(b"".join((file.head, file.pixels)))
            parts.append(part)
        return parts

    def store(self, port: int, parts: list[Path]) -> float:
        """Files per second."""
        count = sum(1 for part in parts for _ in part.iterdir())
        begun = time.perf_counter()
        finish([start("storescu", "+sd", "127.0.0.1", port, part) for part in parts])
        return count / (time.perf_counter() - begun)

    def check(self, case: str, side: Side) -> None:
        """See that everything is found, or sent; the tools end well where nothing was, too."""
        said = finish([start(*self._words(case, side, "-v"))])
        count = said.count(b"Find Response: ") if case == "find" else said.count(b"(Success)")
        if count < (self._plan.studies if case == "find" else 1):
            raise RuntimeError(f"{side.name}, {case}: {said.decode(errors='replace')[-2000:]}")

    def ask(self, case: str, side: Side) -> float:
        """Seconds of a search or of a retrieval."""
        words = self._words(case, side)
        begun = time.perf_counter()
        finish([start(*words)])
        return time.perf_counter() - begun

    def _words(self, case: str, side: Side, *more: str) -> tuple[str | int, ...]:
        words: tuple[str | int, ...] = (
            *more,
            "-S",
            "-aet",
            "READER",
            "127.0.0.1",
            side.dicom,
            "-k",
            "QueryRetrieveLevel=STUDY",
        )
        study = f"1.2.826.0.1.3680043.10.999.1{STUDY:09d}"
        if case == "find":
            keys = ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate", "AccessionNumber")
            return ("findscu", *words, *(word for key in keys for word in ("-k", key)))
        words = ("--ignore", *words, "-k", f"StudyInstanceUID={study}")
        if case == "move":
            return ("movescu", "-aem", "READER", "+P", side.own, *words)
        return ("getscu", *words)


def post(port: int, bodies: Sequence[Any]) -> str | None:
    """Store files over one connection; what the server said where it refused one."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        for body in bodies:
            connection.request("POST", "/instances", b"".join((body.head, body.pixels)))
            answer = connection.getresponse()
            told = answer.read()
            if answer.status != 200:
                return f"{answer.status} {told[:200]!r}"
    return None


@contextmanager
def storescp() -> Iterator[int]:
    """DCMTK's own receiver, which throws away what it gets; its port."""
    port = free_port()
    tool = start("storescp", "--ignore", "--fork", port)
    try:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield port
    finally:
        tool.kill()
        tool.communicate()


def servers(stack: ExitStack, folder: Path, ours: Mapping[str, Any]) -> list[Side]:
    """Start both servers, ours with some options; only ours where the other is not installed."""
    sides = []
    for name in ("Repertory", "Orthanc")[: 2 if find_orthanc() else 1]:
        port, own = free_port(), free_port()
        options: dict[str, Any] = {
            "DicomServerEnabled": True,
            "DicomPort": port,
            "DicomModalities": {"reader": ["READER", "127.0.0.1", own]},
        }
        server: OrthancProcess | ServerProcess
        if name == "Orthanc":
            # Debian's 1.10 synchronizes its files by default, as we do.
            options |= {"DicomAlwaysAllowStore": True, "SyncStorageArea": True}
            server = stack.enter_context(OrthancProcess(folder / name, **options))
        else:
            options |= ours
            server = stack.enter_context(ServerProcess(folder / name, **options))
        sides.append(Side(name, server.port, port, own, server.pid))
    return sides


Figures = dict[str, dict[str, list[float]]]


def measure(
    bench: Bench, cases: Sequence[str], rounds: int, sides: Sequence[Side], ceiling: int
) -> Figures:
    """Each case of each side, by rounds; the first, which warms up, does not count."""
    figures: Figures = {case: {} for case in cases}
    for turn in range(rounds + 1):
        for case in cases:
            found = figures[case] if turn else {}
            if case in STORES:
                parts = bench.files(case)
                take_turns(sides, turn, found, lambda it, p=parts: bench.store(it.dicom, p))
                found.setdefault("ceiling", []).append(bench.store(ceiling, parts))
                shutil.rmtree(parts[0].parent)
            else:
                for side in () if turn else sides:
                    bench.check(case, side)
                take_turns(sides, turn, found, lambda it, c=case: bench.ask(c, it))
            sys.stderr.write(f"round {turn}: {case}\n")
    return figures


def take_turns(
    sides: Sequence[Side], turn: int, found: dict[str, list[float]], work: Callable[[Side], float]
) -> None:
    """Measure both sides, in the other order each time, and the processor time they took."""
    for side in sides[:: 1 if turn % 2 else -1]:
        before = side.processor
        found.setdefault(side.name, []).append(work(side))
        found.setdefault(f"{side.name} CPU", []).append(side.processor - before)


def report(figures: Figures) -> Iterator[str]:
    """A table: medians, and the median, least and greatest of the rounds' own ratios."""
    yield "| | Repertory | Orthanc | ratio | rounds | ceiling | CPU s, ours | theirs |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for case, sides in figures.items():
        cells = [f"{case}, {UNITS[case]}"]
        digits = 0 if case in STORES else 2
        for name in ("Repertory", "Orthanc"):
            values = sides.get(name)
            cells.append(f"{statistics.median(values):,.{digits}f}" if values else "")
        if "Orthanc" in sides:
            pairs = zip(sides["Repertory"], sides["Orthanc"], strict=True)
            ratios = [a / b if case in STORES else b / a for a, b in pairs]
            cells.append(f"**{statistics.median(ratios):.2f}**")
            cells.append(f"{min(ratios):.2f} to {max(ratios):.2f}")
        else:
            cells += ["", ""]
        ceiling = sides.get("ceiling")
        cells.append(f"{statistics.median(ceiling):,.0f}" if ceiling else "")
        for name in ("Repertory CPU", "Orthanc CPU"):
            values = sides.get(name)
            cells.append(f"{statistics.median(values):.2f}" if values else "")
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, and print a table."""
    os.environ["TCP_NODELAY"] = "1"  # the peer is made of DCMTK, too
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", default=[""], help=f"of {', '.join(CASES)}")
    parser.add_argument("--files", type=int, default=400, help="files of 10 KB; a fifth of 0.5 MB")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count")
    parser.add_argument("--studies", type=int, default=2000, help="studies that C-FIND finds")
    parser.add_argument("--front-ends", type=int, default=0, help="our FrontEndProcesses")
    parser.add_argument("--normal", action="store_true", help="ours: IndexSynchronous NORMAL")
    options = parser.parse_args()
    ours = {
        "FrontEndProcesses": options.front_ends,
        "IndexSynchronous": "NORMAL" if options.normal else "FULL",
    }
    cases = [it for it in CASES if it.startswith(tuple(options.only))]
    if not cases:
        parser.error(f"nothing begins with {' or '.join(options.only)}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sides = servers(stack, folder, ours)
        ceiling = stack.enter_context(storescp())
        bench = Bench(folder, Plan(options.files, options.studies))
        bench.fill(cases, sides)
        figures = measure(bench, cases, options.rounds, sides, ceiling)
    sys.stdout.write("".join(f"{line}\n" for line in report(figures)))


if __name__ == "__main__":
    main()
