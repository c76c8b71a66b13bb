"""The deletion queue as JSON."""

from collections.abc import Mapping
from typing import Any

from repertory.deletion import AbsentStorage, DeletionQueueState, FailedRemoval
from repertory.http.reports import stamp

Object = dict[str, Any]


def deletion_queue(
    identifier: str, state: DeletionQueueState, storages: Mapping[int, str]
) -> Object:
    """What Orthanc's plugin tells, and what it does not; ``storages`` are the names by number."""
    backlog = state.backlog
    return {
        "DatabaseServerIdentifier": identifier,
        "FilesPendingDeletion": backlog.files,
        "BytesPendingDeletion": str(backlog.size),
        "OldestAgeSeconds": None if state.age is None else round(state.age, 1),
        "FilesPerSecond": round(state.rate, 1),
        "RemainingSeconds": None if state.remaining is None else round(state.remaining, 1),
        "Paused": state.is_paused,
        "HeldByBackup": state.is_held,
        "FilesFailed": backlog.failed,
        "Failures": [_failure(failure) for failure in backlog.failures],
        "UnreachableStorages": [_absent(it, storages) for it in state.absent],
    }


def _absent(it: AbsentStorage, storages: Mapping[int, str]) -> Object:
    return {
        "Storage": storages.get(it.location, ""),
        "Since": stamp(it.since),
        "LastError": it.reason,
        "NextAttempt": stamp(it.due),
    }


def _failure(it: FailedRemoval) -> Object:
    return {
        "Uuid": it.file.uuid,
        "ContentType": it.file.content_type,
        "Size": str(it.file.size),
        "Attempts": it.attempts,
        "LastError": it.reason,
        "LastAttempt": stamp(it.failed_at),
        "NextAttempt": stamp(it.due),
    }
