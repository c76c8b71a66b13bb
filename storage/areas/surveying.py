"""Looking through one outer folder of a storage area."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from repertory.integrity import FileOnDisk, Survey

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def survey_folder(root: Path, outer: str) -> Survey:
    """The files below ``root/outer``, by name, and how many things are there that are none of ours.

    A folder that is removed meanwhile holds nothing.

    Raises:
        OSError: a folder cannot be read.
    """
    files: dict[str, FileOnDisk] = {}
    foreign = 0
    now = time.time()
    for inner in _entries(root / outer):
        if len(inner.name) != 2 or not inner.is_dir():
            foreign += 1
            continue
        begin = outer + inner.name
        for entry in _entries(Path(inner.path)):
            # Along links: some archives were spread over several disks by them.
            if entry.name.startswith(begin) and _UUID.fullmatch(entry.name) and entry.is_file():
                try:
                    state = entry.stat()
                except FileNotFoundError:
                    continue
                files[entry.name] = FileOnDisk(state.st_size, now - state.st_mtime)
            else:
                foreign += 1
    return Survey(files, foreign)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError):
        return
