"""
The request body of one attempt, which records how far the request got.

The amount that the transport has taken is the only evidence that is valid for every transport: if it took
nothing, nothing was sent.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any, Self, TypeAlias

import anyio

from aai_async._concurrency.cancellation import ShieldedRequest
from aai_async._errors import SourceError
from aai_async._io.source import CHUNK_SIZE, Source
from aai_async._transport.deadline import AttemptDeadline

_SMALLEST_PIECE = 32 * 1024
"""Bytes per piece on a slow link; doubled step by step on a fast one."""

_FIRST_PIECE = 128 * 1024
"""Bytes of the first piece, when nothing is known of the link: 2.2 KiB per second send it in a minute."""

_QUICK = 1.0
"""Seconds within which a piece must be sent for the next to be twice the size."""

_BUFFERED = 4 * 1024 * 1024
"""Bytes that the system may buffer: until that many are sent, speed is no evidence of a fast link."""

_LARGEST_UNPROVED = 256 * 1024
"""Maximum bytes per piece until then: a link of 5 KiB per second sends them in a minute."""

_LARGEST_ENCRYPTED = 512 * 1024
"""
Maximum bytes per piece over TLS, which copies each piece twice: the memory of larger copies goes back to the
system each time.
"""

_LONGEST_READ = 0.5
"""Seconds that a transport may take to stop reading when its attempt is over."""


OnSent: TypeAlias = Callable[[int], None]
"""Called after each piece with the total number of bytes that the transport has taken."""


class Body:
    """
    The request body as an async iterator of pieces.

    `Timeouts(stall=...)` limits the time to send a piece. Pieces are small on a slow link, which would seem
    to stall otherwise, and large on a fast one, because each piece costs CPU time.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[bytes, None],
        headers: dict[str, str],
        clock: AttemptDeadline,
        shielded: ShieldedRequest[Any] | None = None,
        *,
        is_document: bool = False,
        largest: int = CHUNK_SIZE,
        on_sent: OnSent | None = None,
    ) -> None:
        self._largest = largest
        self._chunks = chunks
        # Not a view of the rest: a piece that is the complete chunk is then not copied.
        self._chunk = b""
        self._start = 0
        self._piece_size = _FIRST_PIECE // 2
        self._last_piece = clock.began
        self._clock = clock
        self._shielded = shielded
        self._on_sent = on_sent
        self._sent = 0
        self.headers = headers
        self.is_document = is_document
        """Whether it is JSON, which the service cannot process if it is incomplete."""
        self._error: SourceError | None = None
        """The error of the recording; a transport may raise another one, or remove the cause."""
        self._cause: BaseException | None = None
        self._is_left = False
        self._is_reading = False
        self._was_read: anyio.Event | None = None
        """Set when the current read has finished, if `aclose` waits for that."""

    @property
    def has_begun(self) -> bool:
        """Whether the transport has taken any of it."""
        return self._sent > 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        now = anyio.current_time()
        is_quick, self._last_piece = now - self._last_piece < _QUICK, now
        largest = self._largest if self._sent >= _BUFFERED else _LARGEST_UNPROVED
        grown = min(self._piece_size * 2, largest)
        self._piece_size = grown if is_quick else _SMALLEST_PIECE
        if self._is_left:
            raise StopAsyncIteration
        if self._start == len(self._chunk):
            await self._read_chunk()
        self._clock.send()
        if self._shielded is not None:
            self._shielded.sent()
        piece = self._chunk[self._start : self._start + self._piece_size]
        self._start += len(piece)
        self._sent += len(piece)
        if self._on_sent is not None:
            self._on_sent(self._sent)
        return piece

    async def _read_chunk(self) -> None:
        self._clock.stop()
        self._is_reading = True
        try:
            while self._start == len(self._chunk):
                # Discarded before the next is read, so that only one chunk is in memory.
                self._chunk, self._start = b"", 0
                self._chunk = await anext(self._chunks)
        except SourceError as error:
            self._error, self._cause = error, error.__cause__
            raise
        except StopAsyncIteration:
            self._clock.receive(buffered=min(self._sent, _BUFFERED))
            raise
        finally:
            self._is_reading = False
            if self._was_read is not None:
                self._was_read.set()
            if self._is_left:
                await self._chunks.aclose()

    async def aclose(self) -> None:
        """Close the chunks; a transport that reads in a task of its own may still be reading them."""
        self._is_left = True
        if not self._is_reading:
            await self._chunks.aclose()
            return
        self._was_read = anyio.Event()
        # The next attempt must not read the same file at the same time.
        with anyio.move_on_after(_LONGEST_READ, shield=True):
            await self._was_read.wait()

    def why_it_broke(self) -> SourceError | None:
        """Return the error of the recording itself, with its cause."""
        if self._error is not None:
            self._error.__cause__ = self._cause
        return self._error


@contextlib.asynccontextmanager
async def opened(
    content: bytes | Source | None,
    clock: AttemptDeadline,
    shielded: ShieldedRequest[Any] | None = None,
    on_sent: OnSent | None = None,
    *,
    is_encrypted: bool = False,
) -> AsyncGenerator[Body | None]:
    """
    Open the body of one attempt, and close it after the block.

    Args:
        content: The body.
        clock: The deadline of the attempt.
        shielded: The request, if it is billable.
        on_sent: Called after each piece of a recording.
        is_encrypted: Whether it is sent over TLS.
    """
    if content is None:
        yield None
        return
    size: int | None
    if isinstance(content, bytes):
        kind, size, chunks = "application/json", len(content), _once(content)
    else:
        kind, size, chunks = "application/octet-stream", content.size, content.chunks()
    framing = {"transfer-encoding": "chunked"} if size is None else {"content-length": str(size)}
    headers = {"content-type": kind} | framing
    is_document = isinstance(content, bytes)
    on_sent = None if is_document else on_sent
    largest = _LARGEST_ENCRYPTED if is_encrypted else CHUNK_SIZE
    body = Body(chunks, headers, clock, shielded, is_document=is_document, largest=largest, on_sent=on_sent)
    async with contextlib.aclosing(body):
        yield body


async def _once(content: bytes) -> AsyncGenerator[bytes, None]:
    yield content
