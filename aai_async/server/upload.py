"""
Uploaded recordings: streamed to disk under ids that cannot be guessed, and found again by their URL.

It knows files and addresses; what is in a file is the engine's business, as it is at the service.
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

from aai_async.server.refusal import RefusalError

LARGEST_UPLOAD: Final = 2_200_000_000
"""Bytes: 2.2 GB (FAQ, "What are the file size and file duration limits for the API?")."""

KEPT_SECONDS: Final = 24 * 60 * 60
"""How long an upload can be submitted (API reference, "Upload a media file")."""

_SWEEP_SECONDS: Final = 600
"""Seconds between two searches for uploads to delete; a submit in between refuses what is too old."""

_BLOCK: Final = 1 << 20
"""Bytes written at once: every write is a hop to another thread."""

_log = logging.getLogger(__name__)

_PATH: Final = re.compile(r"/upload/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


@attrs.frozen
class UploadFolder:
    """The folder that holds them."""

    folder: Path
    limit: int = LARGEST_UPLOAD
    """Bytes."""

    kept_seconds: float = KEPT_SECONDS
    """How long an upload can be submitted."""

    async def prepare(self) -> None:
        """Make the folder, and clear what an interrupted server left half written."""
        await to_thread.run_sync(self._prepare)

    async def receive(self, body: AsyncIterator[bytes], *, announced: int | None = None) -> str:
        """
        Write `body` to disk and return the id of the new upload. Whatever goes wrong leaves nothing behind.

        Args:
            body: The bytes of the file.
            announced: The bytes that the client said it would send, if it did.

        Raises:
            RefusalError: 413 for too much, at once where it was announced; 400 for nothing at all.
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
        """The file of that upload, if it is still there."""
        path = self.folder / upload_id
        return path if await to_thread.run_sync(path.is_file) else None

    async def can_be_submitted(self, upload_id: str) -> bool:
        """Whether that upload is there and no older than `kept_seconds`."""
        age = await to_thread.run_sync(_age, self.folder / upload_id)
        return age is not None and age < self.kept_seconds

    async def expire(self, is_needed: Callable[[str], Awaitable[bool]]) -> None:
        """
        Delete the uploads that are too old to be submitted and that no job needs, until cancelled.

        Args:
            is_needed: Whether a job still has to read the upload of this id.
        """
        while True:
            try:
                for upload_id in await to_thread.run_sync(self._expired):
                    if not await is_needed(upload_id):
                        await self.remove(upload_id)
            except Exception:  # noqa: BLE001
                # The disk may fail, and the server goes on: the next search deletes what is left.
                _log.exception("old uploads could not be deleted")
            await anyio.sleep(min(_SWEEP_SECONDS, self.kept_seconds))

    async def remove(self, upload_id: str) -> None:
        """Delete that file; it may be gone already."""
        await to_thread.run_sync(lambda: (self.folder / upload_id).unlink(missing_ok=True))

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for partial in self.folder.glob("*.part"):
            partial.unlink()

    def _expired(self) -> list[str]:
        # A minute later than they can be submitted: a job may be about to be written down for one.
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
            # Shielded, which the file's own context manager is not in every version of anyio.
            with anyio.CancelScope(shield=True):
                await file.aclose()
        return size

    def _check_size(self, size: int) -> None:
        if size > self.limit:
            raise RefusalError(413, f"The uploaded file is larger than {self.limit} bytes")


def _age(path: Path) -> float | None:
    """Seconds since a file was written; `None` if it is not there."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return None


def upload_id_of(url: str) -> str | None:
    """The id in an upload URL of a local server, whichever port that had; `None` for every other URL."""
    try:
        parts = urlsplit(url)
        local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    except ValueError:
        return None
    match = _PATH.fullmatch(parts.path)
    return match[1] if match and local else None
