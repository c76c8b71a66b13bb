"""A request is followed through the actors, by OpenTelemetry's own SDK."""

import http.client
import itertools
from importlib.metadata import EntryPoint

import pytest

from repertory import Repertory
from repertory.actors.messages.instances import StoreInstance
from repertory.conf.settings import Settings
from repertory.conf.tracing import TracingSettings
from repertory.errors import CannotStart
from repertory.testing.files import make_dicom
from repertory.tracing import OpenTelemetryTracer

sdk = pytest.importorskip("opentelemetry.sdk.trace")
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: E402
    InMemorySpanExporter,
)

NOBODY = "11111111-22222222-33333333-44444444-55555555"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def spans(monkeypatch):
    """Spans that are kept here."""
    exporter = InMemorySpanExporter()
    provider = sdk.TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: provider)
    return exporter


@pytest.fixture
def archive(tmp_path, spans):
    settings = Settings(
        http_port=0, storage_directory=str(tmp_path), tracing=TracingSettings(enable=True)
    )
    with Repertory(settings) as archive:
        spans.clear()
        yield archive


def request(archive, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", archive.port, timeout=20)
    connection.request(method, path, body=body, headers=headers or {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def by_name(spans):
    return {span.name: span for span in spans.get_finished_spans()}


def test_an_upload_is_followed_from_the_request_to_the_index(archive, spans):
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    status, _ = request(archive, "POST", "/instances", make_dicom(), headers)
    archive.stop()
    found = by_name(spans)

    assert status == 200
    way = [
        "POST /instances",
        "ask StoreInstance",
        "StorageActor StoreInstance",
        "ask RecordInstance",
        "IndexActor RecordInstance",
    ]
    for above, below in itertools.pairwise(way):
        assert found[below].parent.span_id == found[above].context.span_id
    assert {f"{found[name].context.trace_id:032x}" for name in way} == {TRACE}
    assert f"{found['POST /instances'].parent.span_id:016x}" == "00f067aa0ba902b7"
    assert found["POST /instances"].attributes["http.response.status_code"] == 200
    asked, handled = found["ask RecordInstance"], found["IndexActor RecordInstance"]
    assert asked.start_time <= handled.start_time <= handled.end_time <= asked.end_time


def test_requests_that_share_a_transaction_keep_apart(archive, spans):
    contents = [make_dicom(patient_id=f"P{number}") for number in range(20)]
    for reply in [archive.ask_soon(StoreInstance(content=content)) for content in contents]:
        reply.get(timeout=20)
    archive.stop()
    traces = {}
    for span in spans.get_finished_spans():
        traces.setdefault(span.context.trace_id, []).append(span.name)
    stored = [names for names in traces.values() if "ask StoreInstance" in names]

    assert len(stored) == 20
    for names in stored:
        assert names.count("ask RecordInstance") == 1
        assert names.count("IndexActor RecordInstance") == 1


def test_an_error_is_told_by_its_name_alone(archive, spans):
    status, _ = request(archive, "GET", f"/studies/{NOBODY}")
    archive.stop()
    told = [
        f"{span.name} {dict(span.attributes)} {span.events}" for span in spans.get_finished_spans()
    ]
    found = by_name(spans)

    assert status == 404
    assert found["ask DescribeResource"].attributes["error.type"] == "UnknownResource"
    assert not any(NOBODY in one for one in told)


def test_spans_go_to_the_exporter_that_is_named_and_none_is_lost_at_the_end(tmp_path, monkeypatch):
    exporter = InMemorySpanExporter()
    offered = EntryPoint("pigeons", "tests:pigeons", "opentelemetry_traces_exporter")
    monkeypatch.setattr(EntryPoint, "load", lambda _: lambda: exporter)
    monkeypatch.setattr("repertory.tracing.entry_points", lambda **_: [offered])
    settings = Settings(
        http_server_enabled=False,
        storage_directory=str(tmp_path),
        tracing=TracingSettings(enable=True, exporter="pigeons"),
    )
    with Repertory(settings) as archive:
        archive.ask(StoreInstance(content=make_dicom()))

    found = by_name(exporter)
    assert "IndexActor RecordInstance" in found
    assert found["ask StoreInstance"].resource.attributes["service.name"] == "repertory"


def test_an_exporter_that_is_not_installed_is_named(tmp_path):
    settings = Settings(
        http_server_enabled=False,
        storage_directory=str(tmp_path),
        tracing=TracingSettings(enable=True, exporter="pigeons"),
    )

    with pytest.raises(CannotStart, match=r"no exporter 'pigeons'.*console"):
        Repertory(settings).start()


def test_without_a_tracer_nothing_is_wrapped(tmp_path):
    settings = Settings(http_server_enabled=False, storage_directory=str(tmp_path))
    with Repertory(settings) as archive:
        reply = archive.ask_soon(StoreInstance(content=make_dicom()))
        reply.get(timeout=20)

        assert archive.board.tracer is None
        assert reply.carry is None
        assert not isinstance(archive._tracer, OpenTelemetryTracer)
