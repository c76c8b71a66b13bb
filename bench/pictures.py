"""Pictures of instances: our server against Debian's Orthanc, on the same files.

    python bench/pictures.py [--rounds 15] [--frames 300] [--folder /tmp]

One file has one frame of 512 by 512 pixels of 16 bits, the other so many. Both servers are asked in
turn, over a connection that stays open, so that whatever else the computer does is shared; printed
are medians, and the ratio of Orthanc's to ours (above 1: ours is quicker).
"""

import argparse
import http.client
import io
import json
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import pydicom

from repertory.testing.files import make_dicom
from repertory.testing.orthanc import OrthancProcess
from repertory.testing.server import ServerProcess

SIDE = 512
ASKED = ("preview", "rendered?width=128", "image-uint8", "numpy", "raw")


def main() -> None:
    """Ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=options.folder) as folder,
        ServerProcess(Path(folder) / "ours") as ours,
        OrthancProcess(Path(folder) / "theirs") as theirs,
    ):
        print(f"{'':32}{'ours':>12}{'Orthanc':>12}{'ratio':>8}")
        for frames in (1, options.frames):
            content = image(frames)
            id_ = ours.post("/instances", content).json["ID"]
            assert json.loads(theirs.ask("POST", "/instances", content)[1])["ID"] == id_
            for what in ASKED:
                path = f"/instances/{id_}/frames/{frames - 1}/{what}"
                mine, others = compare(ours.port, theirs.port, path, options.rounds)
                name = f"{frames:4} frames  {what}"
                print(f"{name:32}{mine:9.1f} ms{others:9.1f} ms{others / mine:8.2f}", flush=True)


def image(frames: int) -> bytes:
    """A file with waves, and some noise, so that it packs as a picture does."""
    ds = pydicom.dcmread(io.BytesIO(make_dicom(seed=frames)))
    down, across = np.mgrid[:SIDE, :SIDE]
    waves = (np.sin(across / 30) * np.cos(down / 20) + 1) * 1000
    noise = np.random.default_rng(frames).integers(0, 50, (frames, SIDE, SIDE))
    ds.Rows = ds.Columns = SIDE
    ds.NumberOfFrames = frames
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 0
    ds.PixelData = (waves + noise).astype("<u2").tobytes()
    file = io.BytesIO()
    ds.save_as(file)
    return file.getvalue()


def compare(ours: int, theirs: int, path: str, rounds: int) -> tuple[float, float]:
    """Medians in milliseconds, after one request that is not counted."""
    with (
        closing(http.client.HTTPConnection("127.0.0.1", ours, timeout=120)) as mine,
        closing(http.client.HTTPConnection("127.0.0.1", theirs, timeout=120)) as others,
    ):
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds + 1):
            for connection, taken in zip((mine, others), times, strict=True):
                taken.append(ask(connection, path))
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def ask(connection: http.client.HTTPConnection, path: str) -> float:
    """Milliseconds that a request takes."""
    for attempt in (1, 2):
        try:
            began = time.perf_counter()
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
        except (http.client.RemoteDisconnected, ConnectionError):
            connection.close()  # it was idle for too long
            if attempt > 1:
                raise
            continue
        if response.status != 200:
            raise SystemExit(f"{path}: {response.status}")
        return (time.perf_counter() - began) * 1000
    raise AssertionError


if __name__ == "__main__":
    main()
