"""The check whether a journal of another API key may be continued with the current one."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Sequence
from typing import Protocol

from aai_async._errors import JournalError
from aai_async._journal import queries
from aai_async._journal.place import Place


class TranscriptAccess(Protocol):
    """The access of the current key to transcripts of the service."""

    async def exists(self, transcript_id: str) -> bool:
        """Return whether the key has access to a transcript."""
        ...

    @property
    def service_time(self) -> dt.datetime | None:
        """The time of the service's clock; `None` if it is unknown."""


_CHECKED = 10
"""Maximum number of transcripts to request."""

_KEPT = dt.timedelta(days=3)
"""
Minimum time that the service keeps a transcript, unless it is deleted or the account sets a shorter time.

Source: https://www.assemblyai.com/docs/faq/how-long-are-outputs-retained
"""


def newest_jobs(connection: sqlite3.Connection) -> list[tuple[str, dt.datetime | None]]:
    """Return the jobs that a key is checked with, newest first, each with the time of its submit."""
    return queries.latest_jobs(connection, _CHECKED)


async def check_key(
    path: Place, jobs: Sequence[tuple[str, dt.datetime | None]], access: TranscriptAccess
) -> None:
    """
    Check that the current key belongs to the account of a journal, as far as the service can prove it.

    Access to one transcript is proof. No access proves nothing, because the transcripts may have been
    deleted. But a key of another account would pay for every unfinished recording a second time, so a journal
    with a job that the service should still have is refused. The age of a job is the time between two
    readings of the service's clock, because the clock of this machine may be wrong or may have been set.

    Raises:
        JournalError: The key has access to none of the jobs, and not all of them are old.
        AAIError: The request failed, or the service refuses the key.
    """
    for transcript_id, _ in jobs:
        # One request usually suffices, because the newest job is the most likely to exist.
        if await access.exists(transcript_id):
            return
    now = access.service_time
    recent = [
        transcript_id for transcript_id, time in jobs if now is None or time is None or now - time < _KEPT
    ]
    if recent:
        raise JournalError(
            f"The journal {str(path)!r} was created with another API key, and this key has access to none of "
            f"its latest transcripts, such as {recent[0]}: it belongs to another account or project, or they "
            "were deleted. Use a key of the account that created the journal, or another file."
        )
