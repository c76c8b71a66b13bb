"""What metrics cost: an ask, and a small ingest by the switchboard, with and without them.

    python bench/metrics.py

Rounds with and without take turns; what is printed are the medians of the processor time that all
threads used, and their ratio: it depends less than the time on what else the machine does.
"""

import logging
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.messages.base import Query, message
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.switchboard import Switchboard
from repertory.conf.settings import Settings
from repertory.meters import Meters
from repertory.service import Repertory
from repertory.testing.files import make_dicom

ASKS, INGESTS, ROUNDS = 20_000, 300, 7


@message
class Echo(Query[int]):
    """Answered by its number."""

    number: int


class EchoActor(RepertoryActor):
    """Answers at once."""

    rank = 1

    @handles(Echo)
    def echo(self, query: Echo) -> int:
        """The same number."""
        return query.number


def asks(*, is_on: bool) -> float:
    """Microseconds of processor time of an ask that is waited for."""
    board = Switchboard(meters=Meters(is_on=is_on))
    ref = EchoActor.start(board=board)
    board.connect(ref, EchoActor)
    question = Echo(number=1)
    began = process_time()
    for _ in range(ASKS):
        board.ask(question)
    took = process_time() - began
    ref.stop()
    board.clock.close()
    return took / ASKS * 1e6


def bursts(*, is_on: bool) -> float:
    """Microseconds of each of a thousand asks that are made before the first answer is taken."""
    board = Switchboard(meters=Meters(is_on=is_on))
    ref = EchoActor.start(board=board)
    board.connect(ref, EchoActor)
    question = Echo(number=1)
    began = process_time()
    for _ in range(ASKS // 1000):
        for reply in [board.ask_soon(question) for _ in range(1000)]:
            reply.get()
    took = process_time() - began
    ref.stop()
    board.clock.close()
    return took / ASKS * 1e6


def ingests(*, is_on: bool) -> float:
    """Microseconds of processor time of an ingest of 10 KB; the disk need not be waited for."""
    files = [make_dicom(instance=f"1.2.3.{number}", size=10_000) for number in range(INGESTS)]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            storage_directory=str(Path(folder)),
            http_server_enabled=False,
            metrics_enabled=is_on,
            sync_storage_area=False,
            index_synchronous="NORMAL",
        )
        with Repertory(settings) as archive:
            began = process_time()
            for content in files:
                archive.ask(StoreInstance(content=content))
            return (process_time() - began) / INGESTS * 1e6


def main() -> None:
    """Measure and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    rows: tuple[tuple[str, Callable[..., float]], ...] = (
        ("an ask, one after the other", asks),
        ("an ask, a thousand at a time", bursts),
        ("an ingest of 10 KB", ingests),
    )
    print("| what | without, µs | with, µs | ratio |")
    print("|---|---|---|---|")
    for name, measure in rows:
        without, with_ = [], []
        for number in range(ROUNDS * 2):
            is_on = number % 4 in {1, 2}  # neither is always the first
            (with_ if is_on else without).append(measure(is_on=is_on))
        before, after = statistics.median(without), statistics.median(with_)
        print(f"| {name} | {before:.1f} | {after:.1f} | {after / before:.2f} |")


if __name__ == "__main__":
    main()
