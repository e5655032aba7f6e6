"""Work that would block the event loop, in a worker thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

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
