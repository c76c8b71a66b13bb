"""The settings of traces."""

from repertory.conf.fields import section, setting


@section("Tracing")
class TracingSettings:
    """Whether requests are followed through the archive, and who is told (OpenTelemetry)."""

    enable: bool = setting(
        default=False,
        meaning="Whether each request, question and message is a span of OpenTelemetry.",
        ours=True,
    )
    exporter: str = setting(
        default="",
        meaning="Where spans go: `otlp`, `console` or another exporter that is installed; empty:"
        " where the program goes that embeds the archive.",
        ours=True,
    )
