"""
Audio sources: each knows its size, and whether it can be read more than once.

Files are read in worker threads, two mebibytes at a time. This module does not depend on HTTP.
"""

from __future__ import annotations

import abc
import contextlib
import hashlib
import inspect
import io
import os
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Generator
from typing import IO, TypeAlias, cast
from urllib.parse import urlsplit

from aai_async._concurrency.threads import in_thread, in_thread_that_may_block
from aai_async._errors import FileChangedError, SourceError, without_secrets
from aai_async._io.addresses import without_signature
from aai_async._io.async_reader import AsyncReader, ChunksOf, checked_bytes, drop, is_async_reader
from aai_async._io.file import InputFile
from aai_async._io.stream import BlockingStream, ReadOnce, StreamInUse

CHUNK_SIZE = 2 * 1024 * 1024
"""Bytes per read. Smaller chunks cost more thread switches; larger ones cost memory and block the loop."""

MAX_UPLOAD_SIZE = 2_200_000_000
"""The largest upload in bytes that the service accepts (https://www.assemblyai.com/docs/faq)."""


class Source(abc.ABC):
    """
    A recording that can be sent.

    `Source.of` makes one from any supported input. `open` checks it before anything is sent. `chunks` reads
    it; each call starts from the beginning if it is `replayable`.

    Pass a subclass of your own, such as an object in a store, to `Client.transcribe` like a path. It must
    define `open` and `chunks`. Set `size` if it is known, and `replayable = False` if it can be read only
    once. A journal recognises a source by its `identity`. Exceptions that it raises become a `SourceError`.
    """

    name: str = "The recording"
    """Name in messages: the path, or a description of the kind of source."""

    path: str | None = None
    """Path on disk, if the source was given as a path."""

    size: int | None = None
    """Length in bytes, set by `open` if it can be determined before reading."""

    replayable: bool = True
    """Whether it can be read again from the start."""

    url: str | None = None
    """URL from which the service fetches the recording; nothing is uploaded then."""

    @staticmethod
    def of(audio: Audio) -> Source:
        """
        Make a source from an input. Nothing is read yet.

        Raises:
            SourceError: The input cannot be audio: another type, text, a URL that the service cannot fetch.
        """
        if isinstance(audio, Source):
            return audio if isinstance(audio, _Checked) else _OwnSource(audio)
        if isinstance(audio, str):
            return _from_str(audio)
        if isinstance(audio, os.PathLike):
            return _PathSource(audio)
        if isinstance(audio, (bytes, bytearray, memoryview)):
            return _BytesSource(audio)
        return _from_buffer(audio) or _from_stream(audio)

    @abc.abstractmethod
    async def open(self) -> None:
        """
        Check that there is something to send, and determine its size.

        Raises:
            SourceError: The source is missing, empty, unreadable, a directory, too large, or not bytes.
        """

    async def aclose(self) -> None:  # noqa: B027 - most sources hold nothing
        """Release the input if this source owns it, such as a generator."""

    async def identity(self) -> bytes | None:
        """
        Return bytes that identify the opened recording: the same ones in every process.

        `None` if it can be identified only by reading all of it.
        """
        return None

    async def digest(self) -> bytes | None:
        """
        Read the content and return its SHA-256; `None` if it could not be read again afterwards.

        Raises:
            SourceError: The content cannot be read.
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
        Read the recording from its start. Close the generator when done: it may hold a file open.

        Raises:
            FileChangedError: The file changed after it was opened.
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
"""Input of `Client.transcribe`: a path, an http(s) URL, bytes, a binary file, a stream, or a `Source`."""


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
            f"{_shown(without_secrets(text))} is not a valid URL. Give the complete URL, or a path."
        )
    return _RemoteSource(text)


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port or host
        return False


def _from_buffer(audio: object) -> Source | None:
    if hasattr(audio, "read"):
        return None
    try:
        view = memoryview(cast("bytes", audio))
    except TypeError:
        return None
    if view.itemsize != 1:
        raise SourceError(
            f"{type(audio).__name__} holds samples or numbers, not the bytes of a file. Write it as a WAV "
            "file first: raw samples lack the header that describes their format."
        )
    return _BytesSource(view if view.format in {"B", "b", "c"} else view.tobytes())


def _from_stream(audio: object) -> Source:
    if isinstance(getattr(audio, "wrapped", audio), io.TextIOBase):
        raise SourceError(
            f"{_name_of(audio)} was opened as text; audio needs a binary file: open(path, 'rb')."
        )
    if is_async_reader(audio):
        name = _name_of(audio)
        return OneShotSource(ChunksOf(audio, CHUNK_SIZE, name), name, brought=audio)
    if callable(getattr(audio, "read", None)):
        return _FileSource(cast("IO[bytes]", audio))
    if isinstance(audio, AsyncIterable):
        stream = cast("AsyncIterable[bytes]", audio)
        return OneShotSource(aiter(stream), _name_of(stream))
    raise SourceError(
        f"{type(audio).__name__} is not audio. Give a path, an http(s) URL, bytes, a binary file object, "
        "an object with an async read(size), or an async iterable of bytes. Join a list with b''.join(...)."
    )


def shown_source(source: object) -> str:
    """Return a short text for an audio argument, without the secrets of a URL."""
    if isinstance(source, (bytes, bytearray)):
        return f"<{len(source)} bytes>"
    if isinstance(source, str) and "://" in source:
        source = without_secrets(source)
    return repr(source)[:200]


def _shown(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:197]}...")


def _name_of(audio: object) -> str:
    for attribute in ("name", "filename"):
        name = getattr(audio, attribute, None)
        if isinstance(name, str) and name:
            return _shown(name)
    return f"The {type(audio).__name__}"


@contextlib.contextmanager
def _reading(name: str) -> Generator[None]:
    """Add the source's name to an error: a caller's stream may raise anything, even HTTP library errors."""
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
            f"{name} has {size:,} bytes; the service accepts uploads of at most {MAX_UPLOAD_SIZE:,} bytes. "
            "Compress it (FLAC, Opus), split it, or give a URL: the service fetches up to 5 GB from a URL."
        )
    return size


def _changed(name: str) -> FileChangedError:
    return FileChangedError(
        f"{name} changed while it was being uploaded; no job was created. Upload it again."
    )


class _Checked(Source):
    """A source that yields bytes, exactly as many as announced, and raises only documented errors."""


class _OwnSource(_Checked):
    """A caller's source, checked to behave like the library's own sources."""

    def __init__(self, given: Source) -> None:
        self._given = given
        self._take_over()

    def _take_over(self) -> None:
        given = self._given
        self.name, self.path, self.url = given.name, given.path, given.url
        self.size, self.replayable = given.size, given.replayable

    async def open(self) -> None:
        with _reading(self.name):
            await self._given.open()
            self._take_over()
            if self.url is not None:
                _from_str(self.url)
            elif self.size is not None:
                _checked_size(self.name, self.size)

    async def aclose(self) -> None:
        with _reading(self.name):
            await self._given.aclose()

    async def identity(self) -> bytes | None:
        with _reading(self.name):
            identity = await self._given.identity()
            return None if identity is None else checked_bytes(self.name, identity)

    async def digest(self) -> bytes | None:
        with _reading(self.name):
            digest = await self._given.digest()
            return None if digest is None else checked_bytes(self.name, digest)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        sent = 0
        with _reading(self.name):
            chunks: AsyncIterator[object] = aiter(self._given.chunks())
            try:
                async for chunk in chunks:
                    content = checked_bytes(self.name, chunk)
                    sent += len(content)
                    _check_length(self.name, sent, self.size, is_whole=False)
                    yield content
            finally:
                if inspect.isasyncgen(chunks):
                    await chunks.aclose()
            _checked_size(self.name, sent)
            _check_length(self.name, sent, self.size, is_whole=True)


def _check_length(name: str, sent: int, size: int | None, *, is_whole: bool) -> None:
    if size is not None and (sent > size or (is_whole and sent < size)):
        raise SourceError(
            f"{name} announced {size:,} bytes, but yielded {sent:,}{'' if is_whole else ' or more'}."
        )


class _RemoteSource(_Checked):
    def __init__(self, url: str) -> None:
        self.name = without_secrets(url)
        self.url = self._address = url

    async def open(self) -> None:
        """Do nothing: the service fetches the recording."""

    async def identity(self) -> bytes | None:
        """Return a hash of the URL without its signature, which changes each time the URL is signed."""
        url = without_signature(self._address)
        return hashlib.sha256(f"url\0{url}".encode("utf-8", "surrogatepass")).digest()

    def chunks(self) -> AsyncGenerator[bytes, None]:
        raise SourceError(f"{self.name} is a URL: the service fetches it, and this library cannot read it.")


def file_key(source: Source) -> bytes | None:
    """Give where an open source is on disk, through no link: the same for every version of a file."""
    return os.fsencode(source.real_path) if isinstance(source, _PathSource) else None


class _BytesSource(_Checked):
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


class _PathSource(_Checked):
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        with _reading(f"The {type(path).__name__}"):
            self.path = os.fsdecode(path)
        self.name = _shown(self.path)
        self.real_path = self.path
        self._identity: tuple[int, ...] | None = None

    async def open(self) -> None:
        with InputFile(self._path, self.name) as file:
            await in_thread(self._inspect, file)
        self.size = _checked_size(self.name, file.size)

    def _inspect(self, file: InputFile) -> None:
        self._identity = file.open()
        self.real_path = os.path.realpath(self._path)

    async def identity(self) -> bytes | None:
        """Return a hash of the resolved path, the size and the modification time."""
        size, changed = (self._identity or (0, 0))[-2:]
        whole = b"path\0%b\0%d\0%d" % (os.fsencode(self.real_path), size, changed)
        return hashlib.sha256(whole).digest()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        with InputFile(self._path, self.name) as file:
            # A file that fits into one chunk takes one thread call instead of three.
            chunk = await in_thread(self._begin, file)
            left = file.size
            while chunk:
                left -= len(chunk)
                yield chunk
                chunk = await in_thread(self._go_on, file, left) if left else b""
            if left:
                raise _changed(self.name)

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
            raise _changed(self.name)


class _FileSource(_Checked):
    """A binary file object, sent from its current position."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.name = _name_of(file)
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
        with _reading(self.name):
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
        _checked_size(self.name, self.size or 0)
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
        _checked_size(self.name, len(self._first))
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
        with self._once.alone(self.name), _reading(self.name):
            if self._first:
                yield self._first
                self._first = b""
            while chunk := checked_bytes(self.name, await in_thread_that_may_block(stream.read, CHUNK_SIZE)):
                yield chunk

    async def _chunks_of_file(self) -> AsyncGenerator[bytes, None]:
        at, left = self._start, self.size or 0
        with _reading(self.name):
            while chunk := await in_thread_that_may_block(self._read, at, left):
                at, left = at + len(chunk), left - len(chunk)
                more = b"" if left else await in_thread_that_may_block(self._read, at, 1)
                if more:
                    raise _changed(self.name)
                yield chunk
            if left:
                raise _changed(self.name)

    def _read(self, at: int, size: int) -> bytes:
        if self._use is None:
            raise SourceError(f"{self.name} was not opened.")
        with self._use.turn_of(self.name):
            # Seek only if another call has read meanwhile: seeking in a compressed file may be slow.
            if self._file.tell() != at:
                self._file.seek(at)
            return checked_bytes(self.name, self._file.read(min(size, CHUNK_SIZE)))


class OneShotSource(_Checked):
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
        with _reading(self.name):
            while not self._first and (chunk := await anext(self._stream, None)) is not None:
                self._first = checked_bytes(self.name, chunk)
        _checked_size(self.name, len(self._first))

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
            with _reading(self.name):
                async for chunk in self._stream:
                    checked = checked_bytes(self.name, chunk)
                    sent += len(checked)
                    _check_length(self.name, sent, self.size, is_whole=False)
                    yield checked
                _check_length(self.name, sent, self.size, is_whole=True)
