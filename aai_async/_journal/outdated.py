"""
Rows that no later batch can find again: of a former version of a file, or of what nothing recognises.

Those that nothing was paid for lose their keys, and are removed when the journal is opened or closed: while a
batch is at work, no number of a row is used twice. What was paid for stays, and says what it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

_UNPAID = "state IN ('pending', 'uploaded')"

_CHANGED = (
    "The file was changed after it was submitted, so this is about its former content. If there is a job, it "
    "goes on."
)


def supersede(connection: sqlite3.Connection, place: bytes, job: int, active: Collection[int]) -> None:
    """
    Let a job take the place of that of another version of the same file.

    Args:
        connection: The journal, within a transaction.
        place: What the file and its options are known by, in whatever version.
        job: The job of the version that is there now.
        active: Jobs that the batch is at work at, which stay as they are.
    """
    row = connection.execute("SELECT job FROM keys WHERE key = ?", (place,)).fetchone()
    if row is not None and row[0] != job and row[0] not in active:
        retire(connection, row[0])
        # Should the file change back, a failed row with an id has its job fetched, and nothing is paid again;
        # one in doubt stays so, and is looked for.
        connection.execute(
            "UPDATE jobs SET error = ?, state = CASE state WHEN 'submitted' THEN 'failed' ELSE state END "
            "WHERE id = ? AND state IN ('submitting', 'submitted')",
            (_CHANGED, row[0]),
        )
    connection.execute("INSERT OR REPLACE INTO keys VALUES (?, ?)", (place, job))


def retire(connection: sqlite3.Connection, job: int) -> None:
    """Let no batch find a job that nothing was submitted for."""
    connection.execute(
        f"DELETE FROM keys WHERE job = (SELECT id FROM jobs WHERE id = ? AND {_UNPAID})",  # noqa: S608 - constant
        (job,),
    )


def remove_unrecognisable(connection: sqlite3.Connection) -> None:
    """Remove the rows that nothing was submitted for and that no batch can find; none may be at work."""
    connection.execute(
        f"DELETE FROM jobs WHERE {_UNPAID} AND NOT EXISTS (SELECT 1 FROM keys WHERE job = jobs.id)"  # noqa: S608 - constant
    )
