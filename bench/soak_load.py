"""The mixed load of ``soak.py``: clients that know what they were answered."""

import contextlib
import hashlib
import http.client
import io
import itertools
import json
import random
import subprocess
import threading
import time
import zipfile
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repertory.model import Identity
from repertory.storage.identifiers import generate_uid, resource_ids
from repertory.testing.files import make_dicom
from repertory.testing.server import ServerProcess

INSTANCES = 8
"""Of a study."""
SIZES = (10_000,) * 12 + (60_000,) * 3 + (500_000,)
BY_DICOM = 5
"""Files of one association."""
PAUSE = 2.0
"""Seconds between two associations."""
_OK, _UNAVAILABLE = 200, 503


class Wrong(Exception):
    """The server's answer is not what it should be."""


@dataclass
class Study:
    """A study that a client sent: its instances by identifier, with what tells their bytes."""

    id: str
    uid: str
    series: str
    patient: str
    answered: dict[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    is_doomed: bool = False


class Books:
    """What was sent and answered; several threads write, each its own studies."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.done: Counter[str] = Counter()
        self.cut_off: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.deleted: set[str] = set()
        self.clients: list[Client] = []
        self.is_over = threading.Event()
        self.is_up = threading.Event()

    def studies(self) -> Iterator[Study]:
        """All that are not deleted."""
        for client in self.clients:
            yield from client.studies


class Client:
    """One client: does one thing after the other until the books are closed."""

    def __init__(self, number: int, server: ServerProcess, books: Books, stock: int) -> None:
        self.number = number
        self.studies: deque[Study] = deque()
        self._server = server
        self._books = books
        self._stock = stock
        self._random = random.Random(f"{books.seed} {number}")
        self._connection: http.client.HTTPConnection | None = None
        books.clients.append(self)

    def run(self) -> None:
        """Do what there is to do; whatever is wrong ends the client and is told."""
        try:
            while not self._books.is_over.is_set():
                if self._books.is_up.wait(0.2):
                    self.step()
        except Exception as error:  # noqa: BLE001 - a defect of either side: it is told
            self._books.wrong.append(f"{type(self).__name__} {self.number}: {error!r}"[:500])
        finally:
            self._hang_up()

    def step(self) -> None:
        """Do one thing."""
        kinds: tuple[tuple[Callable[[], None], float], ...] = (
            (self.upload, 40),
            (self.read, 20),
            (self.tags, 10),
            (self.find, 10),
            (self.list, 5),
            (self.archive, 2),
        )
        (act,) = self._random.choices([it for it, _ in kinds], [weight for _, weight in kinds])
        self.attempt(act.__name__, act)
        if len(self.studies) > self._stock:
            self.attempt("delete", self.delete)

    def attempt(self, name: str, act: Callable[[], None]) -> None:
        """Do it; that the server goes meanwhile is no fault."""
        try:
            act()
        except (OSError, http.client.HTTPException):
            self._hang_up()
            self._books.cut_off[name] += 1
            self._books.is_over.wait(0.05)
        else:
            self._books.done[name] += 1

    # What clients do

    def upload(self) -> None:
        """Store an instance."""
        study = self._open_study()
        content, id_ = self._make(study)
        study.asked.add(id_)
        self._ask("POST", "/instances", content)
        study.answered[id_] = _digest(content)

    def read(self) -> None:
        """Read a file, and compare it."""
        study, id_ = self._some()
        if id_ and _digest(self._ask("GET", f"/instances/{id_}/file")) != study.answered[id_]:
            raise Wrong(f"{id_} has other bytes")

    def tags(self) -> None:
        """Read tags, and compare one."""
        study, id_ = self._some()
        if id_:
            tags = json.loads(self._ask("GET", f"/instances/{id_}/simplified-tags"))
            if tags["StudyInstanceUID"] != study.uid:
                raise Wrong(f"{id_} has other tags")

    def find(self) -> None:
        """Search for a study."""
        study, id_ = self._some()
        query = {"Level": "Study", "Expand": True, "Query": {"StudyInstanceUID": study.uid}}
        found = json.loads(self._ask("POST", "/tools/find", json.dumps(query)))
        if [it["ID"] for it in found] != [study.id] and id_:
            raise Wrong(f"{study.id} is not found")

    def list(self) -> None:
        """List some studies."""
        self._ask("GET", f"/studies?since={self._random.randrange(50)}&limit=20&expand")

    def archive(self) -> None:
        """Read an archive, and look whether all is in it."""
        study, id_ = self._some()
        if not id_:
            return
        content = self._ask("GET", f"/studies/{study.id}/archive")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            there = {_digest(archive.read(name)) for name in archive.namelist()}
        if missing := set(study.answered.values()) - there:
            raise Wrong(f"{len(missing)} of {study.id} are not in its archive")

    def delete(self) -> None:
        """Delete the oldest study."""
        study = self.studies[0]
        was_doomed, study.is_doomed = study.is_doomed, True
        try:
            self._ask("DELETE", f"/studies/{study.id}")
        except Wrong as error:
            # Of what it had, or of an attempt to delete it, the answer may have been lost.
            if "404" not in str(error) or (study.answered and not was_doomed):
                raise
        self._books.deleted |= study.asked
        self.studies.popleft()

    # The rest

    def _open_study(self) -> Study:
        if not self.studies or len(self.studies[-1].asked) >= INSTANCES:
            uid, patient = generate_uid(), f"SOAK {self.number} {self._random.randrange(40)}"
            ids = resource_ids(Identity(patient, uid, uid + ".1", uid + ".1.1"))
            self.studies.append(Study(ids.study, uid, uid + ".1", patient))
        return self.studies[-1]

    def _make(self, study: Study) -> tuple[bytes, str]:
        number = len(study.asked) + 1
        instance = f"{study.series}.{number}"
        content = make_dicom(
            patient_id=study.patient,
            study=study.uid,
            series=study.series,
            instance=instance,
            number=number,
            size=self._random.choice(SIZES),
        )
        ids = resource_ids(Identity(study.patient, study.uid, study.series, instance))
        return content, ids.instance

    def _some(self) -> tuple[Study, str]:
        """A study that is there, and one of its instances, if one was answered."""
        study = self._random.choice(self.studies) if self.studies else self._open_study()
        if study.is_doomed or not study.answered:
            return study, ""
        return study, self._random.choice(list(study.answered))

    def _ask(self, method: str, path: str, body: Any = None) -> bytes:
        if self._connection is None:
            self._connection = self._server.connect()
        self._connection.request(method, path, body=body)
        response = self._connection.getresponse()
        content = response.read()
        if response.status == _UNAVAILABLE:
            raise ConnectionError("the server stops")
        if response.status != _OK:
            raise Wrong(f"{method} {path}: {response.status} {content[:200]!r}")
        return content

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Follower(Client):
    """Follows the log of changes, which may not go back."""

    since = 0

    def step(self) -> None:
        """Read the next page."""
        self.attempt("changes", self.follow)
        self._books.is_over.wait(0.2)

    def follow(self) -> None:
        """Read a page, and look at its order."""
        page = json.loads(self._ask("GET", f"/changes?since={self.since}&limit=500"))
        numbers = [change["Seq"] for change in page["Changes"]]
        if numbers != sorted(set(numbers)) or (numbers and numbers[0] <= self.since):
            raise Wrong("the log of changes goes back")
        self.since = max(page["Last"], self.since)


@dataclass(frozen=True)
class Sender:
    """DCMTK's ``storescu``, where it sends to, and where it finds files."""

    program: str
    port: int
    folder: Path


class DicomClient(Client):
    """Sends by C-STORE, with DCMTK."""

    def __init__(self, *values: Any, sender: Sender) -> None:
        super().__init__(*values)
        self._sender = sender
        sender.folder.mkdir()

    def step(self) -> None:
        """Send some files, and wait a little."""
        self.attempt("C-STORE", self.send)
        if len(self.studies) > self._stock:
            self.attempt("delete", self.delete)
        self._books.is_over.wait(PAUSE)

    def send(self) -> None:
        """One association; its answers come in the order of the files."""
        study = self._open_study()
        sent: dict[str, str] = {}
        for number in range(BY_DICOM):
            content, id_ = self._make(study)
            study.asked.add(id_)
            sent[id_] = _digest(content)
            (self._sender.folder / f"{number}.dcm").write_bytes(content)
        paths = [str(self._sender.folder / f"{number}.dcm") for number in range(BY_DICOM)]
        words = [self._sender.program, "-v", "localhost", str(self._sender.port), *paths]
        done = subprocess.run(words, capture_output=True, timeout=60, check=False)
        answers = (done.stdout + done.stderr).count(b"Received Store Response (Success)")
        study.answered |= dict(itertools.islice(sent.items(), answers))
        if answers < BY_DICOM:
            raise ConnectionError("the association ended")


def _digest(content: bytes) -> str:
    """What tells a file by its data set: by C-STORE, the server writes the meta header itself."""
    start = 0
    if content[128:132] == b"DICM":
        start = 132 + 12 + int.from_bytes(content[140:144], "little")
    return hashlib.sha1(content[start:], usedforsecurity=False).hexdigest()


def check(server: ServerProcess, books: Books) -> list[str]:
    """Compare everything that was answered with what is there; what is wrong."""
    wrong: list[str] = []
    there = set(json.loads(server.get("/instances").content))
    alive: dict[str, str] = {}
    known: set[str] = set(books.deleted)
    for study in books.studies():
        known |= study.asked
        if not study.is_doomed:
            alive |= study.answered
    if lost := alive.keys() - there:
        wrong.append(f"{len(lost)} instances are lost, such as {min(lost)}")
    if back := books.deleted & there:
        wrong.append(f"{len(back)} deleted instances are back, such as {min(back)}")
    if made_up := there - known:
        wrong.append(f"{len(made_up)} instances were never sent, such as {min(made_up)}")
    with contextlib.closing(server.connect()) as connection:
        for id_ in sorted(alive.keys() & there):
            connection.request("GET", f"/instances/{id_}/file")
            response = connection.getresponse()
            content = response.read()
            if response.status != _OK or _digest(content) != alive[id_]:
                wrong.append(f"{id_} is not what was sent ({response.status})")
    books.done["checked at the end"] = len(alive)
    return wrong


def check_integrity(server: ServerProcess, crashes: int, clients: int) -> list[str]:
    """Let the archive check itself: only uploads that a crash cut off may have left files."""
    began = time.monotonic()
    server.post("/integrity/check", b'{"Synchronous": false}')
    while True:
        state = server.get("/integrity").json
        report = state.get("Report")
        if report is not None and not state.get("Running", False):
            break
        if time.monotonic() - began > 300:
            return ["the check of the archive does not end"]
        time.sleep(0.2)
    wrong = [f"{len(report[it])} {it}" for it in ("Damaged", "Counters") if report[it]]
    if len(report["Orphans"]) > crashes * clients:
        wrong.append(f"{len(report['Orphans'])} files of nobody")
    return wrong
