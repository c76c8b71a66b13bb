"""What a server pays for many resources that are not stable yet.

    python bench/pending_timers.py                       # 100,000 that wait, on a new folder
    python bench/pending_timers.py --waiting 10000

An index is filled with studies of one instance, without files; a third of what waits are patients,
a third studies, a third series. Then the server is started on a copy of it, in four states: nothing
waits, everything waits for a day, the same after the clock was set back by a week, and everything
is long due. For the last, the table also tells how long all declarations took, and the slowest
answer to ``GET /system`` meanwhile. The start is that of the whole process, until the first answer.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import apsw

from repertory.model import Level, Origin
from repertory.storage.dicom import summarize
from repertory.storage.identifiers import resource_ids
from repertory.storage.index.policy import StableAges, StorePolicy
from repertory.storage.index.sqlite.engine import FILE_NAME, SqliteEngine
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing.files import make_dicom
from repertory.testing.server import ServerProcess

DAY = 86_400
GROUP = 2_000
STATES = ("nothing waits", "all wait for a day", "the clock was set back", "all are due")


def fill(folder: Path, studies: int) -> None:
    """Make an index in which everything waits for a day."""
    engine = SqliteEngine(
        folder,
        synchronous="NORMAL",
        signatures={level: MAIN_DICOM_TAGS.signature(level) for level in Level},
    )
    engine.open()
    writer = engine.writer()
    policy = StorePolicy(stable_ages=StableAges(default=DAY))
    for number in range(studies):
        if number % GROUP == 0:
            if number:
                writer.commit()
            writer.begin()
        summary = summarize(make_dicom(patient_id=f"P{number}", seed=number))
        writer.record_instance(
            ids=resource_ids(summary.identity),
            summary=summary,
            attachment=None,
            origin=Origin(),
            now=time.time(),
            policy=policy,
        )
    writer.commit()
    writer.close()
    engine.close()


def turn(index: Path, state: str) -> None:
    """Bring an index that waits into another state."""
    change = {
        "nothing waits": "unstable_at = NULL",
        "all wait for a day": f"unstable_at = {time.time()}",
        "the clock was set back": f"unstable_at = {time.time() + 7 * DAY}",
        "all are due": f"unstable_at = {time.time() - 7 * DAY}",
    }[state]
    database = apsw.Connection(str(index))
    database.execute(f"UPDATE tallies SET {change}")
    database.close()


@contextmanager
def served(source: Path, state: str) -> Iterator[tuple[ServerProcess, float]]:
    """A server on a copy of the index, and the seconds of its start."""
    with tempfile.TemporaryDirectory(dir=source.parent) as temporary:
        server = ServerProcess(Path(temporary), StableAge=DAY, HttpLogRequests=False)
        shutil.copytree(source, server.storage)
        turn(server.storage / FILE_NAME, state)
        begun = time.perf_counter()
        with server:
            assert server.get("/system").status == 200
            yield server, time.perf_counter() - begun


def pending(server: ServerProcess) -> int:
    """How many resources are not stable yet."""
    database = apsw.Connection(
        f"file:{server.storage / FILE_NAME}?mode=ro",
        flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
    )
    database.set_busy_timeout(5_000)
    try:
        query = "SELECT COUNT(*) FROM tallies WHERE unstable_at IS NOT NULL"
        ((count,),) = database.execute(query).fetchall()
    finally:
        database.close()
    return int(count)


def drain(server: ServerProcess) -> tuple[float, float]:
    """Seconds until nothing waits, and the slowest answer meanwhile."""
    begun, slowest = time.perf_counter(), 0.0
    while pending(server):
        asked = time.perf_counter()
        assert server.get("/system").status == 200
        slowest = max(slowest, time.perf_counter() - asked)
    return time.perf_counter() - begun, slowest


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where (default: temporary)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pending-", dir=arguments.folder) as temporary:
        source = Path(temporary) / "index"
        fill(source, (arguments.waiting + 2) // 3)
        print("| state | waiting | start, ms | memory, MB | all declared, s | slowest answer, ms |")
        print("|---|---:|---:|---:|---:|---:|")
        for state in STATES:
            with served(source, state) as (server, start):
                waiting = pending(server)
                declared = slowest = ""
                if state == "all are due":
                    seconds, worst = drain(server)
                    declared, slowest = f"{seconds + start:.1f}", f"{worst * 1000:.0f}"
                memory = server.memory(peak=True) / 1e6
            print(
                f"| {state} | {waiting:,} | {start * 1000:.0f} | {memory:.0f} |"
                f" {declared} | {slowest} |"
            )


if __name__ == "__main__":
    main()
