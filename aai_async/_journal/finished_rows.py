"""The rows of completed jobs with their results, found many at a time for a batch that runs again."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence

import msgspec

from aai_async._journal.compression import decompressed
from aai_async._journal.outdated import supersede
from aai_async._journal.queries import move
from aai_async._journal.rows import labels_of, missing_of, warnings_of
from aai_async._models.missing import MissingResult


class FinishedClaim(msgspec.Struct, frozen=True):
    """A recording whose row may be that of a completed job."""

    key: bytes
    position: int
    labels: Mapping[str, str]
    """The caller's labels, which replace those of the row unless there are none."""
    file_key: bytes | None
    """The key of its path, the same for all versions of the file; `None` if it is no file."""


class FinishedRow(msgspec.Struct, frozen=True):
    """The row of a completed job whose result is stored."""

    id: int
    upload_url: str | None
    transcript_id: str | None
    labels: Mapping[str, str]
    model: str | None
    """The model that ran."""
    warnings: tuple[str, ...]
    """Those of the service."""
    missing: tuple[MissingResult, ...]
    """The requested features that the result lacks; found when it was stored, for the same options."""
    body: bytes
    """The stored response of the service."""


def any_finished(connection: sqlite3.Connection) -> bool:
    """Return whether there is a completed job."""
    return connection.execute("SELECT 1 FROM jobs WHERE state = 'done' LIMIT 1").fetchone() is not None


def take_finished(
    connection: sqlite3.Connection, claims: Sequence[FinishedClaim], active: Collection[int]
) -> dict[bytes, FinishedRow]:
    """
    Return by its key each row whose job is completed and whose result is stored, and take it for this batch.

    Args:
        connection: The journal, within a transaction.
        claims: The recordings, with different keys.
        active: The rows in progress, which are not returned.
    """
    by_key = {claim.key: claim for claim in claims}
    marks = ", ".join("?" * len(by_key))
    # CROSS JOIN, so that SQLite begins with the keys and not with all rows that are done.
    rows = connection.execute(
        "SELECT key, jobs.id, position, labels, transcript, dictionary, upload_url, transcript_id, model, "  # noqa: S608 - constants
        "warnings, missing FROM keys CROSS JOIN jobs ON jobs.id = keys.job "
        "CROSS JOIN results ON results.job = jobs.id CROSS JOIN account "
        f"WHERE key IN ({marks}) AND state = 'done'",
        [*by_key],
    ).fetchall()
    found = dict[bytes, FinishedRow]()
    for key, job, position, labels, result, dictionary, *facts in rows:
        if job not in active:
            url, transcript_id, model, warnings, missing = facts
            claim, before = by_key[key], labels_of(labels)
            if claim.position != position or (claim.labels and claim.labels != before):
                move(connection, job, claim.position, claim.labels)
            if claim.file_key is not None:
                supersede(connection, claim.file_key, job, active)
            found[key] = FinishedRow(
                job,
                url,
                transcript_id,
                claim.labels or before,
                model,
                warnings_of(warnings),
                missing_of(missing),
                decompressed(result, dictionary),
            )
    return found
