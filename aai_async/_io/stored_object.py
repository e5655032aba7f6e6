"""An object in a store as a source."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator

from aai_async._concurrency.threads import in_thread_that_may_block
from aai_async._errors import SourceError
from aai_async._io import object_store
from aai_async._io.object_source import ObjectSource, ObjectURI
from aai_async._io.object_store import ObjectVersion
from aai_async._io.source import CHUNK_SIZE, MAX_UPLOAD_SIZE, CheckedSource, checked_size

RANGE = 8 * 1024 * 1024
"""Bytes per request. A stream of the whole object would time out when the upload is slow to take it."""

MAX_FETCH_SIZE = 5_000_000_000
"""The largest recording in bytes that the service fetches (https://www.assemblyai.com/docs/faq)."""


def check_object_size(name: str, size: int, *, presign: bool = False) -> None:
    """
    Check that the service takes an object of this size.

    Raises:
        SourceError: It is empty or too large.
    """
    most = MAX_FETCH_SIZE if presign else MAX_UPLOAD_SIZE
    if size > most:
        mend = "" if presign or size > MAX_FETCH_SIZE else ", or use ObjectSource(presign=True)"
        verb = "fetches recordings" if presign else "accepts uploads"
        raise SourceError(
            f"{name} has {size:,} bytes; the service {verb} of at most {most:,} bytes. Compress it "
            f"(FLAC, Opus), split it{mend}."
        )
    checked_size(name, min(size, MAX_UPLOAD_SIZE))


class StoredObject(CheckedSource):
    """An object that is read in ranges, or fetched by the service from a pre-signed URL."""

    def __init__(self, given: ObjectSource) -> None:
        self._uri = ObjectURI.parse(given.uri)
        self._given = given
        self.name = str(self._uri)
        self._version: ObjectVersion | None = None

    @property
    def location(self) -> bytes:
        """The URI, the same for every version of the object."""
        return f"object\0{self._uri}".encode("utf-8", "surrogatepass")

    async def open(self) -> None:
        """Determine the version, and sign the URL if the service is to fetch the object."""
        self._version = version = await in_thread_that_may_block(object_store.head, self._uri)
        check_object_size(self.name, version.size, presign=self._given.presign)
        self.size = version.size
        if self._given.presign:
            self.url = await in_thread_that_may_block(object_store.sign, self._uri, self._given.expires_in)

    async def identity(self) -> bytes | None:
        """Return a hash of the URI and the version, the same with and without a signature."""
        version = self._opened()
        text = f"object\0{self._uri}\0{version.size}\0{version.mark}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        version = self._opened()
        for start in range(0, version.size, RANGE):
            end = min(start + RANGE, version.size)
            content = await in_thread_that_may_block(object_store.read, self._uri, version, start, end)
            # In the pieces of a request, which are then not copied again.
            for place in range(0, len(content), CHUNK_SIZE):
                yield bytes(content[place : place + CHUNK_SIZE])

    def _opened(self) -> ObjectVersion:
        if self._version is None:
            raise SourceError(f"{self.name} was not opened.")
        return self._version
