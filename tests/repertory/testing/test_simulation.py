import gc
import itertools
import threading
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.actors.storage import StorageActor
from repertory.errors import CannotStart
from repertory.testing.simulate import find_mutant, main, play_seed, play_seeds
from repertory.testing.simulation.model import ABSENT, PRESENT, Deed, Register
from repertory.testing.simulation.mutants import MUTANTS
from repertory.testing.simulation.mutants_of_nodes import MUTANTS as OF_NODES
from repertory.testing.simulation.plans import Plan, make_plan
from repertory.testing.simulation.playing import play
from repertory.testing.simulation.scheduler import Deadlock, Scheduler, Strand
from repertory.testing.simulation.setups import Parts
from repertory.testing.simulation.shrinking import shrink
from repertory.testing.simulation.world import World

CAUGHT = {
    "forgets before removal": (0, "removed before forgotten"),
    "removes twice": (0, "removed once"),
    "removes what is held": (9, "held back"),
    "leaves waiters alone": (10, "every request is answered"),
    "answers before commit": (0, "over is over"),
    "removes before commit": (0, "no other removed"),
    "forgets who waits": (0, "nothing deadlocks"),
    "waits upwards": (3, "nothing deadlocks"),
    "tells too early": (54, "over is over"),
    "forgets timers": (6, "stable at last"),
    "stable early": (2, "stable not too early"),
    "drops failed timers": (0, "stable at last"),
    "stable twice": (0, "stable once"),
    "releases later": (3, "removed before forgotten"),
    "ignores revisions": (6, "what was answered is true"),
    "loses expired": (0, "removed before forgotten"),
    "cursor before result": (29, "all is in order"),
    "remembers the dead": (43, "no failure without a reason"),
    "counts once": (0, "counters are right"),
    "drops the stored": (0, "no other removed"),
    "keeps refused": (4, "no file is left over"),
    "leaves leftovers": (0, "leftovers are settled"),
    "discards leftovers": (6, "no file is lost"),
    "does not synchronize": (3, "what was answered is readable"),
    "waits for no file": (0, "file before row"),
    "enters lost files": (7, "file before row"),
    "forgets the pause": (0, "nothing goes in a pause"),
    "declares without a word": (0, "declared is told"),
    "forgets when it was unstable": (1, "stable not too early"),
    "pauses in memory": (1, "a job stays what it was"),
    "leaves out": (12, "what was answered is true"),
    "ends too early": (0, "an archive holds what was there"),
    "notes before delivery": (1, "events in order"),
    "puts off": (0, "events in order"),
    "forgets configurations": (12, "all is in order"),
    "restores over others": (45, "what was answered is true"),
    "copies unannounced": (8, "no file is left over"),
    "leaves copies": (4, "no file is left over"),
    "removes what it copied": (8, "no other removed"),
    "answers before copy": (2, "file before row"),
    "moves what was replaced": (15, "counters are right"),
    "lets nothing come back": (4, "what is read comes back"),
    "forgets doubts": (8, "doubts are settled"),
    "notes doubts in memory": (47, "doubts are settled"),
    "takes silence for yes": (37, "file before row"),
    "removes in vain": (3, "removed before forgotten"),
}
"""The seed that catches each mutant, and by what. A change of the archive may make it another one:
then the test looks for it."""


def test_a_dozen_seeds_violate_no_invariant():
    outcomes = list(play_seeds(range(12)))

    assert [f"{o.plan.seed}: {o.invariant}: {o.reason}" for o in outcomes if o.invariant] == []
    assert sum(outcome.lives for outcome in outcomes) > 35
    assert sum(outcome.answered for outcome in outcomes) > 100
    assert sum(outcome.faults for outcome in outcomes) > 5


def test_an_object_store_that_fails_violates_no_invariant():
    outcomes = list(play_seeds(range(6), theme="objects"))

    assert [f"{o.plan.seed}: {o.invariant}: {o.reason}" for o in outcomes if o.invariant] == []
    assert sum(outcome.faults for outcome in outcomes) > 5


@pytest.mark.parametrize("name", [name for name in MUTANTS if name not in OF_NODES])
def test_the_simulation_finds_the_planted_bug(name):
    seed, _ = CAUGHT[name]

    assert not play_seed(seed, mutant=name).is_sound or find_mutant(name, range(60))


class RefusesToStart(StorageActor):
    def open(self):
        raise CannotStart("The folder belongs to another archive.")


def test_nothing_of_a_run_is_left_when_it_is_over():
    parts = [
        Parts(),
        MUTANTS["forgets who waits"](),  # ends by a deadlock
        MUTANTS["counts once"](),
        Parts(actors={StorageActor: RefusesToStart}),
    ]
    before = threading.active_count()
    left = []
    for seed, planted in enumerate(parts):
        play(make_plan(seed), planted)
        left.append(threading.active_count() - before)
    gc.collect()

    assert left == [0] * len(parts)
    assert [it for it in gc.get_objects() if isinstance(it, World | Strand)] == []


def test_a_refusal_to_start_is_a_defect():
    outcome = play(make_plan(1), Parts(actors={StorageActor: RefusesToStart}))

    assert outcome.invariant == "no defect"
    assert "belongs to another archive" in outcome.reason


def test_a_seed_is_the_same_run_each_time():
    first, again, other = play_seed(7), play_seed(7), play_seed(8)

    assert first.digest == again.digest
    assert first.story == again.story
    assert first.digest != other.digest


def test_a_plan_can_be_written_down():
    plan = make_plan(3)

    assert Plan.from_json(plan.to_json()) == plan
    assert play(Plan.from_json(plan.to_json())).digest == play_seed(3).digest


def test_a_failing_plan_shrinks_to_the_few_steps_that_it_takes():
    make = MUTANTS["counts once"]
    outcome = play(make_plan(CAUGHT["counts once"][0]), make())

    small, _ = shrink(outcome, lambda plan: play(plan, make()), tries=60)

    assert small.invariant == outcome.invariant
    assert len(small.plan.steps) <= 4
    assert any(step.kind.startswith("store") for step in small.plan.steps)
    assert play(small.plan, make()).invariant == outcome.invariant


def test_the_scheduler_sees_that_nobody_can_go_on():
    scheduler = Scheduler(1)
    scheduler.spawn("first", partial(scheduler.pause, "the second", lambda: False))

    with pytest.raises(Deadlock, match="first waits for the second"):
        scheduler.run_until(lambda: False, waiting_for="The end")
    scheduler.kill()


def test_what_goes_wrong_in_a_strand_reaches_whoever_drives_the_run():
    scheduler = Scheduler(1)
    scheduler.spawn("broken", partial(int, "x"))

    with pytest.raises(ValueError, match="invalid literal"):
        scheduler.rest()


def test_strands_that_are_killed_take_no_further_step():
    scheduler = Scheduler(1)
    seen = []

    def go_on():
        for number in itertools.count():
            seen.append(number)
            scheduler.pause("its turn")

    scheduler.spawn("endless", go_on)
    scheduler.run(3)
    scheduler.kill()
    scheduler.run(3)

    assert seen == [0, 1, 2]


# The model


def test_what_was_written_last_is_what_is_read():
    register = Register()
    register.deeds += [Deed("a", 1, 2, took_effect=True), Deed("b", 3, 4, took_effect=True)]

    assert register.possible() == {"b"}


def test_of_two_that_met_either_may_be_last():
    register = Register("old")
    register.deeds += [Deed("a", 1, 4, took_effect=True), Deed("b", 2, 3, took_effect=True)]

    assert register.possible() == {"a", "b"}


def test_what_was_not_answered_may_have_happened_or_not():
    register = Register("old")
    register.deeds.append(Deed("new", 1))

    assert register.possible() == {"old", "new"}
    assert register.possible(began=0, ended=0) == {"old"}


def test_what_was_refused_has_not_happened():
    register = Register("old")
    register.deeds.append(Deed("new", 1, 2, took_effect=False))

    assert register.possible() == {"old"}


def test_an_answer_that_something_is_there_forbids_that_nothing_is():
    register = Register()
    register.deeds += [Deed(1, 1, 2), Deed(PRESENT, 3, 4, took_effect=True)]

    assert not register.allows(ABSENT)
    assert register.allows(1)
    assert not register.allows(2)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1))
def test_of_requests_one_after_the_other_the_model_knows_the_outcome(requests):
    register, value = Register(), ABSENT
    for moment, (written, is_refused) in enumerate(requests):
        deed = Deed(written, 2 * moment, 2 * moment + 1, took_effect=not is_refused)
        register.deeds.append(deed)
        value = value if is_refused else written

    assert register.possible() == {value}


# The command line


def test_a_seed_is_played_from_the_command_line(capsys):
    assert main(["--seed", "1"]) == 0
    assert "seed 1: " in capsys.readouterr().out


def test_a_planted_bug_is_found_shrunk_and_kept(capsys, tmp_path):
    kept = tmp_path / "small.json"
    arguments = ["--mutant", "drops the stored", "--length", "12"]
    found = (seed for seed in itertools.count() if main([*arguments, "--seed", str(seed)]))
    seed = str(next(found))

    assert main([*arguments, "--seed", seed, "--shrink", "--save", str(kept)]) == 1
    assert "steps became" in capsys.readouterr().out
    assert main([*arguments, "--plan", str(kept), "--story"]) == 1
    assert "all is well" not in capsys.readouterr().out
    assert main(["--plan", str(kept)]) == 0
    assert "all is well" in capsys.readouterr().out


def test_several_seeds_are_summed_up(capsys):
    assert main(["--seeds", "3", "--first", "5", "--jobs", "2"]) == 0
    assert "3 seeds in" in capsys.readouterr().out
    assert main(["--seeds", "1", "--jobs", "1", "--mutant", "drops the stored"]) == 1
    assert "Look closer" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["--mutant", "unheard of"], ["--seeds", "0"], ["--seed", "x"], ["--plan", "not-there.json"]],
)
def test_a_command_line_that_makes_no_sense_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_a_file_that_is_no_plan_is_refused(capsys, tmp_path):
    (tmp_path / "plan.json").write_text('{"seed": 1}')

    with pytest.raises(SystemExit):
        main(["--plan", str(tmp_path / "plan.json")])

    assert "is no plan" in capsys.readouterr().err


def test_without_anything_to_do_the_help_teaches(capsys):
    assert main([]) == 2
    assert "examples:" in capsys.readouterr().out
