"""
Caller-supplied readers: results of `read`, awaitable or not, and conversion to bytes.

This module does not depend on files or HTTP.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Awaitable
from typing import Any, Protocol, Self, TypeGuard, cast

from aai_async._errors import SourceError


class AsyncReader(Protocol):
    """A file with an async `read`: from anyio or aiofiles, an `UploadFile`, an `asyncio.StreamReader`."""

    def read(self, size: int, /) -> Awaitable[bytes]:
        """Read at most `size` bytes; empty at the end."""
        ...


def is_async_reader(audio: object) -> TypeGuard[AsyncReader]:
    """
    Return whether `read` is known to be async without calling it.

    Decorated functions and callable objects are recognised too. For any other reader, the result of the
    first call shows whether it must be awaited.
    """
    read: Any = getattr(audio, "read", None)
    if not callable(read):
        return False
    with contextlib.suppress(ValueError):  # the function wraps itself
        read = inspect.unwrap(read)
    if inspect.iscoroutinefunction(read) or inspect.iscoroutinefunction(type(read).__call__):
        return True
    return hasattr(audio, "__aiter__") and not hasattr(audio, "__iter__")


class ChunksOf:
    """
    Iterator over the chunks of a reader. It is not a generator, so it needs no closing.

    Args:
        reader: The reader.
        size: Bytes to request per read.
        name: Name in messages.
        first: Result of the first call of `read`, if that was already made.
    """

    def __init__(self, reader: Any, size: int, name: str, first: Awaitable[object] | None = None) -> None:
        self._reader = reader
        self._size = size
        self._name = name
        self._next = first

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        pending, self._next = self._next, None
        chunk: object = self._reader.read(self._size) if pending is None else pending
        if inspect.isawaitable(chunk):
            chunk = await chunk
        if content := checked_bytes(self._name, chunk):
            return content
        raise StopAsyncIteration


def checked_bytes(name: str, chunk: object) -> bytes:
    """
    Return the content of a bytes-like object.

    Raises:
        SourceError: The object is not bytes-like: text, a number, a list.
    """
    if type(chunk) is bytes:
        return chunk
    try:
        return memoryview(cast("bytes", chunk)).tobytes()
    except TypeError:
        raise SourceError(
            f"{name} returned {type(chunk).__name__} instead of bytes: open files with mode 'rb'."
        ) from None


def drop(answer: object) -> None:
    """Close a coroutine that will not be awaited."""
    if inspect.iscoroutine(answer):
        answer.close()
