"""
Removes recordings from a journal, so that their names and texts are in none of its files afterwards.

All of it blocks: call it in a thread.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import attrs

from aai_async._errors import JournalError, without_secrets
from aai_async._journal.database import Database, QueuedWrite, errors_named
from aai_async._journal.lock import Lock

_AT_ONCE = 500
"""Rows that are deleted by one statement."""


@attrs.frozen
class ErasedRow:
    """A row of a journal that is erased."""

    id: int
    source: str
    """The name of the recording: a path, or an address without its query."""
    transcript_id: str | None


@attrs.frozen
class Erasure:
    """What is erased from a journal."""

    rows: tuple[ErasedRow, ...]
    unknown: tuple[str, ...]
    """The names that no row has."""


def erase(path: Path, names: Collection[str], also: Callable[[Erasure], None]) -> Erasure:
    """
    Remove the rows and results of recordings from a journal that no batch uses.

    Args:
        path: The journal.
        names: Paths, addresses or transcript ids.
        also: Called before anything is removed from the journal. If it raises, nothing is.

    Raises:
        JournalLockedError: A batch uses the journal.
        JournalError: There is no journal, it cannot be written, or another program reads it.
    """
    with errors_named(path):
        if not path.exists():
            raise JournalError(f"There is no journal {str(path)!r}.")
        lock = Lock.beside(path)
    store = Database(path)
    try:
        store.open_to_erase()
        # Before anything is removed: fails where another program reads the log, from which it must go, too.
        store.read(lambda connection: _empty_log(connection, path))
        return _erase(store, path, names, also)
    finally:
        try:
            store.close()
        finally:
            lock.release()


def _erase(store: Database, path: Path, names: Collection[str], also: Callable[[Erasure], None]) -> Erasure:
    try:
        erasure = store.read(lambda connection: _find(connection, names))
        also(erasure)
        step = QueuedWrite(lambda connection: _delete(connection, erasure.rows))
        store.commit([step])
        step.result()
        return erasure
    finally:
        # Also if nothing was removed now: a full disk may have kept an earlier call from it.
        store.read(lambda connection: _clean(connection, path))


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
    """Give the texts by which a row is found: as `status` lists it, or as a path from another folder."""
    # Not every name of a file is text.
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
    # What is deleted was overwritten, but SQLite may have left copies where it has moved rows earlier.
    connection.execute("VACUUM")
    _empty_log(connection, path)


def _empty_log(connection: sqlite3.Connection, path: Path) -> None:
    is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if is_busy:
        raise JournalError(
            f"The log of the journal {str(path)!r} cannot be emptied while another program reads it: end "
            "that, and do the same again."
        )
