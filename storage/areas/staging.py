"""The staging folders of nodes that share a storage: each has its own, within that of all."""

import os
import uuid as uuids
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from repertory.errors import CannotStart

Living = Callable[[], Collection[str]]
"""The names of the nodes that live."""


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


def gather_leftovers(staging: Path, branch: str, living: Living) -> tuple[str, ...]:
    """Move what nodes have left that are no more into one's own folder; the names.

    Args:
    staging: the folder of all.
    branch: the name of one's own.
    living: who lives; a folder's name is that of its node, up to a dot.
    """
    # First the folders: whoever comes after this look is among the living by the next one.
    entries = list(os.scandir(staging))
    alive = set(living()) | {branch}
    found = []
    for entry in entries:
        if not entry.is_dir():
            found += _moved([entry.path], staging / branch)
        elif entry.name.partition(".")[0] not in alive:
            with suppress(FileNotFoundError):  # another node was quicker
                found += _moved([each.path for each in os.scandir(entry.path)], staging / branch)
            with suppress(OSError):  # the same, or it is none of ours
                Path(entry.path).rmdir()
    return tuple(sorted(found))


def _moved(paths: list[str], target: Path) -> list[str]:
    names = []
    for path in map(Path, paths):
        with suppress(FileNotFoundError, IsADirectoryError):
            path.rename(target / path.name)
            names.append(path.name)
    return names
