"""
A journal in object storage: its changes as numbered objects. Each can be created only once.

A transaction is committed when its segment has been created, so the number is the lock: if another batch has
opened the journal meanwhile, the number is taken, and this batch ends before it sends anything more. The
database itself is a temporary one of this process. All functions block: they are called in a thread.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import sqlite3
import zlib
from collections.abc import Generator, Iterable

import msgspec

from aai_async._errors import JournalError, SourceError
from aai_async._io import object_store
from aai_async._io.object_source import ObjectURI

_COMPACTED_AFTER = 200
"""Number of segments that are replaced by a snapshot when the journal is opened or closed."""

_READS = 5
"""How often a journal is read from its start, if a batch compacts it meanwhile."""

_CHANGES = re.compile(
    r"\s*(CREATE|DELETE|INSERT|REPLACE|UPDATE|PRAGMA (application_id|user_version) =)", re.IGNORECASE
)

_NAME = re.compile(r"(?P<kind>segments|snapshots)/(?P<number>\d{10})\Z")


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
        self._statements: list[str] | None = None
        """Those of the transaction in progress; `None` outside of one."""

    def connect(self, *, to_write: bool) -> sqlite3.Connection:
        """
        Return a temporary database with the contents of the journal; to write, become its only writer.

        Raises:
            JournalError: Another batch is opening it at the same time; it does not exist, for reading.
            SourceError: The store cannot be used.
        """
        connection = self._read()
        if not to_write:
            if not self._number:
                raise JournalError(f"There is no journal {str(self._prefix)!r}.")
            return connection
        connection.set_trace_callback(self._record)
        # An empty segment: an earlier writer, which may still be running, finds its next number taken.
        self._create(self._number + 1, [])
        self._compact(connection)
        return connection

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
            JournalError: Another batch has opened the journal.
            SourceError: The store cannot be used. The segment may exist nevertheless.
        """
        if self._statements:
            self._create(self._number + 1, self._statements)

    def close(self, connection: sqlite3.Connection) -> None:
        """Replace many segments by a snapshot; if that fails, the next batch does it."""
        connection.set_trace_callback(None)
        with contextlib.suppress(JournalError, SourceError):
            self._compact(connection)

    def _record(self, statement: str) -> None:
        if self._statements is not None and _CHANGES.match(statement):
            self._statements.append(statement)

    def _create(self, number: int, statements: list[str]) -> None:
        segment = _Segment(self._writer, statements)
        content = zlib.compress(msgspec.msgpack.encode(segment))
        uri = self._uri("segments", number)
        # A request that is sent again after a lost response finds its own segment.
        if not object_store.create(uri, content) and object_store.fetch(uri) != content:
            raise JournalError(
                f"Another batch has opened the journal {str(self._prefix)!r}, and continues it. This one has "
                "ended; its jobs continue, and nothing is paid twice."
            )
        self._number = number

    def _read(self) -> sqlite3.Connection:
        for attempt in range(1, _READS + 1):
            # Without a name: a file that SQLite removes, also if this process is killed.
            connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            try:
                self._fill(connection)
            except SourceError:
                connection.close()
                # Its snapshot may have been replaced after it was listed.
                if attempt == _READS:
                    raise
            else:
                return connection
        raise AssertionError

    def _fill(self, connection: sqlite3.Connection) -> None:
        found: dict[str, list[int]] = {"segments": [], "snapshots": []}
        for uri in object_store.list_uris(self._prefix):
            match = _NAME.search(uri.key)
            if match is not None:
                found[match["kind"]].append(int(match["number"]))
        self._snapshot = self._number = max(found["snapshots"], default=0)
        if self._snapshot:
            _restore(connection, zlib.decompress(object_store.fetch(self._uri("snapshots", self._snapshot))))
        for number in sorted(found["segments"]):
            if number > self._snapshot:
                self._replay(connection, number)

    def _replay(self, connection: sqlite3.Connection, number: int) -> None:
        if number != self._number + 1:
            raise JournalError(
                f"The journal {str(self._prefix)!r} is damaged: its segment {self._number + 1} is missing."
            )
        content = object_store.fetch(self._uri("segments", number))
        segment = msgspec.msgpack.decode(zlib.decompress(content), type=_Segment)
        connection.execute("BEGIN")
        for statement in segment.statements:
            connection.execute(statement)
        connection.execute("COMMIT")
        self._number = number

    def _compact(self, connection: sqlite3.Connection) -> None:
        last, before = self._number, self._snapshot
        is_empty = connection.execute("PRAGMA page_count").fetchone()[0] == 0
        if is_empty or last - before < _COMPACTED_AFTER:
            return
        object_store.create(self._uri("snapshots", last), zlib.compress(connection.serialize()))
        self._snapshot = last
        # The snapshot contains them. Those that are not removed do no harm.
        self._remove("segments", range(before + 1, last + 1))
        if before:
            self._remove("snapshots", [before])

    def _remove(self, kind: str, numbers: Iterable[int]) -> None:
        object_store.remove([self._uri(kind, number) for number in numbers])

    def _uri(self, kind: str, number: int) -> ObjectURI:
        start = f"{self._prefix.key}/" if self._prefix.key else ""
        return ObjectURI(self._prefix.scheme, self._prefix.bucket, f"{start}{kind}/{number:010d}")


def _restore(connection: sqlite3.Connection, content: bytes) -> None:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as snapshot:
        snapshot.deserialize(content)
        snapshot.backup(connection)
