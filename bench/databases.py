"""How fast files of 10 KB come in over HTTP, by the database of the index.

``python bench/databases.py [--count 4000] [--at-once 16] [--rounds 3] [--front-ends 0]
[--engines "SQLite,PostgreSQL,Two nodes"]``, from the root of a checkout, with PostgreSQL installed
(a server of its own is started for it, which waits for the disk as it does by default). In turns,
each in an archive of its own; a series has 100 instances, a study 4 series. ``Two nodes`` are two
servers that share a database and the files, each with that many connections. Ends with 1 where
PostgreSQL misses its goals: 750 instances per second, 0.6 of what the index in a file does, and
with two nodes 1.3 times what one does.
"""

import argparse
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from driver import run_load
from traffic import Request, post

from repertory.testing.files import make_dicom
from repertory.testing.postgresql import PostgresqlServer
from repertory.testing.server import ServerProcess

SIZE = 10_000
GOAL, RATIO_GOAL, NODES_GOAL = 750, 0.6, 1.3
TWO_NODES = "Two nodes"
UIDS = ("1.2.3.4.100000000", "1.2.3.4.200000000", "1.2.3.4.300000000")


def uploads(count: int, turn: int) -> list[Request]:
    """The requests of one round."""
    study, series, instance = UIDS
    template = make_dicom(size=SIZE, study=study, series=series, instance=instance, seed=1)
    made = []
    for number in range(count):
        file = template
        for uid, part in ((study, number // 400), (series, number // 100), (instance, number)):
            new = f"{uid[:9]}{turn:02}{part:06}"
            file = file.replace(uid.encode(), new.encode())
        made.append(post("/instances", file))
    return made


def postgresql(stack: ExitStack) -> dict[str, Any]:
    """The section of a server of its own."""
    server = stack.enter_context(PostgresqlServer(is_durable=True))
    return {"PostgreSQL": server.written()}


def two_nodes(stack: ExitStack) -> dict[str, Any]:
    """The section of a server that two nodes share."""
    section = postgresql(stack)
    section["PostgreSQL"]["Lock"] = False
    return section


SECTIONS = {"SQLite": lambda _: {}, "PostgreSQL": postgresql, TWO_NODES: two_nodes}


def measure(options: dict[str, Any], count: int, at_once: int, turn: int) -> float:
    """Instances per second in a fresh archive, or what it holds already."""
    requests = uploads(count, turn)
    with (
        tempfile.TemporaryDirectory(prefix="databases-") as folder,
        ServerProcess(Path(folder), StableAge=86_400, KeepAlive=True, **options) as server,
    ):
        load = run_load(server.url, requests, connections=at_once, processes=1)
    if load.failures:
        raise RuntimeError(f"answers: {load.statuses}")
    return load.rate


def measure_nodes(options: dict[str, Any], count: int, at_once: int, turn: int) -> float:
    """Instances per second that two nodes take together."""
    requests = uploads(2 * count, turn)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="databases-")))
        shared = {"StorageDirectory": str(folder / "files"), "StableAge": 86_400} | options
        servers = [
            stack.enter_context(ServerProcess(folder / name, KeepAlive=True, **shared))
            for name in ("one", "two")
        ]
        threads = stack.enter_context(ThreadPoolExecutor())
        loads = [
            threads.submit(run_load, server.url, share, connections=at_once, processes=1)
            for server, share in zip(servers, (requests[:count], requests[count:]), strict=True)
        ]
        found = [load.result() for load in loads]
    if any(load.failures for load in found):
        raise RuntimeError(f"answers: {[load.statuses for load in found]}")
    return sum(load.rate for load in found)


def main() -> int:
    """Measure, and print a table; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=4_000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--front-ends", type=int, default=0, help="of each server")
    parser.add_argument("--engines", default=",".join(SECTIONS))
    arguments = parser.parse_args()
    names = arguments.engines.split(",")
    rates: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as stack:
        processes = {"FrontEndProcesses": arguments.front_ends}
        sections = {name: SECTIONS[name](stack) | processes for name in names}
        for turn in range(arguments.rounds):
            for name in names:
                work = measure_nodes if name == TWO_NODES else measure
                rate = work(sections[name], arguments.count, arguments.at_once, turn)
                rates[name].append(rate)
                print(f"round {turn + 1}, {name}: {rate:,.0f}", file=sys.stderr)
    first = rates[names[0]]
    print(
        f"{arguments.count} files of {SIZE} bytes, {arguments.at_once} connections,"
        f" FrontEndProcesses {arguments.front_ends},"
        f" medians of {arguments.rounds} rounds\n\n"
        f"| index in | instances per second | beside {names[0]} |\n|---|---:|---:|"
    )
    missed = False
    for name in names:
        rate = statistics.median(rates[name])
        ratio = statistics.median(a / b for a, b in zip(rates[name], first, strict=True))
        print(f"| {name} | {rate:,.0f} | {ratio:.2f} |")
        missed |= name == "PostgreSQL" and (rate < GOAL or ratio < RATIO_GOAL)
        if name == TWO_NODES and "PostgreSQL" in rates:
            missed |= rate < NODES_GOAL * statistics.median(rates["PostgreSQL"])
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
