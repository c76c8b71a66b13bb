"""Loads for a server that will be killed, and what must be true of it afterwards.

    ledger = Ledger(seed="1")
    with ServerProcess(folder) as server:
        crash(server, ledger, LOADS["ingest"], after=0.2)  # kills it, and starts it again
        ledger.check(server)

A load is a function that does one thing as one of several clients, again and again until the server
is gone. Whatever it sends and is answered goes through its ``Client``, which enters it into the
ledger.
"""

import http.client
import json
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from repertory.model import Identity
from repertory.storage.identifiers import generate_uid, resource_ids
from repertory.testing.files import make_dicom
from repertory.testing.server import PATIENCE, ServerProcess, until

WORKERS = 8
_OK = 200
_GONE = 404
_ENOUGH = 10
"""Answers that there must have been before a server is killed."""


@dataclass
class Sent:
    """An instance that was sent: by which client, every version, and how many were answered.

    ``doomed`` once its deletion was asked for, ``deleted`` once that was answered.
    """

    client: int
    study: str
    uids: tuple[str, str, str, str]
    versions: list[bytes] = field(default_factory=list)
    sendings: int = 0
    answered: int = 0
    doomed: bool = False
    deleted: bool = False

    def may_be(self, content: bytes) -> bool:
        """Whether the server may have this: the last version that was answered, or a later one."""
        return content in self.versions[max(self.answered - 1, 0) :]


class Ledger:
    """What clients sent to a server, and what it answered, over all its crashes."""

    def __init__(self, seed: object = None) -> None:
        """Begin; what is done by chance follows from the seed, as far as threads let it."""
        self.seed = random.Random(seed).random() if seed is None else seed  # noqa: S311
        self.sent: dict[str, Sent] = {}
        self.crashes = 0
        self.answers = 0
        self._seen: set[str] = set()

    def of_client(self, number: int) -> dict[str, Sent]:
        """What one client sent, in all its lives; others may be sending."""
        return {id_: it for id_, it in self.sent.copy().items() if it.client == number}

    def check(self, server: ServerProcess, *, sample: int | None = None) -> None:
        """Compare all of it with a server that was started again.

        Args:
            server: it runs.
            sample: how many files to read, at most; those that are there are looked at in any case.

        Raises:
            AssertionError: something is not as it was answered.
        """
        there = {one["ID"]: one["FileUuid"] for one in server.get("/instances?expand").json}
        self._seen |= set(there.values())
        expected = {id_ for id_, it in self.sent.items() if it.answered and not it.doomed}
        _say(not expected - there.keys(), "lost", expected - there.keys())
        _say(not there.keys() - self.sent.keys(), "made up", there.keys() - self.sent.keys())
        back = {id_ for id_ in there if self.sent[id_].deleted}
        _say(not back, "came back", back)
        chosen = sorted(there)
        if sample is not None and sample < len(chosen):
            chosen = random.Random(f"{self.seed} {self.crashes}").sample(chosen, sample)  # noqa: S311
        with closing(server.connect()) as connection:
            wrong = {id_ for id_ in chosen if not self._is_right(connection, id_)}
        _say(not wrong, "other bytes", wrong)
        self._check_integrity(server)

    def check_events(self, server: ServerProcess, *, is_quiet: bool = False) -> None:
        """Each StableStudy came once for what came before it, and none is missing.

        The arrival of what is overwritten or deleted goes from the log: studies with such instances
        are not looked at, but for whether they are declared in the end.

        Args:
            server: it runs.
            is_quiet: whether nothing came for more than ``StableAge``.

        Raises:
            AssertionError: there was one too many, or too few.
        """
        blurred = {it.study for it in self.sent.values() if it.doomed or it.sendings > 1}
        fresh: dict[str, bool] = {}
        for change in changes(server):
            if change["ChangeType"] == "NewInstance":
                fresh[self.sent[change["ID"]].study] = True
            elif change["ChangeType"] == "StableStudy":
                once = fresh.get(change["ID"], False) or change["ID"] in blurred
                _say(once, "declared twice", {change["ID"]})
                fresh[change["ID"]] = False
        if is_quiet:
            waiting = {id_ for id_, waits in fresh.items() if waits}
            studies = set(server.get("/studies").json)
            _say(not waiting & studies, "never declared", waiting & studies)

    def check_files(self, server: ServerProcess) -> None:
        """When the deletion queue is done, there are the files of the index and a few of nobody.

        Those were being written when the server was killed: at most one for each client. What the
        index knew once, and knows no longer, is gone.

        Raises:
            AssertionError: there are others, or some are missing.
        """
        status = "/plugins/delayed-deletion/status"
        until(lambda: server.get(status).json["FilesPendingDeletion"] == 0)
        there = {one["FileUuid"] for one in server.get("/instances?expand").json}
        files = server.files()
        _say(there <= files, "files lost", there - files)
        left = (self._seen - there) & files
        _say(not left, "files of what is gone", left)
        _say(len(files - there) <= WORKERS * self.crashes, "files of nobody", files - there)

    def _is_right(self, connection: http.client.HTTPConnection, id_: str) -> bool:
        connection.request("GET", f"/instances/{id_}/file")
        response = connection.getresponse()
        content = response.read()
        gone = response.status == _GONE and self.sent[id_].doomed
        return gone or (response.status == _OK and self.sent[id_].may_be(content))

    def _check_integrity(self, server: ServerProcess) -> None:
        server.post("/integrity/check", b'{"Synchronous": true}')
        report = server.get("/integrity").json["Report"]
        _say(not report["Damaged"], "damaged", {one["Uuid"] for one in report["Damaged"]})
        _say(not report["Counters"], "miscounted", {one["Counter"] for one in report["Counters"]})
        orphans = {one["Uuid"] for one in report["Orphans"]}
        _say(len(orphans) <= WORKERS * self.crashes, "files of nobody", orphans)


def changes(server: ServerProcess) -> Iterator[dict[str, Any]]:
    """The whole log of changes."""
    since = 0
    while True:
        page = server.get(f"/changes?since={since}&limit=1000").json
        yield from page["Changes"]
        since = page["Last"]
        if page["Done"]:
            return


def _say(is_right: bool, what: str, which: set[str]) -> None:
    if not is_right:
        raise AssertionError(f"{what}: {len(which)}, such as {sorted(which)[:3]}")


class Client:
    """One of several who send; what it has is its own, so that its answers say what is there."""

    def __init__(self, server: ServerProcess, ledger: Ledger, number: int) -> None:
        self.chance = random.Random(f"{ledger.seed} {ledger.crashes} {number}")  # noqa: S311
        self.mine = [
            id_ for id_, it in ledger.of_client(number).items() if it.answered and not it.doomed
        ]
        """The instances that are there, and that nobody asked to delete."""
        self._ledger = ledger
        self._number = number
        self._connection = server.connect(patience=PATIENCE)
        self._patient = generate_uid()
        self._study = self._series = ""

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def ask(self, method: str, path: str, body: bytes = b"") -> Any:
        """A request, its answer as JSON.

        Raises:
            OSError, http.client.HTTPException: the server is gone.
            AssertionError: it answered anything but 200.
        """
        self._connection.request(method, path, body)
        response = self._connection.getresponse()
        answer = response.read()
        _say(response.status == _OK, f"{method} {path}: {response.status}", set())
        self._ledger.answers += 1
        return json.loads(answer) if answer else None

    def upload(self, *, size: int = 20_000) -> str:
        """Send a new instance, often of the study that came before."""
        if not self._study or self.chance.random() < 0.3:
            self._study, self._series = generate_uid(), generate_uid()
        uids = (self._patient[:64], self._study, self._series, generate_uid())
        ids = resource_ids(Identity(*uids))
        self._ledger.sent[ids.instance] = Sent(self._number, ids.study, uids)
        self.send(ids.instance, size=size)
        self.mine.append(ids.instance)
        return ids.instance

    def send(self, id_: str, *, size: int = 20_000, again: bool = False) -> None:
        """Send another version of an instance, or the last one again."""
        sent = self._ledger.sent[id_]
        if not again:
            patient, study, series, instance = sent.uids
            content = make_dicom(
                patient_id=patient,
                study=study,
                series=series,
                instance=instance,
                seed=self.chance.random(),
                size=size,
            )
            sent.versions.append(content)
        sent.sendings += 1
        self.ask("POST", "/instances", sent.versions[-1])
        sent.answered = len(sent.versions)

    def delete(self, id_: str, *, study: bool) -> None:
        """Delete an instance, or the whole study that it belongs to."""
        sent = self._ledger.sent
        doomed = [id_]
        if study:
            self._study = ""  # what comes next is not of a study that is going
            mine = self._ledger.of_client(self._number)
            doomed = [one for one, it in mine.items() if it.study == sent[id_].study]
        for one in doomed:
            sent[one].doomed = True
        self.mine = [one for one in self.mine if not sent[one].doomed]
        self.ask("DELETE", f"/studies/{sent[id_].study}" if study else f"/instances/{id_}")
        for one in doomed:
            sent[one].deleted = True

    def study_of(self, id_: str) -> str:
        """The study of an instance."""
        return self._ledger.sent[id_].study


Load = Callable[[Client], None]


def ingest(client: Client) -> None:
    """New instances, small and large, and some that are there already."""
    if client.mine and client.chance.random() < 0.1:
        client.send(client.chance.choice(client.mine), again=True)
    else:
        client.upload(size=1_500_000 if client.chance.random() < 0.03 else 20_000)


def delete(client: Client) -> None:
    """New instances, and deletions of instances and of whole studies."""
    if len(client.mine) > 5 and client.chance.random() < 0.4:
        client.delete(client.chance.choice(client.mine), study=client.chance.random() < 0.5)
    else:
        client.upload()


def overwrite(client: Client) -> None:
    """A few instances, again and again with other content; for ``OverwriteInstances``."""
    if len(client.mine) < 3:
        client.upload()
    else:
        client.send(client.chance.choice(client.mine))


def reconstruct(client: Client) -> None:
    """New instances; files compressed and uncompressed, studies reconstructed with their files."""
    if len(client.mine) < 3 or client.chance.random() < 0.3:
        client.upload()
        return
    id_ = client.chance.choice(client.mine)
    if client.chance.random() < 0.3:
        options = b'{"ReconstructFiles": true}'
        client.ask("POST", f"/studies/{client.study_of(id_)}/reconstruct", options)
    else:
        word = client.chance.choice(["compress", "uncompress"])
        client.ask("POST", f"/instances/{id_}/attachments/dicom/{word}")


LOADS: dict[str, Load] = {
    "ingest": ingest,
    "delete": delete,
    "overwrite": overwrite,
    "reconstruct": reconstruct,
}
"""What a server can be busy with. What it does of its own accord, as housekeeping, is a load that
waits for it to happen, with the options in ``OPTIONS``."""

OPTIONS: dict[str, Any] = {
    "OverwriteInstances": True,
    "SpoolThresholdMB": 1,
    "StableAge": 1,
    "StorageCompression": True,
    "DelayedDeletion": {"Enable": True, "ThrottleDelayMs": 2},
}
"""The configuration that all loads can be run with."""


def at_once(client: Client) -> None:
    """All loads, by turns."""
    client.chance.choice(list(LOADS.values()))(client)


def crash(server: ServerProcess, ledger: Ledger, load: Load, *, after: float) -> None:
    """Put a load on a server, kill it so many seconds after the first answers, start it again.

    Raises:
        AssertionError: a request was answered otherwise than it should be.
    """
    before, enough = ledger.answers, threading.Event()

    def work(number: int) -> None:
        with closing(Client(server, ledger, number)) as client:
            try:
                while True:
                    load(client)
                    if ledger.answers - before >= _ENOUGH:
                        enough.set()
            except (http.client.HTTPException, OSError):
                return  # the server was killed

    with ThreadPoolExecutor(WORKERS) as pool:
        working = [pool.submit(work, number) for number in range(WORKERS)]
        enough.wait(PATIENCE)
        threading.Event().wait(after)
        ledger.crashes += 1
        server.kill()
    server.start()
    for one in working:
        one.result()
