"""Measure an archive beside its peer: same work, same disk, same durability, taking turns.

Both servers are started here, each in a folder of its own, and filled with the same studies.
Then every case is measured in rounds: the first server, the second, the first again, and so on,
each time with files that neither has seen. The result is a page in Markdown.

  python bench/run.py                                 a smoke run: a few minutes
  python bench/run.py --studies 5000 --rounds 5       the run that is published
  python bench/run.py --only ingest 'read-*'          some cases (see --list)
  python bench/run.py --peer none                     ours alone
  python bench/run.py --ours "Orthanc {config}"       the peer against itself: the noise
  python bench/run.py --ours http://localhost:8042    a server that runs (it will be filled!)
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import limits
from cases import CASES, LARGE, SMALL, Bench, Case, differences, select
from driver import AnswerError
from files import Stamp
from report import Life, Results, drawn, markdown
from servers import OURS, PEER, MeasureError, Memory, Server

LARGE_IN_STOCK = 64
SETTLE = 2.0
LIFE = "life"


def say(text: str) -> None:
    """Tell whoever waits what is going on; results go elsewhere."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--studies", type=int, default=500, help="in each index beforehand (%(default)s)")
    add("--rounds", type=int, default=3, help="of each case on each server (%(default)s)")
    add(
        "--only",
        nargs="+",
        default=[],
        metavar="CASE",
        help=f"names, groups or patterns; {LIFE!r} is start, stop and memory; 'limits' the machine",
    )
    add("--list", action="store_true", help="name the cases and end")
    add("--ours", default=OURS, help="start command with {config}, URL, or none (%(default)s)")
    add("--peer", default=PEER, help="the same for whom we compare with (%(default)s)")
    add("--ours-name", default="Repertory", help="heading of our column (%(default)s)")
    add("--peer-name", default="Orthanc", help="heading of the other column (%(default)s)")
    for side in ("ours", "peer"):
        add(
            f"--{side}-option",
            action="append",
            default=[],
            metavar="NAME=JSON",
            help="another option for its configuration, such as IndexSynchronous='\"NORMAL\"'",
        )
    add(
        "--folder",
        type=Path,
        default=Path("/var/tmp"),
        help="where both keep their files for the time of the run; not on tmpfs (%(default)s)",
    )
    add("--keep", action="store_true", help="leave the servers' folders and logs")
    add("--no-limits", action="store_true", help="do not measure the machine itself")
    add("--output", type=Path, help="write the page there instead of to the terminal")
    add("--plot", type=Path, help="draw the ratios there, as SVG")
    add("--json", type=Path, help="write every round's figures there")
    arguments = parser.parse_args()
    if arguments.studies < 200:
        parser.error("--studies: at least 200, so that there are pages to list")
    return arguments


def options(words: list[str]) -> dict[str, object]:
    """``NAME=JSON`` as options of a configuration file."""
    found: dict[str, object] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise MeasureError(f"{word}: NAME=JSON was expected")
        found[name] = json.loads(value)
    return found


def filesystem(folder: Path) -> str:
    """The type of the file system that ``folder`` is on."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    fits = [(len(point), kind) for point, kind in mounts if folder.resolve().is_relative_to(point)]
    return max(fits)[1] if fits else "unknown"


def servers(arguments: argparse.Namespace, folder: Path) -> list[Server]:
    """The servers that the command line asks for, not started yet."""
    sides = (
        (arguments.ours_name, arguments.ours, arguments.ours_option),
        (arguments.peer_name, arguments.peer, arguments.peer_option),
    )
    return [
        Server(name, target, folder / re.sub(r"\W+", "-", name), options(words))
        for name, target, words in sides
        if target != "none"
    ]


def live(results: Results, running: list[Bench], rounds: int) -> None:
    """Stop and start each server with its index filled, ``rounds`` times."""
    for turn in range(rounds):
        for bench in running:
            server = bench.server
            if not server.is_ours_to_start:
                continue
            say(f"round {turn + 1}: start and stop {server.name}")
            stop = server.stop()
            start = server.start()
            time.sleep(SETTLE)
            life = Life(start=start, stop=stop, memory=server.memory() or Memory(0, 0))
            results.lives.setdefault(server.name, []).append(life)


def measure(results: Results, running: list[Bench], cases: list[Case], rounds: int) -> None:
    """All cases in turns."""
    for case in cases:
        by_server = results.samples.setdefault(case.name, {})
        for turn in range(rounds):
            inputs = case.inputs(seed=turn)
            for bench in running:
                sample = case.measure(bench, inputs)
                by_server.setdefault(bench.server.name, []).append(sample)
                if size := bench.server.memory():
                    peak = results.memory_peak
                    peak[bench.server.name] = max(peak.get(bench.server.name, 0), size.rss)
                say(f"{case.title}: {bench.server.name} {sample.value:,.1f} {case.unit}")


def fill(results: Results, running: list[Bench], studies: int) -> None:
    """Store the same studies in all servers, and look whether they answer alike."""
    files = Stamp(SMALL).studies(studies)
    large = Stamp(LARGE).studies(LARGE_IN_STOCK)
    for bench in running:
        seconds = bench.fill(files, large)
        say(f"{bench.server.name} took {studies:,} studies in {seconds:.1f} s")
        results.differences[bench.server.name] = differences(bench, files, large)


def run(arguments: argparse.Namespace, folder: Path, results: Results, cases: list[Case]) -> None:
    """Everything, with the servers' lives in hand."""
    only = arguments.only
    if not arguments.no_limits and (not only or "limits" in only):
        say("limits of the machine")
        for limit in limits.measure(folder, 1.0):
            results.limits.append(limit)
            say(f"{limit.name}: {limit.rate:,.0f} per s")
    if not cases and LIFE not in only:
        return
    running = [Bench(server) for server in servers(arguments, folder)]
    try:
        for bench in running:
            bench.server.start()
            name = bench.server.name
            results.servers[name] = bench.server.version()
            results.options[name] = bench.server.options
        fill(results, running, arguments.studies)
        if not only or LIFE in only:
            live(results, running, arguments.rounds)
        measure(results, running, cases, arguments.rounds)
        for bench in running:
            if cases and (size := bench.server.memory()):
                results.memory_after[bench.server.name] = size
            bench.server.stop()
    finally:
        for bench in running:
            bench.server.kill()


def write(arguments: argparse.Namespace, results: Results, cases: list[Case]) -> None:
    """The result, as page, picture and figures."""
    page = markdown(results, cases)
    if arguments.output:
        arguments.output.write_text(page)
    else:
        print(page, end="")
    if arguments.plot:
        arguments.plot.write_text(drawn(results, cases))
    if arguments.json:
        arguments.json.write_text(results.as_json())


def main() -> int:
    """Run and report; 1 if a server would not play along."""
    arguments = parse()
    cases = select(arguments.only)
    if arguments.list:
        for case in CASES:
            print(f"{case.name:22} {case.title}")
        print(f"{LIFE:22} start, stop and memory\n{'limits':22} what the machine can do at all")
        return 0
    if not cases and not {LIFE, "limits"} & set(arguments.only):
        print("no such case: see --list", file=sys.stderr)
        return 2
    if (kind := filesystem(arguments.folder)) in ("tmpfs", "ramfs"):
        print(f"{arguments.folder} is on {kind}: fsync costs nothing there", file=sys.stderr)
        return 2
    results = Results(studies=arguments.studies, rounds=arguments.rounds)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=arguments.folder))
    problem = ""
    try:
        run(arguments, folder, results, cases)
    except (MeasureError, AnswerError, OSError) as error:
        problem = f"{type(error).__name__}: {error}"
    finally:
        if arguments.keep:
            say(f"left in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    write(arguments, results, cases)
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
