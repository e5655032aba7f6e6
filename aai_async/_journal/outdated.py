"""
Rows that no later batch can find: of an earlier version of a file, or of a source without an identity.

A row without a paid job loses its keys, and is removed when the journal is opened or closed: during a batch,
no row id may be used for a second recording. A row with a paid job remains, with an error that explains it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

_UNPAID = "state IN ('pending', 'uploaded')"

_CHANGED = (
    "The recording was changed after it was submitted, so this row is about its earlier content. Its job, if "
    "any, continues."
)


def supersede(connection: sqlite3.Connection, file_key: bytes, job: int, active: Collection[int]) -> None:
    """
    Replace the row of another version of the same file by that of the current version.

    Args:
        connection: The journal, within a transaction.
        file_key: The key of the path and the options, the same for all versions of the file.
        job: The row of the current version.
        active: Rows that the batch is working on, which are not changed.
    """
    row = connection.execute("SELECT job FROM keys WHERE key = ?", (file_key,)).fetchone()
    if row is not None and row[0] != job and row[0] not in active:
        retire(connection, row[0])
        # These rows keep their keys in case the file changes back: then the job of a failed row is fetched by
        # its id, and that of a row in `submitting` is searched for, so that nothing is paid twice.
        connection.execute(
            "UPDATE jobs SET error = ?, state = CASE state WHEN 'submitted' THEN 'failed' ELSE state END "
            "WHERE id = ? AND state IN ('submitting', 'submitted')",
            (_CHANGED, row[0]),
        )
    if row is None or row[0] != job:
        connection.execute("INSERT OR REPLACE INTO keys VALUES (?, ?)", (file_key, job))


def refused_row(
    connection: sqlite3.Connection, file_key: bytes | None, active: Collection[int]
) -> int | None:
    """Return the row of a file that was refused before any version of it was read, if it has one."""
    row = connection.execute(
        f"SELECT id FROM jobs WHERE id = (SELECT job FROM keys WHERE key = ?) AND {_UNPAID} "  # noqa: S608 - constant
        "AND NOT EXISTS (SELECT 1 FROM keys WHERE job = jobs.id AND key != ?)",
        (file_key, file_key),
    ).fetchone()
    return None if row is None or row[0] in active else int(row[0])


def retire(connection: sqlite3.Connection, job: int) -> None:
    """Remove the keys of a row if nothing was submitted for it, so that no batch finds it."""
    connection.execute(
        f"DELETE FROM keys WHERE job = (SELECT id FROM jobs WHERE id = ? AND {_UNPAID})",  # noqa: S608 - constant
        (job,),
    )


def remove_unrecognisable(connection: sqlite3.Connection) -> None:
    """Remove the rows without keys for which nothing was submitted; call it while no item is in progress."""
    connection.execute(
        f"DELETE FROM jobs WHERE {_UNPAID} AND NOT EXISTS (SELECT 1 FROM keys WHERE job = jobs.id)"  # noqa: S608 - constant
    )
