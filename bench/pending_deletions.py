"""What a million files that wait to be removed cost: the start, the memory, the status.

``python bench/pending_deletions.py [--files 1000000]``, from the root of a checkout. An index is
filled with files that no resource owns; a server starts on it, and on an empty one in turns.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

# A checkout need not be installed; at the end, or our http would hide the standard library's.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from servers import OURS, Server, ask

from repertory.storage.index.sqlite.engine import SqliteEngine

STATUS = "/plugins/delayed-deletion/status"
RELEASE = (
    "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
    " INSERT INTO released (uuid, content_type, size, released_at)"
    " SELECT randomblob(16), 1, 500000, 1800000000.0 FROM numbers"
)
COUNT = (
    "UPDATE totals SET released_files = (SELECT COUNT(*) FROM released),"
    " released_size = (SELECT SUM(size) FROM released)"
)


def fill(folder: Path, files: int) -> None:
    """Make an index in which so many files wait."""
    engine = SqliteEngine(folder)
    engine.open()
    writer = engine.writer()
    writer.begin()
    if files:
        writer._db.execute(RELEASE, (files,))  # noqa: SLF001 - a million deletions would take hours
        writer._db.execute(COUNT)  # noqa: SLF001
    writer.commit()
    writer.close()
    engine.close()


def measure(name: str, folder: Path, files: int, rounds: int) -> None:
    """Start a server some times; a line of the table."""
    fill(folder / "index", files)
    starts, asked, sizes, stops = [], [], [], []
    for _ in range(rounds):
        # Slow enough that they all still wait when the last round begins.
        options: dict[str, object] = {"DelayedDeletion": {"ThrottleDelayMs": 1000}}
        server = Server(name, OURS, folder, options)
        starts.append(server.start())
        time.sleep(1)
        for _ in range(100):
            begun = time.perf_counter()
            state = json.loads(ask(server.url, STATUS)[1])
            asked.append(time.perf_counter() - begun)
        memory = server.memory()
        sizes.append(memory.rss if memory else 0)
        stops.append(server.stop())
        if state["FilesPendingDeletion"] < files - 1000:
            raise SystemExit("the queue was not full any more")
    cells = (
        f"{1000 * statistics.median(starts):.0f}",
        f"{1000 * statistics.median(stops):.0f}",
        f"{1000 * statistics.median(asked):.2f}",
        f"{statistics.median(sizes) / 1e6:.0f}",
    )
    print(f"| {files:,} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    words = parser.parse_args()
    print("| files that wait | start, ms | stop, ms | status, ms | memory (RSS), MB |")
    print("|---:|---:|---:|---:|---:|")
    for files in (0, words.files):
        with tempfile.TemporaryDirectory() as folder:
            measure("Repertory", Path(folder), files, words.rounds)


if __name__ == "__main__":
    main()
