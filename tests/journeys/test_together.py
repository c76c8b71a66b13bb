import random
import threading
from concurrent.futures import ThreadPoolExecutor

from repertory.testing.files import make_dicom
from repertory.testing.server import until

STUDIES = ("2.25.1", "2.25.2", "2.25.3")


def test_clients_that_store_and_delete_the_same_studies_leave_files_and_index_alike(  # noqa: C901
    server,
):
    enough = threading.Event()
    stored = []

    def store(number):
        chance = random.Random(number)
        contents = [
            make_dicom(
                patient_id=study, study=study, series=f"{study}.{n % 3}", seed=number, number=n
            )
            for study in STUDIES
            for n in range(8)
        ]
        while not enough.is_set():
            answer = server.post("/instances", chance.choice(contents))
            assert answer.status == 200, answer.text
            stored.append(answer.json["ID"])
            if len(stored) > 600:
                enough.set()

    def delete(number):
        chance = random.Random(number)
        while not enough.is_set():
            level = chance.choice(("patients", "studies", "series", "instances"))
            ids = server.get(f"/{level}").json
            if ids:
                answer = server.delete(f"/{level}/{chance.choice(ids)}")
                assert answer.status in (200, 404), answer.text

    def look(number):
        chance = random.Random(number)
        while not enough.is_set():
            for level in ("patients", "studies", "series"):
                assert server.get(f"/{level}?expand").status == 200
            if stored:
                path = f"/instances/{chance.choice(stored)}"
                assert server.get(f"{path}/file").status in (200, 404)
                assert server.get(f"{path}/tags").status in (200, 404)

    with ThreadPoolExecutor(8) as pool:
        tasks = [pool.submit(store, number % 3) for number in range(4)]
        tasks += [pool.submit(delete, number) for number in range(2)]
        tasks += [pool.submit(look, number) for number in range(2)]
        for task in tasks:
            task.result(60)

    instances = server.get("/instances?expand").json
    assert until(lambda: server.files() == {one["FileUuid"] for one in instances})
    totals = server.get("/statistics").json
    assert totals["CountInstances"] == len(instances)
    assert totals["TotalDiskSize"] == str(sum(one["FileSize"] for one in instances))
    for level, child in (("patients", "Studies"), ("studies", "Series"), ("series", "Instances")):
        described = server.get(f"/{level}?expand").json
        assert totals[f"Count{level.title()}"] == len(described)
        assert all(one[child] for one in described)
    for one in instances:
        assert len(server.get(f"/instances/{one['ID']}/file").content) == one["FileSize"]
    for patient in server.get("/patients").json:
        server.delete(f"/patients/{patient}")
    assert until(lambda: server.files() == set())
    assert server.get("/statistics").json["TotalDiskSize"] == "0"
    assert {event["level"] for event in server.events()} <= {"debug", "info"}
