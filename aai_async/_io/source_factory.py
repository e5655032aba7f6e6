"""Sources from what callers pass: a path, a URL, bytes, a file, a stream, or a source of their own."""

from __future__ import annotations

import inspect
import io
import os
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import IO, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

from aai_async._errors import SourceError
from aai_async._io.async_reader import ChunksOf, checked_bytes, is_async_reader
from aai_async._io.file_sources import FileSource, PathSource
from aai_async._io.object_source import ObjectSource
from aai_async._io.source import (
    CHUNK_SIZE,
    Audio,
    BytesSource,
    CheckedSource,
    Source,
    URLSource,
    check_length,
    checked_size,
    name_of,
    reading_errors,
    shown_name,
)
from aai_async._io.stream_source import OneShotSource
from aai_async._shown_text import without_secrets

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://", re.IGNORECASE)

_USUAL_HOST = re.compile(r"https?://[a-z0-9.-]*[a-z0-9]/", re.IGNORECASE | re.ASCII)
"""A host without a user and a port."""

_OBJECT_SCHEMES = frozenset({"s3", "gs", "az", "file"})


def _from_str(text: str) -> Source:
    match = _URL.match(text)
    if match is None:
        return PathSource(text)
    scheme = match["scheme"].lower()
    if scheme not in {"http", "https"}:
        mend = (
            "use aai.ObjectSource(uri)"
            if scheme in _OBJECT_SCHEMES
            else "download it, or make a pre-signed https:// URL"
        )
        raise SourceError(f"The service fetches http:// and https:// URLs only, not {scheme}://: {mend}.")
    if not _has_host(text) or not text.isprintable():
        raise SourceError(
            f"{shown_name(without_secrets(text))} is not a valid URL. Give the complete URL, or a path."
        )
    return URLSource(text)


def _has_host(url: str) -> bool:
    if _USUAL_HOST.match(url):
        # Without parsing it: a batch may have a million URLs.
        return True
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
    return BytesSource(view if view.format in {"B", "b", "c"} else view.tobytes())


def _from_stream(audio: object) -> Source:
    if isinstance(getattr(audio, "wrapped", audio), io.TextIOBase):
        raise SourceError(
            f"{name_of(audio)} was opened as text; audio needs a binary file: open(path, 'rb')."
        )
    if is_async_reader(audio):
        name = name_of(audio)
        return OneShotSource(ChunksOf(audio, CHUNK_SIZE, name), name, brought=audio)
    if callable(getattr(audio, "read", None)):
        return FileSource(cast("IO[bytes]", audio))
    if isinstance(audio, AsyncIterable):
        stream = cast("AsyncIterable[bytes]", audio)
        return OneShotSource(aiter(stream), name_of(stream))
    raise SourceError(
        f"{type(audio).__name__} is not audio. Give a path, an http(s) URL, bytes, a binary file object, "
        "an object with an async read(size), or an async iterable of bytes. Join a list with b''.join(...)."
    )


def _from_object(given: ObjectSource) -> Source:
    if not is_file_uri(given.uri):
        from aai_async._io.stored_object import StoredObject  # noqa: PLC0415 - seldom needed

        return StoredObject(given)
    path = path_of_file_uri(given.uri)
    if given.presign:
        raise SourceError(f"{shown_name(path)} is a file, which cannot be pre-signed: omit presign.")
    return PathSource(path)


def is_file_uri(name: str) -> bool:
    """Return whether a name is a `file://` URI; without the slashes, it is the path of a file."""
    return name.lower().startswith("file://")


def path_of_file_uri(uri: str) -> str:
    """
    Return the path that a `file://` URI names.

    Raises:
        SourceError: It names another machine, or no absolute path.
    """
    parts = urlsplit(uri)
    if parts.netloc.lower() not in {"", "localhost"} or not parts.path.startswith("/"):
        raise SourceError(
            f"{without_secrets(uri)} names no file of this machine: give file:///PATH with an absolute path."
        )
    path = url2pathname(parts.path)
    if "\0" in path:
        raise SourceError(f"{without_secrets(uri)} names no file: %00 can be in no path.")
    return path


class CallerSource(CheckedSource):
    """A caller's source, checked to behave like the library's own sources."""

    def __init__(self, given: Source) -> None:
        self._given = given
        self._take_over()

    def _take_over(self) -> None:
        given = self._given
        self.name, self.path, self.url = given.name, given.path, given.url
        self.size, self.replayable = given.size, given.replayable

    async def open(self) -> None:
        with reading_errors(self.name):
            await self._given.open()
            self._take_over()
            if self.url is not None:
                _from_str(self.url)
            elif self.size is not None:
                checked_size(self.name, self.size)

    async def aclose(self) -> None:
        with reading_errors(self.name):
            await self._given.aclose()

    async def identity(self) -> bytes | None:
        with reading_errors(self.name):
            identity = await self._given.identity()
            return None if identity is None else checked_bytes(self.name, identity)

    async def digest(self) -> bytes | None:
        with reading_errors(self.name):
            digest = await self._given.digest()
            return None if digest is None else checked_bytes(self.name, digest)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        sent = 0
        with reading_errors(self.name):
            chunks: AsyncIterator[object] = aiter(self._given.chunks())
            try:
                async for chunk in chunks:
                    content = checked_bytes(self.name, chunk)
                    sent += len(content)
                    check_length(self.name, sent, self.size, is_whole=False)
                    yield content
            finally:
                if inspect.isasyncgen(chunks):
                    await chunks.aclose()
            checked_size(self.name, sent)
            check_length(self.name, sent, self.size, is_whole=True)


def source_from(audio: Audio) -> Source:
    """
    Make a source from an input. Nothing is read yet.

    Raises:
        SourceError: The input cannot be audio: another type, text, a URL that the service cannot fetch.
    """
    if isinstance(audio, Source):
        return audio if isinstance(audio, CheckedSource) else CallerSource(audio)
    if isinstance(audio, ObjectSource):
        return _from_object(audio)
    if isinstance(audio, str):
        return _from_str(audio)
    if isinstance(audio, os.PathLike):
        return PathSource(audio)
    if isinstance(audio, (bytes, bytearray, memoryview)):
        return BytesSource(audio)
    return _from_buffer(audio) or _from_stream(audio)
