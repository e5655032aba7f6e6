"""
The end of a doubt about a submit whose response was lost, and whose job the list does not show for certain.

The functions block, so they are called in a thread.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection

from aai_async._errors import AmbiguousSubmitError, JournalError
from aai_async._io.addresses import mark_of
from aai_async._journal import queries
from aai_async._journal.database import QueuedWrite
from aai_async._journal.erasure import keys_of_name, keys_of_row
from aai_async._journal.exclusive import opened_to_change
from aai_async._journal.place import Place
from aai_async._journal.rows import JobRow
from aai_async._models.transcript import Transcript
from aai_async._shown_text import without_secrets

_CANDIDATES = re.compile(r"It may be one of these: (.+?)\. ")
"""The ids in the message of an `AmbiguousSubmitError`."""


def resolve(place: Place, name: str, transcript: Transcript | None) -> None:
    """
    Record which job the submit of a recording has created, in a journal that no batch uses.

    Args:
        place: The journal.
        name: The path or URL of the recording.
        transcript: The job; `None` if none was created.

    Raises:
        JournalLockedError: A batch uses the journal.
        JournalError: There is no journal, it cannot be written, it contains no such submit or several, or the
            job is of another recording.
    """
    with opened_to_change(place) as database:
        write = QueuedWrite(lambda connection: _resolve(connection, name, transcript))
        database.commit([write])
        write.result()


def recorded_doubt(message: str, row: JobRow) -> AmbiguousSubmitError:
    """Return the error of a row whose job is unknown; its candidates are in the message."""
    found = _CANDIDATES.search(message)
    candidates = () if found is None else tuple(found[1].split(", "))
    return AmbiguousSubmitError(message, candidates=candidates, upload_url=row.upload_url)


def _resolve(connection: sqlite3.Connection, name: str, transcript: Transcript | None) -> None:
    names, shown = {*keys_of_name(name)}, without_secrets(name) if "://" in name else name
    rows = [one for one in queries.uncertain_rows(connection) if not names.isdisjoint(keys_of_row(one[0]))]
    if not rows:
        raise JournalError(
            f"Nothing to resolve for {shown!r}: the journal has no submit of it whose job is unknown. "
            "`aai-async status` lists the recordings that have one."
        )
    if transcript is None:
        for row, _ in rows:
            queries.refused(connection, row.id)
        return
    if len(rows) > 1:
        raise JournalError(
            f"{shown!r} has {len(rows)} submits in the journal whose jobs are unknown, with other options or "
            "of other versions of the file, so a job cannot be assigned to one of them."
        )
    [(row, keys)] = rows
    if not _is_of(transcript, row, keys):
        raise JournalError(f"The transcript {transcript.id} is of another recording than {shown!r}.")
    if queries.sources(connection, [transcript.id]):
        raise JournalError(f"The transcript {transcript.id} belongs to another row of the journal.")
    queries.submitted(connection, row.id, transcript.id)


def _is_of(transcript: Transcript, row: JobRow, keys: Collection[bytes]) -> bool:
    """Return whether a job has the URL that was submitted for a row, as far as the journal contains it."""
    url = transcript.audio_url or ""
    if row.upload_url is not None:
        return url == row.upload_url
    # A URL that was signed again has another query.
    return mark_of(row.id, url) in keys or without_secrets(url) == row.source
