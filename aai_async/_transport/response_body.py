"""
Reads a reply, of which neither the length nor what it inflates to is believed.

The HTTP library inflates whatever a piece holds at once, and one encoding inside another: a mebibyte becomes
gigabytes in one call. Here it is inflated a mebibyte at a time, once, and counted.
"""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from aai_async._errors import ProtocolError, escaped
from aai_async._io.file import AtomicFile
from aai_async._transport.deadline import AttemptDeadline

_LARGEST_ANSWER = 256 * 1024 * 1024
"""Bytes: 100 hours of words would be less."""

_LARGEST_REFUSAL = 64 * 1024
"""Bytes that are read of an error page; the rest says nothing more."""

_LARGEST_FILE = 5_000_000_000
"""Bytes of a masked recording: the service takes none that is larger."""

_PIECE = 1024 * 1024

_BELIEVABLE_RATIO = 100
"""What JSON may inflate to, beyond `_ALWAYS_BELIEVED`; words and times come to about ten."""

_ALWAYS_BELIEVED = 64 * 1024 * 1024


async def read_response(response: Any, clock: AttemptDeadline) -> bytes:
    """
    Read a reply whole.

    Raises:
        ProtocolError: It is too large, or encoded in a way that was not asked for.
    """
    content = io.BytesIO()
    async with contextlib.aclosing(_pieces(response, clock, _LARGEST_ANSWER)) as pieces:
        async for piece in pieces:
            content.write(piece)
    return content.getvalue()


async def read_error(response: Any, clock: AttemptDeadline) -> bytes:
    """Read the beginning of a reply that is no answer."""
    content = io.BytesIO()
    with contextlib.suppress(ProtocolError):
        async with contextlib.aclosing(_pieces(response, clock, _LARGEST_ANSWER)) as pieces:
            async for piece in pieces:
                content.write(piece)
                if content.tell() >= _LARGEST_REFUSAL:
                    break
    return content.getvalue()[:_LARGEST_REFUSAL]


async def save(response: Any, clock: AttemptDeadline, file: AtomicFile) -> None:
    """
    Write the content of a reply to a file, from its beginning.

    Raises:
        ProtocolError: It is empty, larger than any recording, or a page for people.
        SaveError: It cannot be written.
    """
    if response.headers.get("content-type", "").startswith("text/html"):
        raise ProtocolError("Where the file should be is a page for people.")
    await file.restart()
    is_empty = True
    async with contextlib.aclosing(_pieces(response, clock, _LARGEST_FILE)) as pieces:
        async for piece in pieces:
            is_empty = is_empty and not piece
            await file.write(piece)
    if is_empty:
        raise ProtocolError("The file that the service has put there is empty.")


async def _pieces(response: Any, clock: AttemptDeadline, limit: int) -> AsyncGenerator[bytes, None]:
    if response.is_stream_consumed:
        # A transport that stands in for a network has it at hand, and decoded.
        yield response.content
        return
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"gzip", "x-gzip", "identity", ""}:
        raise ProtocolError(f"The reply is encoded as {escaped(encoding)!r}, which was not asked for.")
    # Not by its method for raw bytes, which gives the connection to the next request at the end.
    received = _Received(aiter(response.stream))
    pieces = _inflated(received) if "gzip" in encoding else received
    size = 0
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            before, size = size // _PIECE, size + len(piece)
            if size // _PIECE > before:
                clock.receive()
            believed = min(limit, _ALWAYS_BELIEVED + _BELIEVABLE_RATIO * received.size)
            if size > believed or received.size > limit:
                raise ProtocolError(f"The reply was given up after {size:,} bytes: no answer is that large.")
            yield piece


class _Received:
    """The pieces as they came, counted."""

    def __init__(self, raw: AsyncIterator[bytes]) -> None:
        self._raw = raw
        self._is_over = False
        self.size = 0

    def __aiter__(self) -> _Received:
        return self

    async def __anext__(self) -> bytes:
        piece = b""
        while not piece:
            try:
                piece = await anext(self._raw)
            except StopAsyncIteration:
                self._is_over = True
                raise
        self.size += len(piece)
        return piece

    async def aclose(self) -> None:
        if self._is_over:
            return
        # The library's generators stand in one another, and closing one leaves those inside it open: they are
        # ended from within, by a cancellation of what they wait for next.
        with anyio.CancelScope() as scope, contextlib.suppress(Exception):
            scope.cancel()
            async for _ in self._raw:
                pass


async def _inflated(compressed: _Received) -> AsyncGenerator[bytes, None]:
    member = _Member()
    try:
        async with contextlib.aclosing(compressed):
            async for chunk in compressed:
                left: bytes | None = chunk
                while left is not None:
                    if member.has_ended and left:
                        member = _Member()
                    piece, left = member.inflate(left)
                    yield piece
                    # Inflating a bomb must not hold the event loop.
                    await checkpoint()
    except zlib.error as error:
        raise ProtocolError(f"The reply cannot be inflated: {error}.") from None
    if not member.has_ended:
        raise ProtocolError("The reply ends in the middle of what was compressed.")


class _Member:
    """One of the members that a gzip stream has, mostly the only one (RFC 1952, 2.2)."""

    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def has_ended(self) -> bool:
        return self._decompressor.eof

    def inflate(self, compressed: bytes) -> tuple[bytes, bytes | None]:
        """Give a piece, and what is to be given in next; None if that is what will be received."""
        piece = self._decompressor.decompress(compressed, _PIECE)
        if self.has_ended:
            return piece, self._decompressor.unused_data or None
        left = self._decompressor.unconsumed_tail
        return piece, left if left or len(piece) == _PIECE else None
