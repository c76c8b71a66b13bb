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
from repertory.storage.index.operations.group import Group, Lineage
from repertory.storage.index.operations.housekeeping import (
    LONGEST_DELAY,
    STORED_UNDER,
    list_stored_under,
)
from repertory.storage.index.operations.listing import FIND, find
from repertory.storage.index.operations.other_files import replace_other
from repertory.storage.index.operations.placing_trash import record_move_in_trash
from repertory.storage.index.operations.recompressing import find_file, put_file, resize
from repertory.storage.index.operations.reconstructing import OBSOLETE, record_reconstruction
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
    try:
        receipts = tuple(
            [
                _record_portion(db, group, signatures, record.name, portion, now)
                for portion in record.portions
            ]
        )
    except BaseException:
        group.writing = True  # what was recorded before it must not stay alone
        raise
    group.writing = True
    db.execute(KEEP, (record.name, record.state))
    return receipts


def _record_portion(  # noqa: PLR0917 - the database, the group, then what is to be recorded
    db: Database,
    group: Group,
    signatures: Mapping[Level, str],
    name: str,
    portion: DonePortion,
    now: float,
) -> ChoresReceipt:
    done = gone = 0
    failures = []
    known: dict[ResourceId, Lineage] = {}
    for failure in portion.failures:
        if db.one(FIND, (pack_id(failure.id), int(Level.INSTANCE))) is None:
            gone += 1
        else:
            failures.append(failure)
    for task in portion.done:
        try:
            _record(db, group, signatures, task, known)
        except UnknownResource:
            gone += 1
        except Refused as error:
            failures.append(InstanceFailure(task.ids.instance, str(error)))
        else:
            done += 1
            continue
        if task.attachment is not None:
            group.release(task.attachment)
    for copy in portion.others:
        group.writing = True
        (record_move_in_trash if copy.file.trash else replace_other)(db, group, copy)
    _note(db, name, portion.portion, failures, now)
    return ChoresReceipt(done, gone, tuple(failures))


def _record(
    db: Database,
    group: Group,
    signatures: Mapping[Level, str],
    task: DoneTask,
    known: dict[ResourceId, Lineage],
) -> None:
    if task.summary is not None:
        record_reconstruction(
            db,
            group,
            signatures,
            task.ids,
            task.summary,
            task.levels,
            task.replaces,
            task.attachment,
            beside=False,
            known=known,
        )
    else:
        group.settle()
    if task.obsolete:
        number = find(db, Level.INSTANCE, task.ids.instance)[0]
        group.writing = True
        for content_type in OBSOLETE:
            old = find_file(db, number, content_type)
            if old is not None:
                resize(db, number, *put_file(db, group, number, old, None))


def _note(
    db: Database, name: str, portion: Portion, failures: list[InstanceFailure], now: float
) -> None:
    """Set the study aside if something failed; take it off the list once all went well."""
    study = (portion.number, name)
    if portion.begins:
        db.execute(CLOSE, study)
    # Deleted meanwhile, and perhaps uploaded again: the study of that number is no more.
    if failures and db.one(IS_THERE, (portion.number,)) is not None:
        row = db.one(ATTEMPTS, study) or (0,)
        delay = min(FIRST_DELAY * 2.0 ** min(row[0], _DOUBLINGS), LONGEST_DELAY)
        first = failures[0]
        values = (now + delay, portion.form, pack_id(first.id), first.reason)
        db.execute(FAIL, (*study, *values))
    if portion.ends:
        # A pass over tags alone is no success of what was to be stored anew, nor is one over files
        # alone one of tags.
        if portion.aside or portion.refreshes:
            db.execute(SUCCEED, (*study, int(portion.aside or portion.form is not None)))
        db.execute(CLOSE, study)
