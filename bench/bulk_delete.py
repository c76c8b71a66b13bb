"""How long the deletion of many resources by one request takes, beside Orthanc.

``python bench/bulk_delete.py [--count 1000] [--rounds 5]``, from the root of a checkout. Both get
as many instances, first each in a study of its own, then all in one series, and are asked to delete
them all by ``POST /tools/bulk-delete``. Medians of the rounds; alone where there is no Orthanc.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from repertory.testing.files import make_dicom, make_study
from repertory.testing.orthanc import OrthancProcess, ask, find_orthanc
from repertory.testing.server import ServerProcess


def apart(count: int) -> Iterator[bytes]:
    """Instances, each in a study of its own."""
    return (make_dicom(patient_id=f"P{number}", seed=number, size=2000) for number in range(count))


def together(count: int) -> Iterator[bytes]:
    """Instances of one series."""
    return iter(make_study(series=1, instances=count, size=2000))


def measure(port: int, files: Callable[[int], Iterator[bytes]], level: str, count: int) -> float:
    """Store the files, delete what is there of a level, and tell how many seconds that took."""
    for content in files(count):
        ask(port, "POST", "/instances", content)
    ids = json.loads(ask(port, "GET", f"/{level}")[2])
    if len(ids) != count:
        raise RuntimeError(f"{len(ids)} {level} instead of {count}")
    body = json.dumps({"Resources": ids})
    began = time.perf_counter()
    status, _, _ = ask(port, "POST", "/tools/bulk-delete", body)
    seconds = time.perf_counter() - began
    if status != 200 or json.loads(ask(port, "GET", "/instances")[2]):
        raise RuntimeError("not everything was deleted")
    return seconds


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    cases = {"studies": (apart, "studies"), "instances of one series": (together, "instances")}
    with (
        tempfile.TemporaryDirectory(prefix="bulk-") as folder,
        ServerProcess(Path(folder) / "ours") as ours,
    ):
        ports = {"Repertory": ours.port}
        peer = None
        if find_orthanc():
            peer = OrthancProcess(Path(folder) / "peer")
            peer.start()
            ports["Orthanc"] = peer.port
        try:
            for name, (files, level) in cases.items():
                # In turns, so that what else the computer does comes to both alike.
                rounds = [
                    {
                        who: measure(port, files, level, arguments.count)
                        for who, port in ports.items()
                    }
                    for _ in range(arguments.rounds)
                ]
                medians = {who: statistics.median(it[who] for it in rounds) for who in ports}
                shown = ", ".join(f"{who} {1000 * it:.0f} ms" for who, it in medians.items())
                print(f"{arguments.count} {name}: {shown}")
        finally:
            if peer is not None:
                peer.stop()


if __name__ == "__main__":
    main()
