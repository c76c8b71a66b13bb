"""The types of job: a module for each."""

from repertory.actors.jobs.base import Job
from repertory.actors.jobs.bulk_delete import BulkDelete

JOBS: dict[str, type[Job]] = {kind.type: kind for kind in (BulkDelete,)}
"""Every type of job, by its name."""
