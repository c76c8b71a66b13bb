"""Making room: the patients that were quiet for longest go first, protected ones never."""

from collections import deque
from collections.abc import Iterator

from repertory.errors import LimitReached, UnknownResource
from repertory.model import Level, ResourceId
from repertory.storage.index.database import Database
from repertory.storage.index.operations.deleting import delete_resource
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.trashing import make_room
from repertory.storage.index.packing import LARGEST, pack_id, unpack_id
from repertory.storage.index.policy import StorePolicy

_ORDER = "CASE WHEN unprotected_at > activity THEN unprotected_at ELSE activity END"
FIND_QUIET = (
    f"SELECT resources.id, {_ORDER} AS place FROM resources"  # noqa: S608 - constants
    " JOIN tallies ON tallies.resource = resources.id"
    f" WHERE resources.level = 1 AND resources.is_protected = 0 AND {_ORDER} > ?"
    " ORDER BY place LIMIT ?"
)
LOOK_AGAIN = (
    f"SELECT resources.public_id, tallies.disk_size, {_ORDER} FROM resources"  # noqa: S608
    " JOIN tallies ON tallies.resource = resources.id"
    " WHERE resources.id = ? AND resources.is_protected = 0"
)
TOTALS = "SELECT patients, disk_size, trashed_size FROM totals"
SET_PROTECTED = (
    "UPDATE resources SET is_protected = ? WHERE public_id = ? AND level = 1 AND is_protected <> ?"
)
PUT_AT_THE_END = (
    "UPDATE tallies SET unprotected_at = ? WHERE resource ="
    " (SELECT id FROM resources WHERE public_id = ? AND level = 1)"
)
TAKE_NUMBER = "UPDATE totals SET last_instance = ?"

BATCH = 256
"""To find the quietest patient is to look at all of them: so many are found at a time."""


class Recycler:
    """Deletes patients to make room.

    A patient's place in the order is the number of its last new instance, or of the last instance
    that had come when its protection ended. Places only grow, so those that had the smallest when
    they were looked for still have, unless theirs has changed.
    """

    def __init__(self, db: Database, group: Group) -> None:
        self._db = db
        self._group = group
        self.emptied_trash = False
        """Whether the last call gave up something in the trash."""
        self._quiet: deque[tuple[int, int]] = deque()

    def forget(self) -> None:
        """Look for the quietest patients again: places may be what they were before."""
        self._quiet.clear()

    def make_room(
        self, policy: StorePolicy, size: int, *, patient: int | None, now: float
    ) -> tuple[ResourceId, ...]:
        """Delete what must go for ``size`` bytes more; the patients that were deleted.

        What is in the trash goes first, the oldest of it before the rest.

        Args:
            policy: the limits.
            size: how many bytes on disk are to come; may be negative.
            patient: the number of the patient that they belong to, which must stay; ``None`` for
                a new one.
            now: seconds since the epoch.

        Raises:
            LimitReached: there is no way to make so much room; nothing was written.
        """
        self.emptied_trash = False
        patients, used, trashed = self._used()
        bytes_over = used + size - policy.maximum_size if policy.maximum_size else 0
        patients_over = 0
        if policy.maximum_patients and patient is None:
            patients_over = patients + 1 - policy.maximum_patients
        if size <= 0:
            bytes_over = 0  # what does not grow was let in before
        if bytes_over <= 0 and patients_over <= 0:
            return ()
        if patients_over <= 0 and bytes_over <= trashed:
            self._empty_trash(bytes_over, now)
            return ()
        if not policy.recycles or (policy.maximum_size and size > policy.maximum_size):
            raise LimitReached
        doomed, enough = self._choose(bytes_over - trashed, patients_over, patient)
        if not enough:
            raise LimitReached
        self._empty_trash(bytes_over, now)
        return self._delete(doomed, now)

    def recycle(self, policy: StorePolicy, now: float) -> tuple[ResourceId, ...]:
        """Delete what is over the limits already, as far as it may go."""
        if not policy.recycles:
            return ()
        patients, used, trashed = self._used()
        bytes_over = used - policy.maximum_size if policy.maximum_size else 0
        patients_over = patients - policy.maximum_patients if policy.maximum_patients else 0
        doomed, _ = self._choose(bytes_over - trashed, patients_over, None)
        self._empty_trash(bytes_over, now)
        return self._delete(doomed, now)

    def _used(self) -> tuple[int, int, int]:
        """Patients, bytes on disk, and how many of these are in the trash."""
        patients, used, trashed = self._db.one(TOTALS) or (0, 0, 0)
        more_patients, more = self._group.pending()
        return patients + more_patients, used + trashed + more, trashed

    def _empty_trash(self, size: int, now: float) -> None:
        if size > 0:
            make_room(self._db, self._group, size, now)
            self.emptied_trash = True

    def _choose(
        self, bytes_over: int, patients_over: int, kept: int | None
    ) -> tuple[list[ResourceId], bool]:
        """The patients whose deletion makes enough room, or all, and whether it is enough."""
        doomed: list[ResourceId] = []
        if bytes_over <= 0 and patients_over <= 0:
            return doomed, True
        self._group.settle()
        for id_, size in self._candidates(kept):
            doomed.append(id_)
            bytes_over -= size
            patients_over -= 1
            if bytes_over <= 0 and patients_over <= 0:
                return doomed, True
        return doomed, False

    def _candidates(self, kept: int | None) -> Iterator[tuple[ResourceId, int]]:
        """Patients and their bytes, the longest quiet first."""
        last = -1
        passed: list[tuple[int, int]] = []
        try:
            while True:
                if not self._quiet:
                    self._quiet.extend(self._db.all(FIND_QUIET, (last, BATCH)))
                    if not self._quiet:
                        return
                number, place = self._quiet.popleft()
                last = max(last, place)
                row = self._db.one(LOOK_AGAIN, (number,))
                if row is None or row[2] != place:
                    continue
                passed.append((number, place))
                if number != kept:
                    yield unpack_id(row[0]), row[1]
        finally:
            # Who was only looked at is the first to be looked at again.
            self._quiet.extendleft(reversed(passed))

    def _delete(self, doomed: list[ResourceId], now: float) -> tuple[ResourceId, ...]:
        for id_ in doomed:
            delete_resource(self._db, self._group, Level.PATIENT, id_, now)
        return tuple(doomed)


def set_protected(db: Database, group: Group, id_: ResourceId, protected: bool) -> None:
    """Protect a patient from being recycled, or put it at the end of those that may be.

    Raises:
        UnknownResource: there is no such patient; nothing was written.
    """
    group.settle()
    digest = pack_id(id_)
    if not digest or not db.one(
        "SELECT id FROM resources WHERE public_id = ? AND level = 1", (digest,)
    ):
        raise UnknownResource
    group.writing = True
    if db.execute(SET_PROTECTED, (int(protected), digest, int(protected))) and not protected:
        # A number of its own: whoever was unprotected before, or came last, goes before it.
        group.last_instance = min(group.last_instance + 1, LARGEST)
        db.execute(TAKE_NUMBER, (group.last_instance,))
        db.execute(PUT_AT_THE_END, (group.last_instance, digest))
