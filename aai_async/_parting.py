"""
What is brought to its end although its caller was cancelled: for a bounded time, and in no task that stays.

A cancellation is never swallowed, only held back. It knows event loops, and nothing of requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class Holding:
    """Whether a cancellation is held back just now; the work itself says when."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()

    @property
    def is_on(self) -> bool:
        """Whether it is held back."""
        return self.scope.shield

    def begin(self) -> None:
        """From here on what is lost is lost for good."""
        self.scope.shield = True

    def end(self) -> None:
        """From here on nothing is lost any more."""
        self.scope.shield = False


class _Outcome(Generic[T]):
    def __init__(self) -> None:
        self._results: list[T] = []
        self._error: Exception | None = None
        self.is_there = anyio.Event()

    async def of(self, work: Callable[[Holding], Awaitable[T]], holding: Holding) -> None:
        try:
            with holding.scope:
                self._results.append(await work(holding))
        except Exception as error:  # noqa: BLE001 - raised where it is waited for, not in a group
            self._error = error
        finally:
            self.is_there.set()

    def take(self) -> T:
        if self._error is not None:
            raise self._error
        return self._results[0]


async def hold(work: Callable[[Holding], Awaitable[T]], *, within: float) -> T:
    """
    Do the work; if it is holding when the caller is cancelled, it has `within` seconds to come to its end.

    It is done in a task of its own, since asyncio's own cancel goes through every shield of the task that
    it hits. That task has ended when this returns or raises.
    """
    holding, outcome = Holding(), _Outcome[T]()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcome.of, work, holding)
        try:
            await outcome.is_there.wait()
        except anyio.get_cancelled_exc_class():
            if holding.is_on:
                await _patiently(outcome.is_there, anyio.current_time() + within)
            holding.scope.cancel()
            raise
    return outcome.take()


async def _patiently(event: anyio.Event, deadline: float) -> None:
    """Wait, however often asyncio's own cancel comes again: it is raised in the end."""
    while not event.is_set() and anyio.current_time() < deadline:
        try:
            with anyio.CancelScope(deadline=deadline, shield=True):
                await event.wait()
        except anyio.get_cancelled_exc_class():
            continue


async def finish(work: Callable[[], Awaitable[object]], *, within: float) -> None:
    """Do something yet in a call that is being cancelled, for `within` seconds at the most."""
    holding, outcome = Holding(), _Outcome[object]()
    holding.begin()
    holding.scope.deadline = anyio.current_time() + within

    async def parting(_: Holding) -> object:
        return await work()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcome.of, parting, holding)
        await _patiently(outcome.is_there, holding.scope.deadline)
