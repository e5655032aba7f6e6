"""Cancels a call at the n-th time that it waits for anything, on whichever event loop."""

from __future__ import annotations

import asyncio
import contextlib
import types
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


@types.coroutine
def watched(call: Coroutine[Any, Any, T], on_wait: Callable[[], None]) -> Generator[Any, Any, T]:
    """Run a coroutine as the event loop would, and tell each time that it hands over to it."""
    answer: Any = None
    failure: BaseException | None = None
    while True:
        try:
            waited_for = call.send(answer) if failure is None else call.throw(failure)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        on_wait()
        answer = failure = None
        try:
            answer = yield waited_for
        except BaseException as error:  # noqa: BLE001 - it is thrown into the call
            failure = error


@contextlib.asynccontextmanager
async def cancelled_once(is_time: Callable[[], object]) -> AsyncGenerator[None]:
    """Cancel the block as soon as something has happened."""
    async with anyio.create_task_group() as tasks:

        async def wait() -> None:
            while not is_time():
                await anyio.sleep(0.005)
            tasks.cancel_scope.cancel()

        tasks.start_soon(wait)
        yield
        tasks.cancel_scope.cancel()


async def cancelled_at(count: int, make: Callable[[], Coroutine[Any, Any, object]]) -> bool:
    """Make a call and cancel it when it waits for the n-th time; False if it ended before."""
    waits = 0
    with anyio.CancelScope() as scope:

        def on_wait() -> None:
            nonlocal waits
            waits += 1
            if waits == count:
                scope.cancel()

        await watched(make(), on_wait)
    return waits >= count


async def cancelled_natively_at(count: int, make: Callable[[], Coroutine[Any, Any, object]]) -> bool:
    """Do the same with asyncio's own cancel, which goes through the shields of the task that it hits."""
    waits = 0

    def on_wait() -> None:
        nonlocal waits
        waits += 1
        if waits == count:
            task.cancel()

    async def run() -> None:
        await watched(make(), on_wait)

    task = asyncio.create_task(run())
    await asyncio.wait([task])
    return task.cancelled()


async def requested_natively_at(
    count: int, make: Callable[[], Coroutine[Any, Any, object]]
) -> tuple[bool, asyncio.Task[None]]:
    """Cancel a call by asyncio's own means when it waits for the n-th time; tell whether it came to that."""
    waits = 0

    def on_wait() -> None:
        nonlocal waits
        waits += 1
        if waits == count:
            task.cancel()

    async def run() -> None:
        await watched(make(), on_wait)

    task = asyncio.create_task(run())
    await asyncio.wait([task])
    return waits >= count, task
