"""
Erasure of recordings from a journal: no file of it contains their names or texts afterwards.

The functions block, so they are called in a thread.
"""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path, PurePath

import attrs

from aai_async._errors import JournalError
from aai_async._io.file import path_text
from aai_async._io.object_source import ObjectURI
from aai_async._journal.database import Database, QueuedWrite
from aai_async._journal.exclusive import opened_alone
from aai_async._journal.place import Place
from aai_async._journal.rows import JobRow
from aai_async._journal.schema import EMBEDDED_SERVER
from aai_async._shown_text import without_secrets

_AT_ONCE = 500
"""Maximum number of rows in one statement."""


@attrs.frozen
class ErasedRow:
    """An erased row of a journal."""

    id: int
    source: str
    """The name of the recording: a path, or a URL without its query."""
    transcript_id: str | None
    is_gone: bool
    """Whether the journal knows that its transcript is not at the service: deleted, or never there."""


@attrs.frozen
class Erasure:
    """The rows that a call of `erase` removes."""

    rows: tuple[ErasedRow, ...]
    unknown: tuple[str, ...]
    """The names that match no row."""
    similar: tuple[ErasedRow, ...]
    """Other rows that these names may mean: one of the two paths ends with the other."""


def erase(
    place: Place,
    names: Mapping[str, Collection[str]],
    before: Callable[[Erasure], None],
) -> Erasure:
    """
    Remove the rows and results of recordings from a journal that no batch uses.

    A batch that uses a journal in object storage, and does not write meanwhile, ends with its next step.

    Args:
        place: The journal.
        names: Paths, URLs or transcript ids, each with the ids of transcripts that are known to be of it. A
            row with such an id selects all rows of its source, because the journal may name the recording
            by a path relative to another folder, or by its path of before it was moved.
        before: Called before anything is removed; if it raises an exception, nothing is removed.

    Raises:
        JournalLockedError: A batch uses the journal.
        JournalError: There is no journal, it cannot be written, another program reads it, or a name means
            one recording by its path and another as the journal lists it.
    """
    if isinstance(place, ObjectURI):
        return _erase_stored(place, names, before)
    return _erase_file(place, names, before)


def _erase_stored(
    prefix: ObjectURI,
    names: Mapping[str, Collection[str]],
    before: Callable[[Erasure], None],
) -> Erasure:
    database = Database(prefix)
    try:
        database.open_to_read()
        try:
            erasure = database.read(lambda connection: _find(connection, names))
            before(erasure)
            if erasure.rows:
                database.replace_stored(lambda connection: _delete(connection, erasure.rows))
            return erasure
        finally:
            # Even if nothing was removed, because the store may have failed in an earlier call.
            database.remove_replaced()
    finally:
        database.close()


def _erase_file(
    path: Path,
    names: Mapping[str, Collection[str]],
    before: Callable[[Erasure], None],
) -> Erasure:
    with opened_alone(path) as database:
        # Emptied first, because this fails while another program reads the write-ahead log. The log contains
        # the names as well, so without it they could not be erased completely.
        database.read(lambda connection: _empty_log(connection, path))
        return _erase(database, path, names, before)


def _erase(
    database: Database,
    path: Path,
    names: Mapping[str, Collection[str]],
    before: Callable[[Erasure], None],
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


def _find(connection: sqlite3.Connection, names: Mapping[str, Collection[str]]) -> Erasure:
    listed = _Sources({name: keys_of_name(name) for name in names}, keys_of_row)
    known = _Sources(names, lambda row: [row.transcript_id or ""])
    for row in _rows(connection):
        listed.note(row)
        known.note(row)
    for name in names:
        _check_same(name, listed.of[name], known.of[name])
    unknown = tuple(name for name in names if not listed.of[name] and not known.of[name])
    ends = [_parts(name) for name in unknown if "://" not in name]
    of_known = {source for sources in known.of.values() for source in sources}
    rows: list[ErasedRow] = []
    similar: list[ErasedRow] = []
    for row in _rows(connection):
        if row.source in of_known or listed.names(row):
            rows.append(row)
        elif any(_end_alike(_parts(row.source), end) for end in ends):
            similar.append(row)
    return Erasure(tuple(rows), unknown, tuple(similar))


def _rows(connection: sqlite3.Connection) -> Iterator[ErasedRow]:
    rows = connection.execute(
        "SELECT id, source, transcript_id, deletion IS 'done' OR (SELECT service IS ? FROM account) "
        "FROM jobs ORDER BY id",
        (EMBEDDED_SERVER,),
    )
    return (ErasedRow(number, source, id_, bool(is_gone)) for number, source, id_, is_gone in rows)


class _Sources:
    """The sources of the rows that each name selects by one of its keys."""

    def __init__(
        self, keys: Mapping[str, Iterable[str]], keys_of_row: Callable[[ErasedRow], Iterable[str]]
    ) -> None:
        self.of = defaultdict[str, set[str]](set)
        self.keys_of_row = keys_of_row
        self._names = defaultdict[str, set[str]](set)
        for name, some in keys.items():
            for key in some:
                self._names[key].add(name)

    def names(self, row: ErasedRow) -> set[str]:
        """Return the names that select a row."""
        return {name for key in self.keys_of_row(row) for name in self._names.get(key, ())}

    def note(self, row: ErasedRow) -> None:
        """Add the source of a row."""
        for name in self.names(row):
            self.of[name].add(row.source)


def _check_same(name: str, listed: set[str], known: set[str]) -> None:
    if listed and known and listed.isdisjoint(known):
        shown = ", ".join(repr(source) for source in sorted(known))
        given = without_secrets(name) if "://" in name else name
        raise JournalError(
            f"{given!r} means two recordings: the journal lists one under this name, and the file "
            f"of this name as {shown}. Nothing was removed. Give the transcript id of the one to forget."
        )


def _parts(name: str) -> tuple[str, ...]:
    path = PurePath(os.path.normcase(os.path.normpath(name)))
    return tuple(part for part in path.parts if part not in {path.anchor, os.pardir})


def _end_alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shared = min(len(one), len(other))
    return shared > 0 and one[-shared:] == other[-shared:]


def keys_of_name(name: str) -> Iterator[str]:
    """Yield the names of a row: as `aai-async status` lists it, and as an absolute path."""
    # As the journal has it, if it contains bytes that are not UTF-8.
    shown = path_text(name)
    yield shown
    if "://" in shown:
        yield without_secrets(shown)
    else:
        yield _absolute(shown)


def keys_of_row(row: ErasedRow | JobRow) -> Iterator[str]:
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
    connection.execute("DELETE FROM options WHERE id NOT IN (SELECT options FROM jobs)")


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
