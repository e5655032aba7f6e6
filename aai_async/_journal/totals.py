"""The totals of a journal, for its summary."""

from __future__ import annotations

import sqlite3

import attrs

from aai_async._journal.queries import State


@attrs.frozen
class Counts:
    """Totals of the jobs in one state, with or without an error."""

    state: State
    is_failed: bool = attrs.field(converter=bool)
    """Whether the latest attempt has failed."""
    jobs: int
    audio_seconds: float
    retries: int
    with_warnings: int
    with_missing: int


def counts(connection: sqlite3.Connection) -> list[Counts]:
    """Count the jobs of each state, with and without an error."""
    rows = connection.execute(
        "SELECT state, state = 'failed' OR error IS NOT NULL AS is_failed, count(*), total(audio_duration), "
        "sum(retries), count(warnings), count(missing) FROM jobs GROUP BY state, is_failed"
    )
    return [Counts(*row) for row in rows]
