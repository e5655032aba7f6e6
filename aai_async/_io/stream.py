"""
Streams of the caller: which are being read, by which call, and how a blocking one is read.

Several calls may get the same object at once. This module depends on files, not on event loops or HTTP.
"""

from __future__ import annotations

import contextlib
import io
import select
import threading
from collections.abc import Callable, Generator
from typing import IO, Any, cast
from weakref import WeakSet, WeakValueDictionary, ref

from aai_async._errors import SourceError

_OFTEN = 0.1
"""Seconds after which a thread that waits for a pipe checks whether its call still needs the data."""

_LONGEST_WAIT = 10.0
"""Seconds to wait for a read of another call, whose thread may go on after a cancellation."""


class StreamInUse:
    """The use of one stream object, shared by all its concurrent readers."""

    def __init__(self, stream: object) -> None:
        self.stream = stream
        self._turn = threading.Lock()
        self.start: int | None = None
        """The position of a file when the first of its current readers began."""
        self._readers = WeakSet[object]()
        self._first: ref[object] | None = None

    @classmethod
    def by(cls, reader: object, stream: object) -> StreamInUse:
        """Register a reader of a stream, until it calls `leave` or is garbage-collected."""
        stream = _innermost(stream)
        with _TURN:
            use = _IN_USE.get(id(stream))
            if use is None:
                use = _IN_USE[id(stream)] = cls(stream)
            if not use._readers:
                use.start, use._first = None, ref(reader)
            use._readers.add(reader)
            return use

    @contextlib.contextmanager
    def turn_of(self, name: str) -> Generator[None]:
        """
        Reserve the stream for the block, in a thread.

        Raises:
            SourceError: The thread of another call, which may be cancelled, is still reading it.
        """
        if not self._turn.acquire(timeout=_LONGEST_WAIT):
            raise SourceError(f"{name} is still being read by another call, which may be cancelled.")
        try:
            yield
        finally:
            self._turn.release()

    def leave(self, reader: object) -> None:
        """Remove a reader."""
        with _TURN:
            self._readers.discard(reader)

    def check_alone(self, reader: object, name: str) -> None:
        """
        Check that no other call reads the stream, which can be read only once.

        Raises:
            SourceError: Another call is reading it.
        """
        if not self.is_of(reader):
            raise _busy(name)

    def is_of(self, reader: object) -> bool:
        """Return whether a reader was the first of the current readers."""
        return self._first is not None and self._first() is reader


def _busy(name: str) -> SourceError:
    return SourceError(
        f"{name} is being read by another call, and can be read only once: give each call its own stream."
    )


_IN_USE: WeakValueDictionary[int, StreamInUse] = WeakValueDictionary()
"""By the id of the stream, which stays valid because the value keeps the stream alive."""

_TURN = threading.Lock()


def _innermost(stream: object) -> object:
    """Return the file that an anyio file, an `UploadFile` or a temporary file wraps."""
    for attribute in ("wrapped", "file"):
        inner = getattr(stream, attribute, None)
        if callable(getattr(inner, "read", None)):
            return inner
    return stream


class ReadOnce:
    """Prevents two concurrent reads of a source that can be read only once."""

    def __init__(self) -> None:
        self._is_being_read = False

    @contextlib.contextmanager
    def alone(self, name: str) -> Generator[None]:
        """
        Reserve the source for the block.

        Raises:
            SourceError: Another call is reading it.
        """
        if self._is_being_read:
            raise _busy(name)
        self._is_being_read = True
        try:
            yield
        finally:
            self._is_being_read = False


class BlockingStream:
    """A stream that can be read only once, and may block for a long time."""

    def __init__(self, stream: IO[bytes], use: StreamInUse, name: str, is_wanted: Callable[[], bool]) -> None:
        self._stream = stream
        self._use = use
        self._name = name
        self._is_wanted = is_wanted
        self._has_ended = False
        self._descriptor = _descriptor_of(stream)

    def read(self, size: int) -> object:
        """
        Read `size` bytes, or fewer at the end of the stream or if the call no longer needs them.

        Raises:
            SourceError: The thread of another call is still reading the stream.
        """
        with self._use.turn_of(self._name):
            if self._descriptor is None:
                return self._stream.read(size)
            return self._read_when_ready(self._descriptor, size)

    def _read_when_ready(self, descriptor: int, size: int) -> bytes:
        # A blocking read could not be interrupted, and Python cannot exit while a thread holds the buffer.
        read_some = cast("Any", getattr(self._stream, "read1", self._stream.read))
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        content = bytearray()
        while len(content) < size and not self._has_ended and self._is_wanted():
            if poll.poll(_OFTEN * 1000):
                piece = read_some(size - len(content))
                # A non-blocking descriptor returns None if it has no data yet.
                content += piece or b""
                self._has_ended = piece == b""
        return bytes(content)


def _descriptor_of(stream: object) -> int | None:
    """Return the descriptor of a file whose unread data is in its own buffer or in the system's."""
    raw = getattr(stream, "raw", stream)
    is_plain = type(stream) in {io.BufferedReader, io.FileIO} and type(raw) is io.FileIO
    return cast("io.FileIO", raw).fileno() if is_plain and hasattr(select, "poll") else None
