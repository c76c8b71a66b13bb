"""Clients that read ZIP archives while others change what is in them."""

import io
import json
import zipfile
from functools import lru_cache

from repertory.actors.messages.archives import BeginArchive, DescribeArchive, ReadArchive
from repertory.actors.messages.attachments import ReadFile
from repertory.actors.messages.job_outputs import DescribeJobOutput
from repertory.actors.messages.jobs import SubmitJob
from repertory.errors import FileLost, RepertoryError, UnknownItem, UnknownResource
from repertory.jobs import JobDescription, JobId, JobState
from repertory.model import Level, ResourceId
from repertory.testing.simulation.books import Violation
from repertory.testing.simulation.catalog import COUNT, VERSIONS, below, content_of, id_of
from repertory.testing.simulation.deleting import Deleting
from repertory.testing.simulation.model import ABSENT, Model
from repertory.testing.simulation.world import World

_INVARIANT = "an archive holds what was there"
_TOLD_IN = "missing-instances.json"
_DELETED = "deleted"


class Archiving(Deleting):
    """Asks for archives, and looks into them."""

    def __init__(self, world: World, model: Model) -> None:
        super().__init__(world, model)
        self._archives: dict[JobId, tuple[Level, int, int]] = {}

    def read_archive(self, level: int, number: int) -> None:
        """Read an archive while it is made."""
        began = self._world.scheduler.steps
        life = self._world.here.lives
        content = bytearray()
        is_whole = False
        try:
            id_ = id_of(Level(level), number)
            archive = self.ask(BeginArchive(ids=(id_,), level=Level(level)))
            while parcel := self.ask(ReadArchive(archive=archive)):
                content += parcel
            is_whole = True
            self.ask(DescribeArchive(archive=archive))
            raise Violation("an archive is forgotten", "it was read, and is kept")
        except (UnknownItem, UnknownResource) as error:
            if content and not is_whole and life == self._world.here.lives:
                raise Violation(_INVARIANT, f"{len(content)} bytes, then {error}") from error
            if not content:
                return  # there is no such resource
        except RepertoryError as error:
            self._world.scheduler.note(f"an archive ends: {type(error).__name__}")
            return
        self._look_into(bytes(content), Level(level), number, began)

    def submit_archive(self, level: int, number: int) -> None:
        """Have a job make an archive, and do not wait for it."""
        began = self._world.scheduler.steps
        word, id_ = Level(level).word, id_of(Level(level), number)
        job = self._try(SubmitJob(type="Archive", parameters={"Level": word, "Resources": [id_]}))
        if job is not None:
            self.jobs[job] = {}
            self._archives[job] = (Level(level), number, began)

    def look_into_archives(self, jobs: tuple[JobDescription, ...]) -> None:
        """All jobs are over: look into the archives that they made."""
        for job in jobs:
            wanted = self._archives.get(job.record.id)
            if wanted is not None and job.state is JobState.SUCCESS:
                output = self.ask(DescribeJobOutput(id=job.record.id, key="archive"))
                it = output.attachment
                content = self.ask(ReadFile(attachment=it, start=0, length=it.uncompressed_size))
                self._look_into(content, *wanted)
        self._archives.clear()

    def _look_into(self, content: bytes, level: Level, number: int, began: int) -> None:
        found, missing = _opened(content)
        for one in below(level, number):
            value: int | None = found.pop(one, ABSENT)
            reason = missing.get(id_of(Level.INSTANCE, one))
            if reason is not None and _DELETED not in reason:
                # It was replaced while it was read, or the disk failed: somebody must have done it.
                self._excuse(FileLost(reason), len(self._model.of("file", one).deeds))
                continue
            self._expect("file", one, value=value, began=began)
        if found:
            raise Violation(_INVARIANT, f"{sorted(found)} are in it, and were not asked for")


def _opened(content: bytes) -> tuple[dict[int, int], dict[ResourceId, str]]:
    """The versions of the instances that are in an archive, and what it says is missing."""
    found: dict[int, int] = {}
    missing: dict[ResourceId, str] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                one = archive.read(name)
                if name == _TOLD_IN:
                    missing = {it["ID"]: it["Reason"] for it in json.loads(one)}
                    continue
                known = _all_files().get(one)
                if known is None or known[0] in found:
                    raise Violation(_INVARIANT, f"{name} was never sent, or is in it twice")
                found[known[0]] = known[1]
    except (zipfile.BadZipFile, EOFError) as error:
        raise Violation(_INVARIANT, f"it is no ZIP archive: {error}") from error
    return found, missing


@lru_cache(maxsize=1)
def _all_files() -> dict[bytes, tuple[int, int]]:
    return {
        content_of(number, version): (number, version)
        for number in range(COUNT)
        for version in range(VERSIONS)
    }
