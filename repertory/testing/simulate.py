"""Simulates the archive from seeds: ``python -m repertory.testing.simulate --help``."""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from repertory.testing.simulation.mutants import MUTANTS
from repertory.testing.simulation.mutants import THEMES as MUTANT_THEMES
from repertory.testing.simulation.mutants_of_nodes import MUTANTS as OF_NODES
from repertory.testing.simulation.plans import Plan, make_plan
from repertory.testing.simulation.playing import Outcome, play
from repertory.testing.simulation.sharing import share
from repertory.testing.simulation.shrinking import shrink
from repertory.testing.simulation.themes import THEMES

_PIECE = 10

MOST_NODES = 9

_HELP = """\
Plays the whole archive - its own actors, a real SQLite index, real files - in a simulated
computer that owns time, the order of messages, the failures of the disk and the moment at which
the process is killed or the power is cut. One seed is one run, the same each time.

After each run, and after each start, it is checked that what was answered is there, byte for
byte, that what was deleted stays deleted, that each released file and no other is removed, once,
that every counter is right, that everything becomes stable once, and that nobody waits for ever.
"""

_EXAMPLES = """\
examples:
  one run, told step by step          --seed 123 --story
  many runs on all processors         --seeds 5000
  ... of two nodes                    --seeds 500 --nodes 2
  make a failing run small            --seed 123 --shrink
  ... and keep it                     --seed 123 --shrink --save small.json
  play what was kept                  --plan small.json --story
  prove that a planted bug is found   --mutant "answers before commit" --seeds 500
  all planted bugs                    --mutants

The exit code is 0 if all is well, 1 if an invariant was violated (with --mutants: if one of the
planted bugs was not found), and 2 if the command line makes no sense.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.mutant is not None and options.mutant not in MUTANTS:
        parser.error(f"no mutant {options.mutant!r}; there are: {', '.join(MUTANTS)}")
    if options.theme not in ("", "tiers", "objects", *THEMES):
        parser.error(f"no theme {options.theme!r}; there are: tiers, objects, {', '.join(THEMES)}")
    if options.seeds is not None and options.seeds < 1:
        parser.error("--seeds must be at least 1")
    if not 1 <= options.nodes <= MOST_NODES:
        parser.error(f"--nodes must be from 1 to {MOST_NODES}")
    if options.mutants:
        return _find_mutants(options.seeds or 500, options.jobs)
    if options.seeds is not None:
        return _play_many(options)
    plan = _plan_of(options, parser)
    if plan is None:
        parser.print_help()
        return 2
    return _play_one(plan, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m repertory.testing.simulate",
        description=_HELP,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, help="play this seed")
    parser.add_argument("--seeds", type=int, metavar="N", help="play N seeds")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="begin with this one")
    parser.add_argument("--plan", type=Path, metavar="FILE", help="play a plan that was kept")
    parser.add_argument("--theme", default="", metavar="NAME", help="of what there is to be much")
    parser.add_argument(
        "--nodes", type=int, default=1, metavar="N", help="nodes that serve the archive (1)"
    )
    parser.add_argument("--length", type=int, default=40, help="steps of a plan (40)")
    parser.add_argument("--shrink", action="store_true", help="make a failing plan small")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the plan as JSON")
    parser.add_argument("--story", action="store_true", help="tell what happened, step by step")
    parser.add_argument("--mutant", metavar="NAME", help="plant a bug")
    parser.add_argument("--mutants", action="store_true", help="plant each bug and look for it")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (all)"
    )
    return parser


def _plan_of(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Plan | None:
    if options.plan is not None:
        try:
            return Plan.from_json(options.plan.read_text())
        except OSError as error:
            parser.error(f"{options.plan} cannot be read: {error.strerror}")
        except (ValueError, KeyError, TypeError) as error:
            parser.error(f"{options.plan} is no plan: {error}")
    if options.seed is None:
        return None
    plan = make_plan(options.seed, length=options.length, theme=options.theme)
    return plan if options.nodes == 1 else share(plan, options.nodes)


def play_seed(
    seed: int, *, length: int = 40, mutant: str | None = None, theme: str = "", nodes: int = 1
) -> Outcome:
    """Play the plan of a seed, with a bug planted if one is named."""
    theme = theme or MUTANT_THEMES.get(mutant or "", "")
    nodes = max(nodes, 2 if mutant in OF_NODES else 1)
    plan = make_plan(seed, length=length, theme=theme)
    return _play(plan if nodes == 1 else share(plan, nodes), mutant)


def _play(plan: Plan, mutant: str | None) -> Outcome:
    return play(plan, None if mutant is None else MUTANTS[mutant]())


def play_seeds(
    seeds: range,
    *,
    length: int = 40,
    mutant: str | None = None,
    jobs: int = 1,
    theme: str = "",
    nodes: int = 1,
) -> Iterator[Outcome]:
    """Play many seeds, in several processes; the outcomes come in order."""
    one = partial(play_seed, length=length, mutant=mutant, theme=theme, nodes=nodes)
    if jobs == 1:
        yield from map(one, seeds)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(one, seeds, chunksize=_PIECE)
        finally:
            pool.shutdown(cancel_futures=True)


def find_mutant(name: str, seeds: range, *, jobs: int = 1) -> Outcome | None:
    """The first run that finds a planted bug; ``None`` if none does."""
    outcomes = play_seeds(seeds, mutant=name, jobs=jobs)
    return next((outcome for outcome in outcomes if not outcome.is_sound), None)


def _find_mutants(count: int, jobs: int) -> int:
    missed = 0
    for name in MUTANTS:
        outcome = find_mutant(name, range(count), jobs=jobs)
        if outcome is None:
            missed += 1
            _say(f"{name:24} NOT FOUND in {count} seeds")
        else:
            _say(f"{name:24} seed {outcome.plan.seed:<4} {outcome.invariant}")
    _say(f"{len(MUTANTS) - missed} of {len(MUTANTS)} planted bugs were found.")
    return 1 if missed else 0


def _play_many(options: argparse.Namespace) -> int:
    began = time.monotonic()
    seeds = range(options.first, options.first + options.seeds)
    failed: list[Outcome] = []
    done = steps = lives = answered = refused = faults = 0
    said = began
    for outcome in play_seeds(
        seeds,
        length=options.length,
        mutant=options.mutant,
        jobs=options.jobs,
        theme=options.theme,
        nodes=options.nodes,
    ):
        done += 1
        steps += outcome.steps
        lives += outcome.lives
        answered += outcome.answered
        refused += outcome.refused
        faults += outcome.faults
        if not outcome.is_sound:
            failed.append(outcome)
            _say(f"seed {outcome.plan.seed}: {outcome.invariant}: {outcome.reason[:300]}")
        if time.monotonic() - said > 5.0:
            said = time.monotonic()
            rate = done / (said - began)
            _say(f"{done} of {len(seeds)} seeds, {rate:.1f}/s, {len(failed)} failed")
    took = time.monotonic() - began
    _say(
        f"{done} seeds in {took:.0f} s: {steps} steps, {lives} lives, {answered} requests answered,"
        f" {refused} refused, {faults} faults; {len(failed)} seeds failed."
    )
    if failed:
        seed = failed[0].plan.seed
        more = "" if options.nodes == 1 else f" --nodes {options.nodes}"
        _say(
            f"Look closer: python -m repertory.testing.simulate --seed {seed}{more}"
            " --shrink --story"
        )
    return 1 if failed else 0


def _play_one(plan: Plan, options: argparse.Namespace) -> int:
    outcome = _play(plan, options.mutant)
    if options.shrink and not outcome.is_sound:
        outcome, tried = shrink(outcome, partial(_play, mutant=options.mutant))
        _say(f"{len(plan.steps)} steps became {len(outcome.plan.steps)} in {tried} tries:")
        for step in outcome.plan.steps:
            _say(f"  {step}")
    if options.save is not None:
        options.save.write_text(outcome.plan.to_json())
    if options.story:
        _say("\n".join(outcome.story))
    word = "all is well" if outcome.is_sound else f"{outcome.invariant}: {outcome.reason}"
    _say(
        f"seed {outcome.plan.seed}: {outcome.steps} steps, {outcome.lives} lives,"
        f" {outcome.answered} answered, {outcome.refused} refused, {outcome.faults} faults: {word}"
    )
    return 0 if outcome.is_sound else 1


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
