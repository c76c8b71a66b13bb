"""The archive's own actors on a stage, with a real index and real files."""

import pytest

from repertory.actors.crew import InlineCrew
from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.finding_rules import FindingRules
from repertory.actors.index import IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.jobs import JOBS
from repertory.actors.jobs.actor import JobsActor
from repertory.actors.stability_monitor import StabilityMonitorActor
from repertory.actors.storage import StorageActor
from repertory.actors.trash import TrashActor
from repertory.model import Level
from repertory.storage.areas import FilesystemArea
from repertory.storage.areas.filesystem import STAGING
from repertory.storage.files import FileOptions
from repertory.storage.index.policy import StorePolicy
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.storage.pixels.rules import IngestRules
from repertory.testing import Stage


class Archive:
    """A stage with the whole cast; ``restart`` plays the next run on the same folder."""

    def __init__(self, folder):
        self.folder = folder
        self.policy = StorePolicy()
        self.options = FileOptions()
        self.log_exports = False
        self.store_dicom = True
        self.ingest = IngestRules()
        self.main_tags = MAIN_DICOM_TAGS
        self.finding = {}
        self.jobs = {"types": JOBS}
        self.retention = 0.0
        self.stage = None
        self.restart()

    def restart(self, stage=None, *, without=()):
        if self.stage is not None:
            self.stage.close()
        self.stage = stage or Stage()
        engine = SqliteEngine(
            self.folder / "index",
            signatures={level: self.main_tags.signature(level) for level in Level},
        )
        finding = FindingRules(main_tags=self.main_tags, **self.finding)
        self.area = FilesystemArea(self.folder / "files", synchronize=False)
        cast = [
            (
                IndexActor,
                {
                    "engine": engine,
                    "policy": self.policy,
                    "log_exports": self.log_exports,
                    "retention": self.retention,
                },
            ),
            (IndexReaderActor, {"engine": engine, "finding": finding}),
            (
                StorageActor,
                {
                    "area": self.area,
                    "crew": InlineCrew(),
                    "main_tags": self.main_tags,
                    "options": self.options,
                    "store_dicom": self.store_dicom,
                    "ingest": self.ingest,
                },
            ),
            (DeletionQueueActor, {}),
            (TrashActor, {}),
            (StabilityMonitorActor, {"shortest_age": self.policy.stable_ages.shortest}),
            (JobsActor, self.jobs),
        ]
        self.refs = {
            actor: self.stage.put_on(actor, **parts)
            for actor, parts in cast
            if actor not in without
        }
        return self.stage

    def staged(self):
        """The names of the files in the making."""
        return {it.name for it in (self.folder / "files" / STAGING).glob("*/*")}

    def files(self):
        return sorted(self.area.names())


@pytest.fixture
def archive(tmp_path):
    archive = Archive(tmp_path)
    yield archive
    archive.stage.close()


@pytest.fixture(scope="session")
def archive_class():
    """The archive on a stage, for tests that need several."""
    return Archive


class FickleWriter:
    """A writer whose commits, or changes, fail as often as it is told to."""

    def __init__(self, writer):
        self._writer = writer
        self.failures = []
        self.failures_of_changes = []
        self.failures_to_prepare = []
        self.prepared = 0
        self.begun = 0

    def __getattr__(self, name):
        return getattr(self._writer, name)

    def begin(self, now=0.0, *, is_repeatable=False):
        self.begun += 1
        self._writer.begin(now)

    def prepare(self):
        self._writer.prepare()
        self.prepared += 1
        if self.failures_to_prepare:
            self._writer._abandon()
            raise self.failures_to_prepare.pop(0)

    def commit(self):
        if self.failures:
            self._writer.rollback()
            raise self.failures.pop(0)
        self._writer.commit()

    def clear_changes(self):
        self._writer.clear_changes()
        if self.failures_of_changes:
            self._writer._abandon()
            raise self.failures_of_changes.pop(0)


class FickleEngine(SqliteEngine):
    def writer(self):
        self.fickle = FickleWriter(super().writer())
        return self.fickle


@pytest.fixture(scope="session")
def fickle_engine_class():
    """An engine on a real file, whose commits and changes fail when they are told to."""
    return FickleEngine
