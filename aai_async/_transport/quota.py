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
"""Factor by which more requests are tried in a window than an earlier one has taken."""

_ROUNDED = 1.0
"""Seconds by which `Retry-After` may exceed what is left of a window."""

_TRIAL = 1.0
"""Seconds at the end of a window in which they are tried: earlier, a refusal would hold back polls longer."""


class Quota:
    """The windows of one host; all times are those of the event loop's clock."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._sent = 0
        self._tried = 0
        """Requests sent in the last second of this window."""
        self._tried_before = 0
        """
        Those of the window before. They may count in this one, because the end of a window is rounded.
        """
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
        self._tried += self._length is not None and self._left(now) <= _TRIAL

    def refuse(self, now: float, seconds: float) -> None:
        """Learn from a refusal that asks for a pause of some seconds, after which the next window begins."""
        if now < self._began:
            # It was sent together with the one that was refused first.
            self._learn(self._length, self._allowed - 1)
            return
        length = now - self._began + seconds
        if self._length is None:
            is_long = seconds >= _SHORTEST_PAUSE and length <= _LONGEST_WINDOW
            self._learn(math.floor(length) if is_long else None, self._sent - 1)
        elif length > 2 * _ROUNDED:
            is_same = abs(length - self._length) <= _ROUNDED
            self._learn(self._length if is_same else math.floor(length), self._most_taken())
        # Otherwise the window before has not ended yet.
        self._restart(now + seconds)
        self._tried_before = 0

    def _most_taken(self) -> float:
        """Return how many requests a window has taken that has refused one."""
        taken = self._sent - 1
        return self._allowed if taken < self._allowed <= taken + self._tried_before else taken

    def _learn(self, length: float | None, allowed: float) -> None:
        is_window = length is not None and allowed >= max(_FEWEST, _SLOWEST * length)
        self._length, self._allowed = (length, allowed) if is_window else (None, math.inf)

    def opens_at(self, now: float) -> float:
        """Return when another request than a poll of the list may be sent: now, or later in the window."""
        self._begin_window(now)
        if self._length is None:
            return now
        left = self._left(now)
        if left <= _TRIAL:
            is_open, opens_at = self._sent < self._allowed * _GROWTH, now + left
        else:
            kept = min(_KEPT_EACH * left + _KEPT, self._allowed / 2)
            is_open, opens_at = self._tried_before + self._sent + kept < self._allowed, now + left - _TRIAL
        self._is_used_up = self._is_used_up or not is_open
        return now if is_open else opens_at

    def _begin_window(self, now: float) -> None:
        if self._length is None or now < self._began + self._length:
            return
        if self._is_used_up:
            self._allowed = max(self._allowed, self._sent)
        else:
            # It was not needed, so requests are rarer now.
            self._length, self._allowed = None, math.inf
        self._restart(now)

    def _restart(self, began: float) -> None:
        self._tried_before, self._tried = self._tried, 0
        self._began, self._sent, self._is_used_up = began, 0, False

    def _left(self, now: float) -> float:
        """Return the seconds until the end of a window of known length."""
        return self._began + (self._length or 0.0) - now
