"""What all tests share."""

import pytest

from repertory.testing import Stage


@pytest.fixture
def stage():
    with Stage() as stage:
        yield stage
