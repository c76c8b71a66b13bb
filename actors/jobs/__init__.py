"""The types of job: a module for each."""

from repertory.actors.jobs.archive import MakeArchive, MakeMedia
from repertory.actors.jobs.base import Job
from repertory.actors.jobs.bulk_delete import BulkDelete
from repertory.actors.jobs.commitment import CommitmentScp
from repertory.actors.jobs.modality_get import ModalityGet
from repertory.actors.jobs.modality_move import ModalityMove
from repertory.actors.jobs.modality_store import ModalityStore
from repertory.actors.jobs.move_storage import MoveStorage
from repertory.actors.jobs.peer_store import PeerStore
from repertory.actors.jobs.reconstruct import Reconstruct

_KINDS: tuple[type[Job], ...] = (
    BulkDelete,
    CommitmentScp,
    MakeArchive,
    MakeMedia,
    ModalityGet,
    ModalityMove,
    ModalityStore,
    MoveStorage,
    PeerStore,
    Reconstruct,
)

JOBS: dict[str, type[Job]] = {kind.type: kind for kind in _KINDS}
"""Every type of job, by its name."""
