"""What an archive of a run is like: its configuration, and whose parts are planted in it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repertory.actors.base import RepertoryActor
from repertory.conf.databases import PostgresqlSettings
from repertory.conf.housekeeper import HousekeeperSettings
from repertory.conf.nodes import NodesSettings
from repertory.conf.resources import DelayedDeletionSettings, TrashSettings
from repertory.conf.settings import Settings
from repertory.model import Level
from repertory.storage.areas.filesystem import FilesystemArea
from repertory.storage.areas.objects import ObjectArea
from repertory.storage.index.writer import DatabaseWriter
from repertory.testing.simulation.tiers import FIRST, Tiers

STABLE_AGE = 60

HEARTBEAT, LEASE = 100.0, 300.0
"""Of nodes: rare beats, for a run is about thousands of seconds."""

FILES = "files"
"""The folder of all disks: each storage is a folder in it."""


@dataclass(frozen=True)
class Setup:
    """The configuration of one life of the process."""

    compression: bool = False
    overwriting: str = "Never"
    throttle: float = 0.0
    patients: int = 0
    readers: int = 2
    crew: int = 3
    housekeeper: bool = False
    more_tags: bool = False
    retention: float = 0.0
    concurrent: int = 1
    tiers: Tiers | None = None

    def settings(self, folder: Path, *, shared: bool = False) -> Settings:
        """The same as the archive reads it, for an archive in ``folder``, or a node of it."""
        options: dict[str, Any] = {} if self.tiers is None else self.tiers.options(folder / FILES)
        if shared:
            # Another engine takes the place of this one's.
            options["postgresql"] = PostgresqlSettings(enable_index=True, lock=False)
            options["nodes"] = NodesSettings(heartbeat=HEARTBEAT, lease=LEASE)
        return Settings(
            storage_directory=str(folder / FILES / FIRST),
            index_directory=str(folder / "index"),
            index_readers=self.readers,
            storage_threads=self.crew,
            storage_compression=self.compression,
            overwrite_instances=self.overwriting,
            maximum_patient_count=self.patients,
            stable_age=STABLE_AGE,
            concurrent_jobs=self.concurrent,
            delayed_deletion=DelayedDeletionSettings(
                enable=True, throttle_delay_ms=int(self.throttle * 1000)
            ),
            housekeeper=HousekeeperSettings(
                enable=self.housekeeper, throttle_delay=0.0, busy_share=100
            ),
            extra_main_dicom_tags=(
                {level.word: ["ImageComments"] for level in Level} if self.more_tags else {}
            ),
            trash=TrashSettings(retention_days=self.retention / 86_400),
            http_server_enabled=False,
            **options,
        )


@dataclass
class Parts:
    """What is planted in the archive in the place of its own parts.

    ``actors`` goes by the classes whose place they take.
    """

    actors: dict[type[RepertoryActor], type[RepertoryActor]] = field(default_factory=dict)
    area: type[FilesystemArea] = FilesystemArea
    bucket_area: type[ObjectArea] = ObjectArea
    writer: type[DatabaseWriter] = DatabaseWriter
