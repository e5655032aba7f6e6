"""The database file of a journal: opening and checking it, and transactions.

It is used in worker threads, by one at a time. What people need to know stands in the schema itself, where
the `sqlite3` shell shows it: ``sqlite3 calls.db .schema``.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import stat
import threading
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from aai_async._errors import AAIError, JournalError, JournalFullError
from aai_async._journal import outdated

T = TypeVar("T")

_SMALLEST = 100
"""Bytes of an SQLite database at the least: its header."""


VERSION = 2
"""Of the schema, as `PRAGMA user_version`."""


_APPLICATION = 0x41414931
""""AAI1", as `PRAGMA application_id`."""


_SCHEMA = """
CREATE TABLE account (         -- whose transcripts these are: one row
  service TEXT NOT NULL,       -- the base URL
  salt BLOB NOT NULL,
  fingerprint TEXT NOT NULL    -- HMAC-SHA-256 of the API key, which is not stored, with the salt
);
CREATE TABLE jobs (            -- one row for each recording and what was asked for it
  id INTEGER PRIMARY KEY,      -- in the order in which they were first begun
  position INTEGER NOT NULL,   -- where it stood among the sources of the latest batch, from 0
  source TEXT NOT NULL,        -- its name; a path, or an address without its query
  size INTEGER,                -- in bytes
  options TEXT NOT NULL,       -- what was asked for, as JSON; without the secret of a webhook
  state TEXT NOT NULL CHECK (state IN
    ('pending',                -- nothing was sent that counts
     'uploaded',               -- the recording is at upload_url since uploaded_at
     'submitting',             -- a submit may have been sent: the list of transcripts tells whether it was
     'submitted',              -- the job is transcript_id, and is billed
     'done',                   -- it is completed
     'failed')),               -- it ended in an error, and may be begun anew
  upload_url TEXT UNIQUE,
  uploaded_at TEXT,            -- in UTC, by the clock of this machine
  submitting_at TEXT,          -- in UTC, by the clock of the service, where it has told
  transcript_id TEXT,
  finished_at TEXT,            -- in UTC, by the clock of this machine
  audio_duration REAL,         -- in seconds
  retries INTEGER NOT NULL DEFAULT 0,
  error TEXT,                  -- what went wrong last
  warnings TEXT,               -- of the service about the result, as a JSON array; NULL without any
  missing TEXT                 -- what was requested and is not in the result, likewise
);
CREATE TABLE keys (            -- SHA-256 of what tells a recording and its options from others,
                               -- and of the addresses that were submitted for it
  key BLOB PRIMARY KEY,
  job INTEGER NOT NULL REFERENCES jobs
) WITHOUT ROWID;
CREATE TABLE results (         -- the replies of the service, compressed with zlib
  job INTEGER PRIMARY KEY REFERENCES jobs,
  transcript BLOB NOT NULL
);
CREATE INDEX jobs_by_state ON jobs (state);
CREATE INDEX keys_by_job ON keys (job);
"""


class QueuedWrite(Generic[T]):
    """One change or question, done in a transaction together with others."""

    def __init__(self, work: Callable[[sqlite3.Connection], T]) -> None:
        self._work = work
        self._results: list[T] = []
        self._error: JournalError | None = None
        self.is_over = False

    def do(self, connection: sqlite3.Connection) -> None:
        """Do it; it counts from when the transaction is committed."""
        self._results = [self._work(connection)]

    def fail(self, error: JournalError) -> None:
        """Its transaction was not committed."""
        self._error, self.is_over = error, True

    def result(self) -> T:
        """
        Give what came of it.

        Raises:
            JournalError: It was not committed.
        """
        if self._error is not None:
            raise type(self._error)(*self._error.args) from self._error.__cause__
        return self._results[0]


class Database:
    """An open database. Whoever has a `JournalError` of it stops: what is in it stays as it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process = os.getpid()
        """Where it was made: SQLite takes no connection through a fork, not even to close it."""

    def open(
        self, service: str, fingerprint: Callable[[bytes], str], *, allows_other_key: bool = False
    ) -> bool:
        """
        Open it to write, and make it where there is none. Return whether it is of another API key.

        Raises:
            JournalError: It cannot be written, is no journal, or one of another account or a newer version.
        """
        with self._turn, errors_named(self._path):
            self._create_file()
            self._connection = _connect(str(self._path))
            self._connection.execute("PRAGMA synchronous = FULL")
            with _transaction(self._connection):
                is_of_key = self._check_or_create(self._connection, service, fingerprint)
                if not (is_of_key or allows_other_key):
                    raise self._of_other_key()
            # Where it is refused, as on some network drives, SQLite stays with its older way.
            self._connection.execute("PRAGMA journal_mode = WAL")
            return not is_of_key

    def open_to_read(self) -> None:
        """
        Open it to read, also while a batch writes it.

        Raises:
            JournalError: There is none, or none that this version reads.
        """
        with self._turn, errors_named(self._path):
            if not self._path.is_file():
                raise JournalError(f"There is no journal {str(self._path)!r}.")
            address = f"{self._path.absolute().as_uri()}?mode=ro"
            self._connection = _connect(address)
            try:
                is_journal = self._is_journal(self._connection)
            except sqlite3.OperationalError:
                self._connection.close()
                if self._path.with_name(f"{self._path.name}-wal").exists():
                    raise
                # SQLite would write beside it, and must not: so nobody else writes there either.
                self._connection = _connect(f"{address}&immutable=1")
                is_journal = self._is_journal(self._connection)
            if not is_journal:
                raise self._foreign()

    def open_to_erase(self) -> None:
        """
        Open one that exists, of whichever account, so that what is deleted from it is overwritten.

        Raises:
            JournalError: There is none, or none that this version reads, or it cannot be written.
        """
        with self._turn, errors_named(self._path):
            self._check_file()
            self._connection = _connect(f"{self._path.absolute().as_uri()}?mode=rw")
            self._connection.execute("PRAGMA secure_delete = ON")
            if not self._is_journal(self._connection):
                raise self._foreign()

    def tidy(self) -> None:
        """Remove what no batch can find again; where that fails, the next batch does it."""
        if self._process != os.getpid():
            return
        step = QueuedWrite(outdated.remove_unrecognisable)
        self.commit([step])

    def close(self) -> None:
        """Close it; in a forked child, nothing happens."""
        if self._process != os.getpid():
            return
        with self._turn, errors_named(self._path):
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def commit(self, steps: Sequence[QueuedWrite[Any]]) -> None:
        """Do all steps in one transaction; each knows afterwards what came of it."""
        self._check_process()
        with self._turn:
            # Whoever has asked for them may have been cancelled, and others have asked for the same again.
            steps = [step for step in steps if not step.is_over]
            try:
                self._commit(steps)
            except JournalError:
                # One of them may be at fault, which must not be the ruin of the others.
                for step in steps:
                    try:
                        self._commit([step])
                    except JournalError as error:
                        step.fail(error)

    def _commit(self, steps: Sequence[QueuedWrite[Any]]) -> None:
        with errors_named(self._path), _transaction(self._opened()):
            for step in steps:
                step.do(self._opened())
        for step in steps:
            step.is_over = True

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Ask something.

        Raises:
            JournalError: It cannot be read.
        """
        self._check_process()
        with self._turn, errors_named(self._path):
            return work(self._opened())

    def _check_process(self) -> None:
        if self._process != os.getpid():
            raise JournalError(
                f"The journal {str(self._path)!r} was opened before a fork: open it in each process."
            )

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise JournalError(f"The journal {str(self._path)!r} is not open.")
        return self._connection

    def _create_file(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._path, flags, 0o600))
            return
        self._check_file()

    def _check_file(self) -> None:
        # One that is there is not opened: closing it would drop all locks that SQLite has on it elsewhere in
        # this process.
        there = os.lstat(self._path)
        if not stat.S_ISREG(there.st_mode):
            kind = "a symbolic link" if stat.S_ISLNK(there.st_mode) else "no regular file"
            raise JournalError(f"{str(self._path)!r} is {kind}, so it cannot be a journal.")
        if 0 < there.st_size < _SMALLEST:
            # SQLite takes some of these for empty, and would write over them.
            raise JournalError(f"{str(self._path)!r} is damaged, or no journal: name another file.")

    def _check_or_create(
        self, connection: sqlite3.Connection, service: str, fingerprint: Callable[[bytes], str]
    ) -> bool:
        if self._is_journal(connection):
            return self._is_of_key(connection, service, fingerprint)
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise self._foreign()
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
        salt = secrets.token_bytes(16)
        connection.execute("INSERT INTO account VALUES (?, ?, ?)", (service, salt, fingerprint(salt)))
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        return True

    def _is_journal(self, connection: sqlite3.Connection) -> bool:
        if connection.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
            return False
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            raise JournalError(
                f"The journal {str(self._path)!r} has schema {version}, and this version of aai_async knows "
                f"{VERSION}: use the one that wrote it, or another file."
            )
        return True

    def _foreign(self) -> JournalError:
        return JournalError(f"{str(self._path)!r} is no journal of aai_async: name another file.")

    def _is_of_key(
        self, connection: sqlite3.Connection, service: str, fingerprint: Callable[[bytes], str]
    ) -> bool:
        row = connection.execute("SELECT service, salt, fingerprint FROM account").fetchone()
        if row is None:
            raise JournalError(f"The journal {str(self._path)!r} does not say whose it is: it is damaged.")
        known_service, salt, known = row
        if known_service != service:
            raise JournalError(
                f"The journal {str(self._path)!r} is of {known_service}, and this client asks {service}: "
                "transcripts of one are unknown to the other. Name another file."
            )
        return bool(known == fingerprint(salt))

    def _of_other_key(self) -> JournalError:
        return JournalError(
            f"The journal {str(self._path)!r} was begun with another API key: use that one, or another file. "
            "If the account has a new key, give Journal(path, adopt_key=True), or --adopt-key."
        )


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=10.0, isolation_level=None, check_same_thread=False, uri=path.startswith("file:")
    )


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Generator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself where the disk has failed.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def errors_named(path: Path) -> Generator[None]:
    """Raise whatever the block raises as a `JournalError`: of SQLite, zlib, the system, or a bug."""
    shown = f"The journal {str(path)!r}"
    try:
        yield
    except JournalError:
        raise
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise JournalFullError(
                f"{shown} cannot be written: there is no room on the disk. Make some and run the batch again."
            ) from error
        if getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            raise JournalError(f"{shown} is damaged, or no journal: {error}. Name another file.") from error
        in_use = " Another program has a transaction open on it: end that." if _is_busy(error) else ""
        raise JournalError(f"{shown} cannot be used: {error}.{in_use}") from error
    except FileNotFoundError as error:
        raise JournalError(f"{shown} cannot be made: there is no folder {str(path.parent)!r}.") from error
    except Exception as error:
        raise JournalError(f"{shown} cannot be used: {_reason(error)}.") from error


def _reason(error: Exception) -> str:
    """Give what an error says, as the end of a sentence."""
    if isinstance(error, AAIError):
        return str(error.args[0]).rstrip(".")
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _is_busy(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
