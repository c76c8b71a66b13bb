"""Which storages an archive has, by their names, and which of them new files go to."""

from repertory.conf.settings import Settings

FILE_SYSTEM = "file-system"
"""The storage of the StorageDirectory."""


def storage_names(settings: Settings) -> tuple[str, ...]:
    """The names of all storages, the one of the StorageDirectory first."""
    return (FILE_SYSTEM, *settings.advanced_storage.disks)


def write_storage(settings: Settings) -> str:
    """The name of the storage that new files go to."""
    advanced = settings.advanced_storage
    current = advanced.multiple_storages.current_write_storage if advanced.enable else ""
    return current or FILE_SYSTEM
