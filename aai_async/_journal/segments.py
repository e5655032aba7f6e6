"""
A journal in object storage: its changes as numbered objects. Each can be created only once.

A transaction is committed when its segment has been created, so the number is the lock: if another batch has
opened the journal meanwhile, the number is taken, and this batch ends before it sends anything more. The
next number of an earlier writer is always that of the empty segment with which the next writer began, so
empty segments are never removed. A snapshot is several objects, its pieces, and one with their number, which
is created last. The database itself is a temporary one of this process. All functions block: they are called
in a thread.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import sqlite3
import tempfile
import time
import zlib
from collections.abc import Generator, Iterable
from pathlib import Path

import msgspec

from aai_async._errors import JournalError, JournalLockedError, SourceError
from aai_async._io import object_store
from aai_async._io.numbered_objects import numbered, numbers_below
from aai_async._io.object_source import ObjectURI

_COMPACTED_AFTER = 200
"""Number of segments that are replaced by a snapshot when the journal is opened or closed."""

_PIECE = 8 * 1024 * 1024
"""Bytes of a snapshot in one object: what is in memory of it at a time."""

_READS = 5
"""How often a journal is read from its start, if a batch compacts it meanwhile."""

_SLOW = 5.0
"""
Seconds after which a commit does not show that this batch is still the only writer. Another one may have
taken the journal over after the segment was created, and waits for the requests of this batch for some time.
"""

_CONFIRMATIONS = 6
"""How many commits in a row may be slow."""

_OVERTAKEN = 100
"""How often an opening segment is tried again, if another batch is writing meanwhile."""

_CHANGES = re.compile(
    r"\s*(CREATE|DELETE|INSERT|REPLACE|UPDATE|PRAGMA (application_id|user_version) =)", re.IGNORECASE
)


class _Segment(msgspec.Struct, frozen=True, array_like=True):
    """One transaction."""

    writer: str
    """Random: by it, a writer knows its own segments."""
    statements: list[str]


class Segments:
    """The objects of one journal below a prefix."""

    def __init__(self, prefix: ObjectURI) -> None:
        self._prefix = msgspec.structs.replace(prefix, key=prefix.key.rstrip("/"))
        self._writer = secrets.token_hex(8)
        self._number = 0
        """That of the last segment that was read or created."""
        self._snapshot = 0
        """The number of the last segment that is part of the snapshot."""
        self._removable = list[int]()
        """The segments since the snapshot that may be removed: those with statements."""
        self._statements: list[str] | None = None
        """Those of the transaction in progress; `None` outside of one."""
        self._is_writer = False

    def connect(self) -> sqlite3.Connection:
        """
        Return a temporary database with the contents of the journal; empty if there is none.

        Raises:
            JournalError: A segment is missing.
            SourceError: The store cannot be used.
        """
        for attempt in range(1, _READS + 1):
            # Without a name: a file that SQLite removes, also if this process is killed.
            connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            try:
                self._fill(connection)
            except BaseException as error:  # also a Ctrl-C: nobody else knows the connection yet
                connection.close()
                # Its snapshot may have been replaced after it was listed.
                if attempt == _READS or not isinstance(error, SourceError):
                    raise
            else:
                return connection
        raise AssertionError

    @property
    def is_empty(self) -> bool:
        """Whether there is no journal."""
        return self._number == 0

    def exists(self) -> bool:
        """
        Return whether there is an object of the journal.

        Raises:
            SourceError: The store cannot be used.
        """
        return any(self._found().values())

    def take_over(self, connection: sqlite3.Connection) -> None:
        """
        Become the only writer of the journal, with the latest contents in `connection`.

        Raises:
            JournalError: Another batch is writing all the time.
            SourceError: The store cannot be used.
        """
        for _ in range(_OVERTAKEN):
            if self._create(self._number + 1, []):
                break
            # An earlier writer, which is still running, was faster.
            self._replay(connection, self._number + 1)
        else:
            raise self._is_written()
        self._is_writer = True
        self.record(connection)
        self._compact(connection)

    def record(self, connection: sqlite3.Connection) -> None:
        """Record the transactions of `connection`, which has the contents of the journal."""
        connection.set_trace_callback(self._record)

    def replace(self, connection: sqlite3.Connection) -> None:
        """
        Replace the journal by the contents of `connection`, which were read from it, with some rows removed.

        Raises:
            JournalLockedError: A batch has written to the journal since it was read.
            SourceError: The store cannot be used.
        """
        if not self._create(self._number + 1, []):
            raise self._is_written()
        self._create_snapshot(connection)

    def remove_replaced(self) -> None:
        """
        Remove all objects that the latest snapshot has replaced, also those of an earlier attempt.

        Raises:
            SourceError: The store cannot be used.
        """
        found = self._found()
        latest = max(found["snapshots"], default=0)
        self._remove("segments", [one for one in found["segments"] if one <= latest and self._has_steps(one)])
        self._remove("snapshots", [one for one in found["snapshots"] if one < latest])
        self._remove_pieces(before=latest)

    @contextlib.contextmanager
    def publishing(self) -> Generator[None]:
        """Collect the statements of a transaction; commit it after `publish`."""
        self._statements = []
        try:
            yield
        finally:
            self._statements = None

    def publish(self) -> None:
        """
        Create the segment of the transaction in progress.

        Raises:
            JournalError: Another batch has opened the journal, or has written to it since it was read.
            SourceError: The store cannot be used. The segment may exist nevertheless.
        """
        if self._statements and not self._is_writer:
            if not self._create(self._number + 1, []):
                raise self._is_written()
            self._is_writer = True
        if self._statements:
            self._commit_in_time(self._statements)

    def _commit_in_time(self, statements: list[str]) -> None:
        """Commit, and if that took long, commit nothing until it shows that this is the only writer."""
        for _ in range(_CONFIRMATIONS):
            began = time.monotonic()
            self._commit(statements)
            if time.monotonic() <= began + _SLOW:
                return
            statements = []
        raise JournalError(
            f"The store of the journal {str(self._prefix)!r} responds too slowly: {_CONFIRMATIONS} commits "
            f"took more than {_SLOW:.0f} s each. Run the batch again when the store is faster."
        )

    def _commit(self, statements: list[str]) -> None:
        if not self._create(self._number + 1, statements):
            raise JournalError(
                f"Another batch has opened the journal {str(self._prefix)!r}, and continues it. This one has "
                "ended; its jobs continue, and nothing is paid twice."
            )

    def close(self, connection: sqlite3.Connection) -> None:
        """Replace many segments by a snapshot; if that fails, the next batch does it."""
        connection.set_trace_callback(None)
        with contextlib.suppress(JournalError, SourceError):
            self._compact(connection)

    def _record(self, statement: str) -> None:
        if self._statements is not None and _CHANGES.match(statement):
            self._statements.append(statement)

    def _create(self, number: int, statements: list[str]) -> bool:
        """Create a segment; return False if another writer has created it."""
        segment = _Segment(self._writer, statements)
        content = zlib.compress(msgspec.msgpack.encode(segment))
        uri = self._uri("segments", number)
        # A request that is sent again after a lost response finds its own segment.
        if not object_store.create(uri, content) and object_store.fetch(uri) != content:
            return False
        self._note(number, segment)
        return True

    def _note(self, number: int, segment: _Segment) -> None:
        self._number = number
        if segment.statements:
            self._removable.append(number)

    def _is_written(self) -> JournalLockedError:
        return JournalLockedError(
            f"A batch is writing the journal {str(self._prefix)!r}: wait for it to end, and try again."
        )

    def _found(self) -> dict[str, list[int]]:
        """Return the numbers of the objects of each kind, in order."""
        # The segments first: a snapshot that comes meanwhile then has all of them.
        # Each kind by itself, because there may be results and other journals below the prefix.
        return {kind: numbers_below(self._prefix.below(kind)) for kind in ("segments", "snapshots")}

    def _fill(self, connection: sqlite3.Connection) -> None:
        found = self._found()
        self._removable.clear()
        self._snapshot = self._number = max(found["snapshots"], default=0)
        if self._snapshot:
            self._restore(connection)
        for number in found["segments"]:
            if number > self._snapshot:
                self._replay(connection, number)

    def _restore(self, connection: sqlite3.Connection) -> None:
        """Copy the snapshot into `connection` by way of the disk, so that it is never in memory."""
        pieces = msgspec.msgpack.decode(object_store.fetch(self._uri("snapshots", self._snapshot)), type=int)
        with _temporary_file() as path:
            with path.open("wb") as file:
                for place in range(pieces):
                    file.write(zlib.decompress(object_store.fetch(self._piece(self._snapshot, place))))
            with contextlib.closing(sqlite3.connect(path)) as snapshot:
                snapshot.backup(connection)

    def _fetch(self, number: int) -> _Segment:
        content = object_store.fetch(self._uri("segments", number))
        return msgspec.msgpack.decode(zlib.decompress(content), type=_Segment)

    def _has_steps(self, number: int) -> bool:
        return bool(self._fetch(number).statements)

    def _replay(self, connection: sqlite3.Connection, number: int) -> None:
        if number != self._number + 1:
            raise JournalError(
                f"The journal {str(self._prefix)!r} is damaged: its segment {self._number + 1} is missing."
            )
        segment = self._fetch(number)
        connection.execute("BEGIN")
        for statement in segment.statements:
            connection.execute(statement)
        connection.execute("COMMIT")
        self._note(number, segment)

    def _compact(self, connection: sqlite3.Connection) -> None:
        is_empty = connection.execute("PRAGMA page_count").fetchone()[0] == 0
        if not is_empty and self._number - self._snapshot >= _COMPACTED_AFTER:
            self._create_snapshot(connection)

    def _create_snapshot(self, connection: sqlite3.Connection) -> None:
        before, pieces = self._snapshot, 0
        with _temporary_file() as path:
            with contextlib.closing(sqlite3.connect(path)) as snapshot:
                connection.backup(snapshot)
            with path.open("rb") as file:
                while content := file.read(_PIECE):
                    object_store.create(self._piece(self._number, pieces), zlib.compress(content))
                    pieces += 1
        # The last object makes it one.
        object_store.create(self._uri("snapshots", self._number), msgspec.msgpack.encode(pieces))
        self._snapshot = self._number
        # The snapshot contains them. Those that are not removed do no harm.
        self._remove("segments", self._removable)
        self._removable.clear()
        if before:
            self._remove("snapshots", [before])
        self._remove_pieces(before=self._snapshot)

    def _remove_pieces(self, *, before: int) -> None:
        """Remove the pieces of the snapshots before one, also of those that were never complete."""
        pieces = object_store.list_uris(self._prefix.below("pieces"))
        kept = self._piece(before, 0).key
        object_store.remove([one for one in pieces if one.key < kept])

    def _remove(self, kind: str, numbers: Iterable[int]) -> None:
        object_store.remove([self._uri(kind, number) for number in numbers])

    def _uri(self, kind: str, number: int) -> ObjectURI:
        return numbered(self._prefix.below(kind), number)

    def _piece(self, number: int, place: int) -> ObjectURI:
        """Return the URI of a piece of the snapshot with a number."""
        return numbered(self._uri("pieces", number), place)


@contextlib.contextmanager
def _temporary_file() -> Generator[Path]:
    """Yield the path of a file in a folder that only this user can read, and that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="aai-async-") as folder:
        yield Path(folder, "journal.db")
