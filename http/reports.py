"""Checks of the archive as JSON; it needs no HTTP, so the command line writes the same."""

from datetime import UTC, datetime
from typing import Any

from repertory.integrity import IntegrityReport, IntegrityState

Object = dict[str, Any]


def integrity_state(it: IntegrityState) -> Object:
    """How far a check is, and what the last one found."""
    view: Object = {
        "Running": it.is_running,
        "Report": None if it.report is None else integrity_report(it.report),
    }
    if it.is_running:
        view["Phase"], view["Done"], view["Total"] = it.phase, it.done, it.total
    if it.problem:
        view["Problem"] = it.problem
    return view


def integrity_report(it: IntegrityReport) -> Object:
    """What a check found, and what a repair did; files by UUID and resource, never by path."""
    return {
        "Sound": it.is_sound,
        "Started": stamp(it.started),
        "Finished": stamp(it.finished),
        "Checksums": it.with_checksums,
        "Repair": it.with_repair,
        "Files": it.files,
        "Size": str(it.size),
        "Damaged": [
            {
                "ResourceType": file.level.word,
                "ID": file.id,
                "Path": f"/{file.level.plural}/{file.id}",
                "ContentType": file.content_type,
                "Uuid": file.uuid,
                "Damage": file.damage.value,
                "Size": file.size,
                "Found": file.found,
            }
            for file in it.damaged
        ],
        "Orphans": [{"Uuid": file.uuid, "Size": file.size} for file in it.orphans],
        "ForeignFiles": it.foreign,
        "Counters": [
            {
                "ResourceType": None if wrong.level is None else wrong.level.word,
                "ID": wrong.id,
                "Counter": wrong.counter,
                "Kept": wrong.kept,
                "Counted": wrong.counted,
            }
            for wrong in it.counters
        ],
        "Repaired": {
            "FilesMarked": it.marked,
            "MarksCleared": it.cleared,
            "OrphansMoved": it.moved,
            "CountersCorrected": it.corrected,
        },
    }


def stamp(seconds: float) -> str:
    """A time since the epoch, as Orthanc writes it: UTC, `YYYYMMDDTHHMMSS`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%S")
