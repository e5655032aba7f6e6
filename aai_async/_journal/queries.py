"""Each question to a journal and each change of it, as a function of a connection."""

from __future__ import annotations

import datetime as dt
import secrets
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence

from aai_async._journal import outdated
from aai_async._journal.compression import compressed, decompressed
from aai_async._journal.rows import (
    COLUMNS,
    ROWS,
    ItemClaim,
    JobRow,
    Result,
    encoded,
    parsed_time,
    requested_options,
)

_WITHOUT_JOB = (
    "former_ids = nullif(trim(coalesce(former_ids, '') || ' ' || coalesce(transcript_id, '')), ''), "
    "transcript_id = NULL"
)
"""Assignments that make the job of a row one of its former jobs, which no search takes for a later one."""


def latest_jobs(connection: sqlite3.Connection, most: int) -> list[tuple[str, dt.datetime | None]]:
    """Return the ids of the newest jobs, newest first, each with the time of its submit by the service."""
    rows = connection.execute(
        "SELECT transcript_id, submitting_at FROM jobs "
        "WHERE transcript_id IS NOT NULL ORDER BY id DESC LIMIT ?",
        (most,),
    )
    return [(transcript_id, parsed_time(time)) for transcript_id, time in rows]


def adopt_key(connection: sqlite3.Connection, fingerprint: Callable[[bytes], str]) -> None:
    """Replace the API key of the journal."""
    salt = secrets.token_bytes(16)
    connection.execute("UPDATE account SET salt = ?, fingerprint = ?", (salt, fingerprint(salt)))


def find(connection: sqlite3.Connection, keys: Sequence[bytes]) -> JobRow | None:
    """Find the row of a recording by any of its keys; of several, the most advanced."""
    marks = ", ".join("?" * len(keys))
    row = connection.execute(
        f"{ROWS} WHERE jobs.id IN (SELECT job FROM keys WHERE key IN ({marks})) "  # noqa: S608 - constants
        "ORDER BY state = 'done' DESC, state = 'submitted' DESC, jobs.id LIMIT 1",
        tuple(keys),
    ).fetchone()
    return None if row is None else JobRow(*row)


def claim(connection: sqlite3.Connection, item: ItemClaim, active: Collection[int] = ()) -> JobRow:
    """Find or add the row of a recording; `active` are the rows in progress, which must not be changed."""
    found = find(connection, item.keys)
    has_labels = found is not None and (not item.labels or found.labels == item.labels)
    is_same = found is not None and has_labels and found.position == item.position
    job = outdated.refused_row(connection, item.file_key, active) if found is None else found.id
    if job is None:
        job = _added(connection, item)
    elif found is None:
        connection.execute("UPDATE jobs SET source = ?, size = ? WHERE id = ?", (item.source, item.size, job))
        move(connection, job, item.position, item.labels)
    elif not is_same:
        move(connection, job, item.position, item.labels)
    if found is None or len(item.keys) > 1:
        connection.executemany("INSERT OR IGNORE INTO keys VALUES (?, ?)", [(key, job) for key in item.keys])
    if item.file_key is not None:
        outdated.supersede(connection, item.file_key, job, active)
    if found is not None and is_same:
        return found
    row = connection.execute(f"{ROWS} WHERE jobs.id = ?", (job,)).fetchone()
    return JobRow(*row)


def _added(connection: sqlite3.Connection, item: ItemClaim) -> int:
    options = item.options_digest, item.options
    connection.execute("INSERT OR IGNORE INTO options (digest, payload) VALUES (?, ?)", options)
    added = connection.execute(
        "INSERT INTO jobs (position, source, size, options, labels, state) "
        "VALUES (?, ?, ?, (SELECT id FROM options WHERE digest = ? AND payload = ?), ?, 'pending')",
        (item.position, item.source, item.size, *options, encoded(item.labels)),
    )
    return added.lastrowid or 0


def move(connection: sqlite3.Connection, job: int, position: int, labels: Mapping[str, str]) -> None:
    """Give a row the position and the labels of an item of this batch."""
    connection.execute(
        "UPDATE jobs SET position = ?, labels = coalesce(?, labels) WHERE id = ?",
        (position, encoded(labels), job),
    )


def refuse(connection: sqlite3.Connection, item: ItemClaim, error: str, active: Collection[int] = ()) -> None:
    """
    Record that a recording was refused before it was uploaded.

    The error goes to the row of the latest version of the file, or of the same key. A new row has it if there
    is none, or if that one is done: its transcript is of another version. `active` are the rows in progress.
    """
    keys = item.keys if item.file_key is None else (item.file_key,)
    row = find(connection, keys)
    if row is not None and (row.id in active or (row.state == "done" and item.file_key is None)):
        return
    job = _added(connection, item) if row is None or row.state == "done" else row.id
    connection.executemany("INSERT OR REPLACE INTO keys VALUES (?, ?)", [(key, job) for key in keys])
    move(connection, job, item.position, item.labels)
    connection.execute("UPDATE jobs SET error = ? WHERE id = ?", (error, job))


def uploaded(connection: sqlite3.Connection, job: int, url: str) -> bool:
    """Record an upload; return False, and change nothing, if the URL belongs to another recording."""
    changed = connection.execute(
        f"UPDATE jobs SET {_WITHOUT_JOB}, state = 'uploaded', upload_url = :url, "  # noqa: S608 - constant
        "uploaded_at = :now, submitting_at = NULL, error = NULL WHERE id = :job "
        "AND NOT EXISTS (SELECT 1 FROM jobs WHERE upload_url = :url AND id != :job)",
        {"url": url, "now": _now(), "job": job},
    )
    return changed.rowcount == 1


def submitting(connection: sqlite3.Connection, job: int, now: dt.datetime | None, mark: bytes | None) -> None:
    """Record that a submit is about to be sent; `mark` is the hash of its URL, if that is not an upload."""
    if mark is not None:
        connection.execute("INSERT OR IGNORE INTO keys VALUES (?, ?)", (mark, job))
    # From this state on, a killed batch may have paid: the next one searches the list before it submits.
    connection.execute(
        "UPDATE jobs SET state = 'submitting', submitting_at = ?, error = NULL WHERE id = ?",
        (now and now.isoformat(), job),
    )


def refused(connection: sqlite3.Connection, job: int) -> None:
    """Record that no submit of a row has created a job."""
    connection.execute(
        "UPDATE jobs SET state = CASE WHEN upload_url IS NULL THEN 'pending' ELSE 'uploaded' END, "
        "submitting_at = NULL, error = NULL WHERE id = ? AND state = 'submitting'",
        (job,),
    )


def submitted(
    connection: sqlite3.Connection, job: int, transcript_id: str, mark: bytes | None = None
) -> None:
    """Record that the job of a row was created; `mark` is that of `submitting`, which is then removed."""
    if mark is not None:
        connection.execute("DELETE FROM keys WHERE key = ?", (mark,))
    connection.execute(
        "UPDATE jobs SET state = 'submitted', transcript_id = ?, finished_at = NULL, error = NULL, "
        "deletion = NULL WHERE id = ?",
        (transcript_id, job),
    )


def reset(connection: sqlite3.Connection, job: int) -> None:
    """Reset a row, whose upload or job can no longer be used."""
    connection.execute(
        f"UPDATE jobs SET {_WITHOUT_JOB}, state = 'pending', upload_url = NULL, "  # noqa: S608 - constant
        "uploaded_at = NULL, submitting_at = NULL, finished_at = NULL WHERE id = ?",
        (job,),
    )


def restart(connection: sqlite3.Connection) -> None:
    """Reset the rows whose uploads and jobs have ended with their server; what has ended stays."""
    connection.execute(
        "UPDATE jobs SET state = 'pending', upload_url = NULL, uploaded_at = NULL, submitting_at = NULL, "
        "transcript_id = NULL WHERE state IN ('uploaded', 'submitting', 'submitted')"
    )


def done(connection: sqlite3.Connection, job: int, result: Result, retries: int) -> None:
    """Record that the job of a row was completed, with its result."""
    warnings, missing = encoded(result.warnings), encoded(result.missing)
    deletion = "due" if result.is_deletion_due else None
    connection.execute(
        "UPDATE jobs SET state = 'done', finished_at = ?, audio_duration = ?, retries = retries + ?, "
        "error = NULL, warnings = ?, missing = ?, model = ?, deletion = ? WHERE id = ?",
        (_now(), result.audio_duration, retries, warnings, missing, result.model, deletion, job),
    )
    if result.body is not None:
        connection.execute(
            "INSERT OR REPLACE INTO results (job, transcript) VALUES (?, ?)",
            (job, compressed(connection, result.body)),
        )


def failed(
    connection: sqlite3.Connection,
    job: int,
    error: str,
    retries: int,
    *,
    is_over: bool,
    is_unrecognisable: bool = False,
) -> None:
    """
    Record an error.

    Args:
        connection: The journal, within a transaction.
        job: The row.
        error: The message.
        retries: Number of requests that were sent again.
        is_over: Whether the job has ended, so that the next batch may submit it again.
        is_unrecognisable: Whether no later batch can find the row.
    """
    if is_unrecognisable:
        outdated.retire(connection, job)
    connection.execute("UPDATE jobs SET retries = retries + ? WHERE id = ?", (retries, job))
    if is_over:
        connection.execute(
            "UPDATE jobs SET state = 'failed', error = ?, finished_at = ? WHERE id = ? AND state != 'done'",
            (error, _now(), job),
        )
    else:
        # A completed job stays completed, even if its transcript could not be fetched again.
        connection.execute("UPDATE jobs SET error = ? WHERE id = ? AND state != 'done'", (error, job))


def expect(connection: sqlite3.Connection, job: int, seconds: float | None) -> None:
    """Record the length of a recording, before its job is created."""
    connection.execute("UPDATE jobs SET expected_duration = ? WHERE id = ?", (seconds, job))


def withdraw(connection: sqlite3.Connection, job: int) -> None:
    """Remove a row for which nothing was done, once the batch has ended."""
    connection.execute(
        "DELETE FROM keys WHERE job = "
        "(SELECT id FROM jobs WHERE id = ? AND state = 'pending' AND error IS NULL)",
        (job,),
    )


def spent(connection: sqlite3.Connection) -> list[tuple[dict[str, object], str | None, float]]:
    """Return the seconds of the jobs that are billed, or may be, by their options and model."""
    rows = connection.execute(
        "SELECT payload, model, total(CASE state WHEN 'done' THEN audio_duration ELSE expected_duration END) "
        "FROM jobs JOIN options ON options.id = jobs.options "
        "WHERE state IN ('submitting', 'submitted', 'done') "
        # A failed row without an end has the job of an earlier version of its file, which continues.
        "OR (transcript_id IS NOT NULL AND finished_at IS NULL) GROUP BY payload, model"
    )
    return [(requested_options(options), model, seconds) for options, model, seconds in rows]


def uncertain_rows(connection: sqlite3.Connection) -> list[tuple[JobRow, frozenset[bytes]]]:
    """Return the rows whose submit may have been sent, each with its keys."""
    rows = connection.execute(f"{ROWS} WHERE state = 'submitting' ORDER BY jobs.id")
    found = [JobRow(*row) for row in rows]
    keys = {row.id: set[bytes]() for row in found}
    for key, job in connection.execute(
        "SELECT key, job FROM keys WHERE job IN (SELECT id FROM jobs WHERE state = 'submitting')"
    ):
        keys[job].add(key)
    return [(row, frozenset(keys[row.id])) for row in found]


def rows_at_service(connection: sqlite3.Connection) -> list[JobRow]:
    """Return the rows with a job that has not ended, or whose submit may have been sent."""
    rows = connection.execute(f"{ROWS} WHERE state IN ('submitting', 'submitted') ORDER BY jobs.id")
    return [JobRow(*row) for row in rows]


def other_ids(connection: sqlite3.Connection, job: int, source: str) -> frozenset[str]:
    """Return the ids of the jobs of the other rows of a source, and of the former jobs of all its rows."""
    rows = connection.execute(
        "SELECT CASE WHEN id != ? THEN transcript_id END, former_ids FROM jobs WHERE source = ?",
        (job, source),
    )
    return frozenset(one for ids in rows for one in " ".join(filter(None, ids)).split())


def rivals(connection: sqlite3.Connection, job: int, source: str) -> list[tuple[str, dt.datetime | None]]:
    """Return the options and times of the submits of the other rows of a source whose job is unknown."""
    rows = connection.execute(
        "SELECT payload, submitting_at FROM jobs JOIN options ON options.id = jobs.options "
        "WHERE source = ? AND jobs.id != ? AND state = 'submitting'",
        (source, job),
    )
    return [(options, parsed_time(began)) for options, began in rows]


def result(connection: sqlite3.Connection, job: int) -> bytes | None:
    """Return the stored response of the service; `None` if it was not stored."""
    row = connection.execute(
        "SELECT transcript, dictionary FROM results, account WHERE job = ?", (job,)
    ).fetchone()
    return None if row is None else decompressed(*row)


def freeze(connection: sqlite3.Connection) -> None:
    """Begin a read transaction, so that all reads return the state of now; only if it blocks no writer."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        # SQLite takes the snapshot at the first read.
        connection.execute("BEGIN")
        last(connection)


def last(connection: sqlite3.Connection) -> int:
    """Return the id of the last row; 0 without rows."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM jobs").fetchone()[0])


def entries(
    connection: sqlite3.Connection, after: int, upto: int, most: int
) -> list[tuple[JobRow, bytes | None]]:
    """Return up to `most` rows with ids above `after` and up to `upto`, with their stored responses."""
    rows = connection.execute(
        f"SELECT transcript, dictionary, {COLUMNS} FROM jobs JOIN options ON options.id = jobs.options "  # noqa: S608 - constant
        "LEFT JOIN results ON job = jobs.id, account "
        "WHERE jobs.id > ? AND jobs.id <= ? ORDER BY jobs.id LIMIT ?",
        (after, upto, most),
    ).fetchall()
    return [
        (JobRow(*row), None if content is None else decompressed(content, dictionary))
        for content, dictionary, *row in rows
    ]


def kept_results(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return the source and the id of each stored transcript, ordered by source and id."""
    return connection.execute(
        "SELECT source, transcript_id FROM jobs JOIN results ON job = jobs.id ORDER BY source, jobs.id"
    ).fetchall()


def sources(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return the name of the recording for those of some ids of transcripts that the journal contains."""
    marks = ", ".join("?" * len(ids))
    rows = connection.execute(
        f"SELECT transcript_id, source FROM jobs WHERE transcript_id IN ({marks})",  # noqa: S608 - constants
        tuple(ids),
    )
    return dict(rows.fetchall())


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
