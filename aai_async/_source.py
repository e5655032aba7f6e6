"""
What can be transcribed, turned into something that knows its size and whether it can be read again.

All reading of files happens in worker threads, two mebibytes at a time. Nothing here knows of HTTP.
"""

from __future__ import annotations

import abc
import contextlib
import hashlib
import inspect
import io
import os
import re
import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Generator
from typing import IO, Protocol, Self, TypeAlias, TypeGuard, cast
from urllib.parse import urlsplit

from aai_async._errors import FileChangedError, SourceError, without_secrets
from aai_async._file import RegularFile
from aai_async._threads import in_thread

CHUNK_SIZE = 2 * 1024 * 1024
"""Bytes read at a time: fewer cost a thread hop too often, more cost memory and hold the event loop."""

MAX_UPLOAD_SIZE = 2_200_000_000
"""Bytes that the service takes in one upload (https://www.assemblyai.com/docs/faq)."""


class AsyncReader(Protocol):
    """A file whose `read` is awaited: of anyio or aiofiles, an `UploadFile`, an `asyncio.StreamReader`."""

    def read(self, size: int, /) -> Awaitable[bytes]:
        """Read at most `size` bytes; none at the end."""
        ...


class Source(abc.ABC):
    """
    One recording that can be sent.

    `Source.of` makes it from whatever the caller has. `open` checks it before anything is sent,
    `chunks` reads it, from its start each time if it is `replayable`.
    """

    name: str
    """What to call it in messages: its path, or what kind of thing it is."""

    path: str | None = None
    """Where it is on disk, if it is a file that was named."""

    size: int | None = None
    """Length in bytes, once opened and if it can be known before reading."""

    replayable: bool = True
    """Whether it can be read again from its start."""

    url: str | None = None
    """Where the service fetches it by itself; then there is nothing to upload."""

    @staticmethod
    def of(audio: Audio) -> Source:
        """
        Tell what was given; nothing is read yet.

        Raises:
            SourceError: It cannot be audio: another type, text, a URL that the service cannot fetch.
        """
        if isinstance(audio, Source):
            return audio
        if isinstance(audio, str):
            return _from_str(audio)
        if isinstance(audio, os.PathLike):
            return _PathSource(audio)
        if isinstance(audio, (bytes, bytearray, memoryview)):
            return _BytesSource(audio)
        return _from_stream(audio)

    @abc.abstractmethod
    async def open(self) -> None:
        """
        Check that there is something to send, and learn its size.

        Raises:
            SourceError: Missing, empty, unreadable, a directory, too large, not bytes.
        """

    async def aclose(self) -> None:  # noqa: B027 - most sources hold nothing
        """Let go of what was given, where it was handed over for good: a generator."""

    async def identity(self) -> bytes | None:
        """
        Tell this recording from others, once it is open: the same bytes for the same one, in every process.

        `None` where nothing can tell it without reading all of it.
        """
        return None

    async def digest(self) -> bytes | None:
        """
        Give the SHA-256 of the content, which is read for it; `None` if it could not be read again then.

        Raises:
            SourceError: It cannot be read.
        """
        if not self.replayable or self.url is not None:
            return None
        hashed = hashlib.sha256()
        async with contextlib.aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                await in_thread(hashed.update, chunk)
        return hashed.digest()

    @abc.abstractmethod
    def chunks(self) -> AsyncGenerator[bytes, None]:
        """
        Read it from its start. Close the generator when done, for it may hold a file open.

        Raises:
            FileChangedError: The file is no longer the one that was opened.
        """


Audio: TypeAlias = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | IO[bytes]
    | AsyncReader
    | AsyncIterable[bytes]
    | Source
)
"""Whatever `Client.transcribe` takes: a path, an http(s) URL, bytes, a binary file, a stream, a `Source`."""


_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://", re.IGNORECASE)


def _from_str(text: str) -> Source:
    match = _URL.match(text)
    if match is None:
        return _PathSource(text)
    scheme = match["scheme"].lower()
    if scheme not in {"http", "https"}:
        mend = (
            "open the file itself" if scheme == "file" else "download it, or make a pre-signed https:// URL"
        )
        raise SourceError(f"The service fetches http:// and https:// URLs only, not {scheme}://: {mend}.")
    if not _has_host(text) or not text.isprintable():
        raise SourceError(
            f"{_shown(without_secrets(text))} is no URL that could be fetched. Give the whole URL, or a path."
        )
    return _RemoteSource(text)


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a host that is none
        return False


def _from_stream(audio: object) -> Source:
    if isinstance(getattr(audio, "wrapped", audio), io.TextIOBase):
        raise SourceError(
            f"{_name_of(audio)} was opened as text; audio needs a binary file: open(path, 'rb')."
        )
    if _is_async_reader(audio):
        return OneShotSource(_ChunksOf(audio), _name_of(audio))
    if callable(getattr(audio, "read", None)):
        return _FileSource(cast("IO[bytes]", audio))
    if isinstance(audio, AsyncIterable):
        stream = cast("AsyncIterable[bytes]", audio)
        return OneShotSource(aiter(stream), _name_of(stream))
    raise SourceError(
        f"{type(audio).__name__} is not audio. Give a path, an http(s) URL, bytes, a binary file object, "
        "an object with an async read(size), or an async iterable of bytes; of a list, b''.join(it)."
    )


def _is_async_reader(audio: object) -> TypeGuard[AsyncReader]:
    return inspect.iscoroutinefunction(getattr(audio, "read", None))


def _shown(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:197]}...")


def _name_of(audio: object) -> str:
    for attribute in ("name", "filename"):
        name = getattr(audio, attribute, None)
        if isinstance(name, str) and name:
            return _shown(name)
    return f"The {type(audio).__name__}"


class _ChunksOf:
    """The chunks of a reader; not a generator, which would have to be closed."""

    def __init__(self, reader: AsyncReader) -> None:
        self._reader = reader

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if chunk := await self._reader.read(CHUNK_SIZE):
            return chunk
        raise StopAsyncIteration


@contextlib.contextmanager
def _reading(name: str) -> Generator[None]:
    """Name what failed: the caller's own stream may raise anything, also the errors of an HTTP library."""
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        said = str(error).rstrip(".")
        raise SourceError(f"{name} cannot be read: {type(error).__name__}: {said}.") from error


def _checked_size(name: str, size: int) -> int:
    if size == 0:
        raise SourceError(f"{name} is empty.")
    if size > MAX_UPLOAD_SIZE:
        raise SourceError(
            f"{name} has {size:,} bytes; the service takes uploads of at most {MAX_UPLOAD_SIZE:,}. "
            "Compress it (FLAC, Opus), split it, or give a URL: 5 GB may be fetched from one."
        )
    return size


def _changed(name: str) -> FileChangedError:
    return FileChangedError(
        f"{name} changed while it was being uploaded; no job was made of it. Upload it again."
    )


def _checked_bytes(name: str, chunk: object) -> bytes:
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", chunk))
    raise SourceError(
        f"{name} gives {type(chunk).__name__} where bytes are needed: open files with mode 'rb'."
    )


class _RemoteSource(Source):
    def __init__(self, url: str) -> None:
        self.name = without_secrets(url)
        self.url = url

    async def open(self) -> None:
        """There is nothing to check: the service fetches it by itself."""

    async def identity(self) -> bytes | None:
        return hashlib.sha256(f"url\0{self.url}".encode("utf-8", "surrogatepass")).digest()

    def chunks(self) -> AsyncGenerator[bytes, None]:
        raise SourceError(f"{self.name} is fetched by the service, never read here.")


class _BytesSource(Source):
    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.name = "The audio given as bytes"
        view = memoryview(data)
        self._data = view.cast("B") if view.c_contiguous else memoryview(view.tobytes())

    async def open(self) -> None:
        self.size = _checked_size(self.name, len(self._data))

    async def identity(self) -> bytes | None:
        return await self.digest()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        for start in range(0, len(self._data), CHUNK_SIZE):
            yield bytes(self._data[start : start + CHUNK_SIZE])


class _PathSource(Source):
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        with _reading(f"The {type(path).__name__}"):
            self.path = os.fsdecode(path)
        self.name = _shown(self.path)
        self._real_path = self.path
        self._identity: tuple[int, ...] | None = None

    async def open(self) -> None:
        with RegularFile(self._path, self.name) as file:
            await in_thread(self._inspect, file)
        self.size = _checked_size(self.name, file.size)

    def _inspect(self, file: RegularFile) -> None:
        self._identity = file.open()
        self._real_path = os.path.realpath(self._path)

    async def identity(self) -> bytes | None:
        """Its path, where no link leads any further, its size, and when it was last changed."""
        size, changed = (self._identity or (0, 0))[-2:]
        whole = b"path\0%b\0%d\0%d" % (os.fsencode(self._real_path), size, changed)
        return hashlib.sha256(whole).digest()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        with RegularFile(self._path, self.name) as file:
            # What fits into one piece takes one thread, and not three.
            chunk = await in_thread(self._begin, file)
            left = file.size
            while chunk:
                left -= len(chunk)
                yield chunk
                chunk = await in_thread(self._go_on, file, left) if left else b""
            if left:
                raise _changed(self.name)

    def _begin(self, file: RegularFile) -> bytes:
        self._check_unchanged(file.open())
        return self._go_on(file, file.size)

    def _go_on(self, file: RegularFile, left: int) -> bytes:
        chunk = file.read(min(left, CHUNK_SIZE))
        if len(chunk) == left:
            # Before the last piece: with it the service has all, and may answer.
            self._check_unchanged(file.identity())
        return chunk

    def _check_unchanged(self, identity: tuple[int, ...]) -> None:
        if identity != self._identity:
            raise _changed(self.name)


class _FileSource(Source):
    """A binary file object, sent from where it stands."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.name = _name_of(file)
        self._start = 0
        self._first = b""
        self._turn = threading.Lock()
        """A thread of an attempt that was cancelled may read yet when the next begins."""

    async def open(self) -> None:
        with _reading(self.name):
            await in_thread(self._measure)

    def _measure(self) -> None:
        seekable = getattr(self._file, "seekable", None)
        if seekable is None or not seekable():
            self.replayable = False
            self._first = self._first or self._read(CHUNK_SIZE)
            _checked_size(self.name, len(self._first))
            return
        self._start = self._file.tell()
        self.size = self._file.seek(0, io.SEEK_END) - self._start
        self._file.seek(self._start)
        _checked_bytes(self.name, self._file.read(0))
        if self._start and not self.size:
            raise SourceError(
                f"{self.name} stands at its end, after {self._start} bytes: call seek(0) first."
            )
        _checked_size(self.name, self.size)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        with _reading(self.name):
            if self.replayable:
                await in_thread(self._rewind)
            elif self._first:
                yield self._first
                self._first = b""
            left = self.size
            while chunk := await in_thread(self._read, CHUNK_SIZE if left is None else left):
                left = None if left is None else left - len(chunk)
                if left == 0 and await in_thread(self._has_grown):
                    raise _changed(self.name)
                yield chunk
            if left:
                raise _changed(self.name)

    def _has_grown(self) -> bool:
        return self.replayable and bool(self._read(1))

    def _rewind(self) -> None:
        with self._turn:
            self._file.seek(self._start)

    def _read(self, size: int) -> bytes:
        with self._turn:
            return _checked_bytes(self.name, self._file.read(min(size, CHUNK_SIZE)))


class OneShotSource(Source):
    """
    A stream that can be read only once; its first chunk is drawn early, to know that there is one.

    Args:
        stream: Its chunks.
        name: What to call it in messages.
        size: Its length in bytes, where that is known before it is read.
    """

    replayable = False

    def __init__(self, stream: AsyncIterator[bytes], name: str, size: int | None = None) -> None:
        self._stream = stream
        self.name = name
        self.size = size
        self._first = b""

    async def open(self) -> None:
        with _reading(self.name):
            while not self._first and (chunk := await anext(self._stream, None)) is not None:
                self._first = _checked_bytes(self.name, chunk)
        _checked_size(self.name, len(self._first))

    async def aclose(self) -> None:
        stream: object = self._stream
        if inspect.isasyncgen(stream):
            await stream.aclose()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        sent = len(self._first)
        if self._first:
            yield self._first
            self._first = b""
        with _reading(self.name):
            async for chunk in self._stream:
                checked = _checked_bytes(self.name, chunk)
                sent += len(checked)
                self._check_length(sent, is_whole=False)
                yield checked
            self._check_length(sent, is_whole=True)

    def _check_length(self, sent: int, *, is_whole: bool) -> None:
        if self.size is not None and (sent > self.size or (is_whole and sent < self.size)):
            raise SourceError(
                f"{self.name} was announced with {self.size:,} bytes, and has {sent:,} or more."
            )
