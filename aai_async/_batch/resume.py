"""What an earlier batch has done for a row of the journal, which is not done again. Pure functions."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from aai_async._errors import NotFoundError

if TYPE_CHECKING:
    from aai_async._journal import JobRow

_FRESH = dt.timedelta(hours=20)
"""Maximum age of an upload that is submitted: the service keeps it for 24 hours, and its job must read it."""

_CLOCK_TOLERANCE = dt.timedelta(minutes=-1)
"""Minimum age of an upload: if it is less, the clock of this machine was set back, and the age is unknown."""


def has_job(row: JobRow) -> bool:
    """Return whether a batch submits nothing for a row, because the id of its job is known."""
    return row.state in {"submitted", "done"}


def job_to_fetch(row: JobRow) -> str | None:
    """
    Return the id of a job that an earlier batch recorded as failed; `None` if there is none.

    A batch fetches that job first, and creates another one only if it has failed or was deleted.
    """
    return None if has_job(row) else row.transcript_id


def has_upload(row: JobRow) -> bool:
    """Return whether a batch uploads nothing for a row, because its upload can still be submitted."""
    return row.state != "failed" and row.upload_url is not None and _is_fresh(row.uploaded_at)


def is_gone(error: NotFoundError) -> bool:
    """Return whether the service itself states that a transcript does not exist."""
    # The service itself responds with 400; a 404 may come from a proxy.
    return error.status == 400


def _is_fresh(uploaded_at: dt.datetime | None) -> bool:
    return uploaded_at is not None and _CLOCK_TOLERANCE < dt.datetime.now(dt.UTC) - uploaded_at < _FRESH
