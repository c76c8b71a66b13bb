import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from repertory.testing.files import make_study
from repertory.testing.server import until

NOBODY = "00000000-00000000-00000000-00000000-{:08x}"


def store(server, *, studies=1, instances=5):
    """The identifiers of studies that are stored, with those of their instances."""
    stored = {}
    for number in range(studies):
        for content in make_study(patient_id=f"P{number}", instances=instances, seed=number):
            answer = server.post("/instances", content).json
            stored.setdefault(answer["ParentStudy"], []).append(answer["ID"])
    return stored


def spread(ids, chance, *, among=40_000):
    """The identifiers in any order, far from each other: in as many steps of a job."""
    chance.shuffle(ids)
    named = [NOBODY.format(number) for number in range(among)]
    for number, id_ in enumerate(ids):
        named.insert(number * among // len(ids), id_)
    return named


def deletions(server):
    """How many times each resource was deleted, by the log of changes."""
    page = server.get("/changes?deletions&type=Deleted&limit=100000").json
    assert page["Done"]
    return Counter(change["ID"] for change in page["Changes"])


def test_a_bulk_deletion_killed_by_kill_9_goes_on_and_deletes_each_resource_once(serve):
    server = serve()
    chance = random.Random(5)
    stored = store(server, studies=8)
    kept, *doomed = stored
    body = {"Resources": spread(doomed, chance), "Asynchronous": True, "UserData": "clean up"}
    job = server.post("/tools/bulk-delete", json.dumps(body)).json
    in_the_middle = 0

    for _ in range(4):
        before = server.get(job["Path"]).json
        until(lambda before=before: moved_on(server, job, before))
        in_the_middle += server.get(job["Path"]).json["State"] == "Running"
        server.kill()
        server.start()
        found = server.get(job["Path"]).json
        assert found["Progress"] >= before["Progress"]

    assert in_the_middle
    until(lambda: server.get(job["Path"]).json["State"] == "Success")
    done = server.get(job["Path"]).json
    assert done["Content"]["DeletedResourcesCount"] == len(doomed)
    assert done["Content"]["UnknownResourcesCount"] == 40_000
    assert (done["UserData"], done["Progress"]) == ("clean up", 100)
    assert server.get("/studies").json == [kept]
    assert set(server.get("/instances").json) == set(stored[kept])
    times = deletions(server)
    assert {times[id_] for id_ in doomed} == {1}
    assert set(times.values()) == {1}
    until(lambda: len(server.files()) == len(stored[kept]))
    assert server.stop() == 0


def moved_on(server, job, before):
    now = server.get(job["Path"]).json
    return now["Progress"] > before["Progress"] or now["State"] == "Success"


def test_a_paused_job_stays_paused_over_a_kill_and_a_cancelled_one_cancelled(serve):
    server = serve(ConcurrentJobs=1)
    (study,) = store(server)
    body = {"Resources": spread([study], random.Random(1), among=60_000), "Asynchronous": True}
    first = server.post("/tools/bulk-delete", json.dumps(body)).json
    waiting = [
        server.post("/tools/bulk-delete", json.dumps({"Resources": [study], "Asynchronous": True}))
        for _ in range(2)
    ]
    paused, cancelled = [answer.json["Path"] for answer in waiting]
    assert server.post(f"{paused}/pause", "").content == b"{}"
    assert server.post(f"{cancelled}/cancel", "").content == b"{}"
    server.kill()
    server.start()

    assert server.get(paused).json["State"] == "Paused"
    assert server.get(cancelled).json["ErrorCode"] == 37
    until(lambda: server.get(first["Path"]).json["State"] == "Success")
    assert server.post(f"{paused}/resume", "").status == 200
    until(lambda: server.get(paused).json["State"] == "Success")
    assert server.post(f"{cancelled}/resubmit", "").status == 200
    until(lambda: server.get(cancelled).json["State"] == "Success")
    assert server.stop() == 0


def test_without_jobs_a_start_discards_those_of_the_last_run(serve, tmp_path):
    server = serve(ConcurrentJobs=1)
    body = {"Resources": spread([], random.Random(1), among=60_000), "Asynchronous": True}
    server.post("/tools/bulk-delete", json.dumps(body))
    assert len(server.get("/jobs").json) == 1
    server.kill()
    again = serve(arguments=["--no-jobs"], StorageDirectory=str(server.storage), ConcurrentJobs=1)

    assert again.get("/jobs").json == []
    assert [event["count"] for event in again.events() if event["event"] == "jobs_discarded"] == [1]
    assert again.stop() == 0


def test_a_request_that_waits_for_a_job_is_answered_when_the_server_stops(serve):
    server = serve()
    (study,) = store(server)
    body = {"Resources": spread([study], random.Random(1), among=60_000)}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.post, "/tools/bulk-delete", json.dumps(body))
        until(lambda: server.get("/jobs").json)
        assert server.stop() == 0
        answer = waiting.result(30)
    server.start()

    if answer.status != 200:  # a quick computer may have done it in time
        assert answer.status == 504
        assert "goes on" in answer.json["Details"]
    until(lambda: server.get("/jobs").json == [])
    assert server.get("/studies").json == []
    assert server.stop() == 0
