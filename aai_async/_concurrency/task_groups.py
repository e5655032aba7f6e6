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
    except (BaseExceptionGroup, RuntimeError) as raised:
        one = interruption or alone(raised)
        if one is None or one is raised:
            raise
        raise one from None


def alone(raised: BaseException) -> BaseException | None:
    """Return the exception to raise in place of what a task group has raised; `None` for its group."""
    leaves = [interruption_of(one) or one for one in _leaves(raised)]
    interruption = next((one for one in leaves if isinstance(one, _INTERRUPTIONS)), None)
    if interruption is None:
        return leaves[0] if len(leaves) == 1 else None
    if native_cancellations():
        # asyncio's event loop has raised it already and is closing; raising it again would interrupt that.
        return anyio.get_cancelled_exc_class()()
    return interruption


def interruption_of(error: BaseException) -> BaseException | None:
    """
    Return the interruption that has broken a cancel scope, whose exit then raised this error.

    asyncio raises a second Ctrl-C wherever the program is at that moment, also while a scope is entered or
    left. A scope outside of that one then raises `RuntimeError` in its place.
    """
    is_of_scope = isinstance(error, RuntimeError) and "cancel scope" in str(error)
    cause: BaseException | None = error
    while is_of_scope and cause is not None and not isinstance(cause, _INTERRUPTIONS):
        cause = cause.__context__
    return cause if isinstance(cause, _INTERRUPTIONS) else None


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
