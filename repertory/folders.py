"""Which folders a configuration means, for commands that work on an archive without a server."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from repertory.conf.databases import database_of
from repertory.conf.loading import read_settings
from repertory.conf.settings import Settings
from repertory.errors import CannotStart
from repertory.stores import bucket_of


@dataclass(frozen=True, slots=True)
class Folders:
    """Where an archive keeps its files and its index.

    ``elsewhere`` is the object store that holds files, "" where there is none; ``disks`` are the
    folders of other storages.
    """

    storage: Path
    index: Path
    elsewhere: str = ""
    disks: Mapping[str, Path] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)

    def need_index_file(self) -> None:
        """Raise ``CannotStart`` where the index is in a database server."""
        server = database_of(self.settings)
        if server is not None:
            raise CannotStart(
                f"the index is in {server[0]}, and this is for an index in a file: see"
                " howto/database-servers.md. Nothing was changed."
            )


def find_folders(configuration: Sequence[Path]) -> Folders:
    """The folders that a configuration names; without one, the defaults.

    Raises:
        CannotStart: the configuration cannot be used.
    """
    loaded = read_settings(*configuration)
    if loaded.problems:
        raise CannotStart(f"the configuration cannot be used: {loaded.problems[0]}")
    settings = loaded.settings
    storage = Path(settings.storage_directory)
    named = bucket_of(settings)
    elsewhere = "" if named is None else named[0].place
    disks = {name: Path(folder) for name, folder in settings.advanced_storage.disks.items()}
    return Folders(storage, Path(settings.index_directory or storage), elsewhere, disks, settings)


class StepDisplay:
    """Tells how far a piece of work is: a line for each step, redrawn on a terminal."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._is_terminal = self._stream.isatty()

    def show(self, what: str, done: int, total: int) -> None:
        """``done`` of ``total`` things are done."""
        if self._quiet or not total or (done < total and not self._is_terminal):
            return
        start = "\r" if self._is_terminal else ""
        end = "\n" if done >= total else ""
        self._stream.write(f"{start}{what}: {done:,} of {total:,}{end}")
        self._stream.flush()


def say(text: str, stream: TextIO | None = None) -> None:
    """Write a line for whoever started the command."""
    stream = stream or sys.stderr
    stream.write(text + "\n")
    stream.flush()


def list_some(names: Sequence[object], *, shown: int = 20) -> list[str]:
    """The first names, indented, and how many more there are."""
    lines = [f"  {name}" for name in names[:shown]]
    if len(names) > shown:
        lines.append(f"  and {len(names) - shown:,} more")
    return lines
