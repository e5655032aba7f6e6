"""
Audio sources: each knows its size, and whether it can be read more than once.

Files are read in worker threads, two mebibytes at a time. This module does not depend on HTTP.
"""

from __future__ import annotations

import abc
import contextlib
import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterable, Generator
from typing import IO, TypeAlias, cast

from aai_async._concurrency.threads import in_thread
from aai_async._errors import FileChangedError, SourceError
from aai_async._io.addresses import without_signature
from aai_async._io.async_reader import AsyncReader
from aai_async._io.object_source import ObjectSource
from aai_async._shown_text import without_secrets

CHUNK_SIZE = 2 * 1024 * 1024
"""Bytes per read. Smaller chunks cost more thread switches; larger ones cost memory and block the loop."""

MAX_UPLOAD_SIZE = 2_200_000_000
"""The largest upload in bytes that the service accepts (https://www.assemblyai.com/docs/faq)."""


class Source(abc.ABC):
    """
    A recording that can be sent.

    `open` checks it before anything is sent. `chunks` reads it; each call starts from the beginning if it is
    `replayable`.

    Pass a subclass of your own, such as one for a database, to `Client.transcribe` like a path. It must
    define `open` and `chunks`. Set `size` if known, and `replayable = False` if it can be read only once. A
    journal recognises a source by its `identity`. Exceptions that it raises become a `SourceError`.
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
    | ObjectSource
    | Source
)
"""
Input of `Client.transcribe`.

A path, an http(s) URL, bytes, a binary file, a stream, an `ObjectSource`, or a `Source`.
"""


def shown_source(source: object) -> str:
    """Return the name of an audio argument in a `repr`: as in events, and a path or a URL in quotes."""
    name = event_name(source)
    return name if name.startswith("<") else repr(name)[:200]


def event_name(audio: object) -> str:
    """Return the name of an audio argument in events: a path or name, a URL without secrets, or a size."""
    if isinstance(audio, (bytes, bytearray)):
        return f"<{len(audio)} bytes>"
    try:
        name = _given_name(audio)
    except Exception:  # noqa: BLE001 - the caller's object may raise anything, and opening it reports that
        name = None
    if name is None:
        return f"<{type(audio).__name__}>"
    return without_secrets(name) if "://" in name else name


def _given_name(audio: object) -> str | None:
    if isinstance(audio, (str, os.PathLike)):
        return os.fsdecode(cast("str | os.PathLike[str]", audio))
    named = (getattr(audio, attribute, None) for attribute in ("url", "path", "name", "filename"))
    return next((name for name in named if isinstance(name, str) and name), None)


def shown_name(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:197]}...")


def name_of(audio: object) -> str:
    for attribute in ("name", "filename"):
        name = getattr(audio, attribute, None)
        if isinstance(name, str) and name:
            return shown_name(name)
    return f"The {type(audio).__name__}"


@contextlib.contextmanager
def reading_errors(name: str) -> Generator[None]:
    """Add the source's name to an error: a caller's stream may raise anything, even HTTP library errors."""
    try:
        yield
    except SourceError:
        raise
    except Exception as error:
        message = str(error).rstrip(".")
        raise SourceError(f"{name} cannot be read: {type(error).__name__}: {message}.") from error


def checked_size(name: str, size: int) -> int:
    if size == 0:
        raise SourceError(f"{name} is empty.")
    if size > MAX_UPLOAD_SIZE:
        raise SourceError(
            f"{name} has {size:,} bytes; the service accepts uploads of at most {MAX_UPLOAD_SIZE:,} bytes. "
            "Compress it (FLAC, Opus), split it, or give a URL: the service fetches up to 5 GB from a URL."
        )
    return size


def file_changed(name: str) -> FileChangedError:
    return FileChangedError(
        f"{name} changed while it was being uploaded; no job was created. Upload it again."
    )


class CheckedSource(Source):
    """A source that yields bytes, exactly as many as announced, and raises only documented errors."""

    @property
    def location(self) -> bytes | None:
        """Where a source is stored, known once `open` was called; `None` if it is stored nowhere."""
        return None


def check_length(name: str, sent: int, size: int | None, *, is_whole: bool) -> None:
    if size is not None and (sent > size or (is_whole and sent < size)):
        raise SourceError(
            f"{name} announced {size:,} bytes, but yielded {sent:,}{'' if is_whole else ' or more'}."
        )


class URLSource(CheckedSource):
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


class BytesSource(CheckedSource):
    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.name = "The audio given as bytes"
        view = memoryview(data)
        self._data = view.cast("B") if view.c_contiguous else memoryview(view.tobytes())

    async def open(self) -> None:
        self.size = checked_size(self.name, len(self._data))

    @property
    def data(self) -> memoryview:
        """The recording."""
        return self._data

    async def identity(self) -> bytes | None:
        return await self.digest()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        for start in range(0, len(self._data), CHUNK_SIZE):
            yield bytes(self._data[start : start + CHUNK_SIZE])
