"""The staging folders of nodes that share a storage: each has its own, within that of all."""

import os
import uuid as uuids
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from repertory.errors import CannotStart

Living = Callable[[], Collection[str]]
"""The names of the nodes that live."""

OF_OBJECTS = ".objects"
"""How the folders end in which files for an object store are gathered."""

_SHORT = 2
"""Letters of the folders in which files in the making are sorted."""


def make_staging(folder: Path) -> None:
    """Make the local folder in which files for an object store are gathered, and try it.

    Raises:
        CannotStart: nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / str(uuids.uuid4())
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise CannotStart(
            f"The storage directory cannot be written ({error.strerror}): files for the object"
            " store are gathered there. Check the option StorageDirectory."
        ) from error


def gather_leftovers(
    staging: Path, branch: str, living: Living, place: Callable[[str], Path]
) -> tuple[str, ...]:
    """Move what nodes have left that are no more into one's own folder; the names.

    Args:
    staging: the folder of all.
    branch: the name of one's own.
    living: who lives; a folder's name is that of its node, up to a dot.
    place: where a file of a name lies in one's own.
    """
    # First the folders: whoever comes after this look is among the living by the next one.
    entries = list(os.scandir(staging))
    alive = set(living()) | {branch.partition(".")[0]}
    found = []
    for entry in entries:
        if not entry.is_dir() or len(entry.name) == _SHORT:
            found += _moved(entry.path, place)  # of a time when there were no nodes
        elif (
            entry.name.endswith(OF_OBJECTS) == branch.endswith(OF_OBJECTS)
            and entry.name.partition(".")[0] not in alive
        ):
            found += _moved(entry.path, place)
    return tuple(sorted(found))


def _moved(path: str, place: Callable[[str], Path]) -> list[str]:
    """Move a file, or all that lies in a folder, and remove the folder; the names."""
    names = []
    # Another node may be quicker, or a folder may be none of ours.
    with suppress(FileNotFoundError, OSError):
        if not Path(path).is_dir():
            name = Path(path).name
            Path(path).rename(place(name))
            return [name]
        for entry in list(os.scandir(path)):
            names += _moved(entry.path, place)
        Path(path).rmdir()
    return names
