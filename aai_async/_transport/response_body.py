"""
Bounded reading of response bodies: neither the length nor the decompressed size is trusted.

The HTTP library decompresses each received chunk completely, and nested encodings too, so that one mebibyte
can become gigabytes in one call. This module decompresses once, a mebibyte at a time, and counts the bytes.
"""

from __future__ import annotations

import contextlib
import io
import re
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from aai_async._errors import ProtocolError
from aai_async._io.file import AtomicFile
from aai_async._shown_text import escaped
from aai_async._transport.deadline import AttemptDeadline

_LARGEST_RESPONSE = 256 * 1024 * 1024
"""Maximum size in bytes of a JSON response: the words of 100 hours need less."""

_LARGEST_RESERVED = 4 * 1024 * 1024
"""Maximum size in bytes of a buffer that is as large as the response claims to be."""

_LARGEST_ERROR = 64 * 1024
"""Number of bytes that are read of an error response."""

_LARGEST_FILE = 5_000_000_000
"""Maximum size in bytes of a redacted recording: the service accepts no larger recording."""

_PIECE = 1024 * 1024
"""Maximum number of bytes that one step decompresses."""

_LARGEST_RATIO = 100
"""Maximum compression ratio of JSON beyond `_UNCHECKED`; that of transcripts is about ten."""

_UNCHECKED = 64 * 1024 * 1024
"""Decompressed size in bytes up to which the compression ratio does not matter."""


async def read_response(response: Any, clock: AttemptDeadline) -> bytes:
    """
    Return the body of a response.

    Raises:
        ProtocolError: It is too large, or has a content encoding that was not requested.
    """
    content = _buffer_for(response.headers.get("content-length", ""))
    async with contextlib.aclosing(_pieces(response, clock, _LARGEST_RESPONSE)) as pieces:
        async for piece in pieces:
            content.write(piece)
    content.truncate()
    return content.getvalue()


def _buffer_for(length: str) -> io.BytesIO:
    """Return a buffer for a body: one that grows leaves gaps in the memory of the process."""
    content = io.BytesIO()
    if re.fullmatch("[0-9]{1,7}", length) and 0 < int(length) <= _LARGEST_RESERVED:
        content.seek(int(length) - 1)
        content.write(b"\0")
        content.seek(0)
    return content


async def read_error(response: Any, clock: AttemptDeadline) -> bytes:
    """Return the beginning of the body of an error response."""
    content = io.BytesIO()
    with contextlib.suppress(ProtocolError):
        async with contextlib.aclosing(_pieces(response, clock, _LARGEST_RESPONSE)) as pieces:
            async for piece in pieces:
                content.write(piece)
                if content.tell() >= _LARGEST_ERROR:
                    break
    return content.getvalue()[:_LARGEST_ERROR]


async def save(response: Any, clock: AttemptDeadline, file: AtomicFile) -> None:
    """
    Write the body of a response to a file, whose earlier content is dropped.

    Raises:
        ProtocolError: The body is empty, larger than any recording, or an HTML page.
        SaveError: The file cannot be written.
    """
    if response.headers.get("content-type", "").startswith("text/html"):
        raise ProtocolError("The response is an HTML page instead of a recording.")
    await file.restart()
    is_empty = True
    async with contextlib.aclosing(_pieces(response, clock, _LARGEST_FILE)) as pieces:
        async for piece in pieces:
            is_empty = is_empty and not piece
            await file.write(piece)
    if is_empty:
        raise ProtocolError("The service sent an empty file.")


async def _pieces(response: Any, clock: AttemptDeadline, limit: int) -> AsyncGenerator[bytes, None]:
    if response.is_stream_consumed:
        # A mock transport of a test provides the decoded body at once.
        yield response.content
        return
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"gzip", "x-gzip", "identity", ""}:
        raise ProtocolError(f"The response is encoded as {escaped(encoding)!r}, which was not requested.")
    # Not `response.aiter_raw`, which returns the connection to the pool at the end of the body.
    received = _ReceivedChunks(aiter(response.stream))
    pieces = _decompressed(received) if "gzip" in encoding else received
    size = 0
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            before, size = size // _PIECE, size + len(piece)
            if size // _PIECE > before:
                clock.receive()
            most = min(limit, _UNCHECKED + _LARGEST_RATIO * received.size)
            if size > most or received.size > limit:
                raise ProtocolError(
                    f"The response was abandoned after {size:,} bytes: no valid response is that large."
                )
            yield piece


class _ReceivedChunks:
    """The chunks as received, with their total size."""

    def __init__(self, raw: AsyncIterator[bytes]) -> None:
        self._raw = raw
        self._is_over = False
        self.size = 0

    def __aiter__(self) -> _ReceivedChunks:
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
        # The library nests its generators, and closing the outer one leaves the inner ones open. A cancelled
        # read ends them from the inside.
        with anyio.CancelScope() as scope, contextlib.suppress(Exception):
            scope.cancel()
            async for _ in self._raw:
                pass


async def _decompressed(compressed: _ReceivedChunks) -> AsyncGenerator[bytes, None]:
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
                    # Other tasks must run while a large body is decompressed.
                    await checkpoint()
    except zlib.error as error:
        raise ProtocolError(f"The response cannot be decompressed: {error}.") from None
    if not member.has_ended:
        raise ProtocolError("The response ends in the middle of its compressed data.")


class _Member:
    """One member of a gzip stream, usually the only one (RFC 1952, section 2.2)."""

    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def has_ended(self) -> bool:
        return self._decompressor.eof

    def inflate(self, compressed: bytes) -> tuple[bytes, bytes | None]:
        """Return a piece, and the input for the next call; `None` if that is the next received chunk."""
        piece = self._decompressor.decompress(compressed, _PIECE)
        if self.has_ended:
            return piece, self._decompressor.unused_data or None
        left = self._decompressor.unconsumed_tail
        return piece, left if left or len(piece) == _PIECE else None
