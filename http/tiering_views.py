"""Tiering as JSON."""

from repertory.housekeeping import stamp
from repertory.jobs import Object
from repertory.tiering import (
    PassReport,
    RecallReport,
    RuleReport,
    TierFailure,
    TieringStatus,
)


def tiering_status(it: TieringStatus) -> Object:
    """How far tiering is."""
    return {
        "State": it.condition,
        "Paused": it.is_paused,
        "Rule": it.rule,
        "Problem": it.problem,
        "Current": _pass(it.current),
        "LastPass": _pass(it.last),
        "NextPass": stamp(it.next_pass),
        "Room": {
            name: {"FreeSize": str(room.free), "TotalSize": str(room.total)}
            for name, room in it.room.items()
        },
        "Recall": _recall(it.recall),
        "Failures": [_failure(failure) for failure in it.failures],
    }


def tiering_plan(it: PassReport) -> Object:
    """What a pass would move."""
    return {
        "Rules": [_rule(rule) for rule in it.rules],
        "CountFiles": sum(rule.files for rule in it.rules),
        "Size": str(sum(rule.size for rule in it.rules)),
    }


def _pass(it: PassReport | None) -> Object | None:
    if it is None:
        return None
    return {
        "Started": stamp(it.started),
        "Ended": stamp(it.ended),
        "Rules": [_rule(rule) | {"CountFailed": rule.failed} for rule in it.rules],
    }


def _rule(it: RuleReport) -> Object:
    return {
        "Name": it.name,
        "CountStudies": it.studies,
        "CountFiles": it.files,
        "Size": str(it.size),
        "SizeMB": it.size >> 20,
        "Problem": it.problem,
    }


def _recall(it: RecallReport) -> Object:
    return {
        "Enabled": it.is_enabled,
        "Prefetch": it.prefetch,
        "Pending": it.pending,
        "CountFiles": it.files,
        "Size": str(it.size),
        "Failed": it.failed,
        "Dropped": it.dropped,
        "Problem": it.problem,
    }


def _failure(it: TierFailure) -> Object:
    owner = f"/{it.file.level.plural}/{it.file.id}"
    return {
        "Path": f"{owner}/attachments/{int(it.file.attachment.content_type)}",
        "Reason": it.reason,
        "FailedAt": stamp(it.failed_at),
    }
