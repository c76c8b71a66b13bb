"""Whether ingest keeps its rate, and how large the index grows, at a million instances.

  python bench/million.py                        20,000 studies of 52 instances: some minutes
  python bench/million.py --studies 500          a smoke run
  python bench/million.py --peer none            without the peer's size of index

Two archives of ours are served side by side: one starts empty, the index of the other is filled
beforehand, by the index's own writer (its files are not: nothing reads them here). Both then store
the same number of 10 KB files over 16 connections, taking turns. The peer only stores a few
thousand of those files, to tell how many bytes of index it needs for each.
"""

import argparse
import os
import shlex
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from cases import uploads
from driver import run_load
from files import Stamp
from index_ingest import SIGNATURES, Record, ingest, make_record
from servers import Server

from repertory.storage.index.sqlite.engine import SqliteEngine

SERIES_OF_A_STUDY = 4
INSTANCES_OF_A_SERIES = 13
STAMP = Stamp(10 * 1024)


def make_records(studies: int) -> Iterator[Record]:
    """What is said to the index of all instances, one after the other."""
    for series in range(studies * SERIES_OF_A_STUDY):
        for place in range(1, INSTANCES_OF_A_SERIES + 1):
            yield make_record(series, place)


def fill(folder: Path, studies: int) -> int:
    """Fill an index; how many instances it has then."""
    engine = SqliteEngine(folder, signatures=SIGNATURES)
    engine.open()
    writer = engine.writer()
    records = make_records(studies)
    number, begun = 0, time.perf_counter()
    while batch := list(islice(records, 10_000)):
        ingest(writer, batch, 500)
        number += len(batch)
        rate = number / (time.perf_counter() - begun)
        print(f"\r{number:,} instances entered, {rate:,.0f} per s", end="", file=sys.stderr)
    print(file=sys.stderr)
    writer.close()
    engine.close()
    return number


def bytes_of_index(folder: Path) -> int:
    """The size of all files in an index folder."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def rate(server: Server, number: int) -> float:
    """Store new files; how many per second."""
    requests = uploads(STAMP.studies(number))
    load = run_load(server.url, requests, connections=16)
    if load.failures:
        raise SystemExit(f"{server.name} refuses uploads: {dict(load.statuses)}")
    return number / load.seconds


def growth_of_peer(command: str, folder: Path, number: int) -> float:
    """Bytes of index that the peer needs for each instance."""
    peer = Server("Orthanc", command, folder)
    peer.start()
    try:
        before = bytes_of_index(folder / "index")
        rate(peer, number)
    finally:
        peer.stop()
    return (bytes_of_index(folder / "index") - before) / number


def main() -> None:
    """Measure, and print a few lines."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=20_000, help="in the full index (20000)")
    parser.add_argument("--rounds", type=int, default=5, help="of each archive (5)")
    parser.add_argument("--files", type=int, default=2_000, help="in each round (2000)")
    parser.add_argument("--peer", default="Orthanc {config}", help="its start command, or none")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="not on tmpfs")
    options = parser.parse_args()
    command = f"{shlex.quote(sys.executable)} -m repertory {{config}}"
    root = Path(tempfile.mkdtemp(prefix="million-", dir=options.folder))
    servers: list[Server] = []
    try:
        number = fill(root / "full" / "index", options.studies)
        size = bytes_of_index(root / "full" / "index")
        print(f"index of {number:,} instances: {size / number:,.0f} bytes for each")
        servers = [Server(name, command, root / name) for name in ("empty", "full")]
        for server in servers:
            seconds = server.start()
            print(f"{server.name}: first answer after {seconds:.2f} s")
        rates: dict[str, list[float]] = {server.name: [] for server in servers}
        for turn in range(options.rounds + 1):
            for server in servers[:: 1 if turn % 2 else -1]:
                os.sync()  # nobody pays for what the other has left to be written
                found = rate(server, options.files)
                if turn:  # the first fills the caches, and does not count
                    rates[server.name].append(found)
        medians = {name: statistics.median(values) for name, values in rates.items()}
        ratio = statistics.median(
            full / empty for full, empty in zip(rates["full"], rates["empty"], strict=True)
        )
        print(
            f"ingest of 10 KB ×16, per s: {medians['empty']:,.0f} empty, {medians['full']:,.0f}"
            f" full: ratio {ratio:.2f}, the median of {options.rounds} rounds"
        )
        if options.peer != "none":
            growth = growth_of_peer(options.peer, root / "peer", 4_000)
            print(f"the peer's index: {growth:,.0f} bytes for each instance")
    finally:
        for server in servers:
            server.kill()
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
