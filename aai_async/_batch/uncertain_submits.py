"""
The rows of a journal whose submit an earlier batch may have sent, looked for in the list together.

All share one schedule, which begins with the first of them: hundreds need as many requests as one.
"""

from __future__ import annotations

import anyio

from aai_async._io.addresses import mark_of
from aai_async._jobs.list_scanner import JobSearch, UncertainSubmit
from aai_async._journal import JobRow, JournalWriter


class UncertainSubmits:
    """Those of one batch."""

    def __init__(self) -> None:
        self._sought = dict[int, JobSearch]()
        self._since: float | None = None
        self._turn = anyio.Lock()

    async def of(self, row: JobRow, writer: JournalWriter) -> UncertainSubmit:
        """
        Give what the list is read with for a row.

        Raises:
            JournalError: The other rows cannot be read.
        """
        async with self._turn:
            if self._since is None:
                self._sought = await _all(writer)
                self._since = anyio.current_time()
            sought = self._sought.pop(row.id, None)
            if sought is None:
                # It has come into doubt only since they were read.
                sought = (await _all(writer))[row.id]
        return UncertainSubmit(sought, self._since, self._sought.values)


async def _all(writer: JournalWriter) -> dict[int, JobSearch]:
    return {row.id: _sought(row, keys) for row, keys in await writer.in_doubt()}


def _sought(row: JobRow, keys: frozenset[bytes]) -> JobSearch:
    return JobSearch(
        address=row.upload_url or row.source,
        began_by=lambda _: row.submitting_at,
        is_unique=lambda: row.upload_url is not None,
        # An address may be another one by now, and the one that was submitted is known by its mark alone.
        was_submitted=lambda url: url == row.upload_url or mark_of(row.id, url) in keys,
    )
