"""The recorder of one row of a journal."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable
from typing import Protocol, TypeVar

from aai_async._errors import AAIError
from aai_async._io.addresses import mark_of
from aai_async._jobs.handle import JobHandle, ProgressRecorder
from aai_async._journal import queries
from aai_async._journal.rows import JobRow

T = TypeVar("T")


class Committer(Protocol):
    """What records changes in a journal: its writer."""

    async def commit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Make a change, and return its result."""
        ...


class JournalRecorder(ProgressRecorder):
    """Records the steps of a call on its handle and in a journal, in which they survive a killed process."""

    def __init__(self, job: JobHandle, writer: Committer, row: JobRow, source_url: str | None) -> None:
        """Create one; `source_url` is the URL to submit if nothing is uploaded."""
        super().__init__(job)
        self.is_submitting = row.state == "submitting"
        self._mark = None if source_url is None else mark_of(row.id, source_url)
        self._writer = writer
        self._job = row.id

    async def uploaded(self, url: str) -> bool:
        await super().uploaded(url)
        is_new = await self._writer.commit(lambda connection: queries.uploaded(connection, self._job, url))
        if not is_new:
            # Another row has this URL, so a faulty proxy has repeated a response: upload again.
            self.job.upload_url = None
        return is_new

    async def submitting(self, now: dt.datetime | None) -> None:
        await super().submitting(now)
        try:
            await self._writer.commit(
                lambda connection: queries.submitting(connection, self._job, now, self._mark)
            )
        except AAIError:
            # Nothing is sent that is not written down.
            await super().refused()
            raise

    async def refused(self) -> None:
        await super().refused()
        await self._writer.commit(lambda connection: queries.refused(connection, self._job))

    async def submitted(self, transcript_id: str) -> None:
        await super().submitted(transcript_id)
        await self._writer.commit(
            lambda connection: queries.submitted(connection, self._job, transcript_id, self._mark)
        )
