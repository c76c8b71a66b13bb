"""How long transcoding takes, from an uncompressed image to each syntax and back.

    python bench/transcoding.py [--rounds 20]

Times are those of whoever asks: through the transcoder and one process, which is warm. The image is
a smooth one with some noise, 512 by 512 pixels of 12 bits, which compresses as a CT image does.
"""

import argparse
import logging
import statistics
import struct
import time

import structlog

from repertory.actors.clock import SystemClock
from repertory.actors.crew import ThreadCrew
from repertory.actors.messages.transcoding import Transcode
from repertory.actors.switchboard import Switchboard
from repertory.actors.transcoding import TranscoderActor
from repertory.errors import Unsupported
from repertory.storage.pixels.syntaxes import EXPLICIT, SYNTAXES
from repertory.testing.files import make_dicom

SIDE = 512


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, help="how often (20)")
    rounds = parser.parse_args().rounds
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    board = Switchboard(clock=SystemClock())
    ref = TranscoderActor.start(board=board, crew=ThreadCrew(1, name="transcoder"))
    board.connect(ref, TranscoderActor)
    plain = _image()
    print("| syntax | written, ms | read, ms | size, % |\n|---|---:|---:|---:|")
    try:
        for uid, syntax in SYNTAXES.items():
            if not syntax.can_be_encoded or uid == EXPLICIT:
                continue
            try:
                written, made = _measure(board, plain, uid, rounds)
            except Unsupported:
                continue
            read, _ = _measure(board, made, EXPLICIT, rounds)
            share = 100 * len(made) / len(plain)
            print(f"| {syntax.name} | {written:.0f} | {read:.0f} | {share:.0f} |")
    finally:
        ref.stop()
        board.clock.close()


def _measure(board: Switchboard, content: bytes, syntax: str, rounds: int) -> tuple[float, bytes]:
    """Milliseconds, the median, and the file."""
    command = Transcode(content=content, syntaxes=(syntax,))
    made = board.ask(command).content
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        board.ask(command)
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times), made


def _image() -> bytes:
    noise = [(n * 7919 + n * n % 31) % 13 for n in range(SIDE * SIDE)]
    values = [(n % SIDE * 3 + n // SIDE * 2 + noise[n]) % 4096 for n in range(SIDE * SIDE)]
    tags = {
        "Rows": SIDE,
        "Columns": SIDE,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelData": ("OW", struct.pack(f"<{len(values)}H", *values)),
    }
    return make_dicom(seed=1, tags=tags)


if __name__ == "__main__":
    main()
