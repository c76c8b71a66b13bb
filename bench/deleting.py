"""How fast a large study is deleted, and what others feel while its files go.

``python bench/deleting.py [--instances 2000] [--rounds 7]``, from the root of a checkout. Both
servers get the same files and delete them in turns. Then, of the first alone: the latencies of
``GET /system`` and of small uploads, one connection each, while nothing is deleted and while
deleted files are being removed.
"""

import argparse
import http.client
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from urllib.parse import urlsplit

from files import File, Stamp
from servers import OURS, PEER, Server, ask

SIZE = 10_000
STATUS = "/plugins/delayed-deletion/status"
GAP = 0.002
"""Seconds between an answer and the next request of those who feel it: they are no load test."""

POLL = 0.05


def body_of(file: File) -> bytes:
    """The whole file."""
    return file.head + bytes(file.pixels)


def fill(server: Server, files: Sequence[File]) -> str:
    """Store the files of one study; the study's identifier."""
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=60)
    study = ""
    for file in files:
        connection.request("POST", "/instances", body=body_of(file))
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{server.name} refuses an instance: {answer.status}")
        study = json.loads(content)["ParentStudy"]
    connection.close()
    return study


def delete(server: Server, study: str) -> float:
    """The seconds until the deletion of a study was answered."""
    begun = time.perf_counter()
    status, _ = ask(server.url, f"/studies/{study}", method="DELETE")
    if status != 200:
        raise SystemExit(f"{server.name} deletes no study: {status}")
    return time.perf_counter() - begun


def pending(server: Server) -> int:
    """How many files wait to be removed; ours only."""
    return int(json.loads(ask(server.url, STATUS)[1])["FilesPendingDeletion"])


def drain(server: Server) -> None:
    """Wait until nothing waits to be removed."""
    while pending(server):
        time.sleep(POLL)


def systems() -> Iterator[tuple[str, str, bytes | None]]:
    """``GET /system``, for ever."""
    while True:
        yield "GET", "/system", None


def uploads() -> Iterator[tuple[str, str, bytes | None]]:
    """A small upload, for ever: each instance is of a study of its own."""
    stamp = Stamp(SIZE)
    while True:
        for file in stamp.studies(200):
            yield "POST", "/instances", body_of(file)


KINDS = {"GET /system": systems, "store 10 KB": uploads}


class Felt:
    """Two processes, each with one connection, that note how long their requests take."""

    def __init__(self, url: str) -> None:
        self._stop = multiprocessing.Event()
        self._pipes = []
        self._processes = []
        for what in KINDS:
            ours, theirs = multiprocessing.Pipe()
            process = multiprocessing.Process(target=_feel, args=(url, what, self._stop, theirs))
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)

    def end(self) -> list[list[tuple[float, float]]]:
        """What both felt."""
        self._stop.set()
        felt = [pipe.recv() for pipe in self._pipes]
        for process in self._processes:
            process.join()
        return felt


def _feel(url: str, what: str, stop: Event, to: Connection) -> None:
    """Send one request after the other; when each began and how long it took."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=60)
    felt: list[tuple[float, float]] = []
    for method, path, body in KINDS[what]():
        if stop.is_set():
            break
        begun = time.perf_counter()
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            felt.append((begun, time.perf_counter() - begun))
        time.sleep(GAP)
    connection.close()
    to.send(felt)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed, in milliseconds."""
    ranked = sorted(values)
    return 1000 * ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))]


def compare(ours: Server, peer: Server | None, instances: int, rounds: int) -> None:
    """Delete studies in turns."""
    stamp = Stamp(SIZE)
    took: dict[str, list[float]] = {}
    for _ in range(rounds):
        for server in (ours, peer):
            if server is None:
                continue
            study = fill(server, stamp.study(instances))
            took.setdefault(server.name, []).append(delete(server, study))
        drain(ours)
    print(f"\n| DELETE a study of {instances:,} instances | median ms | from | to |")
    print("|---|---:|---:|---:|")
    for name, times in took.items():
        low, high = 1000 * min(times), 1000 * max(times)
        print(f"| {name} | {1000 * statistics.median(times):.1f} | {low:.1f} | {high:.1f} |")
    if len(took) == 2:
        first, second = (statistics.median(times) for times in took.values())
        print(f"\nRatio of the medians: {second / first:.1f}")


def interfere(server: Server, instances: int, rounds: int) -> None:
    """Compare the latencies of others in quiet times with those while files go."""
    stamp = Stamp(SIZE)
    quiet: list[list[float]] = [[], []]
    busy: list[list[float]] = [[], []]
    seconds = 0.0
    for _ in range(rounds):
        study = fill(server, stamp.study(instances))
        time.sleep(1)
        felt = Felt(server.url)
        time.sleep(1)
        begun = time.perf_counter()
        while time.perf_counter() - begun < 2:
            pending(server)
            time.sleep(POLL)
        middle = time.perf_counter()
        delete(server, study)
        answered = time.perf_counter()
        drain(server)
        ended = time.perf_counter()
        seconds += ended - answered
        for place, one in enumerate(felt.end()):
            quiet[place] += [took for at, took in one if begun <= at < middle]
            busy[place] += [took for at, took in one if answered <= at < ended]
    print(f"\n| {rounds} times {instances:,} files | p50 quiet | p50 | p99 quiet | p99 | ratio |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, before, then in zip(KINDS, quiet, busy, strict=True):
        values = [percentile(one, p) for p in (50, 99) for one in (before, then)]
        cells = " | ".join(f"{value:.2f}" for value in values)
        print(f"| {name}, ms | {cells} | {values[3] / values[2]:.2f} |")
    print(f"\nFiles removed per second meanwhile: {rounds * instances / seconds:,.0f}")


def undo(server: Server, instances: int, rounds: int) -> None:
    """Delete a study into the trash, and restore it."""
    study = fill(server, Stamp(SIZE).study(instances))
    deleted, restored = [], []
    for _ in range(rounds):
        deleted.append(delete(server, study))
        begun = time.perf_counter()
        status, _ = ask(server.url, f"/trash/{study}/restore", method="POST")
        if status != 200:
            raise SystemExit(f"{server.name} restores no study: {status}")
        restored.append(time.perf_counter() - begun)
    print(f"\n| {instances:,} instances | median ms | from | to |")
    print("|---|---:|---:|---:|")
    for name, times in (("DELETE, into the trash", deleted), ("restore", restored)):
        low, high = 1000 * min(times), 1000 * max(times)
        print(f"| {name} | {1000 * statistics.median(times):.1f} | {low:.1f} | {high:.1f} |")


def main() -> None:
    """Read the command line, start the servers, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peer", default=PEER, help="its command, or 'none'")
    parser.add_argument("--folder", type=Path, default=None)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=words.folder) as folder:
        ours = Server("Repertory", OURS, Path(folder) / "ours")
        keeping = Server("Trash", OURS, Path(folder) / "trash", {"Trash": {"RetentionDays": 1}})
        peer = (
            None if words.peer == "none" else Server("Orthanc", words.peer, Path(folder) / "peer")
        )
        try:
            for server in (ours, peer):
                if server is not None:
                    server.start()
            compare(ours, peer, words.instances, words.rounds)
            if peer is not None:
                peer.stop()
            interfere(ours, words.instances, words.rounds)
            ours.stop()
            keeping.start()
            undo(keeping, words.instances, words.rounds)
        finally:
            for server in (ours, keeping, peer):
                if server is not None:
                    server.kill()


if __name__ == "__main__":
    sys.exit(main())
