"""Meters as text, in the format that Prometheus reads (version 0.0.4).

Orthanc's own names come as Orthanc writes them, with the time and without a type; ours have both a
type and a word of help.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from time import perf_counter, process_time

from repertory.jobs import JobState
from repertory.meters import BOUNDS, Histogram, Mail, Meters
from repertory.model import Totals

CONTENT_TYPE = "text/plain; version=0.0.4"
_MEGABYTE = 1 << 20


def known_lines(
    meters: Meters,
    totals: Totals,
    last_change: int,
    jobs: Iterable[JobState],
    moment: float,
    *,
    associations_left: int | None,
) -> Iterator[str]:
    """Orthanc's metrics: name, value, and the time in milliseconds.

    ``associations_left`` is how many more may be open; ``None`` where DICOM is not spoken.
    """
    states = list(jobs)
    done = {state: states.count(state) for state in JobState}
    create, read, remove = (meters.operations[it] for it in ("create", "read", "remove"))
    values: dict[str, float] = {
        "orthanc_count_instances": totals.instances,
        "orthanc_count_patients": totals.patients,
        "orthanc_count_series": totals.series,
        "orthanc_count_studies": totals.studies,
        "orthanc_disk_size_mb": totals.disk_size / _MEGABYTE,
        "orthanc_jobs_completed": done[JobState.SUCCESS] + done[JobState.FAILURE],
        "orthanc_jobs_failed": done[JobState.FAILURE],
        "orthanc_jobs_pending": done[JobState.PENDING],
        "orthanc_jobs_running": done[JobState.RUNNING],
        "orthanc_jobs_success": done[JobState.SUCCESS],
        "orthanc_jobs_total_completed": sum(meters.jobs.values()),
        "orthanc_jobs_total_failed": meters.jobs["failed"],
        "orthanc_jobs_total_success": meters.jobs["success"],
        "orthanc_last_change": last_change,
        **{f"orthanc_logged_{kind}s_count": count for kind, count in meters.logged().items()},
        "orthanc_rest_api_active_requests": meters.active_requests(),
        "orthanc_rest_api_duration_ms": meters.slowest_request.value * 1000,
        "orthanc_storage_cache_count": sum(it.count for it in meters.caches),
        "orthanc_storage_cache_hit_count": sum(it.hits for it in meters.caches),
        "orthanc_storage_cache_miss_count": sum(it.misses for it in meters.caches),
        "orthanc_storage_cache_size_mb": sum(it.size for it in meters.caches) / _MEGABYTE,
        "orthanc_storage_create_duration_ms": create.worst.value * 1000,
        "orthanc_storage_read_bytes": read.size,
        "orthanc_storage_read_duration_ms": read.worst.value * 1000,
        "orthanc_storage_remove_duration_ms": remove.worst.value * 1000,
        "orthanc_storage_written_bytes": create.size,
        "orthanc_store_dicom_duration_ms": meters.slowest_store.value * 1000,
        "orthanc_uncompressed_size_mb": totals.uncompressed_size / _MEGABYTE,
        "orthanc_up_time_s": int(perf_counter() - meters.began),
    }
    if associations_left is not None:
        values["orthanc_available_dicom_threads"] = associations_left
    stamp = int(moment * 1000)
    for name, value in sorted(values.items()):
        yield f"{name} {_number(value)} {stamp}"


def own_lines(meters: Meters, mail: Mapping[str, Mail]) -> Iterator[str]:
    """Ours: latencies as histograms, mailboxes, and what the process uses."""
    yield from _histograms(
        "repertory_http_request_duration_seconds",
        "From a request's head to the end of its answer, by route.",
        {
            f'method="{it.method}",path="{_escaped(it.path)}"': histogram
            for it, histogram in list(meters.requests.items())
        },
    )
    yield from _values(
        "repertory_http_responses_total",
        "counter",
        "Answers, by HTTP status.",
        {f'status="{status}"': count for status, count in list(meters.statuses.items())},
    )
    yield from _histograms(
        "repertory_message_duration_seconds",
        "From a question to its answer, by the type of the message.",
        {
            f'message="{kind.__name__}"': histogram
            for kind, histogram in list(meters.answers.items())
        },
    )
    yield from _values(
        "repertory_mailbox_depth",
        "gauge",
        "Messages that wait, or are being handled.",
        {f'actor="{actor}"': it.depth for actor, it in mail.items()},
    )
    yield from _values(
        "repertory_mailbox_age_seconds",
        "gauge",
        "How long a message waits until it is handled, or has waited so far.",
        {f'actor="{actor}"': it.age for actor, it in mail.items()},
    )
    yield from _histograms(
        "repertory_storage_duration_seconds",
        "What files take in their storage.",
        {f'operation="{name}"': it.duration for name, it in meters.operations.items()},
    )
    yield from _process()


def _histograms(name: str, help_: str, histograms: Mapping[str, Histogram]) -> Iterator[str]:
    if histograms:
        yield f"# HELP {name} {help_}"
        yield f"# TYPE {name} histogram"
    for labels, histogram in sorted(histograms.items()):
        count = 0
        for bound, number in zip((*BOUNDS, "+Inf"), list(histogram.counts), strict=True):
            count += number
            yield f'{name}_bucket{{{labels},le="{bound}"}} {count}'
        yield f"{name}_sum{{{labels}}} {_number(histogram.total)}"
        yield f"{name}_count{{{labels}}} {count}"


def _values(name: str, kind: str, help_: str, values: Mapping[str, float]) -> Iterator[str]:
    if values:
        yield f"# HELP {name} {help_}"
        yield f"# TYPE {name} {kind}"
    for labels, value in sorted(values.items()):
        yield f"{name}{{{labels}}} {_number(value)}" if labels else f"{name} {_number(value)}"


def _process() -> Iterator[str]:
    cpu = process_time()
    yield from _values("process_cpu_seconds_total", "counter", "Processor time.", {"": cpu})
    proc = Path("/proc/self")
    if not proc.is_dir():
        return
    pages = int((proc / "statm").read_text().split()[1])
    memory = pages * os.sysconf("SC_PAGE_SIZE")
    yield from _values("process_resident_memory_bytes", "gauge", "Memory in use.", {"": memory})
    files = sum(1 for _ in (proc / "fd").iterdir())
    yield from _values("process_open_fds", "gauge", "Open file descriptors.", {"": files})
    threads = sum(1 for _ in (proc / "task").iterdir())
    yield from _values("process_threads", "gauge", "Threads.", {"": threads})


def _number(value: float) -> str:
    return f"{value:.10g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
