"""The whole archive in a simulated computer: one seed, one run.

    outcome = play(make_plan(seed=123))
    assert outcome.is_sound, outcome.reason

``Parts`` puts other actors, or another storage area, in the place of the archive's own.
"""

from repertory.testing.simulation.plans import Plan, make_plan
from repertory.testing.simulation.playing import Outcome, play
from repertory.testing.simulation.setups import Parts
from repertory.testing.simulation.shrinking import shrink

__all__ = ["Outcome", "Parts", "Plan", "make_plan", "play", "shrink"]
