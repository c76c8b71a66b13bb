"""The section of several storages, and of moving files between them."""

from repertory.conf.fields import not_negative, one_to, positive, section, setting

RESERVED = ("file-system", "object-storage")
"""Names of storages that the archive gives itself."""


def storage_names(value: dict[str, str]) -> str | None:
    """Names of disks with their folders."""
    for name, folder in value.items():
        if not name or name in RESERVED:
            return f"must not name a storage {name!r}"
        if not folder:
            return f"must name a folder for {name}"
    if len(set(value.values())) < len(value):
        return "must not name a folder twice"
    return None


@section("MultipleStorages")
class MultipleStoragesSettings:
    """Several disks besides the StorageDirectory."""

    storages: dict[str, str] = setting(
        default_factory=dict,
        meaning='Names of disks, with a folder on each: {"disk-1": "/mnt/disk-1"}.',
        check=storage_names,
        paths=True,
    )
    current_write_storage: str = setting(
        default="",
        meaning="The name of the disk that new files go to; empty: the StorageDirectory.",
    )


@section("AdvancedStorage")
class AdvancedStorageSettings:
    """Several storages: which there are, and how files are moved between them."""

    enable: bool = setting(default=False, meaning="Whether MultipleStorages counts.")
    multiple_storages: MultipleStoragesSettings = setting(
        default_factory=MultipleStoragesSettings,
        meaning="Several disks besides the StorageDirectory.",
    )
    moves_at_a_time: int = setting(
        default=8,
        meaning="How many files are under way at a time when files are moved.",
        check=positive,
        ours=True,
    )
    move_throttle_ms: int = setting(
        default=0,
        meaning="Milliseconds that a move of files pauses after each 64 of them.",
        check=not_negative,
        ours=True,
    )
    move_busy_share: int = setting(
        default=10,
        meaning=(
            "Per cent of the time that a job that moves files works while requests are served,"
            " unless it is submitted with a BusyShare of its own; 100: it does not back off."
        ),
        check=one_to(100),
        ours=True,
    )

    @property
    def disks(self) -> dict[str, str]:
        """The disks that count, with their folders."""
        return dict(self.multiple_storages.storages) if self.enable else {}
