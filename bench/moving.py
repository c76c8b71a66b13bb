"""Moving files to another storage: the job against the bare copying of the same files.

    python bench/moving.py [--files 5000] [--size 525000] [--folder /tmp]

Both storages are folders, with every file forced to the medium. Bare is to read each file and to
create it in the other area, as many at a time as the job has under way (8), and nothing else: no
index, no comparison of what was written, no removal.
"""

import argparse
import json
import os
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from repertory import Repertory, Settings
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.jobs import RunJob
from repertory.actors.messages.resources import ListResources
from repertory.conf.advanced_storage import AdvancedStorageSettings, MultipleStoragesSettings
from repertory.model import Level
from repertory.storage.areas import FilesystemArea
from repertory.testing.files import make_dicom

AT_A_TIME = 8


def bare(folder: Path, files: int, size: int) -> float:
    """Files a second that are read and created, and nothing else."""
    source, target = FilesystemArea(folder / "from"), FilesystemArea(folder / "to")
    source.open()
    target.open()
    content = os.urandom(size)
    names = [str(uuid.uuid4()) for _ in range(files)]
    with ThreadPoolExecutor(AT_A_TIME) as crew:
        list(crew.map(lambda name: source.create(name, 1, content), names))
        begun = time.perf_counter()
        list(crew.map(lambda name: target.create(name, 1, source.read(name, 1)), names))
    return files / (time.perf_counter() - begun)


def moved(folder: Path, files: int, size: int) -> float:
    """Files a second that the job moves."""
    disks = MultipleStoragesSettings(storages={"second": str(folder / "second")})
    settings = Settings(
        storage_directory=str(folder / "first"),
        http_server_enabled=False,
        storage_threads=AT_A_TIME,
        advanced_storage=AdvancedStorageSettings(
            enable=True, multiple_storages=disks, moves_at_a_time=AT_A_TIME
        ),
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
        parameters = {"Patients": patients, "TargetStorage": "second"}
        begun = time.perf_counter()
        job = archive.board.ask(RunJob(type="MoveStorage", parameters=parameters), timeout=3600)
        seconds = time.perf_counter() - begun
    assert job.content["MovedFilesCount"] == files, job.content
    return files / seconds


def main() -> None:
    """Measure both, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--size", type=int, default=525_000)
    parser.add_argument("--folder", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        rate = bare(Path(name), arguments.files, arguments.size)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        own = moved(Path(name), arguments.files, arguments.size)
    result = {"bare": round(rate), "moved": round(own), "ratio": round(own / rate, 2)}
    print(json.dumps({"files": arguments.files, "size": arguments.size, **result}))


if __name__ == "__main__":
    main()
