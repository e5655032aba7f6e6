"""
Task groups that raise a Ctrl-C without a group, and the source of a cancellation.

This module depends on event loops only.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncGenerator, Iterator
from typing import cast

import anyio
from anyio.abc import TaskGroup

_INTERRUPTIONS = (KeyboardInterrupt, SystemExit)


@contextlib.asynccontextmanager
async def task_group() -> AsyncGenerator[TaskGroup]:
    """
    Open a task group whose block and tasks may be interrupted.

    Raises:
        KeyboardInterrupt: The interruption itself, not in a group; the same for `SystemExit`.
        BaseException: A single exception itself; several in a group.
    """
    interruption: BaseException | None = None
    try:
        async with anyio.create_task_group() as tasks:
            try:
                yield tasks
            except _INTERRUPTIONS as error:
                interruption = error
                raise
    except BaseExceptionGroup as group:
        one = interruption or alone(group)
        if one is None:
            raise
        raise one from None


def alone(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """Return the exception to raise in place of a task group's exception group; `None` for the group."""
    leaves = [*_leaves(group)]
    interruption = next((one for one in leaves if isinstance(one, _INTERRUPTIONS)), None)
    if interruption is None:
        return leaves[0] if len(leaves) == 1 else None
    if native_cancellations():
        # asyncio's event loop has raised it already and is closing; raising it again would interrupt that.
        return anyio.get_cancelled_exc_class()()
    return interruption


def is_being_cancelled() -> bool:
    """Return whether this task is cancelled; an awaited object may raise the same exception."""
    cancellations = native_cancellations()
    return cancellations is None or cancellations > 0


def is_native(cancellation: BaseException) -> bool:
    """Return whether a cancellation comes from `asyncio.Task.cancel`, and not from a cancel scope."""
    is_of_scope = str(cancellation).startswith(("Cancelled via cancel scope", "Cancelled by cancel scope"))
    return native_cancellations() is not None and not is_of_scope


def native_cancellations() -> int | None:
    """Return asyncio's count of cancellation requests for this task; `None` on another event loop."""
    try:
        # Not imported, because a program on trio should not spend the time for the import.
        task = sys.modules["asyncio"].current_task()
    except (KeyError, RuntimeError):
        return None
    return None if task is None else task.cancelling()


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(one)
    else:
        yield error
