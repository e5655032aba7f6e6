"""
Erasure of recordings from a journal: no file of it contains their names or texts afterwards.

The functions block, so they are called in a thread.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import attrs

from aai_async._errors import JournalError, without_secrets
from aai_async._journal.database import Database, QueuedWrite
from aai_async._journal.lock import Lock
from aai_async._journal.place import errors_named

_AT_ONCE = 500
"""Maximum number of rows in one statement."""


@attrs.frozen
class ErasedRow:
    """An erased row of a journal."""

    id: int
    source: str
    """The name of the recording: a path, or a URL without its query."""
    transcript_id: str | None


@attrs.frozen
class Erasure:
    """The rows that a call of `erase` removes."""

    rows: tuple[ErasedRow, ...]
    unknown: tuple[str, ...]
    """The names that match no row."""


def erase(path: Path, names: Collection[str], before: Callable[[Erasure], None]) -> Erasure:
    """
    Remove the rows and results of recordings from a journal that no batch uses.

    Args:
        path: The journal.
        names: Paths, URLs or transcript ids.
        before: Called before anything is removed; if it raises an exception, nothing is removed.

    Raises:
        JournalLockedError: A batch uses the journal.
        JournalError: There is no journal, it cannot be written, or another program reads it.
    """
    with errors_named(path):
        if not path.exists():
            raise JournalError(f"There is no journal {str(path)!r}.")
        lock = Lock.beside(path)
    database = Database(path)
    try:
        database.open_to_erase()
        # Emptied first, because this fails while another program reads the write-ahead log. The log contains
        # the names as well, so without it they could not be erased completely.
        database.read(lambda connection: _empty_log(connection, path))
        return _erase(database, path, names, before)
    finally:
        try:
            database.close()
        finally:
            lock.release()


def _erase(
    database: Database, path: Path, names: Collection[str], before: Callable[[Erasure], None]
) -> Erasure:
    try:
        erasure = database.read(lambda connection: _find(connection, names))
        before(erasure)
        write = QueuedWrite(lambda connection: _delete(connection, erasure.rows))
        database.commit([write])
        write.result()
        return erasure
    finally:
        # Even if nothing was removed, because a full disk may have prevented this in an earlier call.
        database.read(lambda connection: _clean(connection, path))


def _find(connection: sqlite3.Connection, names: Collection[str]) -> Erasure:
    wanted = {key: name for name in names for key in _keys_of(name)}
    rows: list[ErasedRow] = []
    found = set[str]()
    for row in connection.execute("SELECT id, source, transcript_id FROM jobs ORDER BY id"):
        one = ErasedRow(*row)
        matched = {wanted[key] for key in _keys_of_row(one) if key in wanted}
        if matched:
            rows.append(one)
            found |= matched
    return Erasure(tuple(rows), tuple(name for name in dict.fromkeys(names) if name not in found))


def _keys_of(name: str) -> Iterator[str]:
    """Yield the names of a row: as `aai-async status` lists it, and as an absolute path."""
    # The name of a file may contain bytes that are not UTF-8; the journal databases it like this.
    shown = name.encode("utf-8", "backslashreplace").decode()
    yield shown
    if "://" in shown:
        yield without_secrets(shown)
    else:
        yield _absolute(shown)


def _keys_of_row(row: ErasedRow) -> Iterator[str]:
    if row.transcript_id is not None:
        yield row.transcript_id
    yield row.source
    if "://" not in row.source:
        yield _absolute(row.source)


def _absolute(name: str) -> str:
    return os.path.normcase(os.path.abspath(name))  # noqa: PTH100 - a name need not be a path


def _delete(connection: sqlite3.Connection, rows: Iterable[ErasedRow]) -> None:
    ids = [row.id for row in rows]
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        for column in ("results WHERE job", "keys WHERE job", "jobs WHERE id"):
            connection.execute(f"DELETE FROM {column} IN ({marks})", some)  # noqa: S608 - constants


def _clean(connection: sqlite3.Connection, path: Path) -> None:
    # `secure_delete` overwrites the deleted rows, but not the copies that SQLite left when it moved rows.
    connection.execute("VACUUM")
    _empty_log(connection, path)


def _empty_log(connection: sqlite3.Connection, path: Path) -> None:
    is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if is_busy:
        raise JournalError(
            f"The log of the journal {str(path)!r} cannot be emptied while another program reads it. End "
            "that program and try again."
        )
