import json
from contextlib import closing
from dataclasses import replace

import pytest

from repertory.actors.messages.attachments import ReadFile, RemoveReleased
from repertory.actors.messages.job_outputs import DeleteJobOutput, DescribeJobOutput
from repertory.actors.messages.jobs import (
    CancelJob,
    DeleteJob,
    DescribeJob,
    ListJobFailures,
    ListJobs,
    PauseJob,
    ResubmitJob,
    ResumeJob,
    RunJob,
    SubmitJob,
)
from repertory.conf.resources import DelayedDeletionSettings
from repertory.errors import (
    BadRequest,
    Failed,
    FileLost,
    UnknownItem,
    UnknownResource,
    error_named,
)
from repertory.jobs import (
    JobDescription,
    JobError,
    JobFailure,
    JobId,
    JobOutput,
    JobRecord,
    JobState,
)
from repertory.testing.files import make_study
from repertory.testing.server import until

ID = JobId("6a4d1118-084c-4045-a5f0-7768c51ce57d")
NOON = 1_767_225_600.576022
RECORD = JobRecord(
    id=ID,
    type="Example",
    parameters={},
    created_at=NOON,
    priority=3,
    number=1,
    progress=0.29,
    state=JobState.PENDING,
)
RUNNING = JobDescription(
    record=RECORD,
    state=JobState.RUNNING,
    content={"Description": "example"},
    now=NOON + 2.5,
    runtime=2.25,
    arrives_at=NOON + 8,
)


def over(**changes):
    record = replace(RECORD, progress=1.0, completed_at=NOON + 3, **changes)
    return JobDescription(record=record, state=record.state, content={}, now=NOON + 9, runtime=3.0)


SUCCEEDED = over(state=JobState.SUCCESS)
FAILED = over(state=JobState.FAILURE, error=JobError("FileLost", "The third file is missing."))
CANCELLED = over(state=JobState.FAILURE, error=JobError("JobCancelled", "The job was cancelled."))


def nested(depth):
    value = "deep"
    for number in range(depth):
        value = {"a": value} if number % 2 else [value]
    return value


def body(**fields):
    return json.dumps({"Resources": ["a"]} | fields)


# /jobs


def test_a_running_job_is_described_as_orthanc_does(archive, client):
    archive.plays(DescribeJob, RUNNING)

    response = client.get(f"/jobs/{ID}")

    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert json.loads(response.content) == {
        "Content": {"Description": "example"},
        "CreationTime": "20260101T000000.576022",
        "EffectiveRuntime": 2.25,
        "ErrorCode": 0,
        "ErrorDescription": "Success",
        "ErrorDetails": "",
        "EstimatedTimeOfArrival": "20260101T000008.576022",
        "FailedItemsCount": 0,
        "ID": ID,
        "Priority": 3,
        "Progress": 29,
        "State": "Running",
        "Timestamp": "20260101T000003.076022",
        "Type": "Example",
    }


def test_a_job_that_is_over_tells_when_and_why(archive, client):
    archive.plays(DescribeJob, FAILED)
    job = client.json(f"/jobs/{ID}")

    assert (job["State"], job["Progress"]) == ("Failure", 100)
    assert (job["ErrorCode"], job["ErrorDetails"]) == (2006, "The third file is missing.")
    assert job["ErrorDescription"] == "The specified path does not point to a regular file"
    assert job["CompletionTime"] == "20260101T000003.576022"
    assert "EstimatedTimeOfArrival" not in job


def test_a_cancelled_job_has_the_code_of_orthanc(archive, client):
    archive.plays(DescribeJob, CANCELLED)

    assert client.json(f"/jobs/{ID}")["ErrorCode"] == 37


@pytest.mark.parametrize("value", [0, "", [], {"Ticket": [7, None]}, False, nested(32)])
def test_what_the_user_gave_comes_back(archive, client, value):
    archive.plays(DescribeJob, replace(RUNNING, record=replace(RECORD, user_data=value)))

    assert client.json(f"/jobs/{ID}")["UserData"] == value


def test_jobs_are_listed_by_their_identifiers(archive, client):
    others = [replace(RUNNING, record=replace(RECORD, id=JobId(word))) for word in ("zebra", "ant")]
    archive.plays(ListJobs, tuple(others))

    assert client.json("/jobs") == ["ant", "zebra"]
    assert client.json("/jobs?limit=2") == ["zebra", "ant"]
    assert [job["ID"] for job in client.json("/jobs?expand")] == ["ant", "zebra"]
    assert client.json("/jobs?expand=false") == ["ant", "zebra"]


def test_jobs_are_chosen_by_state_and_type(archive, client):
    archive.plays(ListJobs, ())
    client.get("/jobs?state=Running;Pending&type=BulkDelete&since=2&limit=3")

    assert archive.heard(ListJobs) == [
        ListJobs(
            states=frozenset({JobState.RUNNING, JobState.PENDING}),
            types=frozenset({"BulkDelete"}),
            since=2,
            limit=3,
        )
    ]


def test_a_state_that_is_none_is_refused(archive, client):
    archive.plays(ListJobs, ())

    assert client.get("/jobs?state=Asleep").status == 400
    assert archive.said == []


def test_an_unknown_job_is_answered_without_a_body(archive, client):
    archive.plays(DescribeJob, UnknownResource())

    for path in ("/jobs/nonsense", "/jobs/nonsense/failures"):
        response = client.get(path)
        assert (response.status, response.content) == (404, b"")
        assert response.getheader("Content-Type") is None


ORDERS = {"pause": PauseJob, "resume": ResumeJob, "cancel": CancelJob, "resubmit": ResubmitJob}


@pytest.mark.parametrize(("word", "command"), ORDERS.items())
def test_orders_are_given_by_post(archive, client, word, command):
    archive.plays(command)

    response = client("POST", f"/jobs/{ID}/{word}")

    assert (response.status, response.content) == (200, b"{}")
    assert response.getheader("Content-Type") == "application/json"
    assert archive.heard(command) == [command(id=ID)]


@pytest.mark.parametrize(("word", "command"), ORDERS.items())
def test_an_order_that_makes_no_sense_is_answered_without_a_body(archive, client, word, command):
    archive.plays(command, BadRequest())

    response = client("POST", f"/jobs/{ID}/{word}")

    assert (response.status, response.content) == (400, b"")


def test_a_job_that_is_over_is_deleted(archive, client):
    archive.plays(DeleteJob)

    response = client("DELETE", f"/jobs/{ID}")

    assert (response.status, response.content) == (200, b"")
    assert response.getheader("Content-Type") == "text/plain"


def test_another_one_is_not(archive, client):
    archive.plays(DeleteJob, UnknownItem())

    response = client("DELETE", f"/jobs/{ID}")

    assert response.status == 404
    assert json.loads(response.content)["OrthancStatus"] == 7


def test_what_a_job_could_not_do_is_listed(archive, client):
    archive.plays(DescribeJob, SUCCEEDED)
    archive.plays(ListJobFailures, (JobFailure("a", "It is gone."),))

    assert client.json(f"/jobs/{ID}/failures?since=2&limit=1") == [
        {"Item": "a", "Reason": "It is gone."}
    ]
    assert archive.heard(ListJobFailures) == [ListJobFailures(id=ID, since=2, limit=1)]


# What jobs make

CONTENT = b"0123456789" * 300_000


@pytest.fixture
def output(archive, attachment):
    made = JobOutput(
        key="archive",
        attachment=replace(attachment, uncompressed_size=len(CONTENT)),
        media_type="application/zip",
        filename="Müller.zip",
    )
    archive.plays(DescribeJobOutput, made)
    archive.plays(ReadFile, lambda it: CONTENT[it.start : it.start + it.length])
    return made


def test_a_file_that_a_job_made_is_given_with_its_name(client, output):
    response = client.get(f"/jobs/{ID}/archive")

    assert (response.status, response.content) == (200, CONTENT)
    assert response.getheader("Content-Type") == "application/zip"
    assert response.getheader("Content-Length") == str(len(CONTENT))
    assert "M%C3%BCller.zip" in response.getheader("Content-Disposition")


def test_a_download_is_gone_on_with_by_range(client, output):
    etag = client.get(f"/jobs/{ID}/archive").getheader("ETag")
    asked = {"Range": "bytes=2999990-", "If-Range": etag}
    response = client.get(f"/jobs/{ID}/archive", headers=asked)
    assert (response.status, response.content) == (206, b"0123456789")

    asked["If-Range"] = '"another"'
    assert client.get(f"/jobs/{ID}/archive", headers=asked).status == 200
    assert client.get(f"/jobs/{ID}/archive", headers={"Range": "bytes=9999999-"}).status == 416


def test_a_file_that_a_job_made_is_removed(archive, client):
    archive.plays(DeleteJobOutput)
    response = client("DELETE", f"/jobs/{ID}/archive")

    assert (response.status, response.content) == (200, b"")
    assert response.getheader("Content-Type") == "text/plain"
    assert archive.heard(DeleteJobOutput) == [DeleteJobOutput(id=ID, key="archive")]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_file_that_no_job_made_is_not_there(archive, client, method):
    for kind in (DescribeJobOutput, DeleteJobOutput):
        archive.plays(kind, UnknownItem("The job has no such output."))
    response = client(method, f"/jobs/{ID}/nonsense")

    assert response.status == 404
    assert json.loads(response.content)["OrthancStatus"] == 7


# /tools/bulk-delete, and with it the fields that all submissions have in common


def test_many_are_deleted_and_the_answer_is_empty(archive, client):
    archive.plays(RunJob, SUCCEEDED)
    named = ["a", {"Level": "Study", "ID": "b"}]

    response = client("POST", "/tools/bulk-delete", body(Resources=named))

    assert (response.status, response.content) == (200, b"")
    assert response.getheader("Content-Type") == "text/plain"
    assert archive.heard(RunJob) == [
        RunJob(type="BulkDelete", parameters={"Resources": named}, fleeting=True)
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"Asynchronous": True},
        {"Synchronous": False},
        {"Synchronous": False, "Asynchronous": True},
    ],
)
def test_a_job_is_submitted_where_nobody_waits(archive, client, fields):
    archive.plays(SubmitJob, ID)
    text = body(Priority=-2, UserData={"a": 1}, **fields)

    response = client("POST", "/tools/bulk-delete", text)

    assert json.loads(response.content) == {"ID": ID, "Path": f"/jobs/{ID}"}
    assert archive.heard(SubmitJob) == [
        SubmitJob(
            type="BulkDelete",
            parameters={"Resources": ["a"]},
            priority=-2,
            user_data={"a": 1},
        )
    ]


@pytest.mark.parametrize("fields", [{"Synchronous": True}, {"Asynchronous": False}])
def test_whoever_says_so_waits(archive, client, fields):
    archive.plays(RunJob, SUCCEEDED)

    assert client("POST", "/tools/bulk-delete", body(**fields)).content == b""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        '{"Resources": 5}',
        '{"Resources": {}}',
        body(Priority="high"),
        body(Priority=1.5),
        body(Priority=True),
        body(Priority=1 << 31),
        body(Synchronous="yes"),
        body(UserData=nested(33)),
        body()[:-1] + ', "UserData": ' + "[" * 900 + "]" * 900 + "}",
        body(Asynchronous=1),
        body(Synchronous=True, Asynchronous=True),
        body(Synchronous=False, Asynchronous=False),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_with_a_reason(archive, client, text):
    archive.plays(RunJob, SUCCEEDED)
    archive.plays(SubmitJob, ID)

    response = client("POST", "/tools/bulk-delete", text)

    assert response.status == 400
    answer = json.loads(response.content)
    assert answer["OrthancStatus"] == 8
    assert answer["Details"].endswith(".")
    assert archive.said == []


def test_a_list_may_be_longer_than_other_bodies(archive, client):
    archive.plays(RunJob, SUCCEEDED)
    named = ["0" * 44] * 50_000

    assert client("POST", "/tools/bulk-delete", body(Resources=named)).status == 200
    assert client("POST", "/tools/lookup", "0" * 2_000_000).status == 413


@pytest.mark.parametrize(("job", "status", "code"), [(FAILED, 500, 2006), (CANCELLED, 500, 37)])
def test_the_error_of_a_job_is_that_of_the_request_that_waits_for_it(
    archive, client, job, status, code
):
    archive.plays(RunJob, job)

    response = client("POST", "/tools/bulk-delete", body())

    assert response.status == status
    assert json.loads(response.content)["OrthancStatus"] == code


def test_files_are_gone_before_the_answer_where_it_is_so_configured(archive, serve):
    archive.plays(RunJob, SUCCEEDED)
    archive.plays(RemoveReleased)
    client = serve(delayed_deletion=DelayedDeletionSettings(enable=False))

    assert client("POST", "/tools/bulk-delete", body()).status == 200
    assert len(archive.heard(RemoveReleased)) == 1


def test_jobs_can_be_looked_at_in_a_read_only_archive(archive, serve):
    archive.plays(ListJobs, (RUNNING,))
    client = serve(read_only=True)

    assert client.json("/jobs") == [ID]
    assert client("POST", f"/jobs/{ID}/cancel").status == 405
    assert client("POST", "/tools/bulk-delete", body()).status == 404


def test_an_error_whose_class_is_gone_is_internal():
    assert type(error_named("FileLost", "x")) is FileLost
    assert type(error_named("Nonsense", "x")) is Failed


def test_a_client_that_goes_away_does_not_end_its_job(whole):
    client = whole()
    ids = set()
    for content in make_study(instances=2):
        ids.add(json.loads(client("POST", "/instances", content).content)["ParentStudy"])
    nobody = ["-".join(["0" * 8] * 5)] * 20_000
    with closing(client.connection()) as connection:
        connection.request("POST", "/tools/bulk-delete", body(Resources=[*nobody, *ids]))
        until(lambda: client.json("/jobs"))

    until(lambda: client.json("/jobs") == [])
    assert client.json("/studies") == []
