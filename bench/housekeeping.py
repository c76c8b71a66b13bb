"""How fast a pass of housekeeping is, beside Orthanc, and what it takes from uploads.

    python bench/housekeeping.py                        # 1,000 studies of 5 files of 10 KB each
    python bench/housekeeping.py --studies 200 --rounds 1 --peer none
    python bench/housekeeping.py --cases changed        # one part of it

Both servers get the same studies over HTTP. Then Repertory makes a pass over all of them, with
ThrottleDelay 0 and main DICOM tags alone, and Orthanc is told to reconstruct one study after the
other on one connection, which is what its housekeeper plugin does. There are three cases:

changed   Before each round, both are started anew with another of two sets of ExtraMainDicomTags:
          something is to be written of each patient, study, series and instance. Repertory begins
          the pass by itself; it is timed by its log. Orthanc before 1.11 does not know the option,
          and writes all tags of what it reconstructs, whether or not they changed.
forced    Nothing has changed, and the pass is forced.
uploads   New files are uploaded on four connections, in turns while nothing else is done and while
          a forced pass is made.
"""

import argparse
import http.client
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.servers import OURS, PEER, Server, ask
from repertory.testing.files import make_dicom

CONNECTIONS = 4
CASES = ("changed", "forced", "uploads")

Extra = dict[str, list[str]]

EXTRA_TAGS: tuple[Extra, ...] = (
    {
        "Patient": ["PatientAge"],
        "Study": ["AcquisitionDate"],
        "Series": ["MagneticFieldStrength", "PatientPosition"],
        "Instance": ["SliceLocation", "Rows"],
    },
    {
        "Patient": ["PatientWeight"],
        "Study": ["ContentDate"],
        "Series": ["RepetitionTime", "EchoTime"],
        "Instance": ["ImageType", "Columns"],
    },
)
"""What the rounds of the first case have in turns; the files have all of them."""


def contents(studies: int, instances: int, size: int) -> Iterator[bytes]:
    """The files of the studies."""
    for study in range(studies):
        for number in range(instances):
            yield make_dicom(
                patient_id=f"P{study}",
                study=f"1.2.3.{study}",
                series=f"1.2.3.{study}.1",
                instance=f"1.2.3.{study}.1.{number}",
                number=number + 1,
                size=size,
            )


def upload(url: str, bodies: list[bytes], seconds: float) -> int:
    """Upload files on one connection, until there are none or the time is over; how many."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    deadline = time.perf_counter() + seconds
    count = 0
    for body in bodies:
        connection.request("POST", "/instances", body)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"an upload was answered by {answer.status}")
        count += 1
        if time.perf_counter() > deadline:
            break
    connection.close()
    return count


def uploads(url: str, pool: "multiprocessing.pool.Pool", seed: int, seconds: float) -> float:
    """Files per second on several connections; they are made before the clock runs."""
    count = int(1_500 * seconds)
    bodies = [
        [
            make_dicom(patient_id=f"N{seed}-{place}", seed=(seed, place, n), size=10_000)
            for n in range(count // CONNECTIONS)
        ]
        for place in range(CONNECTIONS)
    ]
    begun = time.perf_counter()
    done = pool.starmap(upload, [(url, some, seconds) for some in bodies])
    return sum(done) / (time.perf_counter() - begun)


def log_times(server: Server, event: str) -> list[float]:
    """When the log says that something happened."""
    lines = (server.folder / "log.txt").read_text().splitlines()
    found = (json.loads(line) for line in lines if f'"{event}"' in line)
    return [
        datetime.fromisoformat(line["timestamp"]).timestamp()
        for line in found
        if line["event"] == event
    ]


def post(server: Server, path: str, body: bytes = b"") -> bytes:
    """A POST that succeeds."""
    status, answer = ask(server.url, path, method="POST", body=body)
    if status != 200:
        raise RuntimeError(f"{path} was answered by {status}: {answer!r}")
    return answer


def wait_for_pass(server: Server, passes: int) -> float:
    """Seconds that the last of so many passes took, once it is done; the log is asked."""
    while len(log_times(server, "housekeeping_completed")) < passes:
        time.sleep(0.2)
    begun = log_times(server, "housekeeping_begun")
    return log_times(server, "housekeeping_completed")[-1] - begun[-1]


def restart(server: Server, extra: Extra) -> None:
    """Stop a server and start it with other ExtraMainDicomTags."""
    server.stop()
    server.options["ExtraMainDicomTags"] = extra
    server.start()


def reconstruct(server: Server) -> float:
    """Seconds that it takes to have all studies reconstructed, one after the other."""
    studies = json.loads(ask(server.url, "/studies")[1])
    parts = urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    begun = time.perf_counter()
    for study in studies:
        connection.request("POST", f"/studies/{study}/reconstruct", b"{}")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"a reconstruction was answered by {answer.status}")
    return time.perf_counter() - begun


def main() -> None:
    """Measure, and print a table for each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=1_000)
    parser.add_argument("--instances", type=int, default=5, help="of a study (%(default)s)")
    parser.add_argument("--size", type=int, default=10_000, help="bytes of a file (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of uploads (%(default)s)")
    parser.add_argument("--peer", default=PEER, help="its command, or none (%(default)s)")
    parser.add_argument("--busy-share", type=int, default=10, help="BusyShare (%(default)s)")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES, help="(default: all)")
    parser.add_argument("--folder", type=Path, help="where (default: temporary)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="housekeeping-") as temporary:
        measure((arguments.folder or Path(temporary)).resolve(), arguments)


def measure(folder: Path, arguments: argparse.Namespace) -> None:
    """Measure in one folder."""
    bodies = list(contents(arguments.studies, arguments.instances, arguments.size))
    keeper = {"Enable": True, "ThrottleDelay": 0, "BusyShare": arguments.busy_share}
    ours = Server("Repertory", OURS, folder / "ours", {"Housekeeper": keeper})
    peer = Server("Orthanc", arguments.peer, folder / "peer")
    servers = [ours] if arguments.peer == "none" else [ours, peer]
    bench = Bench(ours, None if arguments.peer == "none" else peer, arguments)
    try:
        with multiprocessing.Pool(CONNECTIONS) as pool:
            for server in servers:
                server.start()
                upload(server.url, bodies, 1e9)
            print(
                f"{arguments.studies:,} studies of {arguments.instances} files"
                f" of {arguments.size:,} bytes"
            )
            if "changed" in arguments.cases:
                bench.change_tags()
            if "forced" in arguments.cases:
                bench.force()
            if "uploads" in arguments.cases:
                bench.upload(pool)
    finally:
        for server in servers:
            server.kill()


class Bench:
    """The cases, each with its table."""

    def __init__(self, ours: Server, peer: Server | None, arguments: argparse.Namespace) -> None:
        """Take the servers, which run and hold the studies."""
        self._ours = ours
        self._peer = peer
        self._studies: int = arguments.studies
        self._rounds: int = arguments.rounds
        self._seconds: float = arguments.seconds

    def change_tags(self) -> None:
        """Time the passes that servers need whose ExtraMainDicomTags are others than before."""
        own, others = [], []
        for number in range(self._rounds):
            extra = EXTRA_TAGS[number % len(EXTRA_TAGS)]
            own.append(self._studies / self._pass_over(extra))
            if self._peer is not None:
                restart(self._peer, extra)
                others.append(self._studies / reconstruct(self._peer))
        self._print("other main tags than before", own, others)

    def _pass_over(self, extra: Extra) -> float:
        passes = len(log_times(self._ours, "housekeeping_completed"))
        restart(self._ours, extra)
        return wait_for_pass(self._ours, passes + 1)

    def force(self) -> None:
        """Time passes over studies that are in order."""
        own, others = [], []
        for _ in range(self._rounds):
            own.append(self._studies / wait_for_pass(self._ours, self._force_pass()))
            if self._peer is not None:
                others.append(self._studies / reconstruct(self._peer))
        self._print("nothing has changed", own, others)

    def _force_pass(self) -> int:
        """Begin a pass; how many there will have been once it is over."""
        passes = len(log_times(self._ours, "housekeeping_completed"))
        post(self._ours, "/housekeeper/run", b'{"Force": true}')
        return passes + 1

    def _print(self, case: str, own: list[float], others: list[float]) -> None:
        print(f"\n| {case} | studies/s, rounds | median |\n|---|---|---:|")
        print_row(self._ours.name, own)
        if others:
            print_row("Orthanc", others)
            ratio = statistics.median(own) / statistics.median(others)
            print(f"\nRatio of the medians: {ratio:.2f}")

    def upload(self, pool: "multiprocessing.pool.Pool") -> None:
        """Count uploads while a pass is made, and without one."""
        quiet, busy = [], []
        for number in range(self._rounds):
            quiet.append(uploads(self._ours.url, pool, 2 * number, self._seconds))
            last = self._force_pass()
            busy.append(uploads(self._ours.url, pool, 2 * number + 1, self._seconds))
            state = json.loads(ask(self._ours.url, "/housekeeper/status")[1])
            if state["State"] == "Idle":
                print("The pass was over before the uploads: take more studies.")
            post(self._ours, "/housekeeper/pause")
            post(self._ours, "/housekeeper/resume")
            wait_for_pass(self._ours, last)
        print("\n| uploads | files/s, rounds | median |\n|---|---|---:|")
        print_row("alone", quiet)
        print_row("during a pass", busy)
        lost = 1 - statistics.median(busy) / statistics.median(quiet)
        print(f"\nLost to the pass: {lost:.0%}")


def print_row(name: str, found: list[float]) -> None:
    """One line of a table: the rounds, and their median."""
    listed = ", ".join(f"{rate:,.0f}" for rate in found)
    print(f"| {name} | {listed} | {statistics.median(found):,.0f} |")


if __name__ == "__main__":
    main()
