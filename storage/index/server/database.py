"""A ``Database`` on a server, whose connection may break at any time."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import structlog

from repertory.errors import IndexBusy, NoReplyInTime
from repertory.storage.index.database import Question, Row
from repertory.storage.index.server.claim import Claim
from repertory.storage.index.server.connecting import Connector
from repertory.storage.index.server.dialect import Dialect
from repertory.storage.index.server.session import Session, SessionFailed, Trouble

log = structlog.get_logger(__name__)

CAREFUL = 20
"""In how many transactions every new row is asked for, once one was there already."""

DUPLICATE = "23505"
"""The SQLSTATE of a row whose key another one has."""

VERSION = "SELECT MAX(version) FROM schema_versions"


class ServerDatabase:
    """A ``Database``, of a writer if it has a claim.

    A session that is lost is replaced: at once where nothing was asked in it yet. A transaction
    that was under way is undone by the server, which is ``IndexBusy``: it may be done again. Of one
    whose commit got no answer it is found out whether it was committed.
    """

    def __init__(
        self,
        connector: Connector,
        dialect: Dialect,
        session: Session,
        *,
        claim: Claim | None = None,
        is_verbose: bool = False,
    ) -> None:
        """Take a session over; that of a writer has its claim."""
        self._connector = connector
        self._dialect = dialect
        self._session: Session | None = session
        self._claim = claim
        self._is_verbose = is_verbose
        self._in_transaction = False
        self._is_asked = False
        self._is_new = True
        self._in_doubt = False
        self._may_hope = False
        self._is_hopeful = False
        self._careful = 0

    # What is asked

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement; how many rows it inserted, changed or deleted."""
        session = self._ready()
        started = time.monotonic()
        try:
            count = session.execute(self._dialect.translate(sql), values)
        except SessionFailed as error:
            raise self._failed(error).translated() from error
        self._note(sql, started)
        return count

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of values."""
        session = self._ready()
        started = time.monotonic()
        try:
            session.execute_many(self._dialect.translate(sql), rows)
        except SessionFailed as error:
            raise self._failed(error).translated() from error
        self._note(sql, started)

    def insert_new(self, sql: str, values: Sequence[Any]) -> bool:
        """Insert a row that is hardly there yet; whether it was not.

        Where the session defers, that is taken for granted: a row that was there undoes the
        transaction, and in the next ones it is asked for. So a group of instances is two ways to
        the server and back, and not one for each.
        """
        session = self._ready()
        if session.defers and self._may_hope:
            self._is_hopeful = True
            self.execute_many(sql.partition(" ON CONFLICT")[0], [values])
            return True
        is_new = self.execute(sql, values) > 0
        if not is_new and self._careful:
            self._careful = CAREFUL
        return is_new

    def one(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row of the answer."""
        rows = self._fetch([Question(sql, values)])[0]
        return rows[0] if rows else None

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """The whole answer."""
        return self._fetch([Question(sql, values)])[0]

    def gather(self, questions: Sequence[Question]) -> list[list[Row]]:
        """The answers to several questions, all asked at once."""
        return self._fetch(questions)

    def _fetch(self, questions: Sequence[Question]) -> list[list[Row]]:
        asked = [(self._dialect.translate(one.sql), one.values) for one in questions]
        is_first = not self._is_asked
        session = self._ready()
        started = time.monotonic()
        try:
            answers = session.fetch(asked)
        except SessionFailed as error:
            failed = self._failed(error)
            if error.trouble is not Trouble.LOST or not is_first or self._claim is not None:
                raise failed.translated() from error
            # A reader that had not asked anything yet: it has seen no state.
            session = self._replace()
            if self._in_transaction:
                session.begin(*self._dialect.begin_read)
            try:
                answers = session.fetch(asked)
            except SessionFailed as again:
                raise self._failed(again).translated() from again
        for one in questions:
            self._note(one.sql, started)
        return answers

    def _ready(self) -> Session:
        if self._session is None:
            # A writer gets another session when it begins anew: what it knows is out of date.
            if self._in_transaction or self._claim is not None:
                raise IndexBusy
            self._replace()
        assert self._session is not None  # noqa: S101 - for the reader
        self._is_asked = self._in_transaction
        return self._session

    def _note(self, sql: str, started: float) -> None:
        if self._is_verbose:
            seconds = round(time.monotonic() - started, 6)
            log.info("statement_run", sql=sql, seconds=seconds)  # never the values

    def _failed(self, error: SessionFailed) -> SessionFailed:
        if error.code == DUPLICATE and self._is_hopeful:
            self._careful = CAREFUL
            log.info("duplicate_met")
            return SessionFailed(Trouble.CONFLICT, error.code)
        if error.trouble is Trouble.LOST:
            self._drop()
        if error.trouble is Trouble.OTHER:
            log.error("statement_failed", code=error.code)
        else:
            log.warning("statement_refused", reason=error.trouble.value, code=error.code)
        return error

    # Transactions

    def begin(self, *, is_repeatable: bool = False) -> bool:
        """Begin a transaction that writes; whether others may have written since the last one."""
        if self._session is None:
            self._replace()
        session = self._session
        assert session is not None and self._claim is not None  # noqa: S101, PT018 - a writer is asked
        self._in_transaction = True
        self._is_asked = self._is_hopeful = False
        self._may_hope = is_repeatable and not self._careful
        self._careful = max(self._careful - 1, 0)
        session.begin(*self._dialect.begin_write)
        stale, self._is_new = self._is_new, False
        if not self._claim.is_shared:
            return stale
        try:
            turn = (self._dialect.take_turn, ())
            counted = session.fetch([turn, self._claim.others()])[1][0]
        except SessionFailed as error:
            self._in_transaction = False
            raise self._failed(error).translated() from error
        return self._claim.others_wrote(counted) or stale

    def begin_statement(self) -> None:
        """Begin as for several statements: a session is begun with the first, on its way."""
        self.begin_read()

    def begin_read(self) -> None:
        """Begin a transaction that sees one state until it ends."""
        if self._session is None:
            self._replace()
        assert self._session is not None  # noqa: S101 - replaced, or it raised
        self._in_transaction = True
        self._is_asked = False
        self._session.begin(*self._dialect.begin_read)

    def commit(self) -> None:
        """End the transaction, and keep what it did.

        Raises:
            IndexBusy: nothing was done, and it may be done again.
            NoReplyInTime: the server can neither be asked whether it was done.
        """
        session, claim = self._session, self._claim
        self._in_transaction = False
        if session is None:
            raise IndexBusy
        assert claim is not None  # noqa: S101 - a reader commits nothing
        try:
            session.finish(claim.count(), ("COMMIT", ()))
        except SessionFailed as error:
            failed = self._failed(error)
            if error.trouble is not Trouble.LOST:
                self._end(session)
                raise failed.translated() from error
            self._find_out(claim, error)
        claim.commits += 1

    def _find_out(self, claim: Claim, cause: SessionFailed) -> None:
        """Return if the transaction was committed, whose end got no answer."""
        try:
            session = self._replace()
            committed = claim.is_committed(session)
        except (SessionFailed, IndexBusy) as error:
            self._drop()
            self._in_doubt = True
            raise NoReplyInTime from error
        log.warning("commit_resolved", committed=committed)
        if not committed:
            raise cause.translated() from cause

    def spill(self) -> None:
        """Nothing: what a statement does is at the server when it ends."""

    def rollback(self) -> None:
        """End the transaction, if there still is one, without a trace."""
        session = self._session
        if not self._in_transaction:
            return
        self._in_transaction = False
        if session is None:
            return
        if self._claim is None:
            try:
                session.leave()
            except SessionFailed as error:
                self._failed(error)
            return
        self._end(session)

    def _end(self, session: Session) -> None:
        try:
            session.finish(("ROLLBACK", ()))
        except SessionFailed:
            # The server undoes what is not committed when it sees the session go.
            self._drop()

    def close(self) -> None:
        """Hang up."""
        session, self._session = self._session, None
        if session is None:
            return
        if self._claim is not None:
            self._claim.leave(session)
        session.close()

    # The connection

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _replace(self) -> Session:
        """A session in the place of the one that was lost.

        Raises:
            IndexBusy: there is none to be had.
            IndexFailed: another archive has the index by now.
        """
        session = None
        try:
            session = self._connector.again()
            if self._claim is not None:
                self._claim.take(session)
                if self._in_doubt:
                    # What was in doubt is decided by now: those who asked were told so much.
                    self._claim.commits += self._claim.is_committed(session)
                    self._in_doubt = False
        except SessionFailed as error:
            if session is not None:
                session.close()
            raise error.translated() from error
        except BaseException:
            if session is not None:
                session.close()
            raise
        log.info("index_reconnected", writes=self._claim is not None)
        self._session = session
        self._is_new = True
        return session

    # Words

    def among(self, column: str, numbers: Sequence[int]) -> tuple[str, Any]:
        """The condition that ``column`` is one of ``numbers``, and the value for its ``?``."""
        return self._dialect.among(column, numbers)

    throughout = among

    def schema_version(self) -> int:
        """The version of the schema."""
        rows = self.all(VERSION)
        return int(rows[0][0])
