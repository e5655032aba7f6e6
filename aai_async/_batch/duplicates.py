"""
Identical items of a batch, which share one job.

This module does no I/O: the keys of the items are computed elsewhere.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import anyio
import attrs

from aai_async._jobs.registry import forget_oldest
from aai_async._models.outcome import Outcome

_MOST_REMEMBERED = 100_000
"""Maximum number of keys by which a batch recognises duplicates; a journal keeps all."""


@attrs.define(eq=False)
class InFlightItem:
    """An item that others may duplicate."""

    index: int
    row: int | None = None
    """Its row in a journal."""
    outcome: Outcome | None = None
    """Its outcome; without the transcript if no duplicate waits for it."""
    _has_ended: bool = False
    _end: anyio.Event | None = None
    """Set when the item has ended, if a duplicate waits for that."""
    _waiting: int = 0

    async def wait(self) -> Outcome | None:
        """Wait until the item has ended, and return its outcome; `None` if it was abandoned."""
        if self._has_ended:
            return self.outcome
        self._waiting += 1
        self._end = self._end or anyio.Event()
        try:
            await self._end.wait()
            return self.outcome
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._forget_transcript()

    def end(self, outcome: Outcome | None) -> None:
        """Record that the item has ended."""
        self.outcome = outcome
        if not self._waiting:
            self._forget_transcript()
        self._has_ended = True
        if self._end is not None:
            self._end.set()
            self._end = None

    def _forget_transcript(self) -> None:
        if self.outcome is not None:
            # A copy of the error has no traceback, whose frames would keep the recording in memory.
            error = self.outcome.error and copy.copy(self.outcome.error)
            self.outcome = attrs.evolve(self.outcome, source="", transcript=None, error=error)


class DuplicateIndex:
    """The items of a batch by their keys; the oldest are discarded first."""

    def __init__(self) -> None:
        self._known = dict[bytes, InFlightItem]()

    def find(self, keys: Sequence[bytes]) -> InFlightItem | None:
        """Return the item that has one of the keys."""
        return next((self._known[key] for key in keys if key in self._known), None)

    def enter(self, keys: Sequence[bytes], index: int) -> InFlightItem:
        """Add an item."""
        original = InFlightItem(index)
        self.add(keys, original)
        return original

    def add(self, keys: Sequence[bytes], original: InFlightItem) -> None:
        """Add more keys of an item."""
        for key in keys:
            self._known[key] = original
        forget_oldest(self._known, _MOST_REMEMBERED)
