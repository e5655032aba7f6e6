"""Files as sources: by their paths, and file objects that the caller has opened.

Files are read in worker threads, two mebibytes at a time. What Linux has in memory is read without a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import os
from collections.abc import AsyncGenerator, Awaitable
from typing import IO

from aai_async._concurrency.threads import in_thread, in_thread_that_may_block
from aai_async._errors import SourceError
from aai_async._io.async_reader import ChunksOf, checked_bytes, drop
from aai_async._io.file import InputFile
from aai_async._io.source import (
    CHUNK_SIZE,
    CheckedSource,
    checked_size,
    file_changed,
    name_of,
    reading_errors,
    shown_name,
)
from aai_async._io.stream import BlockingStream, ReadOnce, StreamInUse
from aai_async._io.stream_source import OneShotSource

_SMALL = 256 * 1024
"""Maximum size in bytes of a file that is read when it is opened, if it is uploaded next."""


class PathSource(CheckedSource):
    is_uploaded_next = False
    """Whether it is uploaded as soon as it is open: then one thread call opens and reads a small file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        with reading_errors(f"The {type(path).__name__}"):
            self.path = os.fsdecode(path)
        self.name = shown_name(self.path)
        self.real_path = self.path
        self._identity: tuple[int, ...] | None = None
        self._content: bytes | None = None
        """The content of a small file, until it is read or the source is closed."""

    @property
    def location(self) -> bytes:
        """The path through no link, the same for every version of the file."""
        try:
            return os.fsencode(self.real_path)
        except UnicodeEncodeError:  # no file can have such a name, so `open` refuses it
            return self.real_path.encode("utf-8", "surrogatepass")

    async def open(self) -> None:
        with InputFile(self._path, self.name) as file:
            await in_thread(self._inspect, file)
        self.size = checked_size(self.name, file.size)

    def _inspect(self, file: InputFile) -> None:
        with contextlib.suppress(OSError, ValueError):  # `open` refuses such a path with the reason
            self.real_path = os.path.realpath(self._path)
        self._identity = file.open()
        if self.is_uploaded_next and file.size <= _SMALL:
            self._content = self._go_on(file, file.size)

    async def aclose(self) -> None:
        self._content = None

    async def identity(self) -> bytes | None:
        """Return a hash of the resolved path, the size and the modification time."""
        size, changed = (self._identity or (0, 0))[-2:]
        whole = b"path\0%b\0%d\0%d" % (os.fsencode(self.real_path), size, changed)
        return hashlib.sha256(whole).digest()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        content, self._content = self._content, None
        if content is not None and len(content) == self.size:
            yield content
            return
        with InputFile(self._path, self.name) as file:
            # A file that fits into one chunk takes one thread call instead of three.
            chunk = await in_thread(self._begin, file)
            left = file.size
            while chunk:
                left -= len(chunk)
                yield chunk
                # What may be the last chunk is read in a thread, with the identity of the file.
                chunk = file.read_cached() if left > CHUNK_SIZE else b""
                if left and not chunk:
                    chunk = await in_thread(self._go_on, file, left)
            if left:
                raise file_changed(self.name)

    def _begin(self, file: InputFile) -> bytes:
        self._check_unchanged(file.open())
        return self._go_on(file, file.size)

    def _go_on(self, file: InputFile, left: int) -> bytes:
        chunk = file.read(min(left, CHUNK_SIZE))
        if len(chunk) == left:
            # Checked before the last chunk is sent: with it the upload is complete.
            self._check_unchanged(file.identity())
        return chunk

    def _check_unchanged(self, identity: tuple[int, ...]) -> None:
        if identity != self._identity:
            raise file_changed(self.name)


class FileSource(CheckedSource):
    """A binary file object, sent from its current position."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.name = name_of(file)
        self._start = 0
        self._first = b""
        self._awaited: OneShotSource | None = None
        """The source that reads instead, if `read` returns an awaitable."""
        self._stream: BlockingStream | None = None
        """The stream that reads instead, if the file cannot seek."""
        self._once = ReadOnce()
        self._use: StreamInUse | None = None
        self._is_wanted = True

    async def open(self) -> None:
        self._use, self._is_wanted = StreamInUse.by(self, self._file), True
        with reading_errors(self.name):
            try:
                awaited = await in_thread_that_may_block(self._measure, self._use)
                is_awaited = bool(awaited)
            except RuntimeError as error:
                # Its `read` needs the running event loop, so it must be called in the loop's thread.
                if "event loop" not in str(error):
                    raise
                awaited, is_awaited = [], True
        if is_awaited:
            self._awaited = OneShotSource(ChunksOf(self._file, CHUNK_SIZE, self.name, *awaited), self.name)
        if self._awaited is not None:
            self.replayable = False
            await self._awaited.open()

    async def aclose(self) -> None:
        self._is_wanted = False
        if self._use is not None:
            self._use.leave(self)

    def _measure(self, use: StreamInUse) -> list[Awaitable[object]]:
        """Determine the size. If `read` returned an awaitable, return that in a list."""
        with use.turn_of(self.name):
            is_seekable = self._is_seekable()
            if is_seekable:
                # Another call may have moved the position, so the first known start counts.
                self._start = use.start = self._file.tell() if use.start is None else use.start
                self.size = self._file.seek(0, io.SEEK_END) - self._start
                self._file.seek(self._start)
                checked_bytes(self.name, self._file.read(0))
        if not is_seekable:
            return self._begin_stream(use)
        if self._start and not self.size:
            raise SourceError(f"{self.name} is at its end, after {self._start} bytes: call seek(0) first.")
        checked_size(self.name, self.size or 0)
        return []

    def _begin_stream(self, use: StreamInUse) -> list[Awaitable[object]]:
        use.check_alone(self, self.name)
        self.replayable = False
        if self._stream is None:
            self._stream = BlockingStream(self._file, use, self.name, lambda: self._is_wanted)
        first: object = self._first or self._stream.read(CHUNK_SIZE)
        if inspect.isawaitable(first):
            # In a list, because a thread must not return an awaitable.
            return [first]
        self._first = checked_bytes(self.name, first)
        checked_size(self.name, len(self._first))
        return []

    def _is_seekable(self) -> bool:
        seekable = getattr(self._file, "seekable", None)
        answer: object = seekable() if callable(seekable) else False
        drop(answer)
        if inspect.isawaitable(answer) or not answer:
            return False
        nothing: object = self._file.read(0)
        drop(nothing)
        return not inspect.isawaitable(nothing)

    def chunks(self) -> AsyncGenerator[bytes, None]:
        if self._awaited is not None:
            return self._awaited.chunks()
        return self._chunks_of_file() if self._stream is None else self._chunks_of_stream(self._stream)

    async def _chunks_of_stream(self, stream: BlockingStream) -> AsyncGenerator[bytes, None]:
        with self._once.alone(self.name), reading_errors(self.name):
            if self._first:
                yield self._first
                self._first = b""
            while chunk := checked_bytes(self.name, await in_thread_that_may_block(stream.read, CHUNK_SIZE)):
                yield chunk

    async def _chunks_of_file(self) -> AsyncGenerator[bytes, None]:
        at, left = self._start, self.size or 0
        with reading_errors(self.name):
            while chunk := await in_thread_that_may_block(self._read, at, left):
                at, left = at + len(chunk), left - len(chunk)
                more = b"" if left else await in_thread_that_may_block(self._read, at, 1)
                if more:
                    raise file_changed(self.name)
                yield chunk
            if left:
                raise file_changed(self.name)

    def _read(self, at: int, size: int) -> bytes:
        if self._use is None:
            raise SourceError(f"{self.name} was not opened.")
        with self._use.turn_of(self.name):
            # Seek only if another call has read meanwhile: seeking in a compressed file may be slow.
            if self._file.tell() != at:
                self._file.seek(at)
            return checked_bytes(self.name, self._file.read(min(size, CHUNK_SIZE)))
