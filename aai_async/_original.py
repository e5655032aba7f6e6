"""
Which items of a batch are the same, so that they have one job.

No I/O: what tells them from others is found out elsewhere.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import anyio
import attrs

from aai_async._memory import forget_oldest
from aai_async._outcome import Outcome

_MOST_REMEMBERED = 100_000
"""Items by which others are told to be the same, in one batch; a journal remembers all."""


@attrs.define(eq=False)
class Original:
    """An item that others may be the same as."""

    index: int
    row: int | None = None
    """That of it in a journal."""
    outcome: Outcome | None = None
    """What became of it; without the transcript where nobody waits for that."""
    _has_ended: bool = False
    _end: anyio.Event | None = None
    """Set when it has, for those who wait for that."""
    _waiting: int = 0

    async def wait(self) -> Outcome | None:
        """Wait until it is over; `None` if it was given up."""
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
        """It is over."""
        self.outcome = outcome
        if not self._waiting:
            self._forget_transcript()
        self._has_ended = True
        if self._end is not None:
            self._end.set()
            self._end = None

    def _forget_transcript(self) -> None:
        if self.outcome is not None:
            # The copy of an error is without its traceback, whose frames hold the recording.
            error = copy.copy(self.outcome.error)
            self.outcome = attrs.evolve(self.outcome, source="", transcript=None, error=error)


class Originals:
    """The items of a batch by what tells them from others, the oldest forgotten first."""

    def __init__(self) -> None:
        self._known = dict[bytes, Original]()

    def find(self, keys: Sequence[bytes]) -> Original | None:
        """Give the item that is the same."""
        return next((self._known[key] for key in keys if key in self._known), None)

    def enter(self, keys: Sequence[bytes], index: int) -> Original:
        """Remember an item."""
        original = Original(index)
        self.add(keys, original)
        return original

    def add(self, keys: Sequence[bytes], original: Original) -> None:
        """Remember what else it is known by."""
        for key in keys:
            self._known[key] = original
        forget_oldest(self._known, _MOST_REMEMBERED)
