"""From the names of places for results, and of journals beside them, to what is at these places."""

from __future__ import annotations

from pathlib import Path

from aai_async._cli.flag_values import JOURNAL, LOCAL_JOURNAL
from aai_async._cli.result_folder import DiskFolder, ResultFolder
from aai_async._io.object_source import ObjectURI, is_object_uri
from aai_async._journal import Place


def results_place(name: str) -> Place:
    """
    Return the place with a name, which is a path or the URI of a prefix in object storage.

    Raises:
        SourceError: The URI has no bucket, or contains credentials.
    """
    return ObjectURI.parse(name) if is_object_uri(name) else Path(name)


def folder_at(place: Place) -> ResultFolder:
    """Return the folder at a path, or below the prefix of a URI."""
    if isinstance(place, Path):
        return DiskFolder(place)
    from aai_async._cli.stored_folder import StoredFolder  # noqa: PLC0415 - for few runs

    return StoredFolder(place)


def folder_of(journal: str) -> Place | None:
    """Return the place of the results beside which a journal is; `None` for one that has a prefix alone."""
    if not is_object_uri(journal):
        return Path(journal).parent
    folder, _, name = journal.rstrip("/").rpartition("/")
    return results_place(f"{folder}/") if name in {JOURNAL, LOCAL_JOURNAL} else None
