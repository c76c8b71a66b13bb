"""The simulation of several nodes that share one index and one storage."""

import pytest

from repertory.testing.simulate import find_mutant, main, play_seed
from repertory.testing.simulation.mutants_of_nodes import MUTANTS
from repertory.testing.simulation.plans import Plan, make_plan
from repertory.testing.simulation.scheduler import Scheduler
from repertory.testing.simulation.sharing import share

CAUGHT = {
    "checks no jobs": (3, "what is taken is its node's"),
    "checks no duty": (38, "what is taken is its node's"),
    "claims what runs": (21, "what is taken is its node's"),
    "claims all files": (4, "what is taken is its node's"),
    "leaves it to the dead": (0, "nothing is the dead's"),
    "trusts its memory": (0, "no failure without a reason"),
    "has no patience": (0, "the living are left alone"),
    "does not renew": (0, "the living are left alone"),
    "gives nobody up": (0, "each event comes"),
    "pauses alone": (12, "nothing goes in a pause"),
    "keeps its jobs": (3, "nothing deadlocks"),
    "waits for its own": (8, "stable at last"),
    "leaves what others wrote": (7, "no file is left over"),
    "takes from the living": (27, "no failure without a reason"),
    "removes in doubt": (2, "no other removed"),
}
"""The seed that catches each mutant, and by what. A change of the archive may make it another one:
then the test looks for it."""


@pytest.mark.parametrize("name", MUTANTS)
def test_the_simulation_of_nodes_finds_the_planted_bug(name):
    seed, _ = CAUGHT[name]

    assert not play_seed(seed, mutant=name).is_sound or find_mutant(name, range(60))


def test_a_seed_of_nodes_is_the_same_run_each_time():
    first, again = (play_seed(7, nodes=2, length=12) for _ in range(2))
    alone = play_seed(7, length=12)

    assert first.is_sound
    assert first.digest == again.digest
    assert first.story == again.story
    assert first.digest != alone.digest


def test_a_plan_of_nodes_can_be_written_down():
    plan = share(make_plan(3), 3)

    assert Plan.from_json(plan.to_json()) == plan
    assert plan.nodes == 3


def test_nodes_are_simulated_from_the_command_line(capsys):
    assert main(["--seed", "1", "--nodes", "3", "--story"]) == 0
    assert "[3] " in capsys.readouterr().out


def test_what_stands_still_takes_no_step_and_keeps_no_appointment_until_it_goes_on():
    scheduler = Scheduler(1)
    seen = []
    for process in (1, 2):
        scheduler.process = process
        scheduler.spawn("strand", lambda: seen.append(scheduler.here))
        scheduler.clock.call_after(10, lambda it=process: seen.append(-it), process)
    scheduler.stall(2)
    scheduler.advance(20)
    assert sorted(seen) == [-1, 1]

    scheduler.wake(2)
    scheduler.advance(0)
    assert sorted(seen) == [-2, -1, 1, 2]


def test_of_several_processes_one_can_be_ended():
    scheduler = Scheduler(1)
    seen = []

    def live():
        while True:
            scheduler.pause("its turn")
            seen.append(scheduler.here)

    for process in (1, 2):
        scheduler.process = process
        scheduler.spawn("strand", live)
        scheduler.clock.call_after(10, lambda it=process: seen.append(-it), process)
    scheduler.run(10)
    scheduler.kill(1)
    seen.clear()
    scheduler.run(5)
    scheduler.clock.advance_to(20)

    assert set(seen) == {2, -2}
    scheduler.kill()
