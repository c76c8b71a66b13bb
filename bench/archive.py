"""Measure ZIP archives of a study beside Debian's Orthanc: speed, the first byte, memory.

Both servers hold the same study; they take turns. The bytes are those of the DICOM files that go
into an archive, whatever it is compressed to; they are received and dropped.

  python bench/archive.py                      500 files of 0.5 MB, 5 rounds
  python bench/archive.py --files 2000 --size 10240
"""

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from repertory.testing.files import make_dicom
from repertory.testing.orthanc import OrthancProcess, find_orthanc
from repertory.testing.server import ServerProcess

MEGABYTE = 1e6


def fill(port: int, files: int, size: int) -> str:
    """Store a study; its identifier."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    study = ""
    for number in range(files):
        content = make_dicom(
            study="1.2.3", series="1.2.3.4", seed="archive", number=number, size=size
        )
        connection.request("POST", "/instances", content)
        study = json.loads(connection.getresponse().read())["ParentStudy"]
    connection.close()
    return study


def fetch(port: int, path: str) -> tuple[float, float, int]:
    """Download; seconds until the first byte and until the last, and how many there were."""
    buffer = bytearray(1 << 20)
    begun = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    response = connection.getresponse()
    received = len(response.read(1))
    first = time.perf_counter() - begun
    while count := response.readinto(buffer):
        received += count
    connection.close()
    return first, time.perf_counter() - begun, received


def main() -> None:
    """Run, and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--size", type=int, default=512 * 1024, help="bytes of each (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="not on tmpfs")
    words = parser.parse_args()
    if find_orthanc() is None:
        sys.exit("Orthanc is not installed: apt install orthanc")
    total = words.files * words.size / MEGABYTE
    with (
        tempfile.TemporaryDirectory(dir=words.folder) as folder,
        ServerProcess(Path(folder, "ours")) as ours,
        OrthancProcess(Path(folder, "peer")) as peer,
    ):
        ports = {"Repertory": ours.port, "Orthanc": peer.port}
        studies = {name: fill(port, words.files, words.size) for name, port in ports.items()}
        print(f"{words.files} files of {words.size:,} bytes, medians of {words.rounds} rounds\n")
        print("| | Repertory | Orthanc | ratio |\n|---|---:|---:|---:|")
        for kind in ("archive", "media"):
            rates: dict[str, list[float]] = {name: [] for name in ports}
            firsts: dict[str, list[float]] = {name: [] for name in ports}
            for _ in range(words.rounds):
                for name, port in ports.items():
                    first, whole, _ = fetch(port, f"/studies/{studies[name]}/{kind}")
                    rates[name].append(total / whole)
                    firsts[name].append(first * 1000)
            ratio = [a / b for a, b in zip(rates["Repertory"], rates["Orthanc"], strict=True)]
            row = [f"{statistics.median(rates[name]):.0f}" for name in ports]
            print(f"| {kind}, MB/s | {' | '.join(row)} | {statistics.median(ratio):.1f} |")
            row = [f"{statistics.median(firsts[name]):.0f}" for name in ports]
            print(f"| {kind}, first byte, ms | {' | '.join(row)} | |")
        print(f"| peak memory, MB | {ours.memory(peak=True) / MEGABYTE:.0f} | | |")


if __name__ == "__main__":
    main()
