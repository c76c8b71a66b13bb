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


def note(path: Path) -> None:
    """Make an empty file that is there after a power cut, too.

    Raises:
        OSError: it cannot be made.
    """
    path.touch()
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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
            found += take_over(Path(entry.path), staging / branch)
    return tuple(sorted(found))


def take_over(folder: Path, target: Path) -> list[str]:
    """Move the files in a folder, and in those within it, to another; the names."""
    paths = [f"{parent}/{name}" for parent, _, names in os.walk(folder) for name in names]
    found = _moved(paths, target)
    with suppress(OSError):  # somebody else was quicker, or there is something that is none of ours
        for parent, _, _ in os.walk(folder, topdown=False):
            Path(parent).rmdir()
    return found


def take_over_branches(folder: Path) -> None:
    """Take what nodes have left, as who is alone; folders of two letters are a disk's."""
    with suppress(OSError):
        for entry in [it for it in folder.iterdir() if len(it.name) > 2 and it.is_dir()]:
            take_over(entry, folder)


def _moved(paths: list[str], target: Path) -> list[str]:
    names = []
    for path in map(Path, paths):
        with suppress(FileNotFoundError, IsADirectoryError):
            path.rename(target / path.name)
            names.append(path.name)
    return names
