"""A check of the whole archive, step by step.

Uploads and deletions go on meanwhile, and none of them may be taken for damage. The order of the
steps sees to that:

- A file comes before its row, and a row goes before its file. So a file that is missing although
  its row was there before, and is there afterwards, is lost.
- A file without a row may be on its way in, and on its way out. It counts as an orphan if it is
  old, if the index does not know it after it was seen, if it does not wait to be removed after
  that, and if it is still there at the end.
- Counters are compared with what they count in one state of the index.
"""

import math
import struct
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, TypeVar

import structlog

from repertory.actors.messages.attachments import ListReleased
from repertory.actors.messages.base import Question
from repertory.actors.messages.integrity import (
    CorrectTallies,
    CorrectTotals,
    CountFiles,
    ExamineFiles,
    ListDamaged,
    ListFiles,
    ListOwners,
    MarkFiles,
    RecountTallies,
    RecountTotals,
    SetAside,
    SurveyFiles,
)
from repertory.actors.messages.job_outputs import ListJobOutputs
from repertory.actors.messages.trash import ListTrashedFiles
from repertory.errors import StorageFailed
from repertory.integrity import (
    Damage,
    DamagedFile,
    DamageMark,
    Finding,
    IndexedFile,
    IntegrityReport,
    OrphanFile,
    Recount,
    Survey,
    WrongCounter,
)
from repertory.storage.index.packing import pack_uuid, unpack_uuid

log = structlog.get_logger(__name__)

T = TypeVar("T")

Steps = Generator[Question[Any], Any, None]
"""Yields what to ask next, and gets the answer."""

ROWS_AT_ONCE = 2_000_000
"""Files held in memory at a time, about 60 bytes each: a larger archive is checked in slices."""

PAGE = 5_000
BATCH = 500
PATIENTS = 200
BYTES_AT_ONCE = 64 << 20
FOLDERS = 256

YOUNG = 900.0
"""Seconds that a file may take from the disk to the index; nobody waits that long."""

_RECORD = struct.Struct("<q16sqi?16si")
_FROM_THE_START = (-(2**62), 0)


class Check:
    """One check. ``steps`` does it; ``phase``, ``done`` and ``total`` tell how far it is."""

    def __init__(
        self,
        *,
        now: Callable[[], float],
        checksums: bool,
        repair: bool,
        young: float = YOUNG,
        rows_at_once: int = ROWS_AT_ONCE,
    ) -> None:
        self.phase = "Index"
        self.done = 0
        self.total = 0
        self._now = now
        self._started = now()
        self._checksums = checksums
        self._repair = repair
        self._young = young
        self._rows_at_once = rows_at_once
        self._files = 0
        self._size = 0
        self._foreign = 0
        self._damaged: dict[tuple[int, int], tuple[IndexedFile, DamagedFile]] = {}
        self._sound: list[IndexedFile] = []
        self._orphans: dict[bytes, int] = {}
        self._locations: dict[bytes, int] = {}
        self._counters: list[WrongCounter] = []
        self._patients: list[int] = []
        self._marked = self._cleared = self._moved = self._corrected = 0

    def report(self) -> IntegrityReport:
        """What was found."""
        damaged = sorted(
            (damaged for _, damaged in self._damaged.values()), key=lambda it: (it.id, it.uuid)
        )
        return IntegrityReport(
            started=self._started,
            finished=self._now(),
            with_checksums=self._checksums,
            with_repair=self._repair,
            files=self._files,
            size=self._size,
            damaged=tuple(damaged),
            orphans=tuple(OrphanFile(unpack_uuid(u), s) for u, s in sorted(self._orphans.items())),
            foreign=self._foreign,
            counters=tuple(self._counters),
            marked=self._marked,
            cleared=self._cleared,
            moved=self._moved,
            corrected=self._corrected,
        )

    def steps(self) -> Steps:
        """Check everything; with ``repair``, mend what can be mended."""
        number: int = yield CountFiles()
        self.total = FOLDERS + (number if self._checksums else 0)
        slices = max(1, math.ceil(number / self._rows_at_once))
        for place in range(slices):
            first, last = FOLDERS * place // slices, FOLDERS * (place + 1) // slices
            yield from self._compare(first, last)
        yield from self._confirm_orphans()
        yield from self._examine_marked()
        yield from self._recount()
        if self._repair:
            self._begin("Repair")
            yield from self._mark()
            yield from self._move()
            yield from self._correct()

    def _begin(self, phase: str, total: int = 0) -> None:
        self.phase, self.done, self.total = phase, 0, total

    # Files

    def _compare(self, first: int, last: int) -> Steps:
        """Compare some outer folders with what the index says of them."""
        self.phase = "Index"
        known: dict[int, bytearray] = defaultdict(bytearray)
        after = _FROM_THE_START
        while True:
            page: tuple[IndexedFile, ...] = yield ListFiles(
                after=after, first=first, last=last, limit=PAGE
            )
            for file in page:
                known[file.uuid[0]] += _RECORD.pack(
                    file.resource,
                    file.uuid,
                    file.size,
                    file.content_type,
                    file.md5 is not None,
                    file.md5 or b"",
                    file.location,
                )
                self._size += file.size
            self._files += len(page)
            if len(page) < PAGE:
                break
            after = page[-1][:2]
        self.phase = "Files"
        for folder in range(first, last):
            survey: Survey = yield SurveyFiles(folder=folder)
            yield from self._compare_folder(survey, _unpacked(known.pop(folder, b"")))
            self.done += 1

    def _compare_folder(self, survey: Survey, known: Iterator[IndexedFile]) -> Steps:
        self._foreign += survey.foreign
        unknown = dict(survey.files)
        damaged: list[tuple[IndexedFile, Finding]] = []
        doubtful: list[IndexedFile] = []
        whole: list[IndexedFile] = []
        for file in known:
            found = unknown.pop(unpack_uuid(file.uuid), None)
            if found is None or found.size != file.size:
                doubtful.append(file)
            elif self._checksums:
                # Where it was seen: whoever reads it finds it there, and corrects the index.
                whole.append(file._replace(location=found.location))
        for uuid, seen in unknown.items():
            if seen.age >= self._young:
                self._orphans[pack_uuid(uuid)] = seen.size
                self._locations[pack_uuid(uuid)] = seen.location
        # A list may be older than what it is compared with, and does not always tell which files
        # are encrypted: what differs is looked at itself.
        for some in _some(doubtful, BATCH):
            looks: tuple[Finding, ...] = yield ExamineFiles(files=some)
            damaged += [it for it in zip(some, looks, strict=True) if it[1].damage]
            if self._checksums:
                whole += [file for file, look in zip(some, looks, strict=True) if not look.damage]
        for batch in _batches(whole):
            findings: tuple[Finding, ...] = yield ExamineFiles(files=batch, checksums=True)
            damaged += [it for it in zip(batch, findings, strict=True) if it[1].damage]
            self.done += len(batch)
        yield from self._add_damaged(damaged)

    def _add_damaged(self, damaged: Sequence[tuple[IndexedFile, Finding]]) -> Steps:
        """Report files as damaged, unless their resources have let go of them meanwhile."""
        for batch in _some(damaged, BATCH):
            owners: tuple[DamageMark | None, ...] = yield ListOwners(
                files=tuple((file, found.damage or Damage.LOST) for file, found in batch)
            )
            for owner, (file, found) in zip(owners, batch, strict=True):
                if owner is not None:
                    self._damaged[file[:2]] = (file, _described(owner, found))

    def _confirm_orphans(self) -> Steps:
        """Leave out of the orphans what the index knows by now, and what is gone by now."""
        self._begin("Orphans", len(self._orphans))
        # In this order: whatever goes into the trash, comes back or is released meanwhile is seen
        # where it was, or where it is.
        yield from self._leave_out_trash()
        yield from self._leave_out_owned()
        yield from self._leave_out_trash()
        yield from self._leave_out_outputs()
        yield from self._leave_out_released()
        for batch in _some(tuple(self._orphans), BATCH):
            files = tuple(
                IndexedFile(0, 0, uuid, self._orphans[uuid], None, self._locations[uuid])
                for uuid in batch
            )
            findings: tuple[Finding, ...] = yield ExamineFiles(files=files)
            for uuid, found in zip(batch, findings, strict=True):
                if found.size is None:
                    del self._orphans[uuid]
            self.done += len(batch)

    def _leave_out_owned(self) -> Steps:
        after = _FROM_THE_START
        while self._orphans:
            page: tuple[IndexedFile, ...] = yield ListFiles(
                after=after, first=0, last=FOLDERS, limit=PAGE
            )
            for file in page:
                self._orphans.pop(file.uuid, None)
            if len(page) < PAGE:
                break
            after = page[-1][:2]

    def _leave_out_trash(self) -> Steps:
        after = (0, 0, 0)
        while self._orphans:
            page = yield ListTrashedFiles(after=after, limit=PAGE)
            for file in page:
                self._orphans.pop(file[3], None)
            if len(page) < PAGE:
                break
            after = page[-1][:3]

    def _leave_out_released(self) -> Steps:
        after = 0
        while self._orphans:
            page = yield ListReleased(limit=PAGE, after=after)
            for file in page:
                self._orphans.pop(pack_uuid(file.uuid), None)
            if len(page) < PAGE:
                break
            after = page[-1].number

    def _leave_out_outputs(self) -> Steps:
        if self._orphans:
            for file in (yield ListJobOutputs()):
                self._orphans.pop(pack_uuid(file.uuid), None)

    def _examine_marked(self) -> Steps:
        """Look again at what was marked before: it may be well, or damaged in an unseen way."""
        marks: tuple[DamageMark, ...] = yield ListDamaged()
        left = [mark for mark in marks if mark.file[:2] not in self._damaged]
        for batch in _some(left, BATCH):
            findings: tuple[Finding, ...] = yield ExamineFiles(
                files=tuple(mark.file for mark in batch), checksums=True
            )
            for mark, found in zip(batch, findings, strict=True):
                if found.damage is None and (mark.file.md5 or mark.damage is not Damage.CORRUPTED):
                    self._sound.append(mark.file)
                else:
                    told = Finding(found.damage or mark.damage, found.size)
                    self._damaged[mark.file[:2]] = (mark.file, _described(mark, told))

    # Counters

    def _recount(self) -> Steps:
        self._begin("Counters")
        after = -1
        while True:
            recount: Recount = yield RecountTallies(after=after, limit=PATIENTS)
            if recount.last is None:
                break
            after = recount.last
            self._counters += recount.counters
            self._patients += recount.patients
        self._counters += yield RecountTotals()

    # Mending

    def _mark(self) -> Steps:
        damaged = [(file, described.damage) for file, described in self._damaged.values()]
        for batch in _some(damaged, BATCH):
            self._marked += yield MarkFiles(damaged=batch)
        for sound in _some(self._sound, BATCH):
            yield MarkFiles(damaged=(), sound=sound)
            self._cleared += len(sound)

    def _move(self) -> Steps:
        for uuid in tuple(self._orphans):
            name = unpack_uuid(uuid)
            try:
                self._moved += yield SetAside(uuid=name)
            except StorageFailed:
                log.warning("orphan_not_moved", uuid=name)

    def _correct(self) -> Steps:
        for batch in _some(self._patients, PATIENTS):
            self._corrected += yield CorrectTallies(patients=batch)
        if any(counter.level is None for counter in self._counters):
            self._corrected += yield CorrectTotals()


def _some(things: Sequence[T], number: int) -> Iterator[tuple[T, ...]]:
    """All things, so many at a time."""
    for first in range(0, len(things), number):
        yield tuple(things[first : first + number])


def _unpacked(records: bytes | bytearray) -> Iterator[IndexedFile]:
    for resource, uuid, size, content_type, has_md5, md5, place in _RECORD.iter_unpack(records):
        yield IndexedFile(resource, content_type, uuid, size, md5 if has_md5 else None, place)


def _batches(files: Sequence[IndexedFile]) -> Iterator[tuple[IndexedFile, ...]]:
    """Some files at a time: few enough that each step is short."""
    batch: list[IndexedFile] = []
    size = 0
    for file in files:
        batch.append(file)
        size += file.size
        if size >= BYTES_AT_ONCE or len(batch) >= BATCH:
            yield tuple(batch)
            batch, size = [], 0
    if batch:
        yield tuple(batch)


def _described(owner: DamageMark, found: Finding) -> DamagedFile:
    return DamagedFile(
        level=owner.level,
        id=owner.id,
        content_type=owner.file.content_type,
        uuid=unpack_uuid(owner.file.uuid),
        damage=found.damage or owner.damage,
        size=owner.file.size,
        found=found.size,
    )
