import hashlib
import itertools
from pathlib import Path

import pydicom.data
import pytest

from repertory.testing.files import BIG_ENDIAN, DEFLATED, IMPLICIT, make_dicom, make_study
from repertory.testing.server import until

BUNDLED = sorted(Path(pydicom.data.__file__).parent.glob("*_files/**/*"))
SOME = (
    "CT_small.dcm",
    "ExplVR_BigEndNoMeta.dcm",
    "JPEG2000.dcm",
    "image_dfl.dcm",
    "rtplan.dcm",
    "reportsi.dcm",
    "waveform_ecg.dcm",
    "chrH31.dcm",
)
LEVELS = ("patients", "studies", "series", "instances")
CHILDREN = dict(zip(LEVELS, ("Studies", "Series", "Instances"), strict=False))


@pytest.fixture
def files():
    made = make_study(series=2, instances=3, patient_id="P1", tags={"PatientName": "Ärger^Jürgen"})
    made += make_study(series=1, instances=2, patient_id="P1", transfer_syntax=IMPLICIT)
    made += [make_dicom(patient_id="P2", transfer_syntax=s) for s in (BIG_ENDIAN, DEFLATED)]
    made.append(make_dicom(patient_id="", tags={"PatientID": None}))
    return made + [path.read_bytes() for path in BUNDLED if path.name in SOME]


def test_a_stranger_stores_browses_and_deletes(serve, files):  # noqa: C901 - a long journey
    server = serve(StableAge=1)

    stored = {}
    for content in files:
        answer = server.post("/instances", content)
        assert answer.status == 200, answer.text
        assert answer.json["Status"] == "Success"
        stored[answer.json["ID"]] = content
    assert len(stored) == len(files)

    lists = {level: server.get(f"/{level}").json for level in LEVELS}
    assert sorted(lists["instances"]) == sorted(stored)
    objects = {
        level: {one["ID"]: one for one in server.get(f"/{level}?expand").json} for level in LEVELS
    }
    for level in LEVELS:
        assert sorted(objects[level]) == sorted(lists[level])
        for id_, described in objects[level].items():
            assert server.get(f"/{level}/{id_}").json == described
    named = [one["PatientMainDicomTags"].get("PatientID") for one in objects["studies"].values()]
    assert named.count("P1") == 2

    # Every way down and up leads to the same resources.
    for above, below in itertools.pairwise(LEVELS):
        for id_, described in objects[above].items():
            children = described[CHILDREN[above]]
            assert server.get(f"/{above}/{id_}/{below}?expand=false").json == children
            for child in children:
                parent = {"patients": "patient", "studies": "study", "series": "series"}[above]
                assert server.get(f"/{below}/{child}/{parent}").json["ID"] == id_

    for id_, content in stored.items():
        answer = server.get(f"/instances/{id_}/file")
        assert answer.content == content
        assert answer.headers["content-type"] == "application/dicom"
        tags = server.get(f"/instances/{id_}/tags").json
        assert tags["0008,0018"]["Name"] == "SOPInstanceUID"
        simple = server.get(f"/instances/{id_}/simplified-tags").json
        assert simple["SOPInstanceUID"] == tags["0008,0018"]["Value"]
        assert server.get(f"/instances/{id_}/header").status == 200

    totals = server.get("/statistics").json
    assert totals["TotalDiskSize"] == str(sum(map(len, files)))
    for level in LEVELS:
        assert totals[f"Count{level.title()}"] == len(lists[level])
    assert len(server.files()) == len(files)
    assert server.staged() == set()

    study = next(one for one in objects["studies"].values() if len(one["Series"]) == 2)
    sizes = server.get(f"/studies/{study['ID']}/statistics").json
    assert (sizes["CountSeries"], sizes["CountInstances"]) == (2, 6)

    def stable():
        changes = server.get("/changes?limit=1000").json["Changes"]
        return {one["ID"] for one in changes if one["ChangeType"] == "StableStudy"}

    assert until(lambda: stable() == set(lists["studies"]))
    assert server.get(f"/studies/{study['ID']}").json["IsStable"] is True

    kept = {hashlib.md5(c).hexdigest() for c in files[6:]}
    answer = server.delete(f"/studies/{study['ID']}")
    assert answer.json["RemainingAncestor"]["ID"] == study["ParentPatient"]
    assert until(lambda: len(server.files()) == len(files) - 6)
    on_disk = {
        hashlib.md5(path.read_bytes()).hexdigest() for path in server.storage.glob("??/??/*")
    }
    assert on_disk == kept
    assert server.get(f"/studies/{study['ID']}").status == 404

    for patient in lists["patients"]:
        assert server.delete(f"/patients/{patient}").json == {"RemainingAncestor": None}
    assert until(lambda: server.files() == set())
    totals = server.get("/statistics").json
    assert totals["TotalDiskSize"] == totals["TotalUncompressedSize"] == "0"
    assert [totals[f"Count{level.title()}"] for level in LEVELS] == [0] * 4
    assert [server.get(f"/{level}").json for level in LEVELS] == [[]] * 4
    assert server.stop() == 0


def test_what_is_sent_twice_is_stored_once(server):
    content = make_dicom()

    first, second = (server.post("/instances", content).json for _ in range(2))

    assert (first.pop("Status"), second.pop("Status")) == ("Success", "AlreadyStored")
    assert first == second
    assert until(lambda: len(server.files()) == 1)
    assert server.get(f"/instances/{first['ID']}/file").content == content


def test_the_archive_is_the_same_after_a_restart(server, files):
    stored = {server.post("/instances", content).json["ID"]: content for content in files}
    paths = [f"/{level}?expand" for level in LEVELS] + ["/statistics", "/changes?limit=1000"]
    before = [server.get(path).json for path in paths]

    assert server.stop() == 0
    server.start()

    assert [server.get(path).json for path in paths] == before
    for id_, content in stored.items():
        assert server.get(f"/instances/{id_}/file").content == content


def test_every_file_that_pydicom_brings_is_stored_or_refused_with_a_reason(server):
    statuses = {}
    for path in BUNDLED:
        if not path.is_file():
            continue
        content = path.read_bytes()
        answer = server.post("/instances", content)
        statuses[path.name] = answer.status
        if answer.status != 200:
            assert answer.json["OrthancStatus"] in (15, 21), path.name
        elif answer.json["Status"] == "Success":
            instance = f"/instances/{answer.json['ID']}"
            assert server.get(f"{instance}/file").content == content
            assert {server.get(f"{instance}/{what}").status for what in ("tags", "header")} == {200}

    assert list(statuses.values()).count(200) > 60
    assert set(statuses.values()) <= {200, 400, 404}
    assert len(server.files()) == server.get("/statistics").json["CountInstances"]
    assert server.staged() == set()
