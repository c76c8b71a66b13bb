"""The storages of an archive, as the settings have them."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from repertory.actors.messages.nodes import ListNodes
from repertory.actors.messages.places import AddPlaces, ListPlaces
from repertory.actors.switchboard import Switchboard
from repertory.building import local_area_of, object_area_of, with_encryption
from repertory.conf.settings import Settings
from repertory.conf.storages import storage_names, write_storage
from repertory.nodes import base_of
from repertory.places import FILE_SYSTEM, OBJECT_STORAGE
from repertory.storage.areas import FilesystemArea
from repertory.storage.areas.base import StorageArea
from repertory.storage.areas.staging import Living
from repertory.stores import threads_of
from repertory.tiering import Room

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Storages:
    """The areas of an archive by their numbers, with their names; new files go to ``writer``.

    ``spares`` are the disks that take over from each other when one is full.
    """

    areas: dict[int, StorageArea]
    names: dict[int, str]
    writer: int
    spares: tuple[int, ...] = ()


def areas_of(
    settings: Settings, *, branch: str = "", living: Living | None = None
) -> dict[str, StorageArea]:
    """The areas by their names, the one of the StorageDirectory first.

    ``branch`` names a node, which knows who of the others are ``living``.
    """
    disks = settings.advanced_storage.disks
    areas: dict[str, StorageArea] = {}
    for name in storage_names(settings):
        if name == OBJECT_STORAGE:
            objects = object_area_of(settings, branch=branch, living=living)
            if objects is not None:
                areas[name] = objects
        elif name == FILE_SYSTEM:
            areas[name] = local_area_of(settings, branch=branch, living=living)
        else:
            disk = FilesystemArea(
                Path(disks[name]),
                synchronize=settings.sync_storage_area,
                branch=branch,
                living=living,
            )
            areas[name] = with_encryption(disk, settings.storage_encryption)
    return areas


def threads_at(settings: Settings, name: str) -> int:
    """How many threads read and write the files of a storage."""
    return threads_of(settings) if name == OBJECT_STORAGE else settings.storage_threads


def room_of(settings: Settings, name: str) -> Room | None:
    """How much room there is on the disk of a storage; ``None`` where it is none, or is gone."""
    disks = {FILE_SYSTEM: settings.storage_directory, **settings.advanced_storage.disks}
    if name not in disks:
        return None
    try:
        usage = shutil.disk_usage(disks[name])
    except OSError as error:
        log.warning("disk_unknown", storage=name, errno=error.errno)
        return None
    return Room(usage.free, usage.total)


def far_reads_of(settings: Settings, names: Mapping[int, str]) -> dict[str, Any]:
    """What ``HybridRouterActor`` is to tell of reads, for the rules of tiering."""
    tiering = settings.tiering
    if not tiering.enable or settings.read_only:
        return {}
    source = tiering.recall.source if tiering.recall.enable else ""
    far = frozenset(number for number, name in names.items() if name == source)
    return {"notes_reads": True, "far": far}


def storages_of(settings: Settings, board: Switchboard, *, node: str = "") -> Storages:
    """The areas by the numbers that the index gave to them, or gives to them now.

    ``node`` is the name of this node, where there are several.
    """

    def living() -> set[str]:
        return {base_of(it.name) for it in board.ask(ListNodes())}

    branches: dict[str, Any] = {"branch": base_of(node), "living": living} if node else {}
    return number_storages(settings, board, areas_of(settings, **branches))


def number_storages(
    settings: Settings, board: Switchboard, areas: Mapping[str, StorageArea]
) -> Storages:
    """The same, of these areas."""
    places = board.ask(ListPlaces())
    known = {place.name: place.number for place in places}
    if new := tuple(name for name in areas if name not in known):
        if settings.read_only:
            # There is nothing in it that could be read.
            areas = {name: area for name, area in areas.items() if name in known}
        else:
            known = {place.name: place.number for place in board.ask(AddPlaces(names=new))}
    for place in places:
        if place.files and place.name not in areas:
            log.error("storage_missing", storage=place.name, files=place.files)
    writer = write_storage(settings)
    disks = settings.advanced_storage.disks
    return Storages(
        areas={known[name]: area for name, area in areas.items()},
        names={known[name]: name for name in areas},
        writer=known.get(writer, min(known[name] for name in areas)),
        # Only among the disks: whoever writes to another storage has a reason.
        spares=tuple(known[n] for n in disks if n in known) if writer in disks else (),
    )
