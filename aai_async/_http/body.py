"""
The content of one attempt, which tells how far the request got.

How much of it the transport has taken is the one evidence that holds for every transport: nothing taken,
nothing sent.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Self

import anyio

from aai_async._errors import SourceError
from aai_async._http.clock import WallClock
from aai_async._parting import Holding
from aai_async._source import CHUNK_SIZE, Source

_SMALLEST_PIECE = 32 * 1024
"""Bytes handed to the transport at once on a slow link, and doubled from there on a quick one."""

_QUICK = 1.0
"""Seconds within which a piece must be sent for the next to be twice as large."""


class Body:
    """
    What is sent, for `async for`, handed out in pieces.

    The time to send a piece is what `Timeouts(stall=...)` bounds: they are small on a slow link, which would
    seem to stall, and large on a fast one, where each costs CPU.
    """

    def __init__(
        self,
        chunks: AsyncIterator[bytes],
        headers: dict[str, str],
        clock: WallClock,
        holding: Holding | None = None,
    ) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")
        self._piece_size = _SMALLEST_PIECE
        self._last_piece = anyio.current_time()
        self._clock = clock
        self._holding = holding
        self.headers = headers
        self.has_begun = False
        self.error: SourceError | None = None
        """What the recording broke off with; a transport may say something else, or take the cause away."""
        self._cause: BaseException | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        now = anyio.current_time()
        is_quick, self._last_piece = now - self._last_piece < _QUICK, now
        grown = min(self._piece_size * 2, CHUNK_SIZE)
        self._piece_size = grown if is_quick else _SMALLEST_PIECE
        await self._fill()
        if self._holding is not None and not self.has_begun:
            self._holding.begin()
        self.has_begun = True
        piece, self._left = self._left[: self._piece_size], self._left[self._piece_size :]
        return bytes(piece)

    async def _fill(self) -> None:
        self._clock.stop()
        try:
            while not self._left:
                self._left = memoryview(await anext(self._chunks))
        except SourceError as error:
            self.error, self._cause = error, error.__cause__
            raise
        finally:
            self._clock.restart()

    def why_it_broke(self) -> SourceError | None:
        """Give the error of the recording itself, with its cause."""
        if self.error is not None:
            self.error.__cause__ = self._cause
        return self.error


@contextlib.asynccontextmanager
async def opened(
    content: bytes | Source | None, clock: WallClock, holding: Holding | None = None
) -> AsyncGenerator[Body | None]:
    """Open what is sent, for one attempt; close it with the block."""
    if content is None:
        yield None
        return
    size: int | None
    if isinstance(content, bytes):
        kind, size, chunks = "application/json", len(content), _once(content)
    else:
        kind, size, chunks = "application/octet-stream", content.size, content.chunks()
    framing = {"transfer-encoding": "chunked"} if size is None else {"content-length": str(size)}
    async with contextlib.aclosing(chunks):
        yield Body(chunks, {"content-type": kind} | framing, clock, holding)


async def _once(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content
