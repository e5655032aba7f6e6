"""Work that would block the event loop, in a worker thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import to_thread

from aai_async._errors import AAIError

T = TypeVar("T")


async def in_thread(work: Callable[..., T], *arguments: object) -> T:
    """
    Do the work in a thread and give what it gives.

    Raises:
        AAIError: The system has no thread left.
    """
    try:
        return await to_thread.run_sync(work, *arguments)
    except RuntimeError as error:
        if not _is_for_want_of_threads(error):
            raise
        raise AAIError(
            "No thread could be started, and files are read in threads: raise the limit of this process, or "
            "do less at once."
        ) from error


async def in_thread_to_its_end(work: Callable[[], T]) -> T:
    """
    Do the work in a thread and give what it gives; a cancellation, of whatever kind, waits until it is done.

    Raises:
        AAIError: The system has no thread left.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    async def do() -> None:
        with anyio.CancelScope(shield=True):
            try:
                results.append(await in_thread(work))
            except Exception as error:  # noqa: BLE001 - raised below, and not in a group
                errors.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(do)
    if errors:
        raise errors[0]
    return results[0]


async def in_thread_if_there_is_one(work: Callable[..., T], *arguments: object) -> T:
    """Do the work in a thread, and here where the system has none left: it must not be lost."""
    try:
        return await to_thread.run_sync(work, *arguments)
    except RuntimeError as error:
        if not _is_for_want_of_threads(error):
            raise
        return work(*arguments)


def _is_for_want_of_threads(error: RuntimeError) -> bool:
    return "start new thread" in str(error)
