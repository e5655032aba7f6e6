"""
The rows of a journal whose submit an earlier batch may have sent, looked for in the list together.

All share one schedule, which begins with the first of them: hundreds need as many requests as one.
"""

from __future__ import annotations

import anyio

from aai_async._io.addresses import mark_of
from aai_async._jobs.list_scanner import Doubt, Sought
from aai_async._journal import Entry, Ledger


class Doubts:
    """Those of one batch."""

    def __init__(self) -> None:
        self._sought = dict[int, Sought]()
        self._since: float | None = None
        self._turn = anyio.Lock()

    async def of(self, entry: Entry, ledger: Ledger) -> Doubt:
        """
        Give what the list is read with for a row.

        Raises:
            JournalError: The other rows cannot be read.
        """
        async with self._turn:
            if self._since is None:
                self._sought = await _all(ledger)
                self._since = anyio.current_time()
            sought = self._sought.pop(entry.id, None)
            if sought is None:
                # It has come into doubt only since they were read.
                sought = (await _all(ledger))[entry.id]
        return Doubt(sought, self._since, self._sought.values)


async def _all(ledger: Ledger) -> dict[int, Sought]:
    return {entry.id: _sought(entry, keys) for entry, keys in await ledger.in_doubt()}


def _sought(entry: Entry, keys: frozenset[bytes]) -> Sought:
    return Sought(
        address=entry.upload_url or entry.source,
        began_by=lambda _: entry.submitting_at,
        is_unique=lambda: entry.upload_url is not None,
        # An address may be another one by now, and the one that was submitted is known by its mark alone.
        was_submitted=lambda url: url == entry.upload_url or mark_of(entry.id, url) in keys,
    )
