"""
Persistent storage of jobs and finished transcripts in one SQLite file.

Every call runs in a worker thread, one at a time. The store does not depend on HTTP or the service's JSON: it
handles a finished document as bytes.
"""

import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeAlias, TypeVar

import anyio
import attrs
import msgspec
from anyio import to_thread

from aai_async.server.jobs import Job, Status

P = ParamSpec("P")
T = TypeVar("T")

Work: TypeAlias = Callable[[sqlite3.Connection], None]
"""Additional writes of other modules in the same transaction as a job."""

LISTED_DAYS: Final = 90
"""How far back the listing reaches (API reference, "List transcripts")."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS job (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of creation: times may be equal
    id TEXT NOT NULL UNIQUE,
    parameters BLOB NOT NULL,
    upload_id TEXT,
    created TEXT NOT NULL,
    status TEXT NOT NULL,
    throttled INTEGER NOT NULL,
    completed TEXT,
    audio_duration INTEGER,
    error TEXT,
    deleted INTEGER NOT NULL,
    document BLOB
)
"""
_COLUMNS: Final = (
    "id, parameters, upload_id, created, status, throttled, completed, audio_duration, error, deleted"
)
# Larger than any job number.
_BEYOND: Final = 2**62


class DirectoryError(Exception):
    """The directory cannot be used: not writable, in use by another server, or its file is not a store."""


@attrs.frozen
class Record:
    """A job with its finished transcript."""

    job: Job
    document: bytes | None
    """The body of `GET /v2/transcript/{id}`; `None` unless the job is completed and not deleted."""


@attrs.frozen(kw_only=True)
class Query:
    """The filter and page of a listing request."""

    limit: int = 10
    status: Status | None = None
    created_on: datetime | None = None
    """Midnight of the day, UTC."""

    before_id: str | None = None
    after_id: str | None = None
    throttled_only: bool = False
    """Overrides `status`."""


@attrs.frozen
class Page:
    """A page of jobs, newest first, and whether the filter matches more on either side."""

    jobs: tuple[Job, ...]
    has_older: bool
    has_newer: bool


class Store:
    """
    The jobs of one directory.

    Jobs are never removed; the column `number` gives the order of the listing.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._turn = anyio.CapacityLimiter(1)

    @classmethod
    @asynccontextmanager
    async def opened(cls, path: Path) -> AsyncGenerator[Self, None]:
        """
        Open or create the file and lock it against other servers.

        Raises:
            DirectoryError: Another server has the file open, or it is not a store.
        """
        connection = await to_thread.run_sync(_connect, path)
        try:
            yield cls(connection)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(connection.close)

    async def add(self, job: Job) -> None:
        """Store a new job."""
        await self.transact(_insert, job)

    async def save(self, job: Job, document: bytes | None = None, *also: Work) -> None:
        """Update a job; without `document` its previous document is removed."""
        await self.transact(_update, job, document, also)

    async def find(self, transcript_id: str) -> Record | None:
        """Return the job with that id, or `None`."""
        return await self.transact(_find, transcript_id)

    async def page(self, query: Query, *, now: datetime) -> Page:
        """
        Return one page of the listing.

        Raises:
            LookupError: The id in `before_id` or `after_id` is unknown.
        """
        return await self.transact(_page, query, now - timedelta(days=LISTED_DAYS))

    async def unfinished(self) -> tuple[Job, ...]:
        """Return the jobs that are neither completed nor failed, oldest first."""
        return await self.transact(_unfinished)

    async def transact(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a function in one transaction; other modules use it for their own tables."""

        def in_transaction() -> T:
            with self._connection:
                return work(self._connection, *args, **kwargs)

        # Not abandoned on cancellation: a transaction must end before the next one begins.
        return await to_thread.run_sync(in_transaction, limiter=self._turn)


def _connect(path: Path) -> sqlite3.Connection:
    # Only the owner may read the transcripts; SQLite's other files inherit this mode.
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=0.2, check_same_thread=False)
    try:
        # Exclusive, so that two servers cannot run each other's jobs; the write below acquires the lock.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_SCHEMA)
    except sqlite3.Error as error:
        connection.close()
        reason = "another server uses it" if "locked" in str(error) else f"{path.name}: {error}"
        raise DirectoryError(
            f"Cannot store transcripts in {path.parent}: {reason}. Choose another directory."
        ) from error
    return connection


def _insert(connection: sqlite3.Connection, job: Job) -> None:
    row = _row(job)
    marks = ", ".join("?" * len(row))
    # The column names are constants; the values are bound.
    connection.execute(f"INSERT INTO job ({_COLUMNS}) VALUES ({marks})", row)  # noqa: S608


def _update(connection: sqlite3.Connection, job: Job, document: bytes | None, also: tuple[Work, ...]) -> None:
    marks = ", ".join("?" * len(_row(job)))
    connection.execute(
        f"UPDATE job SET ({_COLUMNS}, document) = ({marks}, ?) WHERE id = ?",  # noqa: S608
        (*_row(job), document, job.id),
    )
    for work in also:
        work(connection)


def _find(connection: sqlite3.Connection, transcript_id: str) -> Record | None:
    row = connection.execute(
        f"SELECT {_COLUMNS}, document FROM job WHERE id = ?",  # noqa: S608
        (transcript_id,),
    ).fetchone()
    return None if row is None else Record(_job(row[:-1]), row[-1])


def _unfinished(connection: sqlite3.Connection) -> tuple[Job, ...]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM job WHERE status IN (?, ?) ORDER BY number",  # noqa: S608
        (Status.QUEUED, Status.PROCESSING),
    )
    return tuple(map(_job, rows))


def _page(connection: sqlite3.Connection, query: Query, since: datetime) -> Page:
    after = 0 if query.after_id is None else _number(connection, query.after_id)
    before = _BEYOND if query.before_id is None else _number(connection, query.before_id)
    rows = _between(connection, query, since, after, before)
    if not rows:
        return Page((), has_older=False, has_newer=False)
    return Page(
        jobs=tuple(_job(row[:-1]) for row in rows),
        has_older=_exists(connection, query, since, "number < ?", rows[-1][-1]),
        has_newer=_exists(connection, query, since, "number > ?", rows[0][-1]),
    )


def _number(connection: sqlite3.Connection, transcript_id: str) -> int:
    row: tuple[int] | None = connection.execute(
        "SELECT number FROM job WHERE id = ?", (transcript_id,)
    ).fetchone()
    if row is None:
        raise LookupError(transcript_id)
    return row[0]


def _between(
    connection: sqlite3.Connection, query: Query, since: datetime, after: int, before: int
) -> list[tuple[object, ...]]:
    # With after_id the page must be adjacent to it; otherwise following `next_url` would skip jobs.
    direction = "ASC" if query.after_id is not None and query.before_id is None else "DESC"
    condition, values = _filter(query, since)
    rows = connection.execute(
        f"SELECT {_COLUMNS}, number FROM job WHERE {condition} AND number > ? AND number < ?"  # noqa: S608
        f" ORDER BY number {direction} LIMIT ?",
        (*values, after, before, query.limit),
    ).fetchall()
    return rows if direction == "DESC" else rows[::-1]


def _exists(connection: sqlite3.Connection, query: Query, since: datetime, side: str, number: object) -> bool:
    condition, values = _filter(query, since)
    found = connection.execute(
        f"SELECT 1 FROM job WHERE {condition} AND {side} LIMIT 1",  # noqa: S608
        (*values, number),
    )
    return found.fetchone() is not None


def _filter(query: Query, since: datetime) -> tuple[str, tuple[object, ...]]:
    conditions, values = ["created >= ?"], [since.isoformat()]
    if query.throttled_only:
        conditions.append("throttled")
    elif query.status is not None:
        conditions.append("status = ?")
        values.append(query.status)
    if query.created_on is not None:
        conditions.append("created >= ? AND created < ?")
        values += [query.created_on.isoformat(), (query.created_on + timedelta(days=1)).isoformat()]
    return " AND ".join(conditions), tuple(values)


def _row(job: Job) -> tuple[object, ...]:
    return (
        job.id,
        msgspec.json.encode(job.parameters),
        job.upload_id,
        job.created.isoformat(),
        job.status,
        job.throttled,
        job.completed and job.completed.isoformat(),
        job.audio_duration,
        job.error,
        job.deleted,
    )


def _job(row: tuple[object, ...]) -> Job:
    names = _COLUMNS.split(", ")
    values: dict[str, Any] = dict(zip(names, row, strict=True))
    values["parameters"] = msgspec.json.decode(values["parameters"])
    # Not strict, because SQLite has neither booleans nor times.
    return msgspec.convert(values, type=Job, strict=False)
