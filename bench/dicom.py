"""C-STORE, C-FIND, C-MOVE and C-GET of DCMTK's tools, against Repertory and Debian's Orthanc.

    python bench/dicom.py

Each association of C-STORE is a ``storescu`` of its own; with TCP_NODELAY, or DCMTK measures the
delayed acknowledgements of the kernel. The better of two runs counts.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from repertory.testing.files import make_dicom
from repertory.testing.orthanc import OrthancProcess, find_orthanc, free_port
from repertory.testing.server import ServerProcess

ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}
RUNS = 2


def run(*words: Any) -> None:
    """One of DCMTK's tools, to its end."""
    subprocess.run(
        [str(it) for it in words],
        env=ENVIRONMENT,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def timed(work: Callable[[], None]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def store(port: int, folder: Path, *, count: int, size: int, associations: int, tag: str) -> float:
    """Files per second that are stored over so many associations."""
    lists = []
    for number in range(associations):
        part = folder / f"{tag}-{number}"
        part.mkdir()
        for index in range(count // associations):
            content = make_dicom(seed=f"{tag}/{number}/{index}", size=size)
            (part / f"{index}.dcm").write_bytes(content)
        lists.append(part)

    def send() -> None:
        senders = [
            subprocess.Popen(
                ["storescu", "+sd", "127.0.0.1", str(port), str(part)],
                env=ENVIRONMENT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for part in lists
        ]
        if any(it.wait() for it in senders):
            raise RuntimeError("storescu failed")

    return count / timed(send)


def measure(
    port: int, own: int, post: Callable[[bytes], Any], folder: Path, studies: int
) -> list[str]:
    """The figures of one server."""
    figures = []
    for size, count in ((10_000, 400), (500_000, 80)):
        for associations in (1, 4):
            best = max(
                store(
                    port,
                    folder,
                    count=count,
                    size=size,
                    associations=associations,
                    tag=f"{size}-{associations}-{turn}",
                )
                for turn in range(RUNS)
            )
            figures.append(f"{best:,.0f}/s")
    for number in range(1000):
        post(
            make_dicom(
                patient_id="MOVE", study="9.1", series="9.2", instance=f"9.3.{number}", size=10_000
            )
        )
    for number in range(studies):
        post(
            make_dicom(
                patient_id=f"P{number}", seed=f"find{number}", size=2_000, tags={"PixelData": None}
            )
        )
    key = ("-k", "QueryRetrieveLevel=STUDY")
    words = ("-S", "-aet", "READER", "127.0.0.1", port, *key)
    find = min(
        timed(
            lambda: run(
                "findscu", *words, "-k", "StudyInstanceUID", "-k", "PatientID", "-k", "StudyDate"
            )
        )
        for _ in range(RUNS)
    )
    figures.append(f"{find:.2f} s")
    for tool, more in (("movescu", ("-aem", "READER", "+P", own)), ("getscu", ())):
        times = []
        for turn in range(RUNS):
            target = folder / f"{tool}{turn}"
            target.mkdir()
            command = (tool, *more, "-od", target, *words, "-k", "StudyInstanceUID=9.1")
            times.append(timed(partial(run, *command)))
        figures.append(f"{min(times):.2f} s")
    return figures


def main() -> None:
    """Measure both, and print a table."""
    os.environ.update(ENVIRONMENT)  # the peer is made of DCMTK, too
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=20_000, help="studies that C-FIND finds")
    studies = parser.parse_args().studies
    rows = [
        f"C-STORE {size}, {n} association{'s' * (n > 1)}"
        for size in ("10 KB", "0.5 MB")
        for n in (1, 4)
    ]
    rows += [
        f"C-FIND of {studies:,} studies",
        "C-MOVE of 1,000 instances",
        "C-GET of 1,000 instances",
    ]
    columns: dict[str, list[str]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("Repertory", "Orthanc")[: 2 if find_orthanc() else 1]:
            port, own = free_port(), free_port()
            options = {
                "DicomServerEnabled": True,
                "DicomPort": port,
                "DicomModalities": {"reader": ["READER", "127.0.0.1", own]},
            }
            place = folder / name
            place.mkdir()
            if name == "Orthanc":
                with OrthancProcess(
                    place / "server", DicomAlwaysAllowStore=True, **options
                ) as orthanc:
                    columns[name] = measure(
                        port,
                        own,
                        lambda body: orthanc.ask("POST", "/instances", body),
                        place,
                        studies,
                    )
            else:
                with ServerProcess(place / "server", **options) as server:
                    columns[name] = measure(
                        port, own, lambda body: server.post("/instances", body), place, studies
                    )
    sys.stdout.write(f"| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}\n")
    for index, row in enumerate(rows):
        sys.stdout.write(f"| {row} | {' | '.join(it[index] for it in columns.values())} |\n")


if __name__ == "__main__":
    main()
