"""Which transcripts of a journal are deleted at the service, and which are to be."""

from __future__ import annotations

import datetime as dt
import sqlite3

from aai_async._journal.compression import compressed

_AT_ONCE = 500
"""Rows that are read at once."""


def make_due(connection: sqlite3.Connection, job: int, body: bytes) -> None:
    """Record that the transcript of a completed job is to be deleted, and store it here if it is not yet."""
    connection.execute(
        "INSERT OR IGNORE INTO results (job, transcript) VALUES (?, ?)", (job, compressed(connection, body))
    )
    connection.execute("UPDATE jobs SET deletion = 'due' WHERE id = ? AND deletion IS NULL", (job,))


def due(connection: sqlite3.Connection, after: int = 0) -> list[tuple[int, str]]:
    """Return the next rows with ids above `after` whose transcript is to be deleted, with its id."""
    return connection.execute(
        "SELECT id, transcript_id FROM jobs WHERE deletion = 'due' AND state = 'done' AND id > ? "
        "AND EXISTS (SELECT 1 FROM results WHERE job = jobs.id) ORDER BY id LIMIT ?",
        (after, _AT_ONCE),
    ).fetchall()


def count_due(connection: sqlite3.Connection) -> int:
    """Return the number of transcripts that are to be deleted."""
    found = connection.execute("SELECT count(*) FROM jobs WHERE deletion = 'due' AND state = 'done'")
    return int(found.fetchone()[0])


def count_kept(connection: sqlite3.Connection) -> int:
    """Return the number of completed transcripts that nothing has deleted or is to delete."""
    found = connection.execute("SELECT count(*) FROM jobs WHERE deletion IS NULL AND state = 'done'")
    return int(found.fetchone()[0])


def ended(connection: sqlite3.Connection, before: dt.datetime | None) -> list[tuple[int, str]]:
    """Return the rows whose jobs have ended, before a time if one is given, with the ids of transcripts."""
    return connection.execute(
        "SELECT id, transcript_id FROM jobs WHERE transcript_id IS NOT NULL AND finished_at IS NOT NULL "
        "AND state IN ('done', 'failed') AND deletion IS NOT 'done' "
        "AND (:before IS NULL OR finished_at < :before) ORDER BY id",
        {"before": before and before.astimezone(dt.UTC).isoformat(timespec="seconds")},
    ).fetchall()


def count_in_progress(connection: sqlite3.Connection) -> int:
    """Return the number of jobs that have not ended, or may not have."""
    found = connection.execute(
        "SELECT count(*) FROM jobs WHERE state IN ('submitting', 'submitted') "
        "OR (transcript_id IS NOT NULL AND finished_at IS NULL)"
    )
    return int(found.fetchone()[0])


def deleted(connection: sqlite3.Connection, job: int, transcript_id: str) -> None:
    """Record that the transcript of a row is deleted at the service."""
    connection.execute(
        "UPDATE jobs SET deletion = 'done' WHERE id = ? AND transcript_id = ?", (job, transcript_id)
    )
