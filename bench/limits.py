"""What this machine can do at all: bare disk, bare SQLite, bare aiohttp.

No archive can be faster than these where it does the same thing, so they tell how much of a
server's time is its own.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from driver import run_load
from files import Stamp
from servers import START_PATIENCE, ask, free_port
from sink import sink
from traffic import Request, get, post

SIZES = {"10 KB": 10_000, "0.5 MB": 500_000}


@dataclass(frozen=True, slots=True)
class Limit:
    """One figure: what was done, and how often each second."""

    name: str
    rate: float
    note: str = ""


def _in_threads(threads: int, seconds: float, step: Callable[[int], None]) -> float:
    """How often each second ``step(number)`` can be done, by so many threads for so long."""
    done = [0] * threads
    begun = time.perf_counter()
    end = begun + seconds

    def work(mine: int) -> None:
        while time.perf_counter() < end:
            step(done[mine] * threads + mine)
            done[mine] += 1

    workers = [threading.Thread(target=work, args=(mine,)) for mine in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done) / (time.perf_counter() - begun)


def disk(folder: Path, seconds: float) -> Iterator[Limit]:
    """Write new files, each with fsync, at 1, 4 and 16 at a time."""
    for word, size in SIZES.items():
        content = os.urandom(size)
        for threads in (1, 4, 16):
            mine = folder / f"disk-{size}-{threads}"
            for number in range(256):
                (mine / f"{number:02x}").mkdir(parents=True)

            def write(number: int, mine: Path = mine, content: bytes = content) -> None:
                path = mine / f"{number % 256:02x}" / str(number)
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
                os.write(handle, content)
                os.fsync(handle)
                os.close(handle)

            os.sync()
            rate = _in_threads(threads, seconds, write)
            yield Limit(f"write a file of {word} with fsync ×{threads}", rate)


def sqlite(folder: Path, seconds: float) -> Iterator[Limit]:
    """Insert three rows for each instance, in transactions of 1 and of 16 instances."""
    import apsw  # noqa: PLC0415 - the rest of the module runs without it

    blob = os.urandom(400)
    for synchronous in ("NORMAL", "FULL"):
        for group in (1, 16):
            name = f"bare-{synchronous}-{group}.db"
            database = apsw.Connection(str(folder / name))
            database.pragma("journal_mode", "wal")
            database.pragma("synchronous", synchronous)
            database.execute("create table resource(id integer primary key, name blob unique)")
            database.execute("create table tags(id integer primary key, packed blob)")
            database.execute("create table change(seq integer primary key, id integer, date text)")
            os.sync()
            begun = time.perf_counter()
            instances = 0
            while time.perf_counter() - begun < seconds:
                with database:
                    for _ in range(group):
                        instances += 1
                        database.execute(
                            "insert into resource values(?, ?)", (instances, os.urandom(20))
                        )
                        database.execute("insert into tags values(?, ?)", (instances, blob))
                        database.execute(
                            "insert into change(id, date) values(?, '20260102T101112')",
                            (instances,),
                        )
            rate = instances / (time.perf_counter() - begun)
            database.close()
            yield Limit(
                f"SQLite, 3 rows for each instance, {group} in a commit, {synchronous}", rate
            )


def _serve_aiohttp(port: int) -> None:
    """A bare aiohttp application: POST is read and dropped, GET answers 1 KB."""
    from aiohttp import web  # noqa: PLC0415 - only in the process that serves

    async def take(request: web.Request) -> web.Response:
        return web.json_response({"size": len(await request.read())})

    async def give(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1_000)

    async def serve() -> None:
        application = web.Application(client_max_size=1 << 30)
        application.router.add_post("/instances", take)
        application.router.add_get("/system", give)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()

    asyncio.run(serve())


@contextmanager
def bare_aiohttp() -> Iterator[str]:
    """The URL of a bare aiohttp server, which ends with the block."""
    port = free_port()
    words = [sys.executable, __file__, "--serve-aiohttp", str(port)]
    process = subprocess.Popen(words)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.perf_counter() + START_PATIENCE
        while time.perf_counter() < deadline:
            try:
                ask(url, "/system")
                break
            except OSError:
                time.sleep(0.01)
        yield url
    finally:
        process.terminate()
        process.wait()


def _uploads(size: int, number: int) -> list[Request]:
    return [post("/instances", file.head, file.pixels) for file in Stamp(size).studies(number)]


def aiohttp(_: Path, seconds: float) -> Iterator[Limit]:
    """POST and GET against aiohttp with nothing behind it, by the benchmark's driver."""
    with bare_aiohttp() as url:
        for connections in (1, 16):
            work = {
                f"bare aiohttp, GET of 1 KB ×{connections}": [get("/system")]
                * int(3_000 * seconds),
                f"bare aiohttp, POST of 10 KB ×{connections}": _uploads(
                    10_000, int(2_000 * seconds)
                ),
                f"bare aiohttp, POST of 0.5 MB ×{connections}": _uploads(
                    500_000, int(800 * seconds)
                ),
            }
            for name, requests in work.items():
                yield Limit(name, run_load(url, requests, connections=connections).rate)


def driver(_: Path, seconds: float) -> Iterator[Limit]:
    """The driver against a server that does nothing: its own ceiling."""
    with sink() as url:
        for connections in (1, 16):
            small = int(10_000 * seconds)
            large = int(3_000 * seconds)
            work = {
                f"driver's ceiling, GET, small answer ×{connections}": [get("/x")] * small,
                f"driver's ceiling, GET of 0.5 MB ×{connections}": [get("/bytes/500000")] * large,
                f"driver's ceiling, POST of 10 KB ×{connections}": _uploads(10_000, small),
                f"driver's ceiling, POST of 0.5 MB ×{connections}": _uploads(500_000, large),
            }
            for name, requests in work.items():
                yield Limit(name, run_load(url, requests, connections=connections).rate)


ALL = {"driver": driver, "disk": disk, "sqlite": sqlite, "aiohttp": aiohttp}


def measure(folder: Path, seconds: float, only: list[str] | None = None) -> Iterator[Limit]:
    """All limits, or those of the kinds in ``only``; each takes about ``seconds``."""
    for name, kind in ALL.items():
        if not only or name in only:
            yield from kind(folder, seconds)


def main() -> None:
    """Print the limits, one to a line."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(ALL)}; all")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure (%(default)s)")
    parser.add_argument(
        "--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure (%(default)s)"
    )
    parser.add_argument("--serve-aiohttp", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve_aiohttp:
        _serve_aiohttp(arguments.serve_aiohttp)
        return
    if unknown := set(arguments.kinds) - set(ALL):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="limits-", dir=arguments.folder) as folder:
        for limit in measure(Path(folder), arguments.seconds, arguments.kinds):
            print(f"{limit.rate:>12,.0f} per s  {limit.name}", flush=True)


if __name__ == "__main__":
    main()
