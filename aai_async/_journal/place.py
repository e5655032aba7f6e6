"""Where a journal is, and the errors about it, which name the place."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import TypeAlias

from aai_async._errors import AAIError, JournalError, JournalFullError
from aai_async._io.object_source import ObjectURI

Place: TypeAlias = Path | ObjectURI
"""A file, or the prefix of the objects of a journal in object storage."""


def journal_in(folder: Place, name: str) -> str:
    """Return the path or URI of the journal with a name in a folder, or below a prefix."""
    return str(folder / name) if isinstance(folder, Path) else f"{str(folder).rstrip('/')}/{name}/"


@contextlib.contextmanager
def errors_named(path: Place) -> Generator[None]:
    """Convert every exception of the block to a `JournalError`: of SQLite, zlib, the system, or a bug."""
    shown = f"The journal {str(path)!r}"
    try:
        yield
    except JournalError:
        raise
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise JournalFullError(
                f"{shown} cannot be written: the disk is full. Free some space, and run the batch again."
            ) from error
        if getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            raise JournalError(f"{shown} is damaged, or not a journal: {error}. Use another file.") from error
        in_use = (
            " Another program has an open transaction on it: end that program." if _is_busy(error) else ""
        )
        raise JournalError(f"{shown} cannot be used: {error}.{in_use}") from error
    except FileNotFoundError as error:
        folder = str(Path(str(path)).parent)
        raise JournalError(f"{shown} cannot be created: there is no folder {folder!r}.") from error
    except Exception as error:
        is_transient = isinstance(error, AAIError) and error.is_transient
        raise JournalError(f"{shown} cannot be used: {_reason(error)}.", is_transient=is_transient) from error


def _reason(error: Exception) -> str:
    """Return the message of an error, as the end of a sentence."""
    if isinstance(error, AAIError):
        return str(error.args[0]).rstrip(".")
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _is_busy(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
