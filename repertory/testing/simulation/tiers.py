"""Two disks in a run: the rules by which files move between them, and how much room there is."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from repertory.conf.advanced_storage import AdvancedStorageSettings, MultipleStoragesSettings
from repertory.conf.object_storage import AwsS3StorageSettings
from repertory.conf.tiering import RecallSettings, TieringRuleSettings, TieringSettings
from repertory.places import FILE_SYSTEM, OBJECT_STORAGE
from repertory.tiering import Room

FIRST, SECOND, BUCKET = "first", "second", "bucket"
"""The folders of the two disks, and what stands for the object store."""

FOLDERS = {FILE_SYSTEM: FIRST, SECOND: SECOND, OBJECT_STORAGE: BUCKET}
"""Where the files of each storage are, by its name."""

KEEPING_LABEL = "simulated"
"""Keeps a study on the first disk."""

ROOM = 40_000
"""Bytes for which the first disk has room, as rules see it: a few instances."""

_DAY = 86_400.0


@dataclass(frozen=True)
class Tiers:
    """What a configuration says of two disks.

    ``rule`` is by what files go to the second one: "Received", "Read", or "Room". ``prefetch`` is
    what comes back from there with what is read; "": nothing does. With a ``bucket`` the second
    one is an object store.
    """

    rule: str = "Received"
    prefetch: str = ""
    writes_to: str = ""
    at_a_time: int = 2
    bucket: bool = False

    @property
    def second(self) -> str:
        """The name of the storage that is not the first disk."""
        return OBJECT_STORAGE if self.bucket else SECOND

    def options(self, files: Path) -> dict[str, Any]:
        """Settings of an archive whose disks are folders in ``files``."""
        return {
            **self._storages(files),
            "tiering": TieringSettings(
                enable=True,
                rules=[
                    TieringRuleSettings(name="kept", target=FILE_SYSTEM, labels=[KEEPING_LABEL]),
                    self._rule(),
                ],
                interval_minutes=20.0,
                busy_share=100,
                recall=RecallSettings(
                    enable=bool(self.prefetch),
                    source=self.second,
                    target=FILE_SYSTEM,
                    prefetch=self.prefetch or "None",
                    keep_days=1200 / _DAY,
                    busy_share=100,
                ),
            ),
        }

    def _storages(self, files: Path) -> dict[str, Any]:
        if not self.bucket:
            disks = MultipleStoragesSettings(
                storages={SECOND: str(files / SECOND)}, current_write_storage=self.writes_to
            )
            return {
                "advanced_storage": AdvancedStorageSettings(
                    enable=True, multiple_storages=disks, moves_at_a_time=self.at_a_time
                )
            }
        mode = "WriteToObjectStorage" if self.writes_to else "WriteToFileSystem"
        return {
            "advanced_storage": AdvancedStorageSettings(
                enable=True, moves_at_a_time=self.at_a_time
            ),
            "aws_s3_storage": AwsS3StorageSettings(
                bucket_name="simulated", region="nowhere", max_connections=3, hybrid_mode=mode
            ),
        }

    def _rule(self) -> TieringRuleSettings:
        way: dict[str, Any] = {"name": "out", "source": FILE_SYSTEM, "target": self.second}
        if self.rule == "Room":
            return TieringRuleSettings(**way, free_below="40%", free_until="70%")
        if self.rule == "Read":
            return TieringRuleSettings(**way, not_read_for_days=600 / _DAY)
        return TieringRuleSettings(**way, received_before_days=300 / _DAY)


def make_tiers(chance: Random) -> Tiers:
    """One configuration of two disks."""
    return Tiers(
        rule=chance.choice(("Received", "Read", "Room")),
        prefetch=chance.choice(("", "None", "Series", "Study")),
        writes_to=chance.choice(("", "", SECOND)),
        at_a_time=chance.choice((1, 2, 8)),
    )


def room_at(disks: Path, name: str) -> Room | None:
    """How much room there is on one of the disks."""
    if name == OBJECT_STORAGE:
        return None
    folder = disks / FOLDERS[name]
    used = sum(path.stat().st_size for path in folder.glob("??/??/*"))
    return Room(max(ROOM - used, 0), ROOM)
