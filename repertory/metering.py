"""Which parts of an archive its meters, and its tracer, are told by."""

from collections.abc import Iterable

from repertory.actors.crew import ThreadCrew
from repertory.actors.messages.jobs import JobFailed, JobSucceeded
from repertory.actors.switchboard import Switchboard
from repertory.storage.areas.base import StorageArea
from repertory.storage.areas.metered import metered


def count_jobs(board: Switchboard) -> None:
    """Count the jobs that are over."""
    meters = board.meters
    if meters is not None:
        board.listen(JobSucceeded, lambda _: meters.note_job(succeeded=True))
        board.listen(JobFailed, lambda _: meters.note_job(succeeded=False))


def carry_contexts(board: Switchboard, parts: Iterable[object]) -> None:
    """Let crews work in the context of those who want it, where there is a tracer."""
    if board.tracer is not None:
        for part in parts:
            if isinstance(part, ThreadCrew):
                part.carry = board.tracer.carried


def metered_areas(board: Switchboard, areas: dict[int, StorageArea]) -> dict[int, StorageArea]:
    """The storages, metered where there are meters that are on."""
    meters = board.meters
    if meters is None or not meters.is_on:
        return areas
    return {number: metered(area, meters.note_operation) for number, area in areas.items()}
