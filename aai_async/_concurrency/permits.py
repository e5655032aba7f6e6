"""Limits on how many tasks run a block at the same time. This module depends on event loops only."""

from __future__ import annotations

import anyio


class Permit:
    """A token of a limiter, held during a block. A token that is free is taken without a switch of tasks."""

    def __init__(self, limiter: anyio.CapacityLimiter) -> None:
        self._limiter = limiter

    async def __aenter__(self) -> None:
        # This object borrows it, and not the task: that may hold another one, since a stream that is uploaded
        # may itself use the client.
        try:
            self._limiter.acquire_on_behalf_of_nowait(self)
        except anyio.WouldBlock:
            await self._limiter.acquire_on_behalf_of(self)

    async def __aexit__(self, *_: object) -> None:
        self._limiter.release_on_behalf_of(self)
