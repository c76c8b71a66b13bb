"""Recording what housekeeping has done: instances, what failed, and how far it is, all at once."""

from collections.abc import Mapping

import orjson

from repertory.errors import Refused, UnknownResource
from repertory.housekeeping import (
    ChoresReceipt,
    ChoresRecord,
    DonePortion,
    DoneTask,
    InstanceFailure,
    Portion,
)
from repertory.model import Compression, Level, ResourceId
from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.housekeeping import (
    LONGEST_DELAY,
    STORED_UNDER,
    list_stored_under,
)
from repertory.storage.index.operations.listing import FIND, find
from repertory.storage.index.operations.other_files import replace_other
from repertory.storage.index.operations.placing_trash import record_move_in_trash
from repertory.storage.index.operations.reconstructing import (
    find_targets,
    reconstruct,
    release_obsolete,
)
from repertory.storage.index.operations.refreshing import Refreshing
from repertory.storage.index.packing import pack_id

FIRST_DELAY = 60.0
"""Seconds after which a study is tried again that failed once; each time it is twice as long."""

_DOUBLINGS = 12

KEEP = (
    "INSERT INTO properties (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
FAIL = (
    "INSERT INTO set_aside (resource, property, attempts, due, form, instance, reason, is_open)"
    " VALUES (?, ?, 1, ?, ?, ?, ?, 1) ON CONFLICT (resource, property) DO UPDATE SET"
    " attempts = set_aside.attempts + 1, due = excluded.due,"
    " form = COALESCE(excluded.form, set_aside.form),"
    " instance = excluded.instance, reason = excluded.reason, is_open = 1"
    " WHERE set_aside.is_open = 0"
)
PUT_FIRST = (
    "INSERT INTO set_aside (resource, property, attempts, due, form, instance, reason, is_open)"
    " VALUES (?, ?, 0, ?, ?, NULL, '', 0) ON CONFLICT (resource, property) DO UPDATE SET"
    " attempts = 0, due = excluded.due"
)
ATTEMPTS = "SELECT attempts FROM set_aside WHERE resource = ? AND property = ?"
IS_THERE = "SELECT 1 FROM resources WHERE id = ? AND level = 2"
FIND_ASIDE = "SELECT resource FROM set_aside WHERE property = ? AND "
CLOSE = "UPDATE set_aside SET is_open = 0 WHERE resource = ? AND property = ?"
SUCCEED = (
    "DELETE FROM set_aside WHERE resource = ? AND property = ? AND is_open = 0"
    " AND (form IS NULL OR ? = 1)"
)


def record_state(
    db: Database, group: Group, name: str, state: str | None, *, paused: bool | None
) -> None:
    """Keep the state, and whether housekeeping is paused."""
    group.writing = True
    if state is not None:
        db.execute(KEEP, (name, state))
    if paused is not None:
        db.execute(KEEP, (f"{name}/paused", "true" if paused else "false"))


def note_stored_under(db: Database, group: Group, configuration: str, *, restored: bool) -> None:
    """Note that something is stored under a configuration.

    What is ``restored`` may have been stored under any of those that are known.
    """
    known = list_stored_under(db)
    if not restored and known and known[-1][1] == configuration:
        return
    newest = known[-1][0] if known else 0
    texts = [text for _, text in known if text != configuration] if restored else []
    entries = [entry for entry in known if entry[1] != configuration and not restored]
    entries += enumerate([*texts, configuration], newest + 1)
    group.writing = True
    db.execute(KEEP, (STORED_UNDER, orjson.dumps(entries).decode()))


def put_first(  # noqa: PLR0917 - the database, the group, then what is to be done
    db: Database, group: Group, name: str, id_: ResourceId, form: Compression | None, now: float
) -> None:
    """Have a study taken before all others; ``UnknownResource`` where there is none."""
    group.settle()
    number = find(db, Level.STUDY, id_)[0]
    group.writing = True
    db.execute(PUT_FIRST, (number, name, now, form))


def record_chores(
    db: Database,
    group: Group,
    signatures: Mapping[Level, str],
    record: ChoresRecord,
    now: float,
) -> tuple[ChoresReceipt, ...]:
    """Record portions; what the index refuses of them is a failure, or gone, and no error."""
    group.settle()
    recording = _Recording(db, group, signatures, record, now)
    try:
        receipts = tuple([recording.record(portion) for portion in record.portions])
        recording.end()
    except BaseException:
        group.writing = True  # what was recorded before it must not stay alone
        raise
    return receipts


class _Recording:
    """Records portions; what it needs to know of their instances, it asks at once."""

    def __init__(
        self,
        db: Database,
        group: Group,
        signatures: Mapping[Level, str],
        record: ChoresRecord,
        now: float,
    ) -> None:
        self._db = db
        self._group = group
        self._name = record.name
        self._state = record.state
        self._now = now
        self._refreshing = Refreshing(db, signatures)
        tasks = [task for portion in record.portions for task in portion.done]
        self._targets = find_targets(db, [task.number for task in tasks])
        condition, value = db.among("resource", [it.portion.number for it in record.portions])
        self._aside = {row[0] for row in db.all(FIND_ASIDE + condition, (record.name, value))}

    def record(self, portion: DonePortion) -> ChoresReceipt:
        """Record a portion."""
        done = gone = 0
        failures = []
        for failure in portion.failures:
            if self._db.one(FIND, (pack_id(failure.id), int(Level.INSTANCE))) is None:
                gone += 1
            else:
                failures.append(failure)
        for task in portion.done:
            try:
                self._record(task)
            except UnknownResource:
                gone += 1
            except Refused as error:
                failures.append(InstanceFailure(task.ids.instance, str(error)))
            else:
                done += 1
                continue
            if task.attachment is not None:
                self._group.release(task.attachment)
        for copy in portion.others:
            (record_move_in_trash if copy.file.trash else replace_other)(
                self._db, self._group, copy
            )
        self._note(portion.portion, failures)
        return ChoresReceipt(done, gone, tuple(failures))

    def end(self) -> None:
        """Write what waits, and how far the pass is."""
        self._group.writing = True
        self._refreshing.flush()
        self._db.execute_many(KEEP, [(self._name, self._state)])

    def _record(self, task: DoneTask) -> None:
        target = self._targets.get(task.number)
        if task.summary is not None:
            reconstruct(
                self._db,
                self._group,
                self._refreshing,
                target,
                task.ids,
                task.summary,
                task.levels,
                task.replaces,
                task.attachment,
            )
        elif target is None or target.digest != pack_id(task.ids.instance):
            raise UnknownResource
        if task.obsolete:
            release_obsolete(self._db, self._group, task.number)

    def _note(self, portion: Portion, failures: list[InstanceFailure]) -> None:
        """Set the study aside if something failed; take it off the list once all went well."""
        study = (portion.number, self._name)
        is_aside = portion.number in self._aside
        if portion.begins and is_aside:
            self._db.execute_many(CLOSE, [study])
        # Deleted meanwhile, and perhaps uploaded again: the study of that number is no more.
        if failures and self._db.one(IS_THERE, (portion.number,)) is not None:
            row = self._db.one(ATTEMPTS, study) or (0,)
            delay = min(FIRST_DELAY * 2.0 ** min(row[0], _DOUBLINGS), LONGEST_DELAY)
            first = failures[0]
            values = (self._now + delay, portion.form, pack_id(first.id), first.reason)
            self._db.execute(FAIL, (*study, *values))
            is_aside = True
        if portion.ends and is_aside:
            # A pass over tags alone is no success of what was to be stored anew, nor is one over
            # files alone one of tags.
            if portion.aside or portion.refreshes:
                whole = int(portion.aside or portion.form is not None)
                self._db.execute_many(SUCCEED, [(*study, whole)])
            self._db.execute_many(CLOSE, [study])
