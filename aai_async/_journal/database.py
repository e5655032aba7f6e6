"""The database file of a journal: opening and checking it, and transactions.

It is used in worker threads, one at a time.
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
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aai_async._errors import JournalError
from aai_async._io.object_source import ObjectURI
from aai_async._journal import outdated
from aai_async._journal.compression import DICTIONARY
from aai_async._journal.place import Place, errors_named
from aai_async._journal.schema import APPLICATION, PAGE_SIZE, SCHEMA, VERSION

if TYPE_CHECKING:
    from aai_async._journal.segments import Segments

T = TypeVar("T")


_SMALLEST = 100
"""Minimum size in bytes of an SQLite database: its header."""


class QueuedWrite(Generic[T]):
    """A change or query that shares a transaction with others."""

    def __init__(self, work: Callable[[sqlite3.Connection], T]) -> None:
        self._work = work
        self._results: list[T] = []
        self._error: JournalError | None = None
        self.is_over = False

    def do(self, connection: sqlite3.Connection) -> None:
        """Run it; the result is valid once the transaction is committed."""
        self._results = [self._work(connection)]

    def fail(self, error: JournalError) -> None:
        """Record that its transaction was not committed."""
        self._error, self.is_over = error, True

    def result(self) -> T:
        """
        Return its result.

        Raises:
            JournalError: It was not committed.
        """
        if self._error is not None:
            # A new exception, without the traceback of the thread that failed to commit it.
            raise type(self._error)(*self._error.args) from self._error.__cause__
        return self._results[0]


class Database:
    """The connection to the database. After a `JournalError` its contents are as before the failed call."""

    def __init__(self, path: Place) -> None:
        self._path = path
        self._segments = _segments_of(path) if isinstance(path, ObjectURI) else None
        self._file = path if isinstance(path, Path) else Path()
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._process = os.getpid()
        """The process that created it: a forked child may not use a connection of SQLite, nor close it."""

    def exists(self) -> bool:
        """
        Return whether there is a file or object of it.

        Raises:
            JournalError: The object storage cannot be read.
        """
        with errors_named(self._path):
            return self._file.exists() if self._segments is None else self._segments.exists()

    def open(
        self, service: str, fingerprint: Callable[[bytes], str], *, allows_other_key: bool = False
    ) -> bool:
        """
        Open it for writing, and create it if it does not exist. Return whether it belongs to another API key.

        Raises:
            JournalError: It cannot be written, is not a journal, has another schema version, or belongs to
                another service, or to another key unless `allows_other_key` is set.
        """
        with self._turn, errors_named(self._path):
            self._connection = connection = self._connect_to_write()
            with self._transaction(connection):
                is_of_key = self._check_or_create(connection, service, fingerprint)
                if not (is_of_key or allows_other_key):
                    raise self._of_other_key()
            # Some network drives do not support it; SQLite then keeps its default journal mode.
            connection.execute("PRAGMA journal_mode = WAL")
            return not is_of_key

    def _connect_to_write(self) -> sqlite3.Connection:
        if self._segments is not None:
            connection = self._segments.connect()
            self._segments.take_over(connection)
            return connection
        self._create_file()
        # Assigned before its first use, which fails if the file is damaged, so that `close` closes it.
        self._connection = connection = _connect(str(self._path))
        # It is that of a new file; others keep theirs.
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        # Each commit must survive a power failure, because the next step is billed.
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def open_to_read(self) -> None:
        """
        Open it for reading; a batch may write it meanwhile.

        Raises:
            JournalError: It does not exist, or this version cannot read it.
        """
        with self._turn, errors_named(self._path):
            if self._segments is not None:
                is_journal = self._open_segments(self._segments)
            else:
                is_journal = self._open_file_to_read(self._file)
            if not is_journal:
                raise self._foreign()

    def _open_segments(self, segments: Segments) -> bool:
        self._connection = segments.connect()
        if segments.is_empty:
            raise self._missing()
        return self._is_journal(self._connection)

    def _open_file_to_read(self, path: Path) -> bool:
        if not path.is_file():
            raise self._missing()
        uri = f"{path.absolute().as_uri()}?mode=ro"
        self._connection = _connect(uri)
        try:
            return self._is_journal(self._connection)
        except sqlite3.OperationalError:
            self._connection.close()
            if path.with_name(f"{path.name}-wal").exists():
                raise
            # SQLite may not create its files in this folder, so no other program writes the journal.
            self._connection = _connect(f"{uri}&immutable=1")
            return self._is_journal(self._connection)

    def open_to_erase(self) -> None:
        """
        Open an existing journal of any account, so that deleted rows are overwritten.

        Raises:
            JournalError: It does not exist, cannot be written, or this version cannot read it.
        """
        with self._turn, errors_named(self._path):
            self._check_file()
            self._connection = _connect(f"{self._file.absolute().as_uri()}?mode=rw")
            self._connection.execute("PRAGMA secure_delete = ON")
            if not self._is_journal(self._connection):
                raise self._foreign()

    def open_to_change(self) -> None:
        """
        Open an existing journal of any account in object storage, so that its first commit takes it over.

        Raises:
            JournalError: It does not exist, or this version cannot read it.
        """
        self.open_to_read()
        with self._turn, errors_named(self._path):
            self._stored().record(self._opened())

    def replace_stored(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """
        Change a journal in object storage that was opened to read, as if it had never been otherwise.

        Raises:
            JournalLockedError: A batch has written to it since it was opened.
            JournalError: It cannot be written.
        """
        with self._turn, errors_named(self._path):
            connection = self._opened()
            work(connection)
            # A free page may contain deleted rows.
            connection.execute("VACUUM")
            self._stored().replace(connection)

    def remove_replaced(self) -> None:
        """
        Remove the objects of a journal in object storage that contain earlier rows.

        Raises:
            JournalError: They cannot be removed.
        """
        with self._turn, errors_named(self._path):
            self._stored().remove_replaced()

    def _stored(self) -> Segments:
        if self._segments is None:
            raise JournalError(f"The journal {str(self._path)!r} is not in object storage.")
        return self._segments

    def tidy(self) -> None:
        """Remove the rows that no batch can find; if that fails, the next batch does it."""
        if self._process != os.getpid():
            return
        write = QueuedWrite(outdated.remove_unrecognisable)
        self.commit([write])

    def close(self) -> None:
        """Close it; in a forked child, do nothing."""
        if self._process != os.getpid():
            return
        with self._turn, errors_named(self._path):
            if self._connection is not None:
                if self._segments is not None:
                    self._segments.close(self._connection)
                self._connection.close()
                self._connection = None

    def commit(self, writes: Sequence[QueuedWrite[Any]]) -> None:
        """Run all writes in one transaction, after which each has its result or its error."""
        self._check_process()
        with self._turn:
            # A cancelled call may have committed some of them already, in a thread that was still running.
            writes = [write for write in writes if not write.is_over]
            try:
                self._commit(writes)
            except JournalError:
                # One failing write must not fail the others, so each gets its own transaction.
                for write in writes:
                    try:
                        self._commit([write])
                    except JournalError as error:
                        write.fail(error)

    def _commit(self, writes: Sequence[QueuedWrite[Any]]) -> None:
        with errors_named(self._path), self._transaction(self._opened()):
            for write in writes:
                write.do(self._opened())
        for write in writes:
            write.is_over = True

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run a query and return its result.

        Raises:
            JournalError: The journal cannot be read.
        """
        self._check_process()
        with self._turn, errors_named(self._path):
            return work(self._opened())

    @contextlib.contextmanager
    def _transaction(self, connection: sqlite3.Connection) -> Generator[None]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            with contextlib.nullcontext() if self._segments is None else self._segments.publishing():
                yield
                if self._segments is not None:
                    self._segments.publish()
            connection.execute("COMMIT")
        except BaseException:  # also a Ctrl-C: a transaction that stays open would lock the journal
            # SQLite rolls back by itself if the disk fails.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

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
            os.close(os.open(self._file, flags, 0o600))
            return
        self._check_file()

    def _check_file(self) -> None:
        # An existing file is not opened here: closing it would release all locks that other connections of
        # this process have on it (fcntl locks belong to the process).
        status = os.lstat(self._file)
        if not stat.S_ISREG(status.st_mode):
            kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a regular file"
            raise JournalError(f"{str(self._path)!r} is {kind}, so it cannot be a journal.")
        if 0 < status.st_size < _SMALLEST:
            # SQLite treats some of these as empty, and would overwrite them.
            raise JournalError(f"{str(self._path)!r} is damaged, or not a journal: use another file.")

    def _check_or_create(
        self, connection: sqlite3.Connection, service: str, fingerprint: Callable[[bytes], str]
    ) -> bool:
        if self._is_journal(connection):
            return self._is_of_key(connection, service, fingerprint)
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise self._foreign()
        for statement in SCHEMA.split(";\n"):
            connection.execute(statement)
        salt = secrets.token_bytes(16)
        account = service, salt, fingerprint(salt), DICTIONARY
        connection.execute("INSERT INTO account VALUES (?, ?, ?, ?)", account)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        return True

    def _is_journal(self, connection: sqlite3.Connection) -> bool:
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
            return False
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            raise JournalError(
                f"The journal {str(self._path)!r} has schema {version}, but this version of aai_async "
                f"supports {VERSION}: use the version that created it, or another file."
            )
        return True

    def _missing(self) -> JournalError:
        return JournalError(f"There is no journal {str(self._path)!r}.")

    def _foreign(self) -> JournalError:
        return JournalError(f"{str(self._path)!r} is not a journal of aai_async: use another file.")

    def _is_of_key(
        self, connection: sqlite3.Connection, service: str, fingerprint: Callable[[bytes], str]
    ) -> bool:
        row = connection.execute("SELECT service, salt, fingerprint FROM account").fetchone()
        if row is None:
            raise JournalError(
                f"The journal {str(self._path)!r} is damaged, it has no account: use another file."
            )
        known_service, salt, known = row
        if known_service != service:
            raise JournalError(
                f"The journal {str(self._path)!r} belongs to {known_service}, but this client uses "
                f"{service}: transcripts of one are unknown to the other. Use another file."
            )
        return bool(known == fingerprint(salt))

    def _of_other_key(self) -> JournalError:
        return JournalError(
            f"The journal {str(self._path)!r} was created with another API key: use that key or another "
            "file. If this key has replaced it, use Journal(path, adopt_key=True), or --adopt-key."
        )


def _segments_of(prefix: ObjectURI) -> Segments:
    from aai_async._journal.segments import Segments  # noqa: PLC0415 - for few journals

    return Segments(prefix)


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=10.0, isolation_level=None, check_same_thread=False, uri=path.startswith("file:")
    )
