"""
Storage of redacted audio, pending and finished: files under random names, kept for a day.

The state is stored with the jobs and survives a restart. The masker creates the files. Source: documentation,
"PII Redaction".
"""

import enum
import re
import sqlite3
import uuid
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import attrs
import msgspec
from anyio import to_thread

from aai_async.server.jobs import Job
from aai_async.server.redacted_audio.messages import Span
from aai_async.server.store import Store, Work

KEPT_SECONDS: Final = 24 * 60 * 60
"""Seconds for which the service keeps redacted audio (documentation, "PII Redaction")."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS redacted_audio (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    transcript_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    spans BLOB NOT NULL,
    track INTEGER NOT NULL,
    stage TEXT NOT NULL,
    made TEXT
)
"""


class Stage(enum.StrEnum):
    """The state of a copy."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


@attrs.frozen(kw_only=True)
class Copy:
    """The redacted audio of one transcript."""

    transcript_id: str
    name: str
    """The name of its file and the last segment of its URL."""

    spans: tuple[Span, ...]
    """The covered spans."""

    track: int
    """The number of the copied audio track."""

    stage: Stage
    made: datetime | None
    """UTC; `None` unless it is ready."""


_COPY: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(mp3|wav)(\.part)?")
"""The file name of a finished or partial copy."""


@attrs.frozen
class RedactedAudioStore:
    """The copies of one store, in their own folder."""

    store: Store
    folder: Path
    base_url: str
    """The URL of the server, such as ``http://127.0.0.1:49152``."""

    kept_seconds: float = KEPT_SECONDS

    async def prepare(self) -> None:
        """Create table and folder if missing, and delete the files of expired and partial copies."""
        await self.store.transact(_create)
        now = datetime.now(UTC)
        names = {copy.name for copy in await self.copies() if self.remaining(copy, now=now) > 0}
        await to_thread.run_sync(self._prepare, names)

    async def copies(self) -> tuple[Copy, ...]:
        """Return all copies, oldest first."""
        return await self.store.transact(_copies, "TRUE", ())

    async def of(self, transcript_id: str) -> Copy | None:
        """Return the copy of that transcript, or `None` if none was requested."""
        found = await self.store.transact(_copies, "transcript_id = ?", (transcript_id,))
        return found[0] if found else None

    async def file(self, name: str) -> Path | None:
        """Return the file of that name, or `None` if it does not exist or has expired."""
        found = await self.store.transact(_copies, "name = ?", (name,))
        if not found or self.remaining(found[0], now=datetime.now(UTC)) <= 0:
            return None
        path = self.folder / found[0].name
        return path if await to_thread.run_sync(path.is_file) else None

    def remaining(self, copy: Copy, *, now: datetime) -> float:
        """Return the seconds until a copy expires; 0 or less if it has expired or is not ready."""
        if copy.made is None:
            return 0
        return (copy.made + timedelta(seconds=self.kept_seconds) - now).total_seconds()

    async def needs(self, upload_id: str) -> bool:
        """Whether a copy of that upload is pending."""
        return await self.store.transact(_needs, upload_id)

    async def finish(self, copy: Copy, stage: Stage, *also: Work, now: datetime) -> bool:
        """Store the result of a pending copy; return False if its transcript was deleted in the meantime."""
        return await self.store.transact(_finish, copy, stage, now, also)

    async def url(self, transcript_id: str) -> str | None:
        """Return the public URL of the copy of that transcript, or `None` if it is not available."""
        copy = await self.of(transcript_id)
        if copy is None or self.remaining(copy, now=datetime.now(UTC)) <= 0:
            return None
        return f"{self.base_url}/redacted-audio/{copy.name}"

    async def discard(self, copy: Copy) -> None:
        """Delete the file of a copy, if it exists."""
        await to_thread.run_sync(lambda: (self.folder / copy.name).unlink(missing_ok=True))

    def _prepare(self, names: Container[str]) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            # Only copies are deleted: the user's directory may contain other files.
            if _COPY.fullmatch(path.name) and path.name not in names:
                path.unlink()


def order(job: Job, spans: tuple[Span, ...] | None, track: int) -> Work:
    """Request a copy of a track in the transaction that completes its job; without spans do nothing."""

    def enter(connection: sqlite3.Connection) -> None:
        if spans is not None:
            name = f"{uuid.uuid4()}.{job.parameters.redacted_audio_format}"
            connection.execute(
                "INSERT INTO redacted_audio (transcript_id, name, spans, track, stage) "
                "VALUES (?, ?, ?, ?, ?)",
                (job.id, name, msgspec.json.encode(spans), track, Stage.PENDING),
            )

    return enter


def removal(transcript_id: str) -> Work:
    """Remove a transcript's copy from the table, in the transaction that deletes it; the file remains."""

    def remove(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM redacted_audio WHERE transcript_id = ?", (transcript_id,))

    return remove


def _create(connection: sqlite3.Connection) -> None:
    connection.execute(_SCHEMA)


def _copies(connection: sqlite3.Connection, condition: str, values: tuple[str, ...]) -> tuple[Copy, ...]:
    rows = connection.execute(
        # The conditions are constants; the values are bound.
        "SELECT transcript_id, name, spans, track, stage, made FROM redacted_audio"  # noqa: S608
        f" WHERE {condition} ORDER BY number",
        values,
    )
    return tuple(
        Copy(
            transcript_id=transcript_id,
            name=name,
            spans=msgspec.json.decode(spans, type=tuple[Span, ...]),
            track=track,
            stage=Stage(stage),
            made=made and datetime.fromisoformat(made),
        )
        for transcript_id, name, spans, track, stage, made in rows
    )


def _needs(connection: sqlite3.Connection, upload_id: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM redacted_audio JOIN job ON job.id = transcript_id WHERE stage = ? AND upload_id = ?",
        (Stage.PENDING, upload_id),
    )
    return found.fetchone() is not None


def _finish(
    connection: sqlite3.Connection, copy: Copy, stage: Stage, now: datetime, also: tuple[Work, ...]
) -> bool:
    made = now.isoformat() if stage is Stage.READY else None
    changed = connection.execute(
        "UPDATE redacted_audio SET stage = ?, made = ? WHERE name = ?", (stage, made, copy.name)
    ).rowcount
    for work in also if changed else ():
        work(connection)
    return bool(changed)
