"""
The joint search for the jobs of submits that an earlier batch may have sent, one for each row of a journal.

All searches share one schedule, which begins with the first, so hundreds need as many requests as one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import anyio

from aai_async._io.addresses import mark_of
from aai_async._jobs.list_scanner import JobSearch, UncertainSubmit

if TYPE_CHECKING:
    from aai_async._journal import JobRow, JournalWriter
    from aai_async._transport import Sender


class UncertainSubmits:
    """The uncertain submits of one batch."""

    def __init__(self) -> None:
        self._waiting = dict[int, JobSearch]()
        """The searches whose row was not reached yet, by the id of the row."""
        self._since: float | None = None
        self._turn = anyio.Lock()

    async def of(self, row: JobRow, writer: JournalWriter, sender: Sender) -> UncertainSubmit:
        """
        Return the search for the submit of a row, given what sends the requests of this batch.

        Raises:
            JournalError: The rows of the journal cannot be read.
        """
        async with self._turn:
            if self._since is None:
                self._waiting = await _searches(writer)
                self._since = anyio.current_time()
            search = self._waiting.pop(row.id, None)
            if search is None:
                # The row was not uncertain yet when they were read.
                search = (await _searches(writer))[row.id]
        # A lock on the disk shows that the earlier batch has ended. One with a journal in object storage may
        # be running on a host that was cut off, and has sent its last submit before this one took over.
        arrives_until = self._since + sender.shown_within if writer.may_have_predecessor else -math.inf
        return UncertainSubmit(search, self._since, self._waiting.values, arrives_until)


async def _searches(writer: JournalWriter) -> dict[int, JobSearch]:
    return {row.id: _search(row, keys) for row, keys in await writer.uncertain_rows()}


def _search(row: JobRow, keys: frozenset[bytes]) -> JobSearch:
    return JobSearch(
        audio_url=row.upload_url or row.source,
        began=lambda _: row.submitting_at,
        is_unique=lambda: row.upload_url is not None,
        # A journal stores no query of a URL, because it may contain a secret: only a hash of the URL.
        was_submitted=lambda url: url == row.upload_url or mark_of(row.id, url) in keys,
    )
