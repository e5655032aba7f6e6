"""Whether a journal that was begun with another API key may be continued with a new one of the account."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from aai_async._errors import JournalError
from aai_async._journal import queries

Knows: TypeAlias = Callable[[str], Awaitable[bool]]
"""Asks the service whether the key in use sees a transcript."""

_ASKED = 10
"""Transcripts that the service is asked for."""

_KEPT = dt.timedelta(days=3)
"""
How long the service keeps a transcript at least, unless it is deleted or the account has set a shorter time.

Source: https://www.assemblyai.com/docs/faq/how-long-are-outputs-retained
"""


def newest_jobs(connection: sqlite3.Connection) -> list[tuple[str, dt.datetime | None]]:
    """Give the jobs by which a key is checked, newest first, each with a time at which it was known."""
    return queries.latest_jobs(connection, _ASKED)


async def check_key(path: Path, jobs: Sequence[tuple[str, dt.datetime | None]], knows: Knows) -> None:
    """
    Make sure that the new key is of the account of a journal, as far as the service can show it.

    One transcript that the key sees is proof. To see none is no proof of the contrary, for they may have been
    deleted. But with the key of another account, every unfinished recording would be paid for twice, so a
    journal with a job that should be there yet is refused.

    Raises:
        JournalError: The key sees none of the jobs, and not all are old.
        AAIError: The service cannot be asked, or does not take the key.
    """
    for transcript_id, _ in jobs:
        if await knows(transcript_id):
            return
    now = dt.datetime.now(dt.UTC)
    young = [transcript_id for transcript_id, time in jobs if time is None or now - time < _KEPT]
    if young:
        raise JournalError(
            f"The journal {str(path)!r} was begun with another API key, and the new key sees none of its "
            f"latest transcripts, such as {young[0]}: it is of another account or project, or they were "
            "deleted. Use a key of the account that began it, or another file."
        )
