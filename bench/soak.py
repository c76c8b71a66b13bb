"""Endurance: a mixed load for as long as one likes, with restarts and kills, and nothing may grow.

    python bench/soak.py --minutes 10
    python bench/soak.py --minutes 60 --front-ends 3 --csv soak.csv

Clients upload, read, search, list, make archives, follow the log of changes and delete, over
REST; one sends by C-STORE, where DCMTK is there. What is stored stays about the same: each client
deletes its oldest study when it has sent enough. In the middle the server is restarted in good
order; then it is killed, some times. Each second, memory, file descriptors, threads, the size of
the index and what waits to be removed are noted. At the end everything that was answered 200 is
compared with what is there, byte for byte.

It is judged whether each of these figures is flat: in each life of the server that is long enough,
after a time to warm up, the median of the last third is compared with that of the first.
"""

import argparse
import csv
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import apsw
import servers
from soak_load import Books, Client, DicomClient, Follower, Sender, check, check_integrity

from repertory.testing.dcmtk import find_tool
from repertory.testing.orthanc import free_port
from repertory.testing.server import ServerProcess

WARM_UP = 0.3
"""The part of each life that is not judged."""
TOLD_EVERY = 60
"""Samples, one in a second, after which whoever waits is told how it goes."""

SHORTEST = 40
"""Samples of a life that is judged: about as many seconds."""
LIMITS = {
    "memory": (0.08, 6e6),
    "descriptors": (0.0, 12),
    "threads": (0.0, 4),
    "index": (0.10, 4e6),
    "waiting": (0.0, 1000),
}
"""How much each figure may grow: a share of what it was, and a constant."""
LOGGED = 37
"""Bytes of the index that one deletion in the log takes."""
KILLS = 3
PARTS = (0.5, 0.1, 0.4)
"""The life before the restart, the one before the kills, and the one after them."""


@dataclass(frozen=True)
class Sample:
    """What was seen at a moment; sizes in bytes, of the whole process tree.

    ``memory`` is the proportional size (PSS), ``resident`` the resident one (RSS) of all processes.
    ``index`` is without the log of deletions, which grows with each by design: it is ``logged``.
    """

    second: float
    life: int
    memory: int
    resident: int
    descriptors: int
    threads: int
    index: int
    logged: int
    waiting: int
    instances: int


def size_of_log(storage: Path) -> int:
    """Bytes of the log of deletions, about."""
    connection = apsw.Connection(str(storage / "repertory.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return int(connection.execute("SELECT COUNT(*) FROM deletions").get) * LOGGED
    finally:
        connection.close()


def take(server: ServerProcess, life: int, began: float) -> Sample:
    """Look at the server."""
    pids = servers.tree(server.pid)
    logged = size_of_log(server.storage)
    index = sum(path.stat().st_size for path in server.storage.glob("repertory.db*"))
    statistics_ = server.get("/statistics").json
    status = server.get("/delayed-deletion/status").json
    memory = servers.memory(server.pid)
    return Sample(
        second=round(time.monotonic() - began, 1),
        life=life,
        memory=memory.pss,
        resident=memory.rss,
        descriptors=sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids),
        threads=sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in pids),
        index=index - logged,
        logged=logged,
        waiting=status["FilesPendingDeletion"],
        instances=statistics_["CountInstances"],
    )


class Watch:
    """Takes samples, life by life."""

    def __init__(self, server: ServerProcess) -> None:
        self.samples: list[Sample] = []
        self.life = 1
        self._server = server
        self._began = time.monotonic()

    def during(self, seconds: float, books: Books) -> None:
        """Look each second, until time is up or something is wrong."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not books.wrong:
            self.samples.append(take(self._server, self.life, self._began))
            if len(self.samples) % TOLD_EVERY == 0:
                said = f"{sum(books.done.values()):,} answered, {shown(self.samples[-1].resident)}"
                print(time.strftime("%X"), said, "resident", file=sys.stderr, flush=True)
            time.sleep(max(0.0, min(1.0, end - time.monotonic())))


def judge(samples: list[Sample]) -> list[str]:
    """The table of what grew, and sentences about what grew too much."""
    wrong = []
    lives = sorted({sample.life for sample in samples})
    say("\n| life | figure | at first | at last | per hour | |\n|---|---|---|---|---|---|")
    for life in lives:
        seen = [sample for sample in samples if sample.life == life]
        if len(seen) < SHORTEST:
            continue
        seen = seen[int(len(seen) * WARM_UP) :]
        third = len(seen) // 3
        hours = (seen[-1].second - seen[0].second) * 2 / 3 / 3600
        for name, (share, constant) in LIMITS.items():
            first = statistics.median(getattr(sample, name) for sample in seen[:third])
            last = statistics.median(getattr(sample, name) for sample in seen[-third:])
            grows = last > first * (1 + share) + constant
            per_hour = (last - first) / hours
            word = "GROWS" if grows else "flat"
            say(
                f"| {life} | {name} | {shown(first)} | {shown(last)} | {shown(per_hour)} | {word} |"
            )
            if grows:
                wrong.append(f"{name} grows from {shown(first)} to {shown(last)} in life {life}")
    return wrong


def shown(value: float) -> str:
    """A number as people read it."""
    return f"{value / 1e6:.1f} M" if abs(value) >= 1e5 else f"{value:.0f}"


def say(text: str) -> None:
    """Print at once."""
    print(text, flush=True)


def play(server: ServerProcess, books: Books, watch: Watch, seconds: float) -> int:
    """Let the load run over the server's lives; how often it was killed."""
    first, second, last = (seconds * part for part in PARTS)
    watch.during(first, books)
    books.is_up.clear()
    stopped = server.stop()
    if stopped:
        books.wrong.append(f"the server stopped with {stopped}")
    server.start()
    say(f"{time.strftime('%X')} restarted")
    crashes = 0
    watch.life += 1
    books.is_up.set()
    watch.during(second, books)
    for _ in range(KILLS):
        time.sleep(1.0 + 2.0 * (hash((books.seed, crashes)) % 100) / 100)
        server.kill()
        crashes += 1
        server.start()
    say(f"{time.strftime('%X')} killed {crashes} times")
    watch.life += 1
    watch.during(last, books)
    return crashes


def main() -> int:
    """Run; 0 if nothing is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=60.0, help="of load (60)")
    parser.add_argument("--clients", type=int, default=6, help="over REST (6)")
    parser.add_argument("--stock", type=int, default=20, help="studies that each keeps (20)")
    parser.add_argument("--front-ends", type=int, default=0, help="FrontEndProcesses (0)")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="where to keep the archive")
    parser.add_argument("--csv", type=Path, help="where to write all samples")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-", dir=options.folder) as name:
        return run(options, Path(name))


def run(options: argparse.Namespace, folder: Path) -> int:
    """The whole of it, in a folder."""
    port = free_port()
    storescu = find_tool("storescu")
    server = ServerProcess(
        folder,
        StableAge=2,
        MaximumStorageCacheSize=16,
        DicomServerEnabled=storescu is not None,
        DicomPort=port,
        DicomAlwaysAllowStore=True,
        FrontEndProcesses=options.front_ends,
        DelayedDeletion={"Enable": True, "ThrottleDelayMs": 0},
    )
    books = Books(options.seed)
    with server:
        clients = [
            Client(number, server, books, options.stock) for number in range(options.clients)
        ]
        clients.append(Follower(len(clients), server, books, 0))
        if storescu is not None:
            sender = Sender(storescu, port, folder / "dicom")
            clients.append(DicomClient(len(clients), server, books, options.stock, sender=sender))
        threads = [threading.Thread(target=client.run, daemon=True) for client in clients]
        books.is_up.set()
        for thread in threads:
            thread.start()
        watch = Watch(server)
        crashes = play(server, books, watch, options.minutes * 60)
        books.is_over.set()
        for thread in threads:
            thread.join(90)
        wrong = [*books.wrong, *judge(watch.samples)]
        wrong += [f"{it.name} hangs" for it in threads if it.is_alive()]
        wrong += drained(server)
        wrong += check(server, books)
        wrong += check_integrity(server, crashes, len(clients))
    write(options.csv, watch.samples)
    say("\n| what | answered | cut off |\n|---|---|---|")
    for name in sorted(books.done | books.cut_off):
        say(f"| {name} | {books.done[name]} | {books.cut_off[name]} |")
    say(f"\n{len(watch.samples)} samples, {crashes} kills, {watch.samples[-1].instances} instances")
    say(f"highest memory: {shown(max(it.resident for it in watch.samples))} resident")
    for one in wrong:
        say(f"WRONG: {one}")
    say("Nothing is wrong." if not wrong else f"{len(wrong)} things are wrong.")
    return 1 if wrong else 0


def drained(server: ServerProcess) -> list[str]:
    """Wait until the files of what was deleted are gone."""
    for _ in range(600):
        if not server.get("/delayed-deletion/status").json["FilesPendingDeletion"]:
            return []
        time.sleep(0.1)
    return ["the deletion queue does not get empty"]


def write(path: Path | None, samples: list[Sample]) -> None:
    """Keep all samples."""
    if path is not None:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, [it.name for it in fields(Sample)])
            writer.writeheader()
            writer.writerows(asdict(sample) for sample in samples)


if __name__ == "__main__":
    sys.exit(main())
