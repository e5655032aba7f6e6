"""The lookup of a row by its key, together with its result."""

from __future__ import annotations

import sqlite3

import attrs

from aai_async._journal import queries
from aai_async._journal.rows import JobRow


@attrs.frozen
class FoundRow:
    """The row of a key."""

    row: JobRow | None = None
    body: bytes | None = attrs.field(default=None, repr=False)
    """The stored response of the service, if the job was completed."""


def found(connection: sqlite3.Connection, key: bytes) -> FoundRow:
    """Find the row of a key, with its stored response."""
    row = queries.find(connection, [key])
    is_done = row is not None and row.state == "done"
    return FoundRow(row, queries.result(connection, row.id) if row is not None and is_done else None)
