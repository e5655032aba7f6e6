"""The completed jobs in a journal, and the keys of their recordings."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import attrs

from aai_async._concurrency.threads import in_thread
from aai_async._journal import queries
from aai_async._journal.journal import Journal, database_of


@attrs.frozen
class FinishedJob:
    """The row of a completed job."""

    id: int
    source: str
    """The name of the recording: a path as it was passed, or a URL without its query."""
    options: str
    """Its options as JSON, without the secret of a webhook."""
    transcript_id: str


@attrs.frozen
class FinishedJobs:
    """The completed jobs in a journal."""

    rows: Mapping[int, FinishedJob]
    """By the id of the row, in its order."""

    keys: Mapping[bytes, int]
    """The row of each key of a recording, also of one that is not completed."""


async def finished_jobs(journal: Journal) -> FinishedJobs:
    """
    Return the completed jobs in an open journal.

    Raises:
        JournalError: The journal cannot be read.
    """
    return await in_thread(lambda: database_of(journal).read(_finished_jobs))


async def stored_response(journal: Journal, job: int) -> bytes | None:
    """
    Return the response of the service that an open journal has stored for a row, if it has.

    Raises:
        JournalError: The journal cannot be read.
    """
    database = database_of(journal)
    return await in_thread(lambda: database.read(lambda connection: queries.result(connection, job)))


def _finished_jobs(connection: sqlite3.Connection) -> FinishedJobs:
    rows = connection.execute(
        "SELECT jobs.id, source, payload, transcript_id FROM jobs JOIN options ON options.id = jobs.options "
        "WHERE state = 'done' AND transcript_id IS NOT NULL ORDER BY jobs.id"
    )
    finished = [FinishedJob(*row) for row in rows]
    keys = dict(connection.execute("SELECT key, job FROM keys").fetchall())
    return FinishedJobs({row.id: row for row in finished}, keys)
