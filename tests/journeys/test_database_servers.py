"""A whole server with its index in a database server."""

import json
import re
import threading

import pytest

from repertory.testing.files import make_study
from repertory.testing.server import until

CHANGING = re.compile(
    r'"(LastUpdate|Date|ReceptionDate|DatabaseServerIdentifier|uuid|FileUuid|UUID)" : [^,\n]*'
)
"""What differs between any two archives with the same files."""


@pytest.fixture
def section(postgresql_server):
    postgresql_server.run("DROP SCHEMA IF EXISTS archive CASCADE")
    return postgresql_server.written(Schema="archive")


@pytest.fixture
def mysql(mysql_server):
    mysql_server.empty()
    return {
        "EnableIndex": True,
        "Host": "127.0.0.1",
        "Port": mysql_server.port,
        "Database": "archive",
        "Username": "archivist",
        "Password": mysql_server.password,
    }


def odbc_section(driver, server, **more):
    pyodbc = pytest.importorskip("pyodbc", exc_type=ImportError)
    if driver not in pyodbc.drivers():
        pytest.skip(f"There is no driver named {driver}.")
    words = {"Driver": f"{{{driver}}}", "Server": "127.0.0.1", "Port": server.port} | more
    string = ";".join(f"{name}={value}" for name, value in words.items())
    return {"EnableIndex": True, "IndexConnectionString": string}


@pytest.fixture
def odbc_to_postgresql(postgresql_server):
    postgresql_server.run("DROP SCHEMA IF EXISTS public CASCADE", "CREATE SCHEMA public")
    login = {"Uid": "postgres", "Pwd": postgresql_server.password, "Database": "postgres"}
    return odbc_section("PostgreSQL Unicode", postgresql_server, **login)


@pytest.fixture
def odbc_to_mariadb(mysql_server):
    mysql_server.empty()
    login = {"Uid": "archivist", "Pwd": mysql_server.password, "Database": "archive"}
    return odbc_section("MariaDB Unicode", mysql_server, **login)


def told(answer):
    return answer.status, CHANGING.sub("", answer.text)


def journey(server):
    """Everything that a client may do to an index, and all that it is told."""
    answers = []

    def ask(verb, path, body=b""):
        answer = server.ask(
            verb, path, body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        answers.append((verb, path, *told(answer)))
        return answer

    for number in range(3):
        files = make_study(series=2, instances=2, patient_id=f"P{number}", seed=number)
        for file in files:
            assert ask("POST", "/instances", file).status == 200
    ask("POST", "/instances", files[0])
    resources = {
        level: server.get(f"/{level}").json
        for level in ("patients", "studies", "series", "instances")
    }
    for level, ids in resources.items():
        ask("GET", f"/{level}?expand&since=1&limit=2")
        id_ = ids[0]
        for part in (
            "",
            "/statistics",
            "/metadata?expand",
            "/labels",
            "/attachments",
            "/is-stable",
        ):
            ask("GET", f"/{level}/{id_}{part}")
        ask("PUT", f"/{level}/{id_}/labels/seen")
        ask("PUT", f"/{level}/{id_}/metadata/1024", b"mine")
        ask("PUT", f"/{level}/{id_}/attachments/1025", b"note")
        ask("GET", f"/{level}/{id_}/attachments/1025/data")
        ask("GET", f"/{level}/{id_}")
    study = resources["studies"][0]
    for part in ("series", "instances", "patient", "instances-tags?simplify"):
        ask("GET", f"/studies/{study}/{part}")
    for query in ({"PatientID": "P*"}, {"StudyDate": "20000101-"}, {"PatientName": "*a*"}, {}):
        for level in ("Patient", "Study", "Series", "Instance"):
            wanted = {"Level": level, "Query": query, "Expand": True}
            ask("POST", "/tools/find", wanted | {"OrderBy": [
                {"Type": "DicomTag", "Key": "PatientID", "Direction": "DESC"},
                {"Type": "Metadata", "Key": "LastUpdate", "Direction": "ASC"},
            ]})  # fmt: skip
            ask("POST", "/tools/count-resources", wanted)
    ask("POST", "/tools/find", {"Level": "Study", "Query": {}, "Labels": ["seen"]})
    ask("POST", "/tools/lookup", b"P1")
    ask("POST", "/tools/bulk-content", {"Resources": resources["series"][:2]})
    ask("PUT", f"/patients/{resources['patients'][0]}/protected", b"1")
    ask("GET", "/tools/labels")
    ask("DELETE", f"/series/{resources['series'][0]}")
    ask("DELETE", f"/patients/{resources['patients'][1]}")
    ask("GET", f"/studies/{study}")
    ask("GET", f"/patients/{resources['patients'][1]}")
    ask("GET", "/changes?limit=1000")
    ask("GET", "/changes?last")
    ask("GET", "/exports")
    ask("GET", "/statistics")
    return answers


@pytest.mark.parametrize("processes", [0, 2])
def test_every_answer_is_that_of_an_index_in_a_file(serve, section, processes):
    options = {"StableAge": 3600}

    in_file = journey(serve(**options))
    in_server = journey(serve(**options, FrontEndProcesses=processes, PostgreSQL=section))

    assert len(in_file) > 90
    for expected, found in zip(in_file, in_server, strict=True):
        assert found == expected


@pytest.mark.parametrize(
    ("name", "section_of"),
    [("MySQL", "mysql"), ("Odbc", "odbc_to_postgresql"), ("Odbc", "odbc_to_mariadb")],
)
def test_the_other_servers_answer_alike(serve, request, name, section_of):
    options = {"StableAge": 3600}
    section = request.getfixturevalue(section_of)

    in_file = journey(serve(**options))
    in_server = journey(serve(**options, **{name: section}))

    for expected, found in zip(in_file, in_server, strict=True):
        assert found == expected


def test_what_was_there_is_there_after_a_kill(serve, section):
    server = serve(PostgreSQL=section)
    ids = [server.post("/instances", file).json["ID"] for file in make_study(seed=1)]

    server.kill()
    server.start()

    assert sorted(server.get("/instances").json) == sorted(ids)
    for id_ in ids:
        assert server.get(f"/instances/{id_}/file").status == 200


def test_what_was_answered_is_there_though_the_database_crashes_under_load(
    serve, section, postgresql_server
):
    server = serve(PostgreSQL=section)
    files = make_study(series=10, instances=30, seed=2)
    answered, refused = [], set()
    lock = threading.Lock()
    waiting = iter(files)

    def upload():
        while True:
            with lock:
                file = next(waiting, None)
            if file is None:
                return
            answer = server.post("/instances", file)
            with lock:
                if answer.status == 200:
                    answered.append(answer.json["ID"])
                else:
                    refused.add(answer.status)

    threads = [threading.Thread(target=upload) for _ in range(4)]
    for thread in threads:
        thread.start()
    for count in (30, 90, 150):
        until(lambda count=count: len(answered) >= count)
        postgresql_server.stop("immediate")
        postgresql_server.start()
    for thread in threads:
        thread.join()

    assert refused <= {503}
    until(lambda: server.get("/statistics").status == 200)
    assert set(answered) <= set(server.get("/instances").json)
    counted = server.get("/statistics").json["CountInstances"]
    assert counted == len(server.get("/instances").json)
    assert postgresql_server.password not in server.log_file.read_text()


def test_two_nodes_store_an_instance_once(serve, section, tmp_path):
    shared = section | {"Lock": False}
    files = str(tmp_path / "files")
    nodes = [serve(PostgreSQL=shared, StorageDirectory=files) for _ in range(2)]
    study = make_study(series=4, instances=10, seed=3)
    statuses = []

    def upload(node):
        statuses.extend(node.post("/instances", file).json["Status"] for file in study)

    threads = [threading.Thread(target=upload, args=(node,)) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == ["AlreadyStored"] * 40 + ["Success"] * 40
    for node in nodes:
        assert node.get("/statistics").json["CountInstances"] == 40
        assert node.get("/statistics").json["CountSeries"] == 4
        changes = node.get("/changes?limit=1000").json["Changes"]
        assert [change["Seq"] for change in changes] == [*range(1, 40 + 4 + 1 + 1 + 1)]


def test_a_second_server_on_the_same_index_says_why_it_does_not_start(serve, section, tmp_path):
    serve(PostgreSQL=section)
    second = {"PostgreSQL": section | {"MaximumConnectionRetries": 0}}

    with pytest.raises(Exception, match="Another Repertory is using this index"):
        serve(**second)
