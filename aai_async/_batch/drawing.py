"""The sources of a batch: drawn one at a time, or several at once where that waits for nothing."""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import TypeAlias

import anyio

from aai_async._batch.item import Item, as_item
from aai_async._io.source import Audio
from aai_async._options import Options

_OneSource: TypeAlias = Audio | tuple[Audio, Options | None] | Item

Sources: TypeAlias = Iterable[_OneSource] | AsyncIterable[_OneSource]
"""Recordings, each alone, paired with its own options, or as an `Item`."""


_CLOSING = 5.0
"""Seconds that a caller's async generator may take to close."""

_LONGEST = 0.005
"""Seconds after which no more sources are drawn at once, because the event loop is blocked meanwhile."""


class Drawing:
    """The sources of a batch, in their order."""

    def __init__(self, sources: Sources) -> None:
        self._waiting: AsyncIterator[object] | None = None
        self._at_once: Iterator[object] = iter(())
        if isinstance(sources, AsyncIterable):
            self._waiting = aiter(sources)
        else:
            self._at_once = iter(sources)
        self._end: Exception | None = None
        """Why there is no next item, if `more` has found that out."""

    async def next(self) -> Item:
        """
        Return the next item.

        Raises:
            StopAsyncIteration: There is none.
            Exception: The caller's iterable has failed, or this is no recording.
        """
        if self._end is not None:
            raise self._end
        if self._waiting is not None:
            return as_item(await anext(self._waiting))
        try:
            return as_item(next(self._at_once))
        except StopIteration:
            raise StopAsyncIteration from None

    def more(self, most: int) -> Iterator[Item]:
        """Yield up to `most` further items, and none that would have to be waited for."""
        until = time.monotonic() + _LONGEST
        for _ in range(most):
            if self._waiting is not None or self._end is not None or time.monotonic() >= until:
                return
            try:
                item = as_item(next(self._at_once))
            except StopIteration:
                self._end = StopAsyncIteration()
            except Exception as error:  # noqa: BLE001 - of the caller's iterable, raised by `next`
                self._end = error
            else:
                yield item

    async def aclose(self) -> None:
        """Close the caller's async generator."""
        if inspect.isasyncgen(self._waiting):
            with anyio.move_on_after(_CLOSING, shield=True):
                await self._waiting.aclose()
