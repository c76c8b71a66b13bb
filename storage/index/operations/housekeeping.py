"""Housekeeping: what there is to do, study by study in their order of arrival."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from repertory.housekeeping import (
    Chores,
    KeptState,
    Portion,
    PortionWanted,
    Position,
    StudyFailure,
    Task,
    Unfinished,
    Workload,
)
from repertory.model import Compression, Level, Metadata, ResourceId, ResourceIds
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations.other_files import list_other_files
from repertory.storage.index.packing import (
    ATTACHMENT_COLUMNS,
    LARGEST,
    unpack_attachment,
    unpack_id,
    unpack_metadata,
)

ADOPTED = "adopted"
"""The property that says that an Orthanc has filled the archive."""

LONGEST_DELAY = 86_400.0
"""Seconds after which a study that failed is tried again at the latest."""

LOOKED_AT = 1_000
"""Instances that one question looks at, at most: others have questions, too."""

_OWNER = (
    "SELECT studies.id, studies.public_id, studies.metadata, patients.public_id, patients.metadata"
    " FROM resources AS studies JOIN resources AS patients ON patients.id = studies.parent WHERE "
)
FIND_STUDY = _OWNER + "studies.id = ?"
NEXT_STUDY = _OWNER + (
    "studies.level = 2 AND studies.id > ? AND studies.id <= ? ORDER BY studies.id LIMIT 1"
)
_FILE = ", ".join(f"files.{column.strip()}" for column in ATTACHMENT_COLUMNS.split(","))
_INSTANCES = (
    "SELECT series.id, series.public_id, series.metadata, low.id, low.public_id, low.metadata,"  # noqa: S608 - of constants
    " EXISTS (SELECT 1 FROM attachments AS old"
    " WHERE old.resource = low.id AND old.content_type IN (2, 3)), "
    f"{_FILE} FROM resources AS series JOIN resources AS low ON low.parent = series.id"
    " LEFT JOIN attachments AS files ON files.resource = low.id AND files.content_type = 1 WHERE "
)
REST_OF_SERIES = f"{_INSTANCES}series.id = ? AND low.id > ? ORDER BY low.id LIMIT ?"
LATER_SERIES = f"{_INSTANCES}series.parent = ? AND series.id > ? ORDER BY series.id, low.id LIMIT ?"
NEXT_ASIDE = (
    "SELECT resource, form FROM set_aside WHERE property = ? AND attempts {} AND (due <= ?"
    " OR due > ?) ORDER BY due, resource LIMIT 1"
)
NEXT_DUE = "SELECT MIN(due) FROM set_aside WHERE property = ?"
FAILURES = (
    "SELECT resources.public_id, instance, reason, attempts, due FROM set_aside"
    " JOIN resources ON resources.id = set_aside.resource"
    " WHERE property = ? AND attempts > 0 ORDER BY resource LIMIT ?"
)
FIRST = (
    "SELECT resources.public_id FROM set_aside"
    " JOIN resources ON resources.id = set_aside.resource"
    " WHERE property = ? AND attempts = 0 ORDER BY due, resource"
)
STORED_UNDER = "stored_under"
"""The property with the configurations under which something was stored, and their numbers."""
PROPERTY = "SELECT value FROM properties WHERE name = ?"
_SIGNATURE = str(int(Metadata.MAIN_DICOM_TAGS_SIGNATURE))

Signatures = Mapping[Level, str]


def describe_kept_state(db: Database, number: int, identifier: str) -> KeptState:
    """What is kept under a number by the server of this identifier."""
    name = f"property/{number}/{identifier}"
    # An Orthanc with its index in a file keeps one for all servers.
    rows = [db.one(PROPERTY, (key,)) for key in (name, f"property/{number}")]
    text = next((row[0] for row in rows if row is not None), "")
    newest = db.one("SELECT MAX(id) FROM resources WHERE level = 2") or (None,)
    return KeptState(
        name=name,
        text=text,
        is_paused=(db.one(PROPERTY, (f"{name}/paused",)) or ("",))[0] == "true",
        is_adopted=db.one(PROPERTY, (ADOPTED,)) is not None,
        last_study=newest[0] or 0,
        stored_under=list_stored_under(db),
    )


def list_stored_under(db: Database) -> tuple[tuple[int, str], ...]:
    """The configurations under which something was stored, the latest last."""
    row = db.one(PROPERTY, (STORED_UNDER,))
    return tuple((number, text) for number, text in orjson.loads(row[0])) if row else ()


def describe_unfinished(
    db: Database, name: str, position: Position, last: int, limit: int
) -> Unfinished:
    """What is left of a pass, and what failed."""
    after = position.study - position.is_within
    left = db.one(
        "SELECT COUNT(*) FROM resources WHERE level = 2 AND id > ? AND id <= ?", (after, last)
    ) or (0,)
    failed = db.one(
        "SELECT COUNT(*) FROM set_aside WHERE property = ? AND attempts > 0", (name,)
    ) or (0,)
    failures = tuple(
        StudyFailure(unpack_id(study), unpack_id(instance or b""), reason, attempts, due)
        for study, instance, reason, attempts, due in db.all(FAILURES, (name, limit))
    )
    first = tuple(unpack_id(row[0]) for row in db.all(FIRST, (name,)))
    return Unfinished(left[0], failed[0], failures, first)


def find_portions(
    db: Database, signatures: Signatures, wanted: PortionWanted
) -> tuple[Portion, ...]:
    """What is to be done next: some studies if they are small; see ``FindPortions``."""
    portion = _find_portion(db, signatures, wanted)
    found = [portion]
    tasks, size = wanted.tasks, wanted.size
    while portion.study is not None and portion.ends and not portion.aside:
        tasks -= len(portion.tasks)
        size -= sum(task.size for task in portion.tasks)
        if len(found) >= wanted.studies or tasks <= 0 or size <= 0:
            break
        further = replace(wanted, position=portion.position, tasks=tasks, size=size)
        portion = _of_pass(db, signatures, further)
        if portion.study is not None:
            found.append(portion)
    return tuple(found)


def _find_portion(db: Database, signatures: Signatures, wanted: PortionWanted) -> Portion:
    if wanted.within.study:
        row = db.one(
            "SELECT form FROM set_aside WHERE property = ? AND resource = ?",
            (wanted.name, wanted.within.study),
        )
        return _aside(db, signatures, wanted, wanted.within, row[0] if row else None)
    first = _find_aside(db, wanted, "= 0")
    if first is not None:
        return _aside(db, signatures, wanted, Position(first[0]), first[1])
    if wanted.chores:
        return _of_pass(db, signatures, wanted)
    failed = _find_aside(db, wanted, "> 0")
    if failed is not None:
        return _aside(db, signatures, wanted, Position(failed[0]), failed[1])
    due = db.one(NEXT_DUE, (wanted.name,)) or (None,)
    return Portion(position=wanted.position, is_last=True, next_due=due[0])


def _find_aside(db: Database, wanted: PortionWanted, attempts: str) -> Row | None:
    # Of a clock that was set back, no study is to suffer for longer than the longest delay.
    values = (wanted.name, wanted.now, wanted.now + LONGEST_DELAY)
    return db.one(NEXT_ASIDE.format(attempts), values)


def _aside(
    db: Database, signatures: Signatures, wanted: PortionWanted, at: Position, form: int | None
) -> Portion:
    if form is None:
        chores = replace(wanted.aside, form=None, transcode="")
    elif wanted.aside.form is None:
        chores = replace(wanted.aside, form=Compression(form))
    else:
        chores = wanted.aside  # the form of new files may be another one by now
    study = db.one(FIND_STUDY, (at.study,))
    if study is None:  # deleted since; to record it takes it off the list
        return Portion(Position(at.study), number=at.study, begins=True, ends=True, aside=True)
    looking = _Looking(db, signatures, chores, wanted)
    portion = looking.into(study, at, begins=not at.is_within)
    return replace(portion, aside=True)


def _of_pass(db: Database, signatures: Signatures, wanted: PortionWanted) -> Portion:
    position, passed = wanted.position, 0
    looking = _Looking(db, signatures, wanted.chores, wanted)
    if position.is_within:
        study = db.one(FIND_STUDY, (position.study,))
        if study is not None:
            portion = looking.into(study, position, begins=False)
            if portion.tasks or portion.ends:
                return replace(portion, passed=int(portion.ends))
            return portion
        passed += 1
    while looking.looked < LOOKED_AT:
        study = db.one(NEXT_STUDY, (position.study, wanted.last))
        if study is None:
            return Portion(position=Position(position.study), passed=passed, is_last=True)
        portion = looking.into(study, Position(study[0]), begins=True)
        if portion.tasks or portion.others or not portion.ends:
            return replace(portion, passed=passed + portion.ends)
        position = portion.position
        passed += 1
    return Portion(position=position, passed=passed)


def estimate(  # noqa: PLR0917 - the database, then what is asked
    db: Database,
    signatures: Signatures,
    chores: Chores,
    position: Position,
    last: int,
    limit: int,
) -> Workload:
    """How much there is to do with the next ``limit`` studies."""
    wanted = PortionWanted("", 0, chores, Chores(), position, Position(), last, LARGEST, LARGEST)
    studies = instances = size = 0
    for _ in range(limit):
        at, begins = position, False
        study = db.one(FIND_STUDY, (position.study,)) if position.is_within else None
        if study is None:
            study = db.one(NEXT_STUDY, (position.study, last))
            if study is None:
                return Workload(Position(position.study), studies, instances, size, is_last=True)
            at, begins = Position(study[0]), True
        found = 0
        while True:
            portion = _Looking(db, signatures, chores, wanted).into(study, at, begins=begins)
            for task in needed(portion.tasks):
                found += 1
                size += task.size
            if portion.ends:
                break
            at, begins = portion.position, False
        studies += found > 0
        instances += found
        position = Position(study[0])
    return Workload(position, studies, instances, size)


def needed(tasks: Sequence[Task]) -> Iterator[Task]:
    """The tasks that are left once each parent is refreshed from its first instance."""
    refreshed: set[ResourceId] = set()
    for task in tasks:
        levels = {level for level in task.levels if task.ids.at(level) not in refreshed}
        if levels or task.rewrite or task.obsolete:
            refreshed.update(task.ids.at(level) for level in levels)
            yield replace(task, levels=frozenset(levels))


class _Looking:
    """Looks into studies for what there is to do, and counts the instances that it looks at."""

    def __init__(
        self, db: Database, signatures: Signatures, chores: Chores, wanted: PortionWanted
    ) -> None:
        self._db = db
        self._signatures = signatures
        self._chores = chores
        self._wanted = wanted
        self.looked = 0

    def into(self, study: Row, at: Position, *, begins: bool) -> Portion:
        """The tasks of a study, from a position on, as many as are wanted."""
        number, digest, metadata, patient, patient_metadata = study
        wanted = self._wanted
        above = frozenset(
            level
            for level, text in ((Level.PATIENT, patient_metadata), (Level.STUDY, metadata))
            if self._is_wanted(level, text, anew=begins)
        )
        tasks: list[Task] = []
        position, size = Position(number, at.series, at.instance), 0
        ends, series = True, 0
        below: frozenset[Level] = frozenset()
        for row in self._instances(number, at):
            if len(tasks) >= wanted.tasks or size >= wanted.size or self.looked >= LOOKED_AT:
                ends = False
                break
            self.looked += 1
            if row[0] != series:
                series = row[0]
                fresh = self._is_wanted(Level.SERIES, row[2], anew=begins or series != at.series)
                below = above | {Level.SERIES} if fresh else above
            levels = below
            if self._is_wanted(Level.INSTANCE, row[5], anew=True):
                levels = below | {Level.INSTANCE}
            ids = ResourceIds(
                unpack_id(patient), unpack_id(digest), unpack_id(row[1]), unpack_id(row[4])
            )
            task = self._task(ids, levels, row)
            if task is not None:
                tasks.append(task)
                size += task.size
            position = Position(number, row[0], row[3])
        others = begins and self._chores.anew
        return Portion(
            others=list_other_files(self._db, number) if others else (),
            position=Position(number) if ends else position,
            study=unpack_id(digest),
            number=number,
            tasks=tuple(tasks),
            begins=begins,
            ends=ends,
            form=self._chores.form,
            transcodes=bool(self._chores.transcode),
            anew=self._chores.anew,
            refreshes=bool(self._chores.levels),
        )

    def _task(self, ids: ResourceIds, levels: frozenset[Level], row: Row) -> Task | None:
        attachment = None if row[8] is None else unpack_attachment(row[7:])
        form, chores = self._chores.form, self._chores
        other_form = attachment is not None and form is not None and attachment.compression != form
        rewrite = other_form or (attachment is not None and chores.anew)
        if attachment is not None and chores.transcode:
            syntax = unpack_metadata(row[5]).get(Metadata.TRANSFER_SYNTAX, "")
            rewrite = rewrite or syntax != chores.transcode
        obsolete = bool(row[6]) and (chores.obsolete or Level.INSTANCE in levels)
        if not levels and not rewrite and not obsolete:
            return None
        return Task(row[3], ids, attachment, levels, rewrite, obsolete)

    def _instances(self, study: int, at: Position) -> Iterator[Row]:
        """The instances after a position, series by series; a batch for each statement."""
        batch = min(self._wanted.tasks + 1, LOOKED_AT)
        series, instance = at.series, at.instance
        while True:
            if instance:
                rows = self._db.all(REST_OF_SERIES, (series, instance, batch))
                yield from rows
                if len(rows) == batch:
                    instance = rows[-1][3]
                    continue
            rows = self._db.all(LATER_SERIES, (study, series, batch))
            yield from rows
            if len(rows) < batch:
                return
            series, instance = rows[-1][0], rows[-1][3]

    def _is_wanted(self, level: Level, metadata: str, *, anew: bool) -> bool:
        """Whether the main tags of a level are to be refreshed, judging by their signature."""
        if level not in self._chores.levels:
            return False
        if anew and self._chores.everything:
            return True
        signature = self._signatures.get(level)
        entry: Any = orjson.loads(metadata).get(_SIGNATURE)
        return signature is not None and (entry is None or entry[0] != signature)
