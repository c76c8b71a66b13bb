import json

import pytest

from repertory.actors.messages.housekeeping import (
    DescribeHousekeeping,
    PauseHousekeeping,
    PlanHousekeeping,
    PutStudyFirst,
    ResumeHousekeeping,
    RunHousekeeping,
)
from repertory.conf.housekeeper import HousekeeperSettings
from repertory.errors import UnknownResource
from repertory.housekeeping import (
    Chores,
    Configuration,
    Finding,
    HousekeepingPlan,
    HousekeepingStatus,
    Position,
    StudyFailure,
    Unfinished,
    Workload,
)
from repertory.model import Compression, Level

STATUS = ("/housekeeper/status", "/plugins/housekeeper/status")
COMMANDS = ("pause", "resume", "run", "studies/{}/first")
SIGNATURES = {level: f"{level.value:04},0000" for level in Level}
NOW = Configuration(
    orthanc_version="1.13.0",
    dicom_web_version="",
    storage_compression=True,
    signatures=SIGNATURES,
)


@pytest.fixture
def keeper(serve):
    return serve(housekeeper=HousekeeperSettings(enable=True))


@pytest.fixture
def status(ids):
    return HousekeepingStatus(
        condition="Working",
        started=1_795_217_053.391988,
        processed=126,
        last=420,
        current=NOW,
        completed=None,
        studies_done=30,
        backlog=Unfinished(
            studies=70,
            failed=1,
            failures=(StudyFailure(ids.study, ids.instance, "It is lost.", 2, 1_795_217_113.0),),
            first=(ids.study,),
        ),
        is_paused=False,
        rate=0.25,
        end=1_795_217_333.0,
        next_window=None,
    )


@pytest.mark.parametrize("path", STATUS)
def test_the_status_has_the_fields_of_orthanc_and_ours(archive, keeper, status, ids, path):
    archive.plays(DescribeHousekeeping, status)

    assert keeper.json(path) == {
        "Version": 1,
        "LastProcessedChange": 126,
        "LastChangeToProcess": 420,
        "LastTimeStarted": "20261120T232413.391988",
        "CurrentlyProcessingConfiguration": {
            "OrthancVersion": "1.13.0",
            "DicomWebVersion": "",
            "StorageCompressionEnabled": True,
            "IngestTranscoding": "",
            "MainDicomTagsSignature": {
                "Patient": "0001,0000",
                "Study": "0002,0000",
                "Series": "0003,0000",
                "Instance": "0004,0000",
            },
        },
        "LastProcessedConfiguration": None,
        "State": "Working",
        "Paused": False,
        "Problem": "",
        "StudiesDone": 30,
        "StudiesLeft": 70,
        "StudiesPutFirst": [ids.study],
        "StudiesPerSecond": 0.25,
        "EstimatedEnd": "20261120T232853.000000",
        "NextWindow": None,
        "CountFailures": 1,
        "Failures": [
            {
                "ID": ids.study,
                "Path": f"/studies/{ids.study}",
                "Instance": ids.instance,
                "Reason": "It is lost.",
                "Attempts": 2,
                "NextAttempt": "20261120T232513.000000",
            }
        ],
    }


@pytest.mark.parametrize("path", STATUS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_status_can_only_be_got(keeper, path, method):
    response = keeper(method, path)

    assert (response.status, response.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("options", [{}, {"read_only": True, "on": True}])
def test_nothing_is_there_where_nobody_keeps_house(serve, ids, options):
    options = dict(options)
    on = options.pop("on", False)
    client = serve(housekeeper=HousekeeperSettings(enable=on), **options)

    assert client.json("/plugins") == ["explorer.js", "delayed-deletion"]
    assert [client.get(path).status for path in (*STATUS, "/housekeeper/plan")] == [404] * 3
    assert client.get("/plugins/housekeeper").status == 404
    assert client("POST", STATUS[0]).status == 404
    for word in COMMANDS:
        assert client("POST", f"/housekeeper/{word.format(ids.study)}").status == 404


def test_the_plugin_is_listed_and_described(keeper):
    assert keeper.json("/plugins") == ["explorer.js", "delayed-deletion", "housekeeper"]
    plugin = keeper.json("/plugins/housekeeper")
    assert (plugin["ID"], plugin["ExtendsOrthancExplorer"]) == ("housekeeper", False)


def test_a_plan_is_shown(archive, keeper):
    archive.plays(
        PlanHousekeeping,
        HousekeepingPlan(
            findings=(Finding("MainDicomTagsChange", True, True, "They have changed."),),
            chores=Chores(frozenset({Level.STUDY, Level.SERIES}), Compression.ZSTANDARD),
            work=Workload(Position(7), 3, 40, 5_000_000_000),
            is_running=False,
        ),
    )

    assert keeper.json("/housekeeper/plan") == {
        "Running": False,
        "Triggers": [
            {
                "Trigger": "MainDicomTagsChange",
                "Enabled": True,
                "Fires": True,
                "Reason": "They have changed.",
            }
        ],
        "Chores": {
            "MainDicomTags": ["Study", "Series"],
            "Everything": False,
            "RewriteFiles": True,
            "RemoveDicomAsJson": False,
        },
        "Studies": 3,
        "Instances": 40,
        "Bytes": "5000000000",
    }


@pytest.mark.parametrize(
    ("word", "kind"), [("pause", PauseHousekeeping), ("resume", ResumeHousekeeping)]
)
def test_pausing_and_resuming_answer_the_status(archive, keeper, status, word, kind):
    archive.plays(kind, status)
    response = keeper("POST", f"/housekeeper/{word}")

    assert json.loads(response.content)["StudiesDone"] == 30
    assert len(archive.heard(kind)) == 1


@pytest.mark.parametrize(
    ("body", "force", "rewrite"),
    [
        ("", False, False),
        ("{}", False, False),
        ('{"Force": true}', True, False),
        ('{"Force": true, "ReconstructFiles": true}', True, True),
    ],
)
def test_a_run_is_asked_for_as_the_body_says(archive, keeper, status, body, force, rewrite):
    archive.plays(RunHousekeeping, status)

    assert keeper("POST", "/housekeeper/run", body).status == 200
    assert archive.heard(RunHousekeeping) == [RunHousekeeping(force=force, rewrite_files=rewrite)]


@pytest.mark.parametrize(
    ("body", "details"),
    [
        ("[", "The body is no JSON."),
        ("[]", "The body is no JSON object."),
        ('{"Force": 1}', "Only Force and ReconstructFiles can be said, and are true or false."),
        ('{"Forces": true}', "Only Force and ReconstructFiles can be said, and are true or false."),
        ('{"ReconstructFiles": true}', "ReconstructFiles can only be said with Force."),
    ],
)
def test_a_body_that_cannot_be_meant_is_refused(keeper, body, details):
    response = keeper("POST", "/housekeeper/run", body)

    assert response.status == 400
    assert json.loads(response.content)["Details"] == details


def test_a_study_is_put_first(archive, keeper, status, ids):
    archive.plays(PutStudyFirst, status)

    assert keeper("POST", f"/housekeeper/studies/{ids.study}/first").status == 200
    assert archive.heard(PutStudyFirst) == [PutStudyFirst(id=ids.study)]


def test_a_study_that_is_not_there_is_answered_by_404(archive, keeper):
    archive.plays(PutStudyFirst, UnknownResource())
    response = keeper("POST", "/housekeeper/studies/nothing/first")

    assert response.status == 404
    assert json.loads(response.content)["OrthancStatus"] == 17


def test_an_archive_keeps_house_as_it_is_set(whole):
    client = whole(housekeeper=HousekeeperSettings(enable=True, throttle_delay=0))
    status = client.json("/housekeeper/status")

    assert status == client.json("/plugins/housekeeper/status")
    assert status["State"] in {"Idle", "Working"}
    assert client.json("/housekeeper/plan")["Studies"] == 0
