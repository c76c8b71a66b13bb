"""Traces by OpenTelemetry: a span for each request, each question, and each message handled."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any, TypeVar

from repertory.conf.tracing import TracingSettings
from repertory.errors import CannotStart
from repertory.version import VERSION

R = TypeVar("R")

_GROUP = "opentelemetry_traces_exporter"
"""Under which name packages offer exporters (OpenTelemetry Python, "entry points")."""


def tracer_of(settings: TracingSettings) -> "OpenTelemetryTracer | None":
    """The tracer that the settings want, if they want any.

    Raises:
        CannotStart: OpenTelemetry, or the exporter, is not installed.
    """
    if not settings.enable:
        return None
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an extra that few have
    except ImportError as error:
        raise CannotStart(
            "Tracing.Enable needs OpenTelemetry: pip install 'repertory[tracing]'."
        ) from error
    if not settings.exporter:
        return OpenTelemetryTracer(trace.get_tracer_provider())
    return OpenTelemetryTracer(*_provider(settings.exporter))


def _provider(exporter: str) -> tuple[Any, Callable[[], None]]:
    """A provider that sends to an exporter, and how it is ended."""
    try:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - see above
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise CannotStart(
            "Tracing.Exporter needs the SDK of OpenTelemetry: pip install 'repertory[tracing]'."
        ) from error
    found = list(entry_points(group=_GROUP, name=exporter))
    if not found:
        known = ", ".join(sorted({it.name for it in entry_points(group=_GROUP)}))
        raise CannotStart(f"There is no exporter {exporter!r} for Tracing; there are: {known}.")
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, where they are set, win.
    resource = Resource.create()
    if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "repertory"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(found[0].load()()))
    return provider, provider.shutdown


class OpenTelemetryTracer:
    """A ``Tracer`` on OpenTelemetry. No span tells an identifier, a path or a value."""

    def __init__(self, provider: Any, end: Callable[[], None] = lambda: None) -> None:
        """Take a provider of tracers; ``end`` sends what is left, and ends it."""
        from opentelemetry import context, propagate, trace  # noqa: PLC0415 - see above

        self._context = context
        self._propagate = propagate
        self._trace = trace
        self._tracer = provider.get_tracer("repertory", VERSION)
        self.close = end

    def context(self) -> Any:
        """What the calling thread, or task, is in the midst of."""
        return self._context.get_current()

    @contextmanager
    def asking(self, message: str) -> Iterator[Callable[[Any], None]]:
        """A span from the question to its answer; what is sent within belongs to it."""
        span = self._tracer.start_span(f"ask {message}", kind=self._trace.SpanKind.INTERNAL)

        def end(reply: Any) -> None:
            if reply.error is not None:
                self._note_error(span, reply.error)
            span.end()

        with self._trace.use_span(span, end_on_exit=False):
            yield end

    @contextmanager
    def handling(self, actor: str, message: str, context: Any) -> Iterator[None]:
        """A span for what an actor does with a message."""
        with self._tracer.start_as_current_span(
            f"{actor} {message}",
            context=context,
            attributes={"repertory.actor": actor, "repertory.message": message},
            record_exception=False,  # its text may name what no trace may tell
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                self._note_error(span, error)
                raise

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator["RequestSpan"]:
        """A span for a request, which belongs to what its header ``traceparent`` names."""
        parent = self._propagate.extract(dict(headers))
        with self._tracer.start_as_current_span(
            method,
            context=parent,
            kind=self._trace.SpanKind.SERVER,
            attributes={"http.request.method": method},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield RequestSpan(span, self._trace)

    def carried(self, work: Callable[..., R]) -> Callable[..., R]:
        """``work`` in the context of whoever calls this."""
        context = self._context.get_current()

        def do(*values: Any) -> R:
            token = self._context.attach(context)
            try:
                return work(*values)
            finally:
                self._context.detach(token)

        return do

    def _note_error(self, span: Any, error: BaseException) -> None:
        span.set_status(self._trace.Status(self._trace.StatusCode.ERROR))
        span.set_attribute("error.type", type(error).__name__)


class RequestSpan:
    """The span of a request."""

    def __init__(self, span: Any, trace: Any) -> None:
        self._span = span
        self._trace = trace

    def name(self, method: str, path: str) -> None:
        """Its route is known."""
        self._span.update_name(f"{method} {path}")
        self._span.set_attribute("http.route", path)

    def end(self, status: int) -> None:
        """It was answered."""
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_status(self._trace.Status(self._trace.StatusCode.ERROR))
