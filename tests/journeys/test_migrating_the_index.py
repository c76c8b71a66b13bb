"""An adopted archive moves from SQLite to PostgreSQL: killed half-way, gone on with, compared."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import apsw
import psycopg
import pytest

import repertory
from repertory.cli import main
from repertory.http.routes import ALL
from repertory.storage.index.postgresql.engine import PostgresqlEngine
from repertory.testing.files import make_dicom, make_study
from repertory.testing.orthanc import OrthancProcess, find_orthanc
from repertory.testing.server import ServerProcess, until

pytestmark = pytest.mark.skipif(find_orthanc() is None, reason="Orthanc is not installed")

LEVELS = ("patients", "studies", "series", "instances")
EACH = 2
"""How many resources of each level, and how many things of each resource, are looked at."""

OTHERWISE = re.compile(
    r"now|metrics|generate-uid|stream|/archive|/media|create-|dicom-conformance|/peers/|-ws|status|integrity"
)
"""Routes that answer otherwise each time: times, random numbers, streams, ZIP files with dates."""

OF_THE_BACKEND = re.compile(rb'"(DatabaseBackendPlugin|Database|Engine|Name|Timestamp)" : [^\n]*')
"""Lines that say which database it is, and what time."""


def configuration_of(folder, storage, **options):
    path = folder / f"{len(list(folder.glob('*.json')))}.json"
    path.write_text(json.dumps({"StorageDirectory": str(storage), **options}))
    return path


def walk(server):
    """What the server answers to every GET of its API, of some of all that it has."""
    found = {}

    def get(path):
        if path not in found:
            answer = server.get(path)
            found[path] = (answer.status, OF_THE_BACKEND.sub(b"", answer.content))
        return found[path]

    def names_in(path):
        status, content = get(path)
        listed = json.loads(content) if status == 200 and content.startswith((b"[", b"{")) else []
        names = [it["ID"] if isinstance(it, dict) else it for it in listed if it]
        return [str(name) for name in names[:EACH]] or ["none"]

    for template in sorted(
        {route.path for table in ALL for route in table if route.method == "GET"}
    ):
        if OTHERWISE.search(template):
            continue
        starts = [template.replace("{level}", level) for level in LEVELS]
        for start in sorted(set(starts)):
            paths = [start]
            while any("{" in path for path in paths):
                paths = [
                    path.replace(mark[0], name, 1)
                    for path in paths
                    if (mark := re.search(r"\{[^}]*\}", path))
                    for name in (
                        ["0"]
                        if mark[0].startswith("{frame")
                        else names_in(path[: mark.start()].rstrip("/"))
                    )
                ]
            for path in paths:
                get(path)
    return found


@pytest.fixture
def adopted(tmp_path):
    """The folder of an Orthanc that was taken over."""
    with OrthancProcess(tmp_path, StorageCompression=True, StableAge=86400) as orthanc:
        files = make_study(patient_id="ONE", series=2, instances=3, rich=True)
        files += [make_dicom(patient_id="", tags={"PatientName": "Ümläut^É"}, seed=3)]
        files += make_study(patient_id="GONE", seed=4, instances=2)
        ids = [json.loads(orthanc.ask("POST", "/instances", it)[1]) for it in files]
        orthanc.ask("PUT", f"/studies/{ids[0]['ParentStudy']}/metadata/1024", "yes")
        orthanc.ask("PUT", f"/studies/{ids[0]['ParentStudy']}/attachments/1025", b"a report")
        orthanc.ask("PUT", f"/patients/{ids[0]['ParentPatient']}/protected", "1")
        orthanc.ask("DELETE", f"/instances/{ids[-1]['ID']}")
    assert main(["adopt", str(orthanc.storage), "--quiet"]) == 0
    return orthanc.storage


@pytest.fixture
def section(postgresql_server):
    postgresql_server.run("DROP SCHEMA IF EXISTS archive CASCADE")
    return postgresql_server.written(Schema="archive")


def start_migration(old, new):
    """The command in a process of its own."""
    words = ["migrate-index", "--from", str(old), "--to", str(new)]
    checkout = Path(repertory.__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-m", "repertory", *words],
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


class InTheWay:
    """A transaction that has taken the number of a resource, and does not end."""

    def __init__(self, server, number):
        self._server = server
        self._connection = psycopg.connect(server.uri)
        self._connection.execute(
            "INSERT INTO archive.resources (id, public_id, level, main_tags, metadata)"
            " VALUES (%s, '', 0, '', '')",
            (number,),
        )

    @property
    def is_waited_for(self):
        sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return self._server.ask(sql)[0][0]

    def go_away(self):
        self._connection.rollback()
        self._connection.close()


def test_an_adopted_archive_answers_from_postgresql_as_before(
    tmp_path, adopted, section, postgresql_server, capsys
):
    options = {
        "StorageDirectory": str(adopted),
        "StableAge": 86400,
        "Trash": {"RetentionDays": 7},
        "UserMetadata": {"Reviewed": 1024},
    }
    with ServerProcess(tmp_path / "server", **options) as server:
        study = server.get("/studies").json[0]
        server.ask("PUT", f"/studies/{study}/labels/urgent", b"")
        server.ask("PUT", f"/studies/{study}/metadata/Reviewed", "nö\0".encode())
        server.delete(f"/instances/{server.get('/instances').json[-1]}")
        server.post(
            "/tools/create-archive", json.dumps({"Resources": [study], "Synchronous": False})
        )
        until(lambda: server.get("/jobs?expand").json[0]["State"] == "Success")
        server.stop()
        server.start()
        before = walk(server)
        server.stop()
        old = configuration_of(tmp_path, adopted)
        new = configuration_of(tmp_path, adopted, PostgreSQL=section)

        # The schema is there, and nothing in it; then somebody stands in the way of one row.
        assert main(["migrate-index", "--from", str(old), "--to", str(new), "--dry-run"]) == 0
        assert "rows would be carried from SQLite to PostgreSQL" in capsys.readouterr().out
        PostgresqlEngine(postgresql_server.options(schema="archive")).hold().close()
        index = apsw.Connection(str(adopted / "repertory.db"))
        [(number,)] = index.execute("SELECT MAX(id) FROM resources").fetchall()
        index.close()
        in_the_way = InTheWay(postgresql_server, number)
        process = start_migration(old, new)
        until(lambda: in_the_way.is_waited_for or process.poll() is not None, patience=60)
        assert in_the_way.is_waited_for
        process.send_signal(signal.SIGKILL)
        process.wait()
        in_the_way.go_away()

        server.options["PostgreSQL"] = section
        with pytest.raises(RuntimeError, match="was not carried over completely"):
            server.start()
        assert main(["migrate-index", "--from", str(old), "--to", str(new)]) == 0
        assert "of them from a run before" in capsys.readouterr().out
        server.start()
        after = walk(server)

    assert {path: it for path, it in after.items() if before[path] != it} == {}
    assert before.keys() == after.keys()
    answered = [path for path, (status, _) in after.items() if status == 200]
    assert len(answered) > 150
