"""Metrics: Orthanc's by their names, and ours."""

import json
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pynetdicom import AE

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.messages.base import Query, message
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import OrthancProcess, ask, find_orthanc
from repertory.testing.server import until

PATH = "/tools/metrics-prometheus"


def samples(client):
    """All samples by name, and labels in the form that a query has."""
    response = client.get(PATH)
    assert response.status == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def names(text):
    return {line.split()[0] for line in text.splitlines() if line.startswith("orthanc_")}


def test_the_archive_is_told_in_orthancs_words(whole):
    client = whole()
    client("POST", "/instances", make_dicom(size=3 << 20))
    told = samples(client)

    for level in ("patients", "studies", "series", "instances"):
        assert told[f"orthanc_count_{level}", ()] == 1
    assert told["orthanc_disk_size_mb", ()] >= 3
    assert told["orthanc_storage_written_bytes", ()] >= 3 << 20
    assert told["orthanc_storage_create_duration_ms", ()] > 0
    assert told["orthanc_store_dicom_duration_ms", ()] > 0
    assert told["orthanc_last_change", ()] >= 4
    assert told["orthanc_rest_api_active_requests", ()] == 1
    assert told["orthanc_jobs_running", ()] == 0


def test_what_was_logged_is_counted_where_the_log_is_ours(whole, monkeypatch):
    client = whole()
    assert not any(name.startswith("orthanc_logged") for name in names(client.get(PATH).text))

    counts = {"error": 2, "warning": 5}
    monkeypatch.setattr(client.archive.board.meters, "logged", lambda: counts)

    told = samples(client)
    assert told["orthanc_logged_errors_count", ()] == 2
    assert told["orthanc_logged_warnings_count", ()] == 5


def test_of_associations_nothing_is_told_where_there_are_none(whole):
    client = whole(dicom_server_enabled=False)

    assert "orthanc_available_dicom_threads" not in names(client.get(PATH).text)


def test_it_is_told_how_many_more_associations_may_be_open(whole):
    client = whole(dicom_server_enabled=True, dicom_port=0, dicom_maximum_associations=3)
    entity = AE("PEER")
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate("127.0.0.1", client.archive.dicom_port, ae_title="ANY")
    assert association.is_established

    assert samples(client)["orthanc_available_dicom_threads", ()] == 2
    association.release()
    until(lambda: samples(client)["orthanc_available_dicom_threads", ()] == 3)


def test_lines_with_orthancs_names_have_its_form(whole):
    client = whole()
    response = client.get(PATH)

    assert response.headers["Content-Type"] == "text/plain; version=0.0.4"
    for line in response.text.splitlines():
        if line.startswith("orthanc_"):
            _, value, stamp = line.split(" ")
            assert float(value) >= 0
            assert int(stamp) > 1_500_000_000_000


@pytest.mark.skipif(find_orthanc() is None, reason="Orthanc is not installed")
def test_what_orthanc_tells_is_told_here(whole, tmp_path):
    with OrthancProcess(tmp_path / "orthanc") as orthanc:
        orthanc.ask("POST", "/instances", make_dicom())
        _, headers, theirs = ask(orthanc.port, "GET", PATH)
    client = whole()
    client("POST", "/instances", make_dicom())
    ours = client.get(PATH)

    missing = names(theirs.decode()) - names(ours.text)
    # There is no cache of parsed files here.
    assert missing == {"orthanc_dicom_cache_count", "orthanc_dicom_cache_size"}
    assert ours.headers["Content-Type"] == headers["content-type"]


def test_requests_are_told_by_route(whole):
    client = whole()
    stored = json.loads(client("POST", "/instances", make_dicom()).content)
    for _ in range(3):
        client.get(f"/instances/{stored['ID']}")
    client.get("/studies/nobody")
    told = samples(client)
    labels = (("method", "GET"), ("path", "/instances/{id}"))

    assert told["repertory_http_request_duration_seconds_count", labels] == 3
    infinite = tuple(sorted((*labels, ("le", "+Inf"))))
    assert told["repertory_http_request_duration_seconds_bucket", infinite] == 3
    assert told["repertory_http_request_duration_seconds_sum", labels] > 0
    assert told["repertory_http_responses_total", (("status", "404"),)] == 1


def test_paths_that_clients_make_up_share_one_name(whole):
    client = whole()
    for number in range(5):
        client.get(f"/made/up/{number}")
    told = samples(client)

    assert (
        told["repertory_http_request_duration_seconds_count", (("method", "GET"), ("path", "none"))]
        == 5
    )
    assert not any("made" in str(labels) for _, labels in told)


def test_messages_are_told_by_type(whole):
    client = whole()
    client("POST", "/instances", make_dicom())
    told = samples(client)

    assert told["repertory_message_duration_seconds_count", (("message", "RecordInstance"),)] == 1


@message
class WaitForIt(Query[None]):
    """Answered when the test says so."""


class SlowActor(RepertoryActor):
    rank = 1

    def __init__(self, *, board, gate):
        super().__init__(board=board)
        self._gate = gate

    @handles(WaitForIt)
    def wait_for_it(self, _query):
        assert self._gate.wait(30)


def test_a_mailbox_that_is_stuck_is_told_with_its_age_and_keeps_nobody_waiting(whole):
    client = whole()
    board, gate = client.archive.board, threading.Event()
    ref = SlowActor.start(board=board, gate=gate)
    board.connect(ref, SlowActor)
    replies = [board.ask_soon(WaitForIt()) for _ in range(3)]
    first, second = samples(client), samples(client)
    gate.set()
    for reply in replies:
        reply.get(timeout=30)
    ref.stop()

    of = (("actor", "SlowActor"),)
    assert first["repertory_mailbox_depth", of] >= 3
    assert second["repertory_mailbox_age_seconds", of] > first["repertory_mailbox_age_seconds", of]
    assert first["repertory_mailbox_depth", (("actor", "IndexActor"),)] <= 1


def test_metrics_can_be_switched_off_and_on_again(whole):
    client = whole()

    assert client.get("/tools/metrics").text == "1"
    assert client("PUT", "/tools/metrics", "0").status == 200
    assert client.get("/tools/metrics").text == "0"
    assert client.get(PATH).content == b""
    client.get("/studies")
    client("PUT", "/tools/metrics", "true")
    assert not any("/studies" in str(labels) for _, labels in samples(client))


def test_metrics_may_be_off_from_the_start(whole):
    client = whole(metrics_enabled=False)

    assert client.get("/tools/metrics").text == "0"
    assert client.get(PATH).content == b""


def test_what_is_neither_on_nor_off_is_refused_like_orthanc_does(whole):
    client = whole()
    response = client("PUT", "/tools/metrics", "perhaps")

    assert response.status == 400
    assert json.loads(response.content)["OrthancStatus"] == 15
    assert client.get("/tools/metrics").text == "1"


def test_an_application_whose_host_has_no_meters_has_no_metrics(client):
    assert client.get("/tools/metrics").status == 404
    assert client.get(PATH).status == 404


def test_jobs_that_are_over_are_counted_over_the_history(whole):
    client = whole()
    stored = json.loads(client("POST", "/instances", make_dicom()).content)
    body = json.dumps({"Synchronous": False, "Resources": [stored["ParentStudy"]]})
    client("POST", "/tools/create-archive", body)
    until(lambda: samples(client)["orthanc_jobs_total_completed", ()])
    told = samples(client)

    assert told["orthanc_jobs_total_success", ()] == 1
    assert told["orthanc_jobs_success", ()] == 1
