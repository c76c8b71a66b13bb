"""Housekeeping as JSON: Orthanc's fields, and ours beside them."""

from typing import Any

from repertory.housekeeping import (
    HousekeepingPlan,
    HousekeepingStatus,
    StudyFailure,
    configuration_object,
    stamp,
)

Object = dict[str, Any]


def housekeeping_status(it: HousekeepingStatus) -> Object:
    """How far housekeeping is; the first six are the fields of Orthanc's plugin."""
    return {
        "Version": 1,
        "LastProcessedChange": it.processed,
        "LastChangeToProcess": it.last,
        "LastTimeStarted": stamp(it.started),
        "CurrentlyProcessingConfiguration": configuration_object(it.current),
        "LastProcessedConfiguration": configuration_object(it.completed),
        "State": it.condition,
        "Paused": it.is_paused,
        "Problem": it.problem,
        "StudiesDone": it.studies_done,
        "StudiesLeft": it.backlog.studies,
        "StudiesPutFirst": list(it.backlog.first),
        "StudiesPerSecond": None if it.rate is None else round(it.rate, 3),
        "EstimatedEnd": stamp(it.end),
        "NextWindow": stamp(it.next_window),
        "CountFailures": it.backlog.failed,
        "Failures": [_failure(failure) for failure in it.backlog.failures],
    }


def housekeeping_plan(it: HousekeepingPlan) -> Object:
    """What a pass does, or would do."""
    chores = it.chores
    return {
        "Running": it.is_running,
        "Triggers": [
            {
                "Trigger": finding.trigger,
                "Enabled": finding.enabled,
                "Fires": finding.fires,
                "Reason": finding.reason,
            }
            for finding in it.findings
        ],
        "Chores": {
            "MainDicomTags": [level.word for level in sorted(chores.levels)],
            "Everything": chores.everything,
            "RewriteFiles": chores.form is not None,
            "RemoveDicomAsJson": chores.obsolete,
        },
        "Studies": it.work.studies,
        "Instances": it.work.instances,
        "Bytes": str(it.work.size),
    }


def _failure(it: StudyFailure) -> Object:
    return {
        "ID": it.study,
        "Path": f"/studies/{it.study}",
        "Instance": it.instance,
        "Reason": it.reason,
        "Attempts": it.attempts,
        "NextAttempt": stamp(it.retry_at),
    }
