"""What all tests share."""

import os
import threading
import uuid
from contextlib import ExitStack
from functools import partial

import pytest
import structlog
from hypothesis import settings
from pynetdicom.association import Association

from repertory.testing import Stage
from repertory.testing.databases import DatabaseMissing
from repertory.testing.emulators import (
    AzureEmulator,
    EmulatorMissing,
    GoogleEmulator,
    RcloneEmulator,
    S3Emulator,
)
from repertory.testing.mysql import MysqlServer
from repertory.testing.postgresql import PostgresqlServer

# Elsewhere each run tries other examples; a machine that only says yes or no tries the same ones,
# so that a change is judged by what it changes.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("people", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "people")


LONG = (
    "tests/repertory/testing/test_simulated_seeds.py",
    "tests/journeys/",
    "tests/repertory/testing/",
    "tests/storage/index/",
    "tests/compat/",
    "tests/house/",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Tests of whole servers wait for half of their time: more of them than processors."""
    return max(2, (os.cpu_count() or 2) * 3 // 2)


def pytest_collection_modifyitems(items):
    """What takes long comes first: run side by side, no process ends long after the others."""

    def place(item):
        return next((n for n, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG))

    items.sort(key=place)


@pytest.fixture(autouse=True, scope="session")
def _loggers_forget_how_they_were_set_up():
    configure = structlog.configure
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            structlog,
            "configure",
            lambda *args, **more: configure(*args, **more | {"cache_logger_on_first_use": False}),
        )
        yield


@pytest.fixture(autouse=True)
def _log_as_before():
    """What one test makes of the log, a command perhaps, is not what the next one finds."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()


class Checkpoint(threading.Event):
    """Where the thread of a peer's association waits while the peer asks for something.

    pynetdicom's thread may be told to wait just when it goes on, and still be taken for waiting:
    then it swallows the answer. This one looks again before it goes on.
    """

    def __init__(self, association):
        super().__init__()
        self._association = association

    def wait(self, timeout=None):
        while True:
            super().wait(timeout)
            self._association._is_paused = False
            if self.is_set() or timeout is not None:
                return self.is_set()
            self._association._is_paused = True


@pytest.fixture(autouse=True, scope="session")
def _peers_hear_their_answers():
    begin = Association.__init__

    def with_checkpoint(self, *args, **more):
        begin(self, *args, **more)
        self._reactor_checkpoint = Checkpoint(self)
        self._reactor_checkpoint.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Association, "__init__", with_checkpoint)
        yield


@pytest.fixture
def stage():
    with Stage() as stage:
        yield stage


@pytest.fixture(scope="session")
def s3_emulator():
    yield from started(S3Emulator)


@pytest.fixture(scope="session")
def azure_emulator():
    yield from started(AzureEmulator)


@pytest.fixture(scope="session")
def google_emulator(tmp_path_factory):
    yield from started(partial(GoogleEmulator, tmp_path_factory.mktemp("google")))


@pytest.fixture(scope="session")
def postgresql_server():
    """A server of our own, for what must not be done to others'."""
    yield from started(PostgresqlServer)


@pytest.fixture(scope="session")
def mysql_server():
    """A MariaDB of our own, likewise."""
    yield from started(MysqlServer)


def started(make):
    with ExitStack() as stack:
        try:
            server = stack.enter_context(make())
        except (EmulatorMissing, DatabaseMissing) as reason:
            pytest.skip(str(reason))
        yield server


@pytest.fixture
def start_rclone(tmp_path):
    """Start a store that a test may stop, with a bucket "archive"; its objects lie in `s3`."""
    with ExitStack() as stack:

        def start(**options):
            store = RcloneEmulator(tmp_path / "s3", **options)
            store.make_bucket("archive")
            try:
                return stack.enter_context(store)
            except EmulatorMissing as reason:
                pytest.skip(str(reason))

        yield start


@pytest.fixture
def bucket_name():
    return f"bucket{uuid.uuid4().hex[:12]}"
