"""
Readers of the caller's own: what a `read` gives, be it awaited or not, and what counts as bytes.

It knows neither files nor HTTP.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Awaitable
from typing import Any, Protocol, Self, TypeGuard, cast

from aai_async._errors import SourceError


class AsyncReader(Protocol):
    """A file whose `read` is awaited: of anyio or aiofiles, an `UploadFile`, an `asyncio.StreamReader`."""

    def read(self, size: int, /) -> Awaitable[bytes]:
        """Read at most `size` bytes; none at the end."""
        ...


def is_async_reader(audio: object) -> TypeGuard[AsyncReader]:
    """
    Whether its `read` is known to be awaited, without a call of it.

    Also one that only hands the call on, if it is decorated, callable by itself, or annotated. Any other
    shows it with its first answer.
    """
    read: Any = getattr(audio, "read", None)
    if not callable(read):
        return False
    with contextlib.suppress(ValueError):  # it wraps itself
        read = inspect.unwrap(read)
    if inspect.iscoroutinefunction(read) or inspect.iscoroutinefunction(type(read).__call__):
        return True
    return hasattr(audio, "__aiter__") and not hasattr(audio, "__iter__")


class ChunksOf:
    """
    The chunks of a reader; not a generator, which would have to be closed.

    Args:
        reader: What is read.
        size: Bytes to ask for at a time.
        name: What to call it in messages.
        first: What its first call gave, where it was called already.
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
    Give the content of anything that holds bytes.

    Raises:
        SourceError: It holds none: text, a number, a list.
    """
    if type(chunk) is bytes:
        return chunk
    try:
        return memoryview(cast("bytes", chunk)).tobytes()
    except TypeError:
        raise SourceError(
            f"{name} gives {type(chunk).__name__} where bytes are needed: open files with mode 'rb'."
        ) from None


def drop(answer: object) -> None:
    """Let go of an answer that nobody will await."""
    if inspect.iscoroutine(answer):
        answer.close()
