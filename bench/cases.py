"""What is measured: each case prepares its requests unseen by the clock, then has them timed.

A case is measured on one server at a time; ``Bench`` holds what it may use, above all the
identifiers of what the server has stored.
"""

import fnmatch
import json
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from driver import run_load
from files import File, Stamp
from servers import MeasureError, Server, ask, machine_seconds
from traffic import Load, Request, delete, get, post

SMALL = 10_000
LARGE = 500_000
PAGE = 100

READS = 16_000
"""Requests of a round that reads; fewer are over before all processes are awake."""
DOOMED_STUDY = 1_000
FILES_PATIENCE = 60.0


@dataclass(slots=True)
class Sample:
    """What one round of a case gave on one server.

    ``value`` is in the unit of the case; latencies are in seconds; processor times in seconds
    for 1,000 operations, ``None`` where the server is not ours to weigh; ``lag`` is the time in
    milliseconds from the last answer until the files of what was deleted were gone. ``others`` is
    the share of the machine's processors that other programs used meanwhile.
    """

    value: float
    p50: float | None = None
    p99: float | None = None
    server_cpu: float | None = None
    client_cpu: float | None = None
    failures: int = 0
    reconnects: int = 0
    lag: float | None = None
    others: float = 0.0
    note: str = ""


@dataclass(slots=True)
class Bench:
    """A server with what is stored in it."""

    server: Server
    studies: list[str] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    large_instances: list[str] = field(default_factory=list)
    patient_ids: list[str] = field(default_factory=list)
    doomed: list[str] = field(default_factory=list)
    doomed_study: str = ""
    files_before: int | None = None

    def store(self, files: Sequence[File]) -> list[dict[str, str]]:
        """Upload ``files`` without being timed; the server's answers in the order of the files."""
        load = run_load(self.server.url, uploads(files), connections=16, keep=True)
        if load.failures:
            raise MeasureError(f"{self.server.name} refuses uploads: {dict(load.statuses)}")
        answers = [json.loads(body) for _, body in sorted(load.bodies)]
        if any(answer["Status"] != "Success" for answer in answers):
            raise MeasureError(f"{self.server.name} has had these files before")
        return answers

    def fill(self, files: Sequence[File], large: Sequence[File]) -> float:
        """Store the studies that are there before anything is timed; the seconds it took."""
        begun = time.perf_counter()
        for answer in self.store(files):
            self.instances.append(answer["ID"])
            self.studies.append(answer["ParentStudy"])
        self.large_instances = [answer["ID"] for answer in self.store(large)]
        self.patient_ids = [file.patient_id for file in files]
        return time.perf_counter() - begun


def uploads(files: Sequence[File]) -> list[Request]:
    """The requests that store ``files``."""
    return [post("/instances", file.head, file.pixels) for file in files]


Prepare = Callable[[Bench, "Inputs"], list[Request]]


@dataclass(slots=True)
class Inputs:
    """What both servers are given in one round, so that they do the same work."""

    seed: int
    small: list[File] = field(default_factory=list)
    large: list[File] = field(default_factory=list)

    def pick(self, names: Sequence[str], number: int) -> list[str]:
        """``number`` of ``names`` at random: the same places for both servers."""
        return random.Random(self.seed).choices(names, k=number)


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the result.

    ``operations`` is how many requests a round has. ``unit`` is ``per s`` (more is better) or
    ``ms`` (less is better; the time of all operations together).
    """

    name: str
    title: str
    connections: int
    operations: int
    prepare: Prepare
    small_files: int = 0
    large_files: int = 0
    one_study: bool = False
    unit: str = "per s"
    before: Callable[[Bench, Inputs], None] | None = None
    after: Callable[[Bench, Sample], None] | None = None

    @property
    def group(self) -> str:
        """The first word of the name: ``ingest``."""
        return self.name.partition("-")[0]

    def inputs(self, seed: int) -> Inputs:
        """What a round needs, made up front."""
        stamp = Stamp(SMALL)
        make = stamp.study if self.one_study else stamp.studies
        return Inputs(
            seed=seed,
            small=make(self.small_files) if self.small_files else [],
            large=Stamp(LARGE).studies(self.large_files) if self.large_files else [],
        )

    def measure(self, bench: Bench, inputs: Inputs) -> Sample:
        """One round on one server."""
        if self.before:
            self.before(bench, inputs)
        requests = self.prepare(bench, inputs)
        # What the last round left to be written must not be written at this round's expense.
        os.sync()
        cpu_before = bench.server.cpu_seconds()
        machine_before, begun = machine_seconds(), time.perf_counter()
        load = run_load(bench.server.url, requests, connections=self.connections)
        sample = self._sample(load)
        busy = machine_seconds() - machine_before - load.client_cpu
        busy -= (bench.server.cpu_seconds() or 0.0) - (cpu_before or 0.0)
        sample.others = max(busy, 0.0) / (time.perf_counter() - begun) / (os.cpu_count() or 1)
        if self.after:
            self.after(bench, sample)
        cpu_after = bench.server.cpu_seconds()
        if cpu_before is not None and cpu_after is not None:
            done = max(len(requests), self.small_files)
            sample.server_cpu = (cpu_after - cpu_before) * 1_000 / done
        return sample

    def _sample(self, load: Load) -> Sample:
        return Sample(
            value=load.rate if self.unit == "per s" else load.seconds * 1_000,
            p50=load.percentile(50),
            p99=load.percentile(99),
            client_cpu=load.client_cpu * 1_000 / len(load.latencies),
            failures=load.failures,
            reconnects=load.reconnects,
        )


def _ingest_small(_: Bench, inputs: Inputs) -> list[Request]:
    return uploads(inputs.small)


def _ingest_large(_: Bench, inputs: Inputs) -> list[Request]:
    return uploads(inputs.large)


def _read_files(bench: Bench, inputs: Inputs) -> list[Request]:
    return [get(f"/instances/{i}/file") for i in inputs.pick(bench.large_instances, READS)]


def _read_studies(bench: Bench, inputs: Inputs) -> list[Request]:
    return [get(f"/studies/{i}") for i in inputs.pick(bench.studies, 3 * READS)]


def _read_tags(bench: Bench, inputs: Inputs) -> list[Request]:
    return [get(f"/instances/{i}/simplified-tags") for i in inputs.pick(bench.instances, READS)]


def _list_pages(bench: Bench, inputs: Inputs) -> list[Request]:
    starts = range(max(1, len(bench.studies) - PAGE))
    picked = random.Random(inputs.seed).choices(starts, k=200)
    return [get(f"/studies?expand&since={since}&limit={PAGE}") for since in picked]


def _find(bench: Bench, inputs: Inputs, key: str, cut: int, number: int) -> list[Request]:
    requests = []
    for patient_id in inputs.pick(bench.patient_ids, number):
        value = patient_id if key == "PatientID" else patient_id.removeprefix("BENCH")[:-cut] + "*"
        query = {"Level": "Study", "Expand": True, "Query": {key: value}}
        requests.append(
            post("/tools/find", json.dumps(query).encode(), content_type="application/json")
        )
    return requests


def _find_patient(bench: Bench, inputs: Inputs) -> list[Request]:
    return _find(bench, inputs, "PatientID", 0, 100)


def _find_name(bench: Bench, inputs: Inputs) -> list[Request]:
    return _find(bench, inputs, "PatientName", 1, 50)


def _store_doomed(bench: Bench, inputs: Inputs) -> None:
    bench.files_before = bench.server.stored_files()
    answers = bench.store(inputs.small)
    bench.doomed = [answer["ID"] for answer in answers]
    bench.doomed_study = answers[0]["ParentStudy"]


def _delete_instances(bench: Bench, _: Inputs) -> list[Request]:
    return [delete(f"/instances/{i}") for i in bench.doomed]


def _delete_study(bench: Bench, _: Inputs) -> list[Request]:
    return [delete(f"/studies/{bench.doomed_study}")]


def _wait_for_files(bench: Bench, sample: Sample) -> None:
    """Wait until the files are gone too; a server may remove them after it has answered."""
    if bench.files_before is None:
        return
    begun = time.perf_counter()
    while (bench.server.stored_files() or 0) > bench.files_before:
        if time.perf_counter() - begun > FILES_PATIENCE:
            sample.note = f"files still there {FILES_PATIENCE:.0f} s after the last answer"
            return
        time.sleep(0.02)
    sample.lag = (time.perf_counter() - begun) * 1_000


def differences(bench: Bench, files: Sequence[File], large: Sequence[File]) -> list[str]:
    """What the server does not answer as it should, in sentences; timing that would be unfair."""
    url, found = bench.server.url, []
    last = len(bench.studies) - 1
    page = f"/studies?expand&since={min(1, last)}&limit={PAGE}"
    query = {"Level": "Study", "Expand": True, "Query": {"PatientID": files[last].patient_id}}
    name = files[0].patient_id.removeprefix("BENCH")[:-1]
    same_name = sum(file.patient_id.startswith(f"BENCH{name}") for file in [*files, *large])
    wildcard = {"Level": "Study", "Expand": True, "Query": {"PatientName": f"{name}*"}}
    lists = (
        (page, None, min(PAGE, last + len(large))),
        ("/tools/find", query, 1),
        ("/tools/find", wildcard, same_name),
    )
    for path, body, expected in lists:
        raw = None if body is None else json.dumps(body).encode()
        status, answer = ask(url, path, method="POST" if raw else "GET", body=raw)
        number = len(json.loads(answer)) if status == 200 else 0
        if (status, number) != (200, expected):
            found.append(f"{path} {body or ''}: {status}, {number} objects, not {expected}")
    status, answer = ask(url, f"/instances/{bench.large_instances[0]}/file")
    if answer != large[0].head + bytes(large[0].pixels):
        found.append(f"/instances/…/file: {status}, not the file that was stored")
    status, answer = ask(url, f"/instances/{bench.instances[0]}/simplified-tags")
    if status != 200 or json.loads(answer).get("PatientID") != files[0].patient_id:
        found.append(f"/instances/…/simplified-tags: {status}, not the tags that were stored")
    return found


def _ingest(size: str, connections: int, operations: int) -> Case:
    small = size == "10 KB"
    return Case(
        name=f"ingest-{'10k' if small else '500k'}-x{connections}",
        title=f"store {size} ×{connections}",
        connections=connections,
        operations=operations,
        small_files=operations if small else 0,
        large_files=0 if small else operations,
        prepare=_ingest_small if small else _ingest_large,
    )


CASES = (
    _ingest("10 KB", 1, 1_500),
    _ingest("10 KB", 4, 3_000),
    _ingest("10 KB", 16, 5_000),
    _ingest("0.5 MB", 1, 250),
    _ingest("0.5 MB", 4, 600),
    _ingest("0.5 MB", 16, 800),
    Case("read-file-x16", "GET file of 0.5 MB ×16", 16, READS, _read_files),
    Case("read-study-x16", "GET study ×16", 16, 3 * READS, _read_studies),
    Case("read-tags-x16", "GET simplified-tags ×16", 16, READS, _read_tags),
    Case("read-page-x1", f"GET {PAGE} studies, expanded ×1", 1, 200, _list_pages),
    Case("read-page-x4", f"GET {PAGE} studies, expanded ×4", 4, 200, _list_pages),
    Case("find-patient-x1", "find a PatientID ×1", 1, 100, _find_patient),
    Case("find-name-x1", "find a PatientName by wildcard ×1", 1, 50, _find_name),
    Case(
        "delete-instance-x1",
        "DELETE instance ×1",
        1,
        500,
        _delete_instances,
        small_files=500,
        before=_store_doomed,
        after=_wait_for_files,
    ),
    Case(
        "delete-instance-x16",
        "DELETE instance ×16",
        16,
        1_000,
        _delete_instances,
        small_files=1_000,
        before=_store_doomed,
        after=_wait_for_files,
    ),
    Case(
        "delete-study-x1",
        f"DELETE a study of {DOOMED_STUDY:,} instances",
        1,
        1,
        _delete_study,
        small_files=DOOMED_STUDY,
        one_study=True,
        unit="ms",
        before=_store_doomed,
        after=_wait_for_files,
    ),
)


def select(patterns: Sequence[str]) -> list[Case]:
    """The cases whose name or group fits one of ``patterns`` (``*`` and ``?``); all for none."""
    if not patterns:
        return list(CASES)
    return [
        case
        for case in CASES
        if any(fnmatch.fnmatch(case.name, pattern) or case.group == pattern for pattern in patterns)
    ]
