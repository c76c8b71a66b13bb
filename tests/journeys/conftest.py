"""Whole servers, in processes of their own, for journeys from end to end."""

from contextlib import ExitStack

import pytest

from repertory.testing.server import ServerProcess


@pytest.fixture
def serve(tmp_path):
    """Start a server with some options; it is gone when the test is over."""
    with ExitStack() as stack:
        number = 0

        def start(**options):
            nonlocal number
            number += 1
            return stack.enter_context(ServerProcess(tmp_path / f"server{number}", **options))

        yield start


@pytest.fixture
def server(serve):
    return serve()
