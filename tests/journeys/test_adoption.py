import json

import pytest

from repertory.actors.messages.attachments import DescribeAttachment
from repertory.actors.messages.resources import DescribeResource
from repertory.adopting import DONE
from repertory.cli import main
from repertory.conf.settings import Settings
from repertory.model import Compression, Level, Metadata
from repertory.service import Repertory
from repertory.testing.files import make_dicom, make_study
from repertory.testing.orthanc import OrthancProcess, ask, find_orthanc

pytestmark = pytest.mark.skipif(find_orthanc() is None, reason="Orthanc is not installed")

LEVELS = ("patients", "studies", "series", "instances")
NAMES = {"UserMetadata": {"Reviewed": 1024}}

NEWER = {"Labels", "First", "IsProtected"}
"""Fields that Orthanc got after 1.10."""


@pytest.fixture(scope="module")
def adopted(tmp_path_factory):
    """An Orthanc's answers, and then those of our server on the same folder."""
    folder = tmp_path_factory.mktemp("adoption")
    with OrthancProcess(folder, StorageCompression=True, StableAge=1, **NAMES) as orthanc:
        ids = upload(orthanc, make_study(patient_id="PACKED", seed=1, series=1, instances=2))
        orthanc.ask("PUT", f"/studies/{ids[0]['ParentStudy']}/metadata/Reviewed", "yes")
        orthanc.ask("PUT", f"/studies/{ids[0]['ParentStudy']}/attachments/1025", b"a report")
        orthanc.ask("PUT", f"/patients/{ids[0]['ParentPatient']}/protected", "1")
    with OrthancProcess(folder, StableAge=86400, **NAMES) as orthanc:
        upload(orthanc, make_study(patient_id="PLAIN", seed=2, series=3, instances=4, rich=True))
        upload(orthanc, [make_dicom(patient_id="", tags={"PatientName": "Ümläut^É"}, seed=3)])
        doomed = upload(orthanc, make_study(patient_id="GONE", seed=4, instances=2))
        orthanc.ask("DELETE", f"/instances/{doomed[0]['ID']}")
        orthanc.ask("DELETE", f"/studies/{doomed[1]['ParentStudy']}")
        for seed, name in ((6, "Maiden^Name"), (7, "Married^Name")):
            upload(orthanc, [make_dicom(patient_id="SAME", tags={"PatientName": name}, seed=seed)])
            upload(orthanc, [make_dicom(patient_id="", tags={"PatientName": name}, seed=seed)])
        upload(orthanc, [make_dicom(patient_id="LAST", seed=5)])
        theirs = everything(orthanc.port)
    assert main(["adopt", str(orthanc.storage), "--every-file", "--quiet"]) == DONE
    settings = Settings(
        storage_directory=str(orthanc.storage),
        http_port=0,
        stable_age=86400,
        user_metadata={"Reviewed": 1024},
    )
    with Repertory(settings) as archive:
        ours = everything(archive.port)
        yield theirs, ours, archive


def upload(orthanc, files):
    answers = [orthanc.ask("POST", "/instances", content) for content in files]
    assert {status for status, _ in answers} == {200}
    return [json.loads(content) for _, content in answers]


def everything(port):
    """What a server answers about all it has."""
    paths = ["/statistics", "/changes?limit=1000", "/changes?last"]
    for level in LEVELS:
        ids = json.loads(ask(port, "GET", f"/{level}")[2])
        paths += [f"/{level}", f"/{level}?expand"]
        for id_ in ids:
            paths.append(f"/{level}/{id_}")
            paths.append(f"/{level}/{id_}/statistics")
            paths.append(f"/{level}/{id_}/metadata?expand")
            paths.append(f"/{level}/{id_}/attachments")
            if level == "patients":
                paths.append(f"/{level}/{id_}/protected")
            if level == "studies":
                paths.append(f"/{level}/{id_}/attachments/1025/data")
            if level == "instances":
                paths.append(f"/{level}/{id_}/tags")
                paths.append(f"/{level}/{id_}/file")
                for what in ("compressed-size", "compressed-md5", "size", "md5", "is-compressed"):
                    paths.append(f"/{level}/{id_}/attachments/dicom/{what}")
    return {path: ask(port, "GET", path) for path in paths}


def without_newer(value):
    if isinstance(value, dict):
        return {k: without_newer(v) for k, v in value.items() if k not in NEWER}
    if isinstance(value, list):
        return [without_newer(item) for item in value]
    return value


def body(answer):
    _, headers, content = answer
    if "json" in headers.get("content-type", ""):
        return without_newer(json.loads(content))
    return content


def differences(theirs, ours, wanted):
    return [
        (path, body(theirs[path]), body(ours[path]))
        for path in theirs
        if wanted(path) and theirs[path][0] == 200 and body(theirs[path]) != body(ours[path])
    ]


def test_both_list_the_same_resources(adopted):
    theirs, ours, _ = adopted

    for level in LEVELS:
        assert sorted(body(ours[f"/{level}"])) == sorted(body(theirs[f"/{level}"]))


def test_every_resource_is_described_alike(adopted):
    theirs, ours, _ = adopted

    def wanted(path):
        return path.count("/") == 2

    assert differences(theirs, ours, wanted) == []


def test_studies_of_one_patient_keep_their_own_names(adopted):
    _, ours, archive = adopted
    names = [it["PatientMainDicomTags"]["PatientName"] for it in body(ours["/studies?expand"])]

    assert names.count("Maiden^Name") == names.count("Married^Name") == 2
    query = json.dumps({"Level": "Study", "Query": {"PatientName": "married*"}}).encode()
    found = json.loads(ask(archive.port, "POST", "/tools/find", query)[2])
    assert len(found) == 2


def test_the_sizes_and_numbers_are_alike(adopted):
    theirs, ours, _ = adopted

    assert differences(theirs, ours, lambda path: path.endswith("statistics")) == []


def test_the_changes_are_alike(adopted):
    theirs, ours, _ = adopted

    assert body(theirs["/changes?limit=1000"])["Changes"][0]["Seq"] == 1
    assert differences(theirs, ours, lambda path: path.startswith("/changes")) == []


def test_the_metadata_are_alike(adopted):
    theirs, _, archive = adopted
    words = {kind.word: int(kind) for kind in Metadata} | NAMES["UserMetadata"]

    for level in Level:
        for id_ in body(theirs[f"/{level.plural}"]):
            expected = body(theirs[f"/{level.plural}/{id_}/metadata?expand"])
            found = archive.ask(DescribeResource(level=level, id=id_)).metadata
            assert found == {words[name]: value for name, value in expected.items()}


def test_the_attachments_are_alike(adopted):
    theirs, _, archive = adopted

    for id_ in body(theirs["/instances"]):
        path = f"/instances/{id_}/attachments/dicom"
        found = archive.ask(DescribeResource(level=Level.INSTANCE, id=id_)).attachment
        expected = {
            "compressed-size": found.compressed_size,
            "size": found.uncompressed_size,
            "compressed-md5": found.compressed_md5,
            "md5": found.uncompressed_md5,
            "is-compressed": int(found.compression is Compression.ZLIB_WITH_SIZE),
        }
        for what, value in expected.items():
            assert theirs[f"{path}/{what}"][2].decode() == str(value)


def test_an_attachment_of_the_users_is_read(adopted):
    theirs, _, archive = adopted
    paths = [path for path, answer in theirs.items() if "/1025/" in path and answer[0] == 200]

    assert len(paths) == 1
    described = archive.ask(
        DescribeAttachment(level=Level.STUDY, id=paths[0].split("/")[2], content_type=1025)
    )
    assert described.attachment.uncompressed_size == len(b"a report")


def test_protected_patients_are_protected(adopted):
    theirs, _, archive = adopted

    for id_ in body(theirs["/patients"]):
        expected = theirs[f"/patients/{id_}/protected"][2] == b"1"
        assert archive.ask(DescribeResource(level=Level.PATIENT, id=id_)).is_protected == expected


def test_every_file_has_the_same_bytes_and_tags_compressed_or_not(adopted):
    theirs, ours, _ = adopted
    compressed = [p for p, answer in theirs.items() if "is-compressed" in p and answer[2] == b"1"]
    files = [path for path in theirs if path.endswith("/file")]

    assert (len(compressed), len(files)) == (2, 20)
    for path in files:
        assert ours[path][2] == theirs[path][2]
        tags = path.removesuffix("/file") + "/tags"
        assert body(ours[tags]) == body(theirs[tags])


def test_what_the_routes_of_attachments_and_protection_answer_is_alike(adopted):
    theirs, ours, _ = adopted

    def wanted(path):
        return "/attachments" in path or path.endswith("/protected")

    assert any("/1025/data" in path and theirs[path][0] == 200 for path in theirs)
    assert differences(theirs, ours, wanted) == []


def test_the_archive_goes_on_where_orthanc_stopped(adopted):
    theirs, _, archive = adopted
    last = body(theirs["/changes?limit=1000"])["Last"]

    status, _, _ = ask(archive.port, "POST", "/instances", make_dicom(patient_id="NEW"))

    assert status == 200
    changes = json.loads(ask(archive.port, "GET", f"/changes?since={last}")[2])["Changes"]
    assert [change["Seq"] for change in changes] == [last + n for n in (1, 2, 3, 4)]
