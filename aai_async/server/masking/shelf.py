"""
Redacted audio that was ordered, is made, and is kept for a day: files under names that cannot be guessed.

What is on it survives a restart, next to the jobs. It knows files and their age; how one is made is the
masker's business. Documentation, "PII Redaction".
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
from aai_async.server.masking.order import Span
from aai_async.server.store import Store, Work

KEPT_SECONDS: Final = 24 * 60 * 60
"""How long the service keeps redacted audio (documentation, "PII Redaction")."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS redacted_audio (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    transcript_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    spans BLOB NOT NULL,
    stage TEXT NOT NULL,
    made TEXT
)
"""


class Stage(enum.StrEnum):
    """How far a copy is."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


@attrs.frozen(kw_only=True)
class Copy:
    """The redacted audio of one transcript."""

    transcript_id: str
    name: str
    """Of its file, and the end of its URL."""

    spans: tuple[Span, ...]
    """What is covered in it."""

    stage: Stage
    made: datetime | None
    """UTC; `None` unless it is ready."""


_COPY: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(mp3|wav)(\.part)?")
"""The name of a copy, or of one that is being made."""


@attrs.frozen
class Shelf:
    """The copies of one store, in a folder of their own."""

    store: Store
    folder: Path
    base_url: str
    """Of the server, such as ``http://127.0.0.1:49152``."""

    kept_seconds: float = KEPT_SECONDS

    async def prepare(self) -> None:
        """Make room if there is none yet, and clear away all files but those that may still be read."""
        await self.store.transact(_create)
        now = datetime.now(UTC)
        names = {copy.name for copy in await self.copies() if self.remaining(copy, now=now) > 0}
        await to_thread.run_sync(self._prepare, names)

    async def copies(self) -> tuple[Copy, ...]:
        """All that there are, oldest first."""
        return await self.store.transact(_copies, "TRUE", ())

    async def of(self, transcript_id: str) -> Copy | None:
        """The copy of that transcript, if one was ordered."""
        found = await self.store.transact(_copies, "transcript_id = ?", (transcript_id,))
        return found[0] if found else None

    async def file(self, name: str) -> Path | None:
        """The file of that name, if it is there and may still be read."""
        found = await self.store.transact(_copies, "name = ?", (name,))
        if not found or self.remaining(found[0], now=datetime.now(UTC)) <= 0:
            return None
        path = self.folder / found[0].name
        return path if await to_thread.run_sync(path.is_file) else None

    def remaining(self, copy: Copy, *, now: datetime) -> float:
        """For how many more seconds a copy may be read; 0 or less for one that is over, or not ready."""
        if copy.made is None:
            return 0
        return (copy.made + timedelta(seconds=self.kept_seconds) - now).total_seconds()

    async def needs(self, upload_id: str) -> bool:
        """Whether a copy of that upload is still to be made."""
        return await self.store.transact(_needs, upload_id)

    async def finish(self, copy: Copy, stage: Stage, *also: Work, now: datetime) -> bool:
        """Note what became of a pending copy; return False where its transcript was deleted meanwhile."""
        return await self.store.transact(_finish, copy, stage, now, also)

    async def url(self, transcript_id: str) -> str | None:
        """Where the copy of that transcript can be read without a key, if it can be."""
        copy = await self.of(transcript_id)
        if copy is None or self.remaining(copy, now=datetime.now(UTC)) <= 0:
            return None
        return f"{self.base_url}/redacted-audio/{copy.name}"

    async def discard(self, copy: Copy) -> None:
        """Delete the file of a copy; it may be gone already."""
        await to_thread.run_sync(lambda: (self.folder / copy.name).unlink(missing_ok=True))

    def _prepare(self, names: Container[str]) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            # Copies alone: whoever names a directory may have other things in it.
            if _COPY.fullmatch(path.name) and path.name not in names:
                path.unlink()


def order(job: Job, spans: tuple[Span, ...] | None) -> Work:
    """Order a copy in the transaction that completes its job; without spans none is wanted."""

    def enter(connection: sqlite3.Connection) -> None:
        if spans is not None:
            name = f"{uuid.uuid4()}.{job.parameters.redacted_audio_format}"
            connection.execute(
                "INSERT INTO redacted_audio (transcript_id, name, spans, stage) VALUES (?, ?, ?, ?)",
                (job.id, name, msgspec.json.encode(spans), Stage.PENDING),
            )

    return enter


def removal(transcript_id: str) -> Work:
    """Take a transcript's copy off the shelf, in the transaction that deletes it; the file is left."""

    def remove(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM redacted_audio WHERE transcript_id = ?", (transcript_id,))

    return remove


def _create(connection: sqlite3.Connection) -> None:
    connection.execute(_SCHEMA)


def _copies(connection: sqlite3.Connection, condition: str, values: tuple[str, ...]) -> tuple[Copy, ...]:
    rows = connection.execute(
        # The conditions are ours, the values are bound.
        "SELECT transcript_id, name, spans, stage, made FROM redacted_audio"  # noqa: S608
        f" WHERE {condition} ORDER BY number",
        values,
    )
    return tuple(
        Copy(
            transcript_id=transcript_id,
            name=name,
            spans=msgspec.json.decode(spans, type=tuple[Span, ...]),
            stage=Stage(stage),
            made=made and datetime.fromisoformat(made),
        )
        for transcript_id, name, spans, stage, made in rows
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
