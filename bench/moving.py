"""Moving files to another storage: the job against the bare copying of the same files.

    python bench/moving.py [--to disk|objects] [--files 5000] [--size 525000] [--rounds 3]
                           [--apart] [--folder /tmp] [--store-folder /dev/shm]

The files lie in a folder, and go to another one, or to a bucket of rclone's S3 server on this
computer (``repertory[stores]``). Every file in a folder is forced to the medium. Bare is to read
each file and to create it in the other area, by the same library, as many at a time as the job has
under way (8), and nothing else: no index, no comparison of what was written, no removal. Bare and
job take turns. The files of the store may be in memory. With ``--apart`` the store has half of the
processors, and whoever uses it the others, as if they were two computers.
"""

import argparse
import contextlib
import logging
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import structlog
from apart import its_half

from repertory import Repertory, Settings
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.jobs import RunJob
from repertory.actors.messages.resources import ListResources
from repertory.building import object_area_of
from repertory.conf.advanced_storage import AdvancedStorageSettings, MultipleStoragesSettings
from repertory.model import Level
from repertory.places import OBJECT_STORAGE
from repertory.storage.areas import FilesystemArea
from repertory.storage.areas.base import StorageArea
from repertory.testing.emulators import RcloneEmulator
from repertory.testing.files import make_dicom

GOAL = 0.8
AT_A_TIME = 8
DISK = "second"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the files go; ``options`` are settings of the archive."""

    name: str
    area: StorageArea
    options: dict[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def target_at(
    kind: str, folder: Path, *, apart: bool, store_folder: Path | None
) -> Iterator[Target]:
    """A disk, or a bucket, for one measurement."""
    # Threads copy, and there are 8; what is under way besides waits for one.
    advanced: dict[str, Any] = {"enable": True, "moves_at_a_time": 2 * AT_A_TIME}
    if kind == "disk":
        disks = MultipleStoragesSettings(storages={DISK: str(folder / DISK)})
        settings = AdvancedStorageSettings(multiple_storages=disks, **advanced)
        yield Target(DISK, FilesystemArea(folder / "bare"), {"advanced_storage": settings})
        return
    with contextlib.ExitStack() as stack:
        objects = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="moving-", dir=store_folder or folder.parent)
        )
        with its_half(apart=apart):
            store = stack.enter_context(RcloneEmulator(Path(objects)))
        for bucket in ("bare", "archive"):
            store.make_bucket(bucket)
        own = {"hybrid_mode": "WriteToFileSystem", "max_connections": AT_A_TIME}
        area = object_area_of(
            Settings(
                storage_directory=str(folder / "staging"),
                aws_s3_storage=store.section("bare", **own),
            )
        )
        assert area is not None
        options = {
            "advanced_storage": AdvancedStorageSettings(**advanced),
            "aws_s3_storage": store.section("archive", **own),
        }
        yield Target(OBJECT_STORAGE, area, options)


def bare(folder: Path, target: StorageArea, files: int, size: int) -> float:
    """Files a second that are read and created, and nothing else."""
    source = FilesystemArea(folder / "from")
    source.open()
    target.open()
    content = os.urandom(size)
    names = [str(uuid.uuid4()) for _ in range(files)]
    with ThreadPoolExecutor(AT_A_TIME) as crew:
        list(crew.map(lambda name: source.create(name, 1, content), names))
        begun = time.perf_counter()
        list(crew.map(lambda name: target.create(name, 1, source.read(name, 1)), names))
    return files / (time.perf_counter() - begun)


def moved(folder: Path, target: Target, files: int, size: int) -> float:
    """Files a second that the job moves."""
    settings = Settings(
        storage_directory=str(folder / "first"),
        http_server_enabled=False,
        dicom_server_enabled=False,
        storage_threads=AT_A_TIME,
        **target.options,
    )
    with Repertory(settings) as archive:
        waiting = []
        for number in range(files):
            content = make_dicom(study="1.2.3", series=f"1.2.3.{number % 10}", size=size)
            waiting.append(archive.board.ask_soon(StoreInstance(content=content)))
            if len(waiting) >= AT_A_TIME:
                waiting.pop(0).get(timeout=60)
        for reply in waiting:
            reply.get(timeout=60)
        patients = list(archive.ask(ListResources(level=Level.PATIENT)))
        parameters = {"Patients": patients, "TargetStorage": target.name}
        begun = time.perf_counter()
        job = archive.board.ask(RunJob(type="MoveStorage", parameters=parameters), timeout=3600)
        seconds = time.perf_counter() - begun
    assert job.content["MovedFilesCount"] == files, job.content
    return files / seconds


def main() -> int:
    """Measure both in turns, and print the ratio; 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", choices=("disk", "objects"), default="disk")
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--size", type=int, default=525_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--apart", action="store_true", help="a store with its own processors")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--store-folder", type=Path, help="the same for the objects of a store")
    arguments = parser.parse_args()
    files, size = arguments.files, arguments.size
    # A program that embeds the archive gets all that is logged, if it does not say otherwise.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    where = {"apart": arguments.apart, "store_folder": arguments.store_folder}
    rates = []
    for number in range(arguments.rounds):
        with tempfile.TemporaryDirectory(prefix="moving-", dir=arguments.folder) as name:
            folder = Path(name)
            with target_at(arguments.to, folder / "a", **where) as target:
                rate = bare(folder, target.area, files, size)
        with tempfile.TemporaryDirectory(prefix="moving-", dir=arguments.folder) as name:
            folder = Path(name)
            with target_at(arguments.to, folder / "a", **where) as target:
                own = moved(folder, target, files, size)
        rates.append((rate, own))
        print(f"round {number + 1}: bare {rate:.0f}, moved {own:.0f}", file=sys.stderr)
    ratio = statistics.median(own / rate for rate, own in rates)
    print(
        f"{files} files of {size} bytes to {arguments.to}, {AT_A_TIME} at a time,"
        f" medians of {arguments.rounds} rounds\n\n"
        "| | |\n|---|---:|\n"
        f"| bare copies, per s | {statistics.median(rate for rate, _ in rates):,.0f} |\n"
        f"| moved, per s | {statistics.median(own for _, own in rates):,.0f} |\n"
        f"| ratio | {ratio:.2f} |"
    )
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
