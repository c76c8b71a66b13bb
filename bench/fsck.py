"""How long a check of an archive takes.

    python bench/fsck.py                              # 100,000 files of 10 KB, on a new folder
    python bench/fsck.py --files 20000 --size 500000
    python bench/fsck.py --folder /var/tmp/bench      # made there, and kept for the next time

Files and index are made without the archive's ingest, each instance with a row and a file, and then
checked by ``repertory fsck`` as an administrator would: without checksums, with them, and without a
second time. The last lines are the index made anew from the files, and the peak of memory.
Before each run the disk's cache is dropped where that is allowed (root, Linux): "cold".
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from repertory.model import Attachment, ContentType, Level, Origin
from repertory.storage.dicom import summarize
from repertory.storage.identifiers import resource_ids
from repertory.storage.index.sqlite.engine import FILE_NAME, SqliteEngine
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing.files import make_dicom

ROOT = Path(__file__).resolve().parents[1]
GROUP = 2_000
PER_SERIES = 100
CACHES = Path("/proc/sys/vm/drop_caches")


def contents(files: int, size: int) -> Iterator[bytes]:
    """Instances, a hundred in a series, each series with a study of its own."""
    for number in range(files):
        place = number // PER_SERIES
        yield make_dicom(
            patient_id=f"P{place}",
            study=f"1.2.3.{place}",
            series=f"1.2.3.{place}.1",
            instance=f"1.2.3.{place}.1.{number}",
            number=number % PER_SERIES + 1,
            size=size,
        )


def fill(folder: Path, files: int, size: int) -> None:
    """Make files and index."""
    engine = SqliteEngine(
        folder,
        synchronous="NORMAL",
        signatures={level: MAIN_DICOM_TAGS.signature(level) for level in Level},
    )
    engine.open()
    writer = engine.writer()
    for number, content in enumerate(contents(files, size)):
        if number % GROUP == 0:
            if number:
                writer.commit()
            writer.begin()
        name = str(uuid.uuid4())
        path = folder / name[:2] / name[2:4]
        path.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
        summary = summarize(content)
        digest = md5(content, usedforsecurity=False).hexdigest()
        length = len(content)
        writer.record_instance(
            ids=resource_ids(summary.identity),
            summary=summary,
            attachment=Attachment(name, ContentType.DICOM, length, digest, length, digest),
            origin=Origin(),
            now=time.time(),
        )
    writer.commit()
    writer.close()
    engine.close()


def drop_caches() -> str:
    """Forget what the system knows of the disk; ``cold`` if it did."""
    os.sync()
    try:
        CACHES.write_text("3")
    except OSError:
        return "warm"
    return "cold"


def run(config: Path, *words: str) -> tuple[float, str, int]:
    """Seconds that the command took, whether the cache was cold, and what it ended with."""
    state = drop_caches()
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "repertory", *words, str(config)],
        check=False,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - begun, state, done.returncode


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=10_000, help="bytes of a file (%(default)s)")
    parser.add_argument("--folder", type=Path, help="where; kept (default: temporary)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fsck-") as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        measure(folder, arguments.files, arguments.size)


def measure(folder: Path, files: int, size: int) -> None:
    """Measure on one folder."""
    archive = folder / "archive"
    if not (archive / FILE_NAME).exists():
        fill(archive, files, size)
    config = folder / "repertory.json"
    config.write_text(json.dumps({"StorageDirectory": str(archive)}))
    print(f"{files:,} files of {size:,} bytes\n")
    print("| command | cache | seconds | files/s | MB/s | exit |")
    print("|---|---|---|---|---|---|")
    for words in (["fsck"], ["fsck", "--checksums"], ["fsck"], ["rebuild"]):
        seconds, state, code = run(config, *words)
        rate = files * size / seconds / 1e6 if words != ["fsck"] else 0
        print(
            f"| {' '.join(words)} | {state} | {seconds:.1f} | {files / seconds:,.0f} |"
            f" {f'{rate:,.0f}' if rate else ''} | {code} |"
        )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\nPeak of memory: {peak:,.0f} MB")


if __name__ == "__main__":
    main()
