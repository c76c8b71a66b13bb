"""Which storages an archive has, by their names, and which of them new files go to."""

from repertory.conf.settings import Settings
from repertory.conf.stores import hybrid_mode_of, sections_of

FILE_SYSTEM = "file-system"
"""The storage of the StorageDirectory."""

OBJECT_STORAGE = "object-storage"
"""The object store."""


def storage_names(settings: Settings) -> tuple[str, ...]:
    """The names of all storages, the one of the StorageDirectory first.

    An object store takes its place, unless it is told that there are files in both.
    """
    disks = settings.advanced_storage.disks
    if not sections_of(settings):
        return (FILE_SYSTEM, *disks)
    if hybrid_mode_of(settings) == "Disabled" and not disks:
        return (OBJECT_STORAGE,)
    return (FILE_SYSTEM, OBJECT_STORAGE, *disks)


def write_storage(settings: Settings) -> str:
    """The name of the storage that new files go to."""
    advanced = settings.advanced_storage
    current = advanced.multiple_storages.current_write_storage if advanced.enable else ""
    if current:
        return current
    if sections_of(settings) and hybrid_mode_of(settings) != "WriteToFileSystem":
        return OBJECT_STORAGE
    return FILE_SYSTEM
