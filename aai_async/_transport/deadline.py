"""The deadline of one attempt, which a slow trickle of bytes cannot extend."""

from __future__ import annotations

import math

import anyio

from aai_async._retry import Timeouts

_SLOWEST = 32 * 1024
"""Assumed minimum rate, in bytes per second, at which the system sends buffered data."""


class AttemptDeadline:
    """
    A deadline that is extended by substantial progress, and suspended while the caller's source is read.

    The HTTP library's own timeouts limit the wait for each next byte.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self.began = anyio.current_time()
        """When the attempt began, by the clock of the event loop."""
        self.bound = "reply"
        """The field of `Timeouts` that applies now."""
        self.scope = anyio.CancelScope(deadline=self.began + timeouts.reply)

    def send(self) -> None:
        """Restart the deadline for a piece that is being sent."""
        self._restart("stall", self._timeouts.stall)

    def receive(self, *, buffered: int = 0) -> None:
        """Restart the deadline after the last piece, with `buffered` bytes unsent, or a received mebibyte."""
        self._restart("reply", self._timeouts.reply + buffered / _SLOWEST)

    def _restart(self, bound: str, seconds: float) -> None:
        self.bound, self.scope.deadline = bound, anyio.current_time() + seconds

    def stop(self) -> None:
        """Suspend the deadline while the caller's recording is read."""
        self.scope.deadline = math.inf
