"""Background work for the duration of a block. This module depends on event loops only."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine

import anyio

from aai_async._concurrency.task_groups import task_group


@contextlib.asynccontextmanager
async def run_in_background(
    work: Callable[[], Coroutine[object, object, None]],
) -> AsyncGenerator[anyio.CancelScope]:
    """
    Run some work in the background until the block ends. The scope, given to the block, cancels both.

    An exception of the block is raised itself, not in a group. The work should not raise exceptions.
    """
    failure: Exception | None = None
    async with task_group() as tasks:
        tasks.start_soon(work)
        try:
            yield tasks.cancel_scope
        except Exception as error:  # noqa: BLE001 - raised again below
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
