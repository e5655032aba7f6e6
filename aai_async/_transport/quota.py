"""
How many requests the service takes in a window of time, learned from the pauses that it asks for.

Polls of the list show the end of all jobs, so a part of each window is kept for them: otherwise uploads and
fetches use up a window in its first seconds, and no job is seen to end until the next. No clock, no I/O.
"""

from __future__ import annotations

import math

_LONGEST_WINDOW = 330.0
"""Seconds of the longest window: the service documents five minutes, and rounds what is left of one."""

_SHORTEST_PAUSE = 2.0
"""Seconds of the shortest pause from which a window is learned: polls every second need no part of it."""

_FEWEST = 100
"""Fewest requests of a window: a refusal after fewer of them has another cause."""

_KEPT_EACH = 3.0
"""Requests kept for each second that is left: two polls of the list, some of two pages."""

_SLOWEST = 2 * _KEPT_EACH
"""
Fewest requests for each second of a window.

With fewer, polls would need more than half of them. And a client that has sent so few may have been refused
for another cause: it would be held to the pace of its slow beginning.
"""

_KEPT = 8.0
"""Requests kept besides, for those that are under way."""

_GROWTH = 1.05
"""Factor by which a window is expected to take more after one that was used up without a refusal."""


class Quota:
    """The windows of one host; all times are those of the event loop's clock."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._sent = 0
        self._length: float | None = None
        """Seconds of a window; `None` while unknown."""
        self._allowed = math.inf
        """Requests of a window."""
        self._is_used_up = False
        """Whether a request was held back in this window."""

    def add(self, now: float) -> None:
        """Count a request that is about to be sent."""
        self._begin_window(now)
        self._sent += 1

    def refuse(self, now: float, seconds: float) -> None:
        """Learn from a refusal that asks for a pause of some seconds, after which the next window begins."""
        if now < self._began:
            # It was sent together with the one that was refused first.
            self._learn(self._length, self._allowed - 1)
            return
        length = now - self._began + seconds
        # Of a known window the last second may be refused.
        is_long = seconds >= _SHORTEST_PAUSE or self._length is not None
        self._learn(length if is_long and length <= _LONGEST_WINDOW else None, self._sent - 1)
        self._began, self._sent, self._is_used_up = now + seconds, 0, False

    def _learn(self, length: float | None, allowed: float) -> None:
        is_window = length is not None and allowed >= max(_FEWEST, _SLOWEST * length)
        self._length, self._allowed = (length, allowed) if is_window else (None, math.inf)

    def opens_at(self, now: float) -> float:
        """Return when another request than a poll of the list may be sent: now, or in the next window."""
        self._begin_window(now)
        if self._length is None:
            return now
        left = self._began + self._length - now
        kept = min(_KEPT_EACH * left + _KEPT, self._allowed / 2)
        if self._sent + kept < self._allowed:
            return now
        self._is_used_up = True
        return now + left

    def _begin_window(self, now: float) -> None:
        if self._length is None or now < self._began + self._length:
            return
        if self._is_used_up:
            self._allowed *= _GROWTH
        else:
            # It was not needed, so requests are rarer now.
            self._length, self._allowed = None, math.inf
        self._began, self._sent, self._is_used_up = now, 0, False
