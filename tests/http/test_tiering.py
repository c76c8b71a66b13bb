"""Tiering over HTTP, with a whole archive and a real bucket."""

import json

import obstore
import pytest

from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.integrity import AwaitCheck, BeginCheck
from repertory.conf.advanced_storage import AdvancedStorageSettings, MultipleStoragesSettings
from repertory.conf.tiering import RecallSettings, TieringRuleSettings, TieringSettings
from repertory.testing.fault_proxy import Fault, FaultProxy
from repertory.testing.files import make_dicom, make_study
from repertory.testing.server import until


@pytest.fixture
def disks(whole, tmp_path):
    """An archive with another disk, and one rule: what has the label "old" goes there."""

    def start(*rules, recall=None, **options):
        disks = MultipleStoragesSettings(storages={"second": str(tmp_path / "second")})
        wanted = rules or (TieringRuleSettings(name="old", target="second", labels=["old"]),)
        tiering = TieringSettings(
            enable=True, rules=list(wanted), busy_share=100, recall=recall or RecallSettings()
        )
        return whole(
            advanced_storage=AdvancedStorageSettings(enable=True, multiple_storages=disks),
            tiering=tiering,
            **options,
        )

    return start


@pytest.fixture
def proxy(s3_emulator):
    with FaultProxy(s3_emulator.port) as proxy:
        yield proxy


@pytest.fixture
def tiers(whole, s3_emulator, proxy, bucket_name):
    """An archive with an object store behind a proxy, to which old studies go."""
    s3_emulator.make_bucket(bucket_name)
    old = TieringRuleSettings(name="old", target="object-storage", labels=["old"])

    def start(recall=None):
        section = s3_emulator.section(
            bucket_name,
            endpoint=proxy.url,
            idle_timeout=0.5,
            max_retries=0,
            hybrid_mode="WriteToFileSystem",
        )
        tiering = TieringSettings(
            enable=True, rules=[old], busy_share=100, recall=recall or RecallSettings()
        )
        return whole(aws_s3_storage=section, tiering=tiering)

    return start


@pytest.fixture
def bucket(proxy, bucket_name):
    return obstore.store.S3Store(
        bucket_name,
        endpoint=proxy.url,
        region="us-east-1",
        access_key_id="test",
        secret_access_key="x",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )


def store(client, content=None):
    ids = client.archive.ask(StoreInstance(content=content or make_dicom())).ids
    client("PUT", f"/studies/{ids.study}/labels/old")
    return ids


def store_study(client, **more):
    return [store(client, content) for content in make_study(**more)]


def run(client):
    """Run a pass to its end; what it did."""
    assert client("POST", "/tiering/run").status == 200
    until(lambda: client.json("/tiering/status")["State"] == "Idle")
    return client.json("/tiering/status")["LastPass"]["Rules"][0]


def place_of(client, ids):
    return client.json(f"/instances/{ids.instance}/attachments/dicom/info")["Storage"]


def places_of(client, instances):
    return {place_of(client, ids) for ids in instances}


def is_sound(client):
    client.archive.ask(BeginCheck(checksums=True))
    return client.archive.ask(AwaitCheck()).report.is_sound


def test_the_plan_says_what_a_pass_then_moves(disks):
    client = disks()
    content = make_dicom()
    ids = store(client, content)
    client.archive.ask(StoreInstance(content=make_dicom(patient_id="other")))

    plan = client.json("/tiering/plan")

    assert plan == {
        "CountFiles": 1,
        "Size": str(len(content)),
        "Rules": [
            {
                "Name": "old",
                "CountStudies": 1,
                "CountFiles": 1,
                "Size": str(len(content)),
                "SizeMB": 0,
                "Problem": "",
            }
        ],
    }
    assert place_of(client, ids) == "file-system"
    done = run(client)
    assert done == {**plan["Rules"][0], "CountFailed": 0}
    assert place_of(client, ids) == "second"
    assert client.json("/tiering/plan")["CountFiles"] == 0


def test_the_status_has_these_members(disks):
    client = disks()
    until(lambda: client.json("/tiering/status")["LastPass"])
    status = client.json("/tiering/status")

    words = "Current Failures LastPass NextPass Paused Problem Recall Room Rule State"
    assert sorted(status) == words.split()
    words = "CountFiles Dropped Enabled Failed Pending Prefetch Problem Size"
    assert sorted(status["Recall"]) == words.split()
    assert status["State"] == "Idle"
    assert status["NextPass"] > status["LastPass"]["Ended"]


def test_the_room_on_a_disk_is_the_systems_own(disks):
    rule = TieringRuleSettings(
        name="room", source="file-system", target="second", free_below="100%", free_until="100%"
    )
    client = disks(rule)
    ids = store(client)

    run(client)

    assert place_of(client, ids) == "second"
    room = client.json("/tiering/status")["Room"]["file-system"]
    assert 0 <= int(room["FreeSize"]) <= int(room["TotalSize"])


def test_a_pause_is_told_and_ended(disks):
    client = disks()

    paused = json.loads(client("POST", "/tiering/pause").content)
    assert (paused["State"], paused["Paused"], paused["NextPass"]) == ("Paused", True, None)

    resumed = json.loads(client("POST", "/tiering/resume").content)
    assert resumed["Paused"] is False


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/tiering/status"),
        ("GET", "/tiering/plan"),
        ("POST", "/tiering/run"),
        ("POST", "/tiering/pause"),
        ("POST", "/tiering/resume"),
    ],
)
def test_there_are_no_such_routes_where_there_are_no_rules(whole, method, path):
    client = whole()

    assert client(method, path).status == 404


def test_an_archive_that_is_read_only_moves_nothing(disks):
    client = disks(read_only=True)

    assert client.get("/tiering/status").status == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_other_methods_are_refused(disks, method):
    client = disks()

    assert client(method, "/tiering/run").status == 405


def test_a_study_goes_to_the_bucket_and_comes_back_when_it_is_read(tiers):
    client = tiers(RecallSettings(enable=True, prefetch="Study"))
    studies = store_study(client, series=2, instances=3)
    assert run(client)["CountFiles"] == 6
    assert places_of(client, studies) == {"object-storage"}

    assert client.get(f"/instances/{studies[4].instance}/file").status == 200
    until(lambda: client.json("/tiering/status")["Recall"]["CountFiles"] == 6)

    assert places_of(client, studies) == {"file-system"}
    assert client.json("/hybrid/status")["Storages"]["object-storage"]["CountFiles"] == 0
    assert is_sound(client)


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 503}, {"hangs": True}, {"cuts_request": True}]
)
def test_a_store_that_fails_in_the_midst_of_a_pass_loses_nothing(tiers, proxy, fault):
    client = tiers()
    studies = store_study(client, series=1, instances=20)
    puts = []

    def after_a_few(method, _path):
        if method == "PUT":
            puts.append(None)
        return Fault(**fault) if len(puts) > 5 else None

    proxy.choose = after_a_few
    done = run(client)

    assert done["CountFailed"] or done["Problem"]
    assert client.json("/tiering/status")["Failures"] or done["Problem"]
    for ids in studies:
        if place_of(client, ids) == "file-system":
            assert client.get(f"/instances/{ids.instance}/file").status == 200
    proxy.choose = lambda *_: None
    # A connection that was kept from before may still be cut, and stop one more pass.
    until(lambda: run(client) and places_of(client, studies) == {"object-storage"})
    assert is_sound(client)


def test_an_object_that_was_removed_behind_our_back_is_reported_and_the_rest_comes_back(
    tiers, bucket
):
    client = tiers(RecallSettings(enable=True, prefetch="Study"))
    studies = store_study(client, series=1, instances=3)
    run(client)
    lost = client.json(f"/instances/{studies[1].instance}/attachments/dicom/info")["Uuid"]
    obstore.delete(bucket, f"{lost}.dcm")

    assert client.get(f"/instances/{studies[0].instance}/file").status == 200
    until(lambda: client.json("/tiering/status")["Recall"]["Failed"])

    recall = client.json("/tiering/status")["Recall"]
    assert (recall["CountFiles"], recall["Failed"]) == (2, 1)
    assert recall["Problem"]
    assert client.get(f"/instances/{studies[1].instance}/file").status == 500


def test_a_store_that_hangs_when_it_is_read_keeps_nobody_from_what_came_back(tiers, proxy):
    client = tiers(RecallSettings(enable=True))
    near, far = store(client), store(client, make_dicom(patient_id="far"))
    run(client)
    client.get(f"/instances/{near.instance}/file")
    until(lambda: place_of(client, near) == "file-system")
    proxy.choose = lambda *_: Fault(hangs=True)

    assert client.get(f"/instances/{near.instance}/file").status == 200
    assert client.get(f"/instances/{far.instance}/file").status == 503
