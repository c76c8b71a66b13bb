"""The index in a database server; what differs between servers comes in by a dialect."""

from collections.abc import Mapping
from typing import TypedDict, Unpack

from repertory.errors import CannotStart, IndexFailed, RepertoryError
from repertory.model import Level
from repertory.storage.index.held import FIND_UNFINISHED, REFUSAL
from repertory.storage.index.reader import DatabaseReader
from repertory.storage.index.server.claim import Claim
from repertory.storage.index.server.connecting import Connector
from repertory.storage.index.server.database import ServerDatabase
from repertory.storage.index.server.dialect import Dialect
from repertory.storage.index.server.held import HeldServerIndex
from repertory.storage.index.server.schema import prepare, recognise
from repertory.storage.index.server.session import Session, SessionFailed, Trouble
from repertory.storage.index.writer import DatabaseWriter


class EngineWords(TypedDict, total=False):
    """What every engine is told besides, by keyword.

    Unless ``is_shared``, the index belongs to one archive at a time; ``is_verbose`` logs every
    statement, without values.
    """

    identifier: str
    signatures: Mapping[Level, str] | None
    tag_names: Mapping[str, str] | None
    is_shared: bool
    is_verbose: bool


class ServerEngine:
    """An ``IndexEngine`` on a server."""

    name = "Server"
    is_local = False

    def __init__(
        self,
        connector: Connector,
        dialect: Dialect,
        **words: Unpack[EngineWords],
    ) -> None:
        self._connector = connector
        self._dialect = dialect
        self._identifier = words.get("identifier", "")
        self._signatures = dict(words.get("signatures") or {})
        self._tag_names = dict(words.get("tag_names") or {})
        self._is_shared = words.get("is_shared", False)
        self._is_verbose = words.get("is_verbose", False)
        self._is_open = False
        self._first: tuple[Claim, Session] | None = None
        self._writer: DatabaseWriter | None = None

    def open(self) -> None:
        """Connect, claim the index for this archive, create or migrate its schema.

        Raises:
            CannotStart: the index cannot be used, and why.
        """
        if self._is_open:
            raise CannotStart("The index is open already.")
        session = self._connector.at_start()
        try:
            self._first = (self._claim(session), session)
        except SessionFailed as error:
            session.close()
            raise self._connector.cannot(error.trouble.value) from error
        except BaseException:
            session.close()
            raise
        self._is_open = True

    def attach(self) -> None:
        """Read an index that another process of the same archive has opened, and keeps open.

        Raises:
            CannotStart: it cannot be read.
        """
        self._is_open = True
        try:
            self.reader().close()
        except RepertoryError as error:
            self._is_open = False
            raise CannotStart("The index cannot be read by another process.") from error

    def detach(self) -> None:
        """Give out no more readers."""
        self._is_open = False

    def find_version(self) -> int:
        """The version of the schema, 0 where there is no index; nothing is made or changed.

        Raises:
            CannotStart: the server cannot be used, or what lies there is not our index.
        """
        session = self._connector.at_start()
        try:
            self.check(session)
            return recognise(session, self._dialect, self._connector)
        except SessionFailed as error:
            raise self._connector.cannot(error.trouble.value) from error
        finally:
            session.close()

    def hold(self) -> HeldServerIndex:
        """Claim the index for a migration alone; its schema is made where there is none.

        Raises:
            CannotStart: it cannot be used, and why.
        """
        session = self._connector.at_start()
        try:
            claim = self._claim(session, for_migration=True)
        except SessionFailed as error:
            session.close()
            raise self._connector.cannot(error.trouble.value) from error
        except BaseException:
            session.close()
            raise
        db = ServerDatabase(
            self._connector, self._dialect, session, claim=claim, is_verbose=self._is_verbose
        )
        return HeldServerIndex(self.name, db, self._dialect)

    def _claim(self, session: Session, *, for_migration: bool = False) -> Claim:
        self.check(session)
        prepare(session, self._dialect, self._connector)
        if not for_migration:
            self._refuse_half_migrated(session)
        is_shared = self._is_shared and not for_migration
        claim = Claim(self._dialect, self._connector.patience, is_shared=is_shared)
        claim.take(session)
        return claim

    def _refuse_half_migrated(self, session: Session) -> None:
        if session.fetch([(self._dialect.translate(FIND_UNFINISHED), ())])[0]:
            raise CannotStart(REFUSAL)

    def check(self, session: Session) -> None:
        """Raise ``CannotStart`` for a server that cannot be used."""

    def writer(self) -> DatabaseWriter:
        """The one writer, for the calling thread."""
        self._need_open()
        if self._writer is not None and not self._writer.is_closed:
            raise IndexFailed("The index has its writer already.")
        try:
            claim, session = self._first or self._again()
        except SessionFailed as error:
            raise error.translated() from error
        self._first = None
        db = ServerDatabase(
            self._connector, self._dialect, session, claim=claim, is_verbose=self._is_verbose
        )
        try:
            self._writer = DatabaseWriter(db, signatures=self._signatures)
        except BaseException:
            db.close()
            raise
        return self._writer

    def _again(self) -> tuple[Claim, Session]:
        session = self._connector.again()
        try:
            return self._claim(session), session
        except BaseException:
            session.close()
            raise

    def reader(self) -> DatabaseReader:
        """A reader, for the calling thread."""
        self._need_open()
        try:
            session = self._connector.again()
        except SessionFailed as error:
            if error.trouble is Trouble.BUSY:
                raise self._connector.cannot("it has too many connections already") from error
            raise error.translated() from error
        db = ServerDatabase(self._connector, self._dialect, session, is_verbose=self._is_verbose)
        return DatabaseReader(
            db,
            engine=self.name,
            identifier=self._identifier,
            signatures=self._signatures,
            tag_names=self._tag_names,
        )

    def _need_open(self) -> None:
        if not self._is_open:
            raise IndexFailed("The index is not open.")

    def close(self) -> None:
        """Let go of the index; readers and the writer are closed before."""
        self._is_open = False
        first, self._first = self._first, None
        if first is not None:
            claim, session = first
            claim.leave(session)
            session.close()
