"""
Uploaded recordings: streamed to disk under random ids, and found by their URL.

It handles files and URLs only; the engine reads their content.
"""

import logging
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import anyio
import attrs
from anyio import to_thread

from aai_async.server.api_errors import RefusalError

LARGEST_UPLOAD: Final = 2_200_000_000
"""In bytes: 2.2 GB (FAQ, "What are the file size and file duration limits for the API?")."""

KEPT_SECONDS: Final = 24 * 60 * 60
"""Seconds for which an upload can be submitted (API reference, "Upload a media file")."""

_SWEEP_SECONDS: Final = 600
"""Seconds between two searches for expired uploads; in between, submitting one is refused as well."""

_BLOCK: Final = 1 << 20
"""Bytes per write: each write switches to a worker thread."""

_log = logging.getLogger(__name__)

_PATH: Final = re.compile(r"/upload/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


@attrs.frozen
class UploadFolder:
    """The folder of the uploads."""

    folder: Path
    limit: int = LARGEST_UPLOAD
    """Maximum size of an upload, in bytes."""

    kept_seconds: float = KEPT_SECONDS
    """Seconds for which an upload can be submitted."""

    async def prepare(self) -> None:
        """Create the folder, and delete partial files of an interrupted server."""
        await to_thread.run_sync(self._prepare)

    async def receive(self, body: AsyncIterator[bytes], *, announced: int | None = None) -> str:
        """
        Write `body` to disk and return the id of the new upload. An error leaves no file behind.

        Args:
            body: The content of the file.
            announced: The Content-Length in bytes, if the client sent one.

        Raises:
            RefusalError: Status 413: the body is too large; raised before reading it if its length was
                announced. Status 400: the body is empty.
        """
        if announced is not None:
            self._check_size(announced)
        upload_id = str(uuid.uuid4())
        partial = self.folder / f"{upload_id}.part"
        try:
            if not await self._write(partial, body):
                raise RefusalError(400, "The uploaded file is empty")
            await to_thread.run_sync(partial.rename, self.folder / upload_id)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(lambda: partial.unlink(missing_ok=True))
        return upload_id

    async def find(self, upload_id: str) -> Path | None:
        """Return the file of that upload, or `None` if it does not exist."""
        path = self.folder / upload_id
        return path if await to_thread.run_sync(path.is_file) else None

    async def can_be_submitted(self, upload_id: str) -> bool:
        """Whether that upload exists and is newer than `kept_seconds`."""
        age = await to_thread.run_sync(_age, self.folder / upload_id)
        return age is not None and age < self.kept_seconds

    async def expire(self, is_needed: Callable[[str], Awaitable[bool]]) -> None:
        """
        Delete expired uploads that no job needs, repeatedly until cancelled.

        Args:
            is_needed: Whether a job still has to read the upload of this id.
        """
        while True:
            try:
                for upload_id in await to_thread.run_sync(self._expired):
                    if not await is_needed(upload_id):
                        await self.remove(upload_id)
            except Exception:  # noqa: BLE001
                # On a disk error the server continues, and the next search tries again.
                _log.exception("Expired uploads could not be deleted; the next search tries again.")
            await anyio.sleep(min(_SWEEP_SECONDS, self.kept_seconds))

    async def remove(self, upload_id: str) -> None:
        """Delete the file of that upload, if it exists."""
        await to_thread.run_sync(lambda: (self.folder / upload_id).unlink(missing_ok=True))

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for partial in self.folder.glob("*.part"):
            partial.unlink()

    def _expired(self) -> list[str]:
        # A minute after expiry, because a job with an upload that was just valid may not be stored yet.
        latest = self.kept_seconds + min(60, self.kept_seconds)
        ages = {path.name: _age(path) for path in self.folder.iterdir() if path.suffix != ".part"}
        return [name for name, age in ages.items() if age is not None and age >= latest]

    async def _write(self, path: Path, body: AsyncIterator[bytes]) -> int:
        size, block = 0, bytearray()
        file = await anyio.open_file(path, "xb")
        try:
            async for chunk in body:
                size += len(chunk)
                self._check_size(size)
                block += chunk
                if len(block) >= _BLOCK:
                    await file.write(bytes(block))
                    block.clear()
            await file.write(bytes(block))
        finally:
            # Shielded here, because the file's context manager is not shielded in every version of anyio.
            with anyio.CancelScope(shield=True):
                await file.aclose()
        return size

    def _check_size(self, size: int) -> None:
        if size > self.limit:
            raise RefusalError(413, f"The uploaded file is larger than {self.limit} bytes")


def _age(path: Path) -> float | None:
    """Return the seconds since a file was written, or `None` if it does not exist."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return None


def upload_id_of(url: str) -> str | None:
    """Return the id in an upload URL of a local server on any port; `None` for every other URL."""
    try:
        parts = urlsplit(url)
        local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    except ValueError:
        return None
    match = _PATH.fullmatch(parts.path)
    return match[1] if match and local else None
