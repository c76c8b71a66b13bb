"""A writer's claim to an index in a database server, and its memory of what it has committed.

Every writer has a name and a row in ``writers``, in which it counts its transactions: whoever does
not know whether the last one was committed, because the connection broke, reads it there. While
it is in doubt, the session in which it ran must not go on: each holds a lock with the name of its
writer, and who has that lock knows that the session before is over.
"""

import secrets

import structlog

from repertory.errors import CannotStart, IndexFailed, RepertoryError
from repertory.storage.index.database import Row
from repertory.storage.index.server.connecting import Patience
from repertory.storage.index.server.dialect import Dialect
from repertory.storage.index.server.session import Session, SessionFailed, Statement, Trouble

log = structlog.get_logger(__name__)

ARCHIVE = "archive"
"""The name of the lock that one archive has, unless nodes share the index."""

TRIES = 40
PAUSE = 0.1
"""How often to try to get a lock, and seconds between: the server has to notice that a client
is gone."""

COUNT = "UPDATE writers SET commits = ? WHERE name = ?"
COUNTED = "SELECT commits FROM writers WHERE name = ?"
ENTER = "INSERT INTO writers (name, commits) VALUES (?, 0)"
ENTER_AGAIN = "INSERT INTO writers (name, commits) VALUES (?, ?)"
NAMES = "SELECT name FROM writers ORDER BY name"
LEAVE = "DELETE FROM writers WHERE name = ?"
COMMITS_OF_OTHERS = "SELECT COALESCE(SUM(commits), 0), COUNT(*) FROM writers WHERE name <> ?"


class Claim:
    """What one writer holds; ``is_shared`` says that others may write, each in its turn."""

    def __init__(self, dialect: Dialect, patience: Patience, *, is_shared: bool) -> None:
        self._dialect = dialect
        self._patience = patience
        self.is_shared = is_shared
        self.name = secrets.token_hex(8)
        self.commits = 0
        self._others: tuple[int, ...] | None = None
        self._is_entered = False
        self._was_forgotten = False

    def take(self, session: Session) -> None:
        """Hold the locks in a new session; the one before is over then.

        Raises:
            CannotStart: another archive has the index.
            IndexFailed: the same, where this one had it before.
            SessionFailed: the server does not do it.
        """
        self._take(session, f"writer/{self.name}", end_holder=True)
        # Whoever shares the index holds this one for a moment only: nobody may be alone with it.
        self._take(session, ARCHIVE)
        if not self._is_entered:
            for count in range(TRIES, -1, -1):
                if not self._others_live(session) or self.is_shared:
                    break
                if not count:
                    raise self._refusal()
                self._patience.pause(PAUSE)
            self._ask(session, ENTER, self.name)
            self._is_entered = True
        elif not self._ask(session, COUNTED, self.name):
            # Without a session it was taken for one whose process had died.
            self._ask(session, ENTER_AGAIN, self.name, self.commits)
            self._was_forgotten = True
        else:
            self._was_forgotten = False
        if self.is_shared:
            session.fetch([self._dialect.release(ARCHIVE)])

    def _others_live(self, session: Session) -> bool:
        """Whether other writers are there; removes the rows of those whose processes died."""
        alive = False
        for (name,) in self._ask(session, NAMES):
            lock = f"writer/{name}"
            if name == self.name:
                continue
            sql, values = self._dialect.try_lock(lock)
            if session.fetch([(sql, values)])[0][0][0]:
                self._ask(session, LEAVE, str(name))
                session.fetch([self._dialect.release(lock)])
            else:
                alive = True
        return alive

    def _take(self, session: Session, name: str, *, end_holder: bool = False) -> None:
        for count in range(TRIES, -1, -1):
            sql, values = self._dialect.try_lock(name)
            if session.fetch([(sql, values)])[0][0][0]:
                return
            if not count:
                raise self._refusal()
            if end_holder:
                for statement in self._dialect.end_holder(name):
                    session.fetch([statement])
            self._patience.pause(PAUSE)

    def _refusal(self) -> RepertoryError:
        if self._is_entered:
            return IndexFailed("Another Repertory has taken the index over.")
        return CannotStart(
            "Another Repertory is using this index: name another database or schema, or let"
            " nodes of one archive share it by the option Lock: false."
        )

    def count(self) -> Statement:
        """What a transaction does before it is committed, to be known by."""
        return self._dialect.translate(COUNT), (self.commits + 1, self.name)

    def is_committed(self, session: Session) -> bool:
        """Whether the transaction is committed that was to be the next one."""
        rows = self._ask(session, COUNTED, self.name)
        if not rows or self._was_forgotten:
            raise SessionFailed(Trouble.OTHER, "writer")
        return bool(rows[0][0] == self.commits + 1)

    def others_wrote(self, counted: tuple[int, ...]) -> bool:
        """Whether others have committed since this was asked last; the answer to ``others``."""
        before, self._others = self._others, counted
        return before != counted

    def others(self) -> Statement:
        """Asks what others have committed."""
        return self._dialect.translate(COMMITS_OF_OTHERS), (self.name,)

    def leave(self, session: Session) -> None:
        """Give the locks back."""
        try:
            self._ask(session, LEAVE, self.name)
        except SessionFailed as error:
            # The row stays; it says nothing to anybody.
            log.info("index_writer_kept", reason=error.trouble.value)

    def _ask(self, session: Session, sql: str, *values: object) -> list[Row]:
        translated = self._dialect.translate(sql)
        if sql.startswith("SELECT"):
            return session.fetch([(translated, values)])[0]
        session.execute(translated, values)
        return []
