"""The wall clock of one attempt, which no drip of bytes can put off."""

from __future__ import annotations

import math

import anyio

from aai_async._retry import Timeouts

_SLOWEST = 32 * 1024
"""Bytes a second at which what the system has buffered is thought to go."""


class WallClock:
    """
    A deadline, put off when something substantial has moved, and lifted while the caller is waited for.

    The HTTP library's own timeouts bound the wait for the next byte, whichever it is.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self.scope = anyio.CancelScope()
        self.bound = ""
        """Which of `Timeouts` it goes by just now."""
        self.receive()

    def send(self) -> None:
        """A piece is being sent."""
        self._restart("stall", self._timeouts.stall)

    def receive(self, *, buffered: int = 0) -> None:
        """The last piece was handed over, and so many bytes may not be out yet; or a mebibyte has come."""
        self._restart("reply", self._timeouts.reply + buffered / _SLOWEST)

    def _restart(self, bound: str, seconds: float) -> None:
        self.bound, self.scope.deadline = bound, anyio.current_time() + seconds

    def stop(self) -> None:
        """Only the caller's own recording is waited for."""
        self.scope.deadline = math.inf
