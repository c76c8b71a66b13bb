"""How fast files go into an object store through the archive, beside the store's own rate.

``python bench/objects.py [--count 10000] [--size 524288] [--at-once 16] [--rounds 3] [--apart]``,
from the root of a checkout. The store is rclone's S3 server on this computer
(``repertory[stores]``), with its files below ``--store-folder``, which may be in memory; those
below ``--folder``, with the index, must not be. In turns: as many objects are put by the library
alone, by as many threads; then as many DICOM files are stored over HTTP in an archive whose
files lie in a bucket. At the end of a round the archive's are deleted, and it is timed until the
bucket is empty. With ``--apart`` the store has half of the processors, and whoever uses it the
others, as if they were two computers. With ``--tls`` the store is spoken to by https, as stores
elsewhere are; then nothing is signed but the heads of requests, which is the archive's default.
Beside each rate is the processor time of each process.
"""

import argparse
import contextlib
import http.client
import itertools
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import obstore
from apart import its_half
from obstore.store import S3Store

from repertory.testing.certificates import Authority
from repertory.testing.emulators import RcloneEmulator
from repertory.testing.files import make_dicom
from repertory.testing.server import ServerProcess, until

GOAL = 0.8


Times = dict[str, float]


@dataclass(frozen=True, slots=True)
class Round:
    """What one round measured: files per second, seconds, and milliseconds of processor time."""

    bare: float
    ingest: float
    delete: float
    times: Mapping[str, Times]


def processor_times(pids: Mapping[str, int]) -> Times:
    """Milliseconds of processor time that processes have used (Linux)."""
    tick = 1000 / os.sysconf("SC_CLK_TCK")
    found = {}
    for name, pid in pids.items():
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found[name] = (int(words[11]) + int(words[12])) * tick
    return found


def since(begun: Times, pids: Mapping[str, int], count: int) -> Times:
    """The same for one of ``count`` files that were handled since ``begun``."""
    return {name: (now - begun[name]) / count for name, now in processor_times(pids).items()}


def timed(count: int, at_once: int, work: Callable[[int], None]) -> float:
    """How many per second, with ``at_once`` threads that take the next number each time."""
    numbers = iter(range(count))
    lock = threading.Lock()

    def run(_: int) -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            work(number)

    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(run, range(at_once)))
    return count / (time.perf_counter() - began)


def bare_rate(store: S3Store, contents: list[bytes], count: int, at_once: int) -> float:
    """Put objects by the library alone."""

    def put(number: int) -> None:
        obstore.put(store, f"{number:08}", contents[number % len(contents)], use_multipart=False)

    return timed(count, at_once, put)


def ingest_rate(port: int, files: Callable[[int], bytes], count: int, at_once: int) -> float:
    """Store files over HTTP, each thread by a connection of its own."""
    own = threading.local()

    def post(number: int) -> None:
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        own.connection.request("POST", "/instances", body=files(number))
        answer = own.connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the archive answered {answer.status}")

    return timed(count, at_once, post)


def delete_seconds(port: int, folder: Path) -> float:
    """Delete all patients, and wait until the bucket is empty."""
    began = time.perf_counter()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=600)) as connection:
        connection.request("GET", "/patients")
        patients = connection.getresponse().read().decode().split('"')[1::2]
        for patient in patients:
            connection.request("DELETE", f"/patients/{patient}")
            connection.getresponse().read()
    until(lambda: next(folder.iterdir(), None) is None, patience=3600)
    return time.perf_counter() - began


def wanted() -> argparse.Namespace:
    """What to measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=1 << 19)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--apart", action="store_true", help="a store with its own processors")
    parser.add_argument("--folder", type=Path, help="a folder on a disk with enough room")
    parser.add_argument("--connections", type=int, default=25, help="MaxConnections")
    parser.add_argument("--store-folder", type=Path, help="the same for the objects of the store")
    parser.add_argument(
        "--unsigned",
        action="store_true",
        help="neither signs what it sends with its SHA-256 (SignPayload false)",
    )
    parser.add_argument("--tls", action="store_true", help="speak to the store by https")
    return parser.parse_args()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of a store, and its key; this program and what it starts will trust it."""
    authority = Authority(folder, "authority")
    os.environ["SSL_CERT_FILE"] = str(authority.trusted)
    return authority.device("store")


def main() -> int:
    """Measure, and print a table; 1 where the goal is missed."""
    arguments = wanted()
    count, at_once = arguments.count, arguments.at_once
    template = make_dicom(size=arguments.size, instance="1.2.3.4.000000000", seed=1)
    places = template.count(b"1.2.3.4.000000000")
    turns = itertools.count()
    rounds = []
    with tempfile.TemporaryDirectory(prefix="objects-", dir=arguments.folder) as folder:
        root = Path(folder)
        with contextlib.ExitStack() as stack:
            objects = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory(
                        prefix="objects-", dir=arguments.store_folder or arguments.folder
                    )
                )
            )
            tls = certificate(root) if arguments.tls else None
            is_unsigned = arguments.unsigned or arguments.tls
            with its_half(apart=arguments.apart):
                s3 = stack.enter_context(RcloneEmulator(objects, tls=tls))
            s3.make_bucket("bare")
            s3.make_bucket("archive")
            store = S3Store(
                "bare",
                endpoint=s3.url,
                access_key_id="test",
                secret_access_key="secret-of-the-test",
                region="us-east-1",
                virtual_hosted_style_request=False,
                unsigned_payload=is_unsigned,
                client_options={"allow_http": True},
            )
            signing = {} if arguments.tls else {"SignPayload": not is_unsigned}
            section = s3.written("archive", MaxConnections=arguments.connections, **signing)
            options = {"StableAge": 86_400, "KeepAlive": True, "AwsS3Storage": section}
            with ServerProcess(root / "ours", **options) as ours:
                pids = {"store": s3.pid, "client": os.getpid(), "archive": ours.pid}
                for _ in range(arguments.rounds):
                    turn = next(turns)

                    def file(number: int, turn: int = turn) -> bytes:
                        name = b"1.2.3.4.%03d%06d" % (turn, number)
                        return template.replace(b"1.2.3.4.000000000", name, places)

                    begun = processor_times(pids)
                    bare = bare_rate(store, [template], count, at_once)
                    times = {"bare": since(begun, pids, count)}
                    obstore.delete(store, [f"{number:08}" for number in range(count)])
                    begun = processor_times(pids)
                    ingest = ingest_rate(ours.port, file, count, at_once)
                    times["ingest"] = since(begun, pids, count)
                    delete = delete_seconds(ours.port, objects / "archive")
                    rounds.append(Round(bare, ingest, delete, times))
                    print(f"round {turn + 1}: {rounds[-1]}", file=sys.stderr)
    bare = statistics.median(it.bare for it in rounds)
    ingest = statistics.median(it.ingest for it in rounds)
    delete = statistics.median(it.delete for it in rounds)
    ratio = statistics.median(it.ingest / it.bare for it in rounds)
    print(
        f"{count} objects of {arguments.size} bytes, {at_once} at a time, medians of"
        f" {arguments.rounds} rounds{', by https' if arguments.tls else ''}"
        f"{', store apart' if arguments.apart else ''}\n\n"
        "| | |\n|---|---:|\n"
        f"| bare put, per s | {bare:,.0f} |\n"
        f"| ingest through the archive, per s | {ingest:,.0f} |\n"
        f"| ratio | {ratio:.2f} |\n"
        f"| delete all until the bucket is empty, per s | {count / delete:,.0f} |"
    )
    print("\n| processor time for one file, ms | bare | ingest |\n|---|---:|---:|")
    for name in ("store", "client", "archive"):
        figures = [
            statistics.median(it.times[kind][name] for it in rounds) for kind in ("bare", "ingest")
        ]
        print(f"| the {name} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |")
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
