"""What rules of tiering cost: to plan them, to run them, and what uploads lose meanwhile.

    python bench/tiering.py                            # 20,000 studies, of which 500 are moved
    python bench/tiering.py --studies 2000 --moved 50 --rounds 1
    python bench/tiering.py --studies 0 --to objects --upload-size 500000

An index is filled with studies of one series and two instances, without files; some more studies
come over HTTP and have a label. The rules are those of the table, one server for each: what nobody
meets, what all studies meet (which is planned, and not run: there are no files), and the two ways
of making room, of which the first page of the walk is wanted, or all of it. Then a rule moves what
is labelled from one folder to another, or to a bucket of rclone's S3 server with its files in
memory, and files of 10 KB are uploaded on four connections, in turns while nothing else is done,
during such a pass, and during two jobs (``/move-storage``) that move as much: one that makes room
for requests, and one that does not (``BusyShare`` 100).
"""

import argparse
import http.client
import json
import multiprocessing
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import apsw

from bench.housekeeping import CONNECTIONS
from repertory.model import Attachment, ContentType, Level, Origin
from repertory.storage.dicom import summarize
from repertory.storage.identifiers import resource_ids
from repertory.storage.index.policy import StorePolicy
from repertory.storage.index.sqlite.engine import FILE_NAME, SqliteEngine
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.storage.naming import new_uuid
from repertory.testing.emulators import RcloneEmulator
from repertory.testing.files import make_dicom
from repertory.testing.server import ServerProcess

DAY = 86_400
GROUP = 2_000
SIZE = 500_000
LABEL = "moves"
DONE = "tiering_completed"


NUMBER = b"1.2.5.000.000.0000000"
"""The identifier in a template of files that are uploaded; each gets its own."""


def rule(to: str = "second", **conditions: Any) -> dict[str, Any]:
    """A rule by which something moves to the second folder, or to another storage."""
    return {"Name": "rule", "From": "file-system", "To": to, **conditions}


@contextmanager
def storages(to: str, folder: Path) -> Iterator[dict[str, Any]]:
    """The options that name the other storage."""
    if to == "second":
        disks = {"Storages": {to: str(folder / to)}}
        yield {"AdvancedStorage": {"Enable": True, "MultipleStorages": disks}}
        return
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else folder) as objects,
        RcloneEmulator(Path(objects)) as s3,
    ):
        s3.make_bucket("archive")
        section = s3.written("archive", HybridMode="WriteToFileSystem")
        yield {"AwsS3Storage": section, "AdvancedStorage": {"Enable": True}}


def room(free_bytes: float) -> dict[str, Any]:
    """A rule that makes as much room as is said, besides what there is."""
    wanted = f"{(shutil.disk_usage(tempfile.gettempdir()).free + free_bytes) / (1 << 20):.0f} MB"
    return rule(FreeBelow=wanted, FreeUntil=wanted)


def fill(folder: Path, studies: int) -> None:
    """Make an index of studies that came a hundred days ago, and whose files are nowhere."""
    engine = SqliteEngine(
        folder,
        synchronous="NORMAL",
        signatures={level: MAIN_DICOM_TAGS.signature(level) for level in Level},
    )
    engine.open()
    writer = engine.writer()
    now = time.time() - 100 * DAY
    writer.begin()
    for number in range(studies):
        if number and number % GROUP == 0:
            writer.commit()
            writer.begin()
        summary = summarize(make_dicom(patient_id=f"P{number}", seed=number))
        for instance in (1, 2):
            identity = replace(summary.identity, sop_instance_uid=f"1.2.3.{number}.{instance}")
            file = Attachment(
                uuid=new_uuid(),
                content_type=ContentType.DICOM,
                uncompressed_size=SIZE,
                uncompressed_md5="",
                compressed_size=SIZE,
                compressed_md5="",
            )
            writer.record_instance(
                ids=resource_ids(identity),
                summary=replace(summary, identity=identity),
                attachment=file,
                origin=Origin(),
                now=now + number,
                policy=StorePolicy(),
            )
    writer.commit()
    writer.close()
    engine.close()


@contextmanager
def served(source: Path, *rules: dict[str, Any], to: str = "second") -> Iterator[ServerProcess]:
    """A server on a copy of the index; its rules wait until they are told to."""
    with (
        tempfile.TemporaryDirectory(dir=source.parent) as temporary,
        storages(to, Path(temporary)) as options,
    ):
        server = ServerProcess(
            Path(temporary),
            StableAge=DAY,
            HttpLogRequests=False,
            **options,
            Tiering={"Enable": True, "Rules": list(rules), "IntervalMinutes": 100_000},
        )
        shutil.copytree(source, server.storage)
        # The start of tiering, which makes a pass of its own: it is over when somebody asks.
        database = apsw.Connection(str(server.storage / FILE_NAME))
        database.execute("UPDATE tallies SET unstable_at = NULL")
        database.execute("INSERT INTO properties (name, value) VALUES ('tiering/paused', 'true')")
        database.close()
        with server:
            yield server


def planned(server: ServerProcess) -> tuple[float, dict[str, Any]]:
    """Seconds that a plan takes, and what it says of the rule."""
    begun = time.perf_counter()
    answer = server.get("/tiering/plan")
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json["Rules"][0]
    return time.perf_counter() - begun, found


def passed(server: ServerProcess) -> float:
    """Seconds that a pass takes."""
    begun = time.perf_counter()
    assert server.post("/tiering/run", b"").status == 200
    while server.get("/tiering/status").json["State"] == "Running":
        time.sleep(0.1)  # requests make it rest
    return time.perf_counter() - begun


def moved_alone(server: ServerProcess) -> float:
    """Seconds that a pass takes that moves something; the log is asked, not the server."""
    before = server.log.count(DONE)
    begun = time.perf_counter()
    assert server.post("/tiering/run", b"").status == 200
    while server.log.count(DONE) == before:
        time.sleep(0.05)
    return time.perf_counter() - begun


def plan_all(source: Path, rounds: int) -> None:
    """Plan each rule on its own, and run those that find nothing."""
    cases = {
        "a label that nobody has": (rule(Labels=["nobody"]), True),
        "came 90 days ago: all": (rule(ReceivedBeforeDays=90), False),
        "came 90 days ago, of a modality that nobody has": (
            rule(ReceivedBeforeDays=90, Modalities=["XX"]),
            True,
        ),
        "room for 100 MB": (room(100 << 20), False),
        "room for more than there is": (room(1 << 50), False),
    }
    print("| rule | plan, s | studies | files | pass, s |\n|---|---:|---:|---:|---:|")
    for name, (one, runs) in cases.items():
        with served(source, one) as server:
            found = [planned(server) for _ in range(rounds)]
            seconds = statistics.median(it for it, _ in found)
            took = f"{statistics.median(passed(server) for _ in range(rounds)):.2f}" if runs else ""
            what = found[-1][1]
            counts = f"{what['CountStudies']:,} | {what['CountFiles']:,}"
            print(f"| {name} | {seconds:.2f} | {counts} | {took} |")


def store(server: ServerProcess, first: int, count: int) -> list[str]:
    """Store studies that are to be moved; their identifiers."""
    stored = []
    for number in range(first, first + count):
        for instance in (1, 2):
            content = make_dicom(
                patient_id=f"M{number}", study=f"1.2.4.{number}", seed=(number, instance), size=SIZE
            )
            answer = server.post("/instances", content)
            assert answer.status == 200, answer
            study = answer.json["ParentStudy"]
        assert server.ask("PUT", f"/studies/{study}/labels/{LABEL}", b"").status == 200
        stored.append(study)
    return stored


def upload(port: int, turn: int, place: int, size: int, seconds: float) -> int:
    """Upload files on one connection until the time is over; how many."""
    template = make_dicom(patient_id=f"N{turn}-{place}", instance=NUMBER.decode(), size=size)
    count = 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        name = b"1.2.5.%03d.%03d.%07d" % (turn, place, count)
        connection.request("POST", "/instances", template.replace(NUMBER, name))
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"an upload was answered by {answer.status}")
        count += 1
    connection.close()
    return count


def uploads(
    server: ServerProcess, pool: "multiprocessing.pool.Pool", turn: int, size: int, seconds: float
) -> float:
    """Files per second on several connections."""
    begun = time.perf_counter()
    work = [(server.port, turn, place, size, seconds) for place in range(CONNECTIONS)]
    return sum(pool.starmap(upload, work)) / (time.perf_counter() - begun)


def run_all(source: Path, arguments: argparse.Namespace) -> None:
    """Move what is labelled, and see what that takes from uploads."""
    moved, size, seconds = arguments.moved, arguments.upload_size, arguments.seconds
    target = {"objects": "object-storage"}.get(arguments.to, arguments.to)
    names = ("pass", "quiet", "busy", "polite", "job")
    rates: dict[str, list[float]] = {name: [] for name in names}
    shares: dict[str, list[float]] = {"polite": [], "job": []}
    with (
        served(source, rule(target, Labels=[LABEL]), to=arguments.to) as server,
        multiprocessing.Pool(CONNECTIONS) as pool,
    ):
        for number in range(arguments.rounds):
            store(server, 4 * number * moved, moved)
            rates["pass"].append(2 * moved / moved_alone(server))
            store(server, (4 * number + 1) * moved, moved)
            rates["quiet"].append(uploads(server, pool, 4 * number, size, seconds))
            assert server.post("/tiering/run", b"").status == 200
            rates["busy"].append(uploads(server, pool, 4 * number + 1, size, seconds))
            if server.get("/tiering/status").json["State"] != "Running":
                print("The pass was over before the uploads: take more studies.", file=sys.stderr)
            while server.get("/tiering/status").json["State"] == "Running":
                time.sleep(0.5)
            # Who comes first does not always find what the other left behind.
            jobs = [("polite", {}), ("job", {"BusyShare": 100})]
            for place, (name, more) in enumerate(jobs if number % 2 else reversed(jobs), start=2):
                turn = 4 * number + place
                body = {"Resources": store(server, turn * moved, moved), "TargetStorage": target}
                asked = json.dumps(body | more | {"Asynchronous": True}).encode()
                job = server.post("/move-storage", asked).json["ID"]
                rates[name].append(uploads(server, pool, turn, size, seconds))
                content = server.get(f"/jobs/{job}").json["Content"]
                shares[name].append(content["MovedFilesCount"] / seconds)
                if content["MovedFilesCount"] == 2 * moved:
                    print("A job was over before the uploads: take more studies.", file=sys.stderr)
                while server.get(f"/jobs/{job}").json["State"] in {"Pending", "Running"}:
                    time.sleep(0.1)
    print(f"\n| {moved:,} studies of two files of {SIZE:,} bytes are moved | by rounds | median |")
    print("|---|---|---:|")
    rows = {
        "files moved per s, nobody asks": rates["pass"],
        f"uploads of {size:,} bytes per s, alone": rates["quiet"],
        "during a pass": rates["busy"],
        "during a job": rates["polite"],
        "files that it moves meanwhile, per s": shares["polite"],
        "during a job that does not rest": rates["job"],
        "files that it moves, per s": shares["job"],
    }
    for name, found in rows.items():
        listed = ", ".join(f"{rate:,.0f}" for rate in found)
        print(f"| {name} | {listed} | {statistics.median(found):,.0f} |")
    alone = statistics.median(rates["quiet"])
    whats = {"busy": "pass", "polite": "job", "job": "job that does not rest"}
    for name, what in whats.items():
        print(f"\nLost to the {what}: {1 - statistics.median(rates[name]) / alone:.0%}")


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=20_000)
    parser.add_argument("--moved", type=int, default=500, help="studies (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of uploads (%(default)s)")
    parser.add_argument("--folder", type=Path, help="where (default: temporary)")
    parser.add_argument("--to", choices=("second", "objects"), default="second", help="where to")
    parser.add_argument("--upload-size", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tiering-", dir=arguments.folder) as temporary:
        source = Path(temporary) / "index"
        source.mkdir()
        fill(source, arguments.studies)
        print(f"{arguments.studies:,} studies, medians of {arguments.rounds} rounds\n")
        if arguments.studies:
            plan_all(source, arguments.rounds)
        run_all(source, arguments)


if __name__ == "__main__":
    main()
