"""A recording that another process holds: what identifies it, and the upload that the process has made."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator

from aai_async._errors import AAIError, SourceError
from aai_async._io.source import CheckedSource, Source


class UploadMissingError(AAIError):
    """The process that holds the recording has to upload it first. Nothing was sent."""


class RemoteSource(CheckedSource):
    """
    A source that was opened in another process, without its bytes. It can be pickled.

    Args:
        source: The opened source.
        identity: What its `identity` returned.
    """

    def __init__(self, source: Source, identity: bytes) -> None:
        self.name = source.name
        self.path = source.path
        self.size = source.size
        self.url = source.url
        self._identity = identity
        self._location = source.location if isinstance(source, CheckedSource) else None
        self._upload_url: str | None = None

    @classmethod
    async def of(cls, source: Source) -> RemoteSource:
        """Describe an opened source. One that nothing identifies, such as a stream, has no equal."""
        return cls(source, await source.identity() or secrets.token_bytes(32))

    @property
    def location(self) -> bytes | None:
        return self._location

    @property
    def has_upload(self) -> bool:
        """Whether an upload was made that has not been submitted."""
        return self._upload_url is not None

    def uploaded(self, url: str) -> None:
        """Record the URL of an upload."""
        self._upload_url = url

    def take_upload(self) -> str:
        """
        Return the URL of the upload, each only once.

        Raises:
            UploadMissingError: There is none.
        """
        url, self._upload_url = self._upload_url, None
        if url is None:
            raise UploadMissingError(f"{self.name} has not been uploaded.")
        return url

    async def open(self) -> None:
        """Do nothing: it was opened where it is."""

    async def identity(self) -> bytes | None:
        return self._identity

    def chunks(self) -> AsyncGenerator[bytes, None]:
        raise SourceError(f"{self.name} is in another process, so it cannot be read here.")
