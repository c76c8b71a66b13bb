import json

import pytest

from repertory.actors.messages.attachments import RecompressAttachment
from repertory.actors.messages.jobs import SubmitJob
from repertory.actors.messages.reconstruction import (
    ReconstructArchive,
    ReconstructionFailure,
    ReconstructionReport,
    ReconstructResource,
)
from repertory.errors import RevisionConflict, UnknownItem, UnknownResource
from repertory.model import Attachment, Compression, Level, ResourceId

ID = ResourceId("-".join(["0123abcd"] * 5))
DONE = ReconstructionReport(reconstructed=3)
PACKED = Attachment(
    uuid="u",
    content_type=1,
    uncompressed_size=2,
    uncompressed_md5="",
    compressed_size=1,
    compressed_md5="",
    compression=Compression.ZSTANDARD,
    revision=1,
)


@pytest.mark.parametrize("level", list(Level))
def test_a_resource_is_reconstructed_and_the_answer_is_empty(archive, client, level):
    archive.plays(ReconstructResource, DONE)

    response = client("POST", f"/{level.plural}/{ID}/reconstruct")

    assert (response.status, response.text) == (200, "")
    assert archive.heard(ReconstructResource) == [ReconstructResource(level=level, id=ID)]


def test_the_body_says_what_is_to_be_done(archive, client):
    archive.plays(ReconstructResource, DONE)
    body = json.dumps({"ReconstructFiles": True, "LimitToThisLevelMainDicomTags": True})
    client("POST", f"/studies/{ID}/reconstruct", body)

    (question,) = archive.heard(ReconstructResource)
    assert question.rewrite_files
    assert question.this_level_only


@pytest.mark.parametrize("body", ["", "nonsense", "[1]", '"text"', "{}"])
def test_a_body_that_says_nothing_is_passed_over(archive, client, body):
    archive.plays(ReconstructResource, DONE)

    assert client("POST", f"/studies/{ID}/reconstruct", body).status == 200
    assert not archive.heard(ReconstructResource)[0].rewrite_files


@pytest.mark.parametrize("name", ["ReconstructFiles", "LimitToThisLevelMainDicomTags"])
def test_an_option_that_is_no_truth_value_is_refused(archive, client, name):
    response = client("POST", f"/studies/{ID}/reconstruct", json.dumps({name: 1}))

    assert response.status == 400
    assert json.loads(response.content)["OrthancStatus"] == 15


def test_what_could_not_be_reconstructed_is_listed(archive, client):
    failure = ReconstructionFailure(id=ID, reason="A stored file is missing.")
    archive.plays(ReconstructArchive, ReconstructionReport(reconstructed=7, failures=(failure,)))

    response = client("POST", "/tools/reconstruct", '{"ReconstructFiles": true}')

    assert response.status == 200
    assert json.loads(response.content) == {
        "Failures": [{"ID": ID, "Reason": "A stored file is missing."}],
        "Reconstructed": 7,
    }
    assert archive.heard(ReconstructArchive) == [ReconstructArchive(rewrite_files=True)]


@pytest.mark.parametrize("path", [f"/studies/{ID}/reconstruct", "/studies/nonsense/reconstruct"])
def test_what_is_not_there_cannot_be_reconstructed(archive, client, path):
    archive.plays(ReconstructResource, UnknownResource())

    assert client("POST", path).status == 404


@pytest.mark.parametrize(
    ("name", "number"),
    [("dicom", 1), ("dicom-as-json", 2), ("dicom-until-pixel-data", 3), ("1024", 1024)],
)
@pytest.mark.parametrize("verb", ["compress", "uncompress"])
def test_an_attachment_is_compressed_and_uncompressed(archive, client, name, number, verb):
    archive.plays(RecompressAttachment, PACKED)

    response = client("POST", f"/instances/{ID}/attachments/{name}/{verb}")

    assert (response.status, json.loads(response.content)) == (200, {})
    assert archive.heard(RecompressAttachment) == [
        RecompressAttachment(
            level=Level.INSTANCE, id=ID, content_type=number, compressed=verb == "compress"
        )
    ]


@pytest.mark.parametrize("name", ["unheard-of", "-1", "99999999", "²"])
def test_an_attachment_of_no_known_name_is_not_there(archive, client, name):
    archive.plays(RecompressAttachment, UnknownItem())
    path = f"/instances/{ID}/attachments/{name.replace('²', '%C2%B2')}/compress"

    assert client("POST", path).status == 404


@pytest.mark.parametrize(("error", "status"), [(UnknownItem(), 404), (RevisionConflict(), 409)])
def test_what_the_archive_refuses_is_answered(archive, client, error, status):
    archive.plays(RecompressAttachment, error)

    assert client("POST", f"/instances/{ID}/attachments/dicom/compress").status == status


@pytest.mark.parametrize("fields", [{"Asynchronous": True}, {"Synchronous": False}])
def test_a_job_is_submitted_where_nobody_waits(archive, client, fields):
    archive.plays(SubmitJob, "a-job")
    body = json.dumps({"ReconstructFiles": True, "Priority": 2} | fields)
    response = client("POST", f"/studies/{ID}/reconstruct", body)
    client("POST", "/tools/reconstruct", body)

    assert json.loads(response.content) == {"ID": "a-job", "Path": "/jobs/a-job"}
    one, whole = archive.heard(SubmitJob)
    assert (one.type, one.priority) == ("Reconstruct", 2)
    assert one.parameters == {
        "Level": "Study",
        "ID": ID,
        "ReconstructFiles": True,
        "LimitToThisLevelMainDicomTags": False,
    }
    assert whole.parameters == {"ReconstructFiles": True}


@pytest.mark.parametrize("fields", [{"Asynchronous": "yes"}, {"Priority": "high"}])
def test_a_submission_that_makes_no_sense_is_refused(archive, client, fields):
    assert client("POST", f"/studies/{ID}/reconstruct", json.dumps(fields)).status == 400
    assert archive.said == []
