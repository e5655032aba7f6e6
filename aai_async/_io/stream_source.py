"""A stream that can be read only once, as a source."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator

from aai_async._io.async_reader import checked_bytes
from aai_async._io.source import CheckedSource, check_length, checked_size, reading_errors
from aai_async._io.stream import ReadOnce, StreamInUse


class OneShotSource(CheckedSource):
    """
    A stream that can be read only once. `open` reads the first chunk, to check that the stream is not empty.

    Args:
        stream: The chunks.
        name: Name in messages.
        size: Length in bytes, if it is known before reading.
        brought: The caller's object, if that is not the stream itself.
    """

    replayable = False

    def __init__(
        self, stream: AsyncIterator[bytes], name: str, size: int | None = None, brought: object = None
    ) -> None:
        self._stream = stream
        self._brought = stream if brought is None else brought
        self._use: StreamInUse | None = None
        self._once = ReadOnce()
        self.name = name
        self.size = size
        self._first = b""

    async def open(self) -> None:
        self._use = StreamInUse.by(self, self._brought)
        self._use.check_alone(self, self.name)
        with reading_errors(self.name):
            while not self._first and (chunk := await anext(self._stream, None)) is not None:
                self._first = checked_bytes(self.name, chunk)
        checked_size(self.name, len(self._first))

    async def aclose(self) -> None:
        # A call that was refused the stream must not close it while another call reads it.
        is_own = self._use is None or self._use.is_of(self)
        if self._use is not None:
            self._use.leave(self)
        stream: object = self._stream
        if is_own and inspect.isasyncgen(stream):
            await stream.aclose()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        with self._once.alone(self.name):
            sent = len(self._first)
            if self._first:
                yield self._first
                self._first = b""
            with reading_errors(self.name):
                async for chunk in self._stream:
                    checked = checked_bytes(self.name, chunk)
                    sent += len(checked)
                    check_length(self.name, sent, self.size, is_whole=False)
                    yield checked
                check_length(self.name, sent, self.size, is_whole=True)
