"""
Streams that the caller has brought: which of them are read just now, by whom, and how one is read.

Several calls may be given the same object at once. It knows files, and nothing of event loops or HTTP.
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
"""Seconds after which a thread that waits for a pipe finds out whether it is still wanted."""

_LONGEST_WAIT = 10.0
"""Seconds that a single read of another call, which may be cancelled by now, may take."""


class StreamInUse:
    """An object that is read from, shared by all that read from it at the same time."""

    def __init__(self, stream: object) -> None:
        self.stream = stream
        self._turn = threading.Lock()
        self.start: int | None = None
        """Where a file stood when the first of those who read it just now came."""
        self._readers = WeakSet[object]()
        self._first: ref[object] | None = None

    @classmethod
    def by(cls, reader: object, stream: object) -> StreamInUse:
        """Let a reader read a stream, until it leaves it or is forgotten."""
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
        Read from it for a block, in a thread.

        Raises:
            SourceError: The thread of another call, which may be cancelled by now, still reads from it.
        """
        if not self._turn.acquire(timeout=_LONGEST_WAIT):
            raise SourceError(f"{name} is still being read by another call, which may be cancelled.")
        try:
            yield
        finally:
            self._turn.release()

    def leave(self, reader: object) -> None:
        """A reader reads it no longer."""
        with _TURN:
            self._readers.discard(reader)

    def check_alone(self, reader: object, name: str) -> None:
        """
        Make sure that nobody else reads a stream that can be read only once.

        Raises:
            SourceError: Another call reads it.
        """
        if not self.is_of(reader):
            raise _busy(name)

    def is_of(self, reader: object) -> bool:
        """Whether it was the first of those who read it just now."""
        return self._first is not None and self._first() is reader


def _busy(name: str) -> SourceError:
    return SourceError(
        f"{name} is being read by another call, and can be read only once: give each call one of its own."
    )


_IN_USE: WeakValueDictionary[int, StreamInUse] = WeakValueDictionary()
"""By the id of the object, which it keeps alive."""

_TURN = threading.Lock()


def _innermost(stream: object) -> object:
    """Give the file that a file of anyio, an `UploadFile` or a temporary file stands for."""
    for attribute in ("wrapped", "file"):
        inner = getattr(stream, attribute, None)
        if callable(getattr(inner, "read", None)):
            return inner
    return stream


class ReadOnce:
    """Keeps two from reading one source that can be read only once, at the same time."""

    def __init__(self) -> None:
        self._is_being_read = False

    @contextlib.contextmanager
    def alone(self, name: str) -> Generator[None]:
        """
        Read it for a block.

        Raises:
            SourceError: Another is reading it.
        """
        if self._is_being_read:
            raise _busy(name)
        self._is_being_read = True
        try:
            yield
        finally:
            self._is_being_read = False


class BlockingStream:
    """A stream that cannot be read again, and may give nothing for a long time."""

    def __init__(self, stream: IO[bytes], use: StreamInUse, name: str, is_wanted: Callable[[], bool]) -> None:
        self._stream = stream
        self._use = use
        self._name = name
        self._is_wanted = is_wanted
        self._has_ended = False
        self._descriptor = _descriptor_of(stream)

    def read(self, size: int) -> object:
        """
        Read so many bytes, or as many as there are before the end; fewer where they are no longer wanted.

        Raises:
            SourceError: The thread of another call still reads from it.
        """
        with self._use.turn_of(self._name):
            if self._descriptor is None:
                return self._stream.read(size)
            return self._read_when_there(self._descriptor, size)

    def _read_when_there(self, descriptor: int, size: int) -> bytes:
        # Not by a read that blocks: nothing could end it, and Python cannot end while one is inside a buffer.
        read_some = cast("Any", getattr(self._stream, "read1", self._stream.read))
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        content = bytearray()
        while len(content) < size and not self._has_ended and self._is_wanted():
            if poll.poll(_OFTEN * 1000):
                piece = read_some(size - len(content))
                # Nothing is what a descriptor says that does not block, and has nothing yet.
                content += piece or b""
                self._has_ended = piece == b""
        return bytes(content)


def _descriptor_of(stream: object) -> int | None:
    """Give that of a pipe or a terminal, where all that can be read is there or in the system."""
    raw = getattr(stream, "raw", stream)
    is_plain = type(stream) in {io.BufferedReader, io.FileIO} and type(raw) is io.FileIO
    return cast("io.FileIO", raw).fileno() if is_plain and hasattr(select, "poll") else None
