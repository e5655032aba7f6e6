"""Task groups out of which a Ctrl-C comes alone, and whose cancellation it is. It knows event loops only."""

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
        KeyboardInterrupt: As it is, and not in a group; `SystemExit` likewise.
        BaseException: What alone was raised; a group where it was more.
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
    """Give what is to be raised in place of a group of exceptions of tasks; `None` for the group itself."""
    leaves = [*_leaves(group)]
    interruption = next((one for one in leaves if isinstance(one, _INTERRUPTIONS)), None)
    if interruption is None:
        return leaves[0] if len(leaves) == 1 else None
    if native_cancellations():
        # The event loop of asyncio has raised it already and is being closed: once more would cut that short.
        return anyio.get_cancelled_exc_class()()
    return interruption


def is_being_cancelled() -> bool:
    """Whether it is this task that is cancelled; something that it has waited for may raise the same."""
    cancellations = native_cancellations()
    return cancellations is None or cancellations > 0


def is_native(cancellation: BaseException) -> bool:
    """Whether it was asked for by a method of asyncio's tasks, and not by a scope."""
    is_of_scope = str(cancellation).startswith(("Cancelled via cancel scope", "Cancelled by cancel scope"))
    return native_cancellations() is not None and not is_of_scope


def native_cancellations() -> int | None:
    """How many cancellations of this task asyncio counts; `None` on another event loop."""
    try:
        # Not imported here, which takes time that a program on trio would spend for nothing.
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
