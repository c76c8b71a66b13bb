"""What all tests share."""

import os

import pytest
from hypothesis import settings

from repertory.testing import Stage

# Elsewhere each run tries other examples; a machine that only says yes or no tries the same ones,
# so that a change is judged by what it changes.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("people", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "people")


@pytest.fixture
def stage():
    with Stage() as stage:
        yield stage
