"""A journal that no batch uses, open for a change by the user. It blocks, so it is used in a thread."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path

from aai_async._errors import JournalError
from aai_async._journal.database import Database
from aai_async._journal.lock import Lock
from aai_async._journal.place import Place, errors_named


@contextlib.contextmanager
def opened_to_change(place: Place) -> Generator[Database]:
    """
    Open an existing journal of any account for a change.

    A batch that uses a journal in object storage, and does not write meanwhile, ends with its next step.

    Raises:
        JournalLockedError: A batch uses the journal.
        JournalError: There is no journal, or it cannot be written.
    """
    if isinstance(place, Path):
        with opened_alone(place) as database:
            yield database
        return
    database = Database(place)
    try:
        database.open_to_change()
        yield database
    finally:
        database.close()


@contextlib.contextmanager
def opened_alone(path: Path) -> Generator[Database]:
    """
    Lock and open the file of an existing journal of any account, so that deleted rows are overwritten.

    Raises:
        JournalLockedError: A batch uses the journal.
        JournalError: There is no journal, or it cannot be written.
    """
    with errors_named(path):
        if not path.exists():
            raise JournalError(f"There is no journal {str(path)!r}.")
        lock = Lock.beside(path)
    database = Database(path)
    try:
        database.open_to_erase()
        yield database
    finally:
        try:
            database.close()
        finally:
            lock.release()
