"""One thing done beside another, and ended with it. It knows event loops, and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine

import anyio

from aai_async._tasks import task_group


@contextlib.asynccontextmanager
async def meanwhile(work: Callable[[], Coroutine[object, object, None]]) -> AsyncGenerator[anyio.CancelScope]:
    """
    Do some work beside the block, until the block ends; its scope, given to the block, cancels both.

    An exception of the block is raised as it is, and not in a group; the work itself should raise none.
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
