"""
How the requests to a host continue after a refusal because of a rate limit. No clock, no I/O.

All of them pause. Then one is sent as a probe, and each request that the service accepts allows two more, up
to about as many as are in flight. So few requests are refused, also if the service does not state when it
accepts the next one, or states a time that is too short.
"""

from __future__ import annotations

import math

from aai_async._retry import Retry

_ALLOWED_EACH = 2
"""Requests that one accepted request allows."""

_MOST_ALLOWED = 16
"""Allowed requests that end the restraint: about as many as are in flight."""


class RateLimitBackoff:
    """The refusals of one host; all times are those of the event loop's clock."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self.paused_until = -math.inf
        """Until when no request is sent."""
        self._allowed = math.inf
        """Requests that may be sent after the pause without being probes."""
        self._probe_at = -math.inf
        """When the next probe may be sent."""
        self._step = 0
        """The step of the back-off: the next pause without a stated time, or the time between two probes."""
        self._refused_at = -math.inf

    def time_left(self, now: float) -> float:
        """Return the seconds until a request may be sent; 0 or less if it may be sent now."""
        if now < self.paused_until or self._allowed > 0:
            return self.paused_until - now
        return self._probe_at - now

    def add(self, now: float) -> None:
        """Count a request that is about to be sent."""
        if self._allowed > 0:
            self._allowed -= 1
        else:
            self._probe_at = now + self._retry.backoff(self._step)

    def refuse(self, now: float, sent_at: float) -> float:
        """
        Record the refusal of a request, and return the seconds of the pause that follows.

        It is 0 for a request that was sent before the latest refusal arrived: both have the same cause.
        """
        if sent_at <= self._refused_at:
            return 0.0
        self._refused_at = self._probe_at = now
        self._allowed = 0
        pause = self._retry.backoff(self._step)
        self._step += 1
        return pause

    def accept(self, sent_at: float) -> bool:
        """Record that a request was not refused, and return whether this allows more requests."""
        if self._allowed == math.inf or sent_at <= self._refused_at:
            return False
        self._allowed += _ALLOWED_EACH
        self._step = max(self._step - 1, 0)
        if self._allowed >= _MOST_ALLOWED:
            self._allowed, self._step = math.inf, 0
        return True
