"""
Pending webhook notices, stored with the jobs so that they survive a restart.

It stores the notices and their attempts; the courier sends them.
"""

import enum
import sqlite3
from typing import Final, Self

import attrs

from aai_async.server.jobs import Job, Status
from aai_async.server.store import Store, Work

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS delivery (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    transcript_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    status_code INTEGER, -- the endpoint's last response, if any
    pending INTEGER NOT NULL DEFAULT 1,
    UNIQUE (transcript_id, subject)
)
"""


class Subject(enum.StrEnum):
    """The subject of a notice."""

    TRANSCRIPT = "transcript"
    REDACTED_AUDIO = "redacted_audio"


@attrs.frozen
class Notice:
    """A notice to send about one transcript."""

    transcript_id: str
    subject: Subject = Subject.TRANSCRIPT


@attrs.frozen
class Outbox:
    """The notices of one store."""

    store: Store

    @classmethod
    async def opened(cls, store: Store) -> Self:
        """Create the table in the store, if it does not exist."""
        await store.transact(_create)
        return cls(store)

    async def pending(self) -> tuple[Notice, ...]:
        """Return the notices still to be sent, oldest first."""
        return await self.store.transact(_pending)

    async def attempts(self, notice: Notice) -> int | None:
        """Return the number of attempts so far; `None` if the notice is not pending."""
        return await self.store.transact(_attempts, notice)

    async def note(self, notice: Notice, *, status_code: int | None, pending: bool) -> None:
        """
        Record an attempt.

        Args:
            notice: The notice that was sent.
            status_code: The status code of the response; `None` without a response in time.
            pending: Whether to send the notice again.
        """
        await self.store.transact(_note, notice, status_code, pending)

    async def status_code(self, transcript_id: str) -> int | None:
        """Return the endpoint's last status code (API reference, `webhook_status_code`)."""
        return await self.store.transact(_status_code, transcript_id)


def entry(job: Job, subject: Subject = Subject.TRANSCRIPT) -> Work:
    """Add a notice for a job with a webhook, in the transaction that ends the job."""

    def enter(connection: sqlite3.Connection) -> None:
        if job.parameters.webhook is not None and job.status in (Status.COMPLETED, Status.ERROR):
            connection.execute(
                "INSERT INTO delivery (transcript_id, subject) VALUES (?, ?)", (job.id, subject)
            )

    return enter


def removal(transcript_id: str) -> Work:
    """Remove all notices of a transcript, in the transaction that deletes it."""

    def remove(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM delivery WHERE transcript_id = ?", (transcript_id,))

    return remove


def _create(connection: sqlite3.Connection) -> None:
    connection.execute(_SCHEMA)


def _pending(connection: sqlite3.Connection) -> tuple[Notice, ...]:
    rows = connection.execute("SELECT transcript_id, subject FROM delivery WHERE pending ORDER BY number")
    return tuple(Notice(transcript_id, Subject(subject)) for transcript_id, subject in rows)


def _attempts(connection: sqlite3.Connection, notice: Notice) -> int | None:
    row: tuple[int] | None = connection.execute(
        "SELECT attempts FROM delivery WHERE transcript_id = ? AND subject = ? AND pending",
        (notice.transcript_id, notice.subject),
    ).fetchone()
    return None if row is None else row[0]


def _note(connection: sqlite3.Connection, notice: Notice, status_code: int | None, pending: bool) -> None:
    connection.execute(
        "UPDATE delivery SET attempts = attempts + 1, status_code = COALESCE(?, status_code), pending = ?"
        " WHERE transcript_id = ? AND subject = ?",
        (status_code, pending, notice.transcript_id, notice.subject),
    )


def _status_code(connection: sqlite3.Connection, transcript_id: str) -> int | None:
    row: tuple[int] | None = connection.execute(
        "SELECT status_code FROM delivery WHERE transcript_id = ? AND status_code IS NOT NULL"
        " ORDER BY number DESC LIMIT 1",
        (transcript_id,),
    ).fetchone()
    return None if row is None else row[0]
