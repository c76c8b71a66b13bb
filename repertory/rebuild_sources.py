"""Where the files lie that an index is made anew from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from repertory.administration import UntouchedArea
from repertory.building import files_folder, object_area_of, with_encryption
from repertory.conf.settings import Settings
from repertory.conf.storages import storage_names
from repertory.errors import FileCorrupted, FileLost, MissingTag, NotDicom
from repertory.model import Attachment, Summary
from repertory.places import FILE_SYSTEM, OBJECT_STORAGE
from repertory.storage.areas.base import StorageArea
from repertory.storage.describing import describe_file
from repertory.storage.main_tags import MainDicomTags
from repertory.storage.ranged import describe_stored


@dataclass(frozen=True, slots=True)
class Source:
    """A storage: its name, its area, and the folder that can be read as it is, if it is one."""

    name: str
    area: StorageArea
    local: UntouchedArea | None
    plain: Path | None

    def open(self) -> None:
        """Make it ready.

        Raises:
            CannotStart: it is not there, or cannot be used.
        """
        self.area.open()

    def finish_staged(self) -> None:
        """Put files in their place that a power cut left behind though they are complete."""
        if self.local is None:
            return
        for name in self.local.staged():
            if self.plain is not None:
                try:
                    describe_file(self.local.staging_path(name), name, keep_md5=False)
                except (NotDicom, MissingTag, FileCorrupted, OSError):
                    continue  # it never was complete: the next start of the server clears it away
            # What is encrypted and not complete is told as a file that cannot be read.
            self.local.finish(name)

    def describe(
        self, uuid: str, size: int, *, keep_md5: bool, main_tags: MainDicomTags
    ) -> tuple[Summary, Attachment]:
        """What is in a file.

        Raises:
            NotDicom, MissingTag, FileCorrupted, FileLost, StorageFailed, OSError: nothing of use.
        """
        if self.plain is not None:
            path = self.plain / uuid[:2] / uuid[2:4] / uuid
            return describe_file(path, uuid, keep_md5=keep_md5, main_tags=main_tags)
        try:
            return describe_stored(self.area, uuid, size, keep_md5=keep_md5, main_tags=main_tags)
        except FileLost as error:
            if self.name == OBJECT_STORAGE:
                # It was listed just now: its name is that of another type of attachment.
                raise NotDicom from error
            raise


def sources_of(settings: Settings) -> Iterator[Source]:
    """All storages that the settings name.

    Raises:
        CannotStart: one cannot be used.
    """
    folders = {FILE_SYSTEM: files_folder(settings)}
    folders |= {name: Path(it) for name, it in settings.advanced_storage.disks.items()}
    for name in storage_names(settings):
        objects = object_area_of(settings, untouched=True) if name == OBJECT_STORAGE else None
        if objects is not None:
            yield Source(name, objects, None, None)
            continue
        local = UntouchedArea(folders[name])
        area = with_encryption(local, settings.storage_encryption)
        yield Source(name, area, local, folders[name] if area is local else None)
