"""The wall clock of one attempt, which no drip of bytes can put off."""

from __future__ import annotations

import math

import anyio


class WallClock:
    """
    A deadline, put off when something substantial has moved, and lifted while the caller is waited for.

    The HTTP library's own timeouts bound the wait for the next byte, whichever it is.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.scope = anyio.CancelScope(deadline=anyio.current_time() + seconds)

    def restart(self) -> None:
        """A piece was sent, or a mebibyte was received."""
        self.scope.deadline = anyio.current_time() + self._seconds

    def stop(self) -> None:
        """Only the caller's own recording is waited for."""
        self.scope.deadline = math.inf
