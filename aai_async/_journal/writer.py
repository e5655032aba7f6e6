"""
The writer of a journal: records what a batch does, without blocking the event loop.

A commit waits for the disk, so it includes all changes that were queued since the last one began.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Self, TypeVar

import anyio
import msgspec

from aai_async._concurrency.threads import OneThread, in_thread
from aai_async._errors import AAIError, JournalError
from aai_async._io.object_source import ObjectURI
from aai_async._jobs.handle import JobHandle
from aai_async._jobs.job_matching import OtherSubmits, SubmitClaim
from aai_async._journal import deletions, queries
from aai_async._journal.database import Database, QueuedWrite
from aai_async._journal.finished_rows import FinishedClaim, FinishedRow, any_finished, take_finished
from aai_async._journal.journal import Journal, place_of
from aai_async._journal.key_change import TranscriptAccess, check_key, newest_jobs
from aai_async._journal.lock import Lock
from aai_async._journal.lookup import FoundRow, found
from aai_async._journal.place import Place, errors_named
from aai_async._journal.recorder import JournalRecorder
from aai_async._journal.rows import ItemClaim, JobRow, Result
from aai_async._journal.schema import EMBEDDED_SERVER
from aai_async._models.missing import MissingResult
from aai_async._models.transcript import Transcript, model_that_ran

T = TypeVar("T")


_LARGE = 256 * 1024
"""Minimum size in bytes of a response that is decoded in a thread, so that the event loop is not blocked."""


class JournalWriter:
    """The journal of one batch at a time."""

    def __init__(
        self,
        path: Place,
        *,
        keep_results: bool,
        adopts_key: bool = False,
        is_of_embedded_server: bool = False,
    ) -> None:
        self._path = path
        self._is_of_embedded_server = is_of_embedded_server
        self._adopts_key = adopts_key
        self._keeps_results = keep_results
        self._database = Database(path)
        self._waiting: list[QueuedWrite[Any]] = []
        self._turn: anyio.Lock | None = None
        self._active = set[int]()
        """The rows that the batch is working on."""
        self._read_ahead = dict[int, bytes]()
        """By row, the stored responses of the completed jobs among them."""
        self._thread = OneThread()

    @classmethod
    def of(cls, journal: Journal) -> Self:
        """Return the writer of a journal."""
        return cls(
            place_of(journal),
            keep_results=journal.keep_results,
            adopts_key=journal.adopt_key,
            is_of_embedded_server=journal.of_embedded_server,
        )

    @contextlib.asynccontextmanager
    async def held(
        self, service: str, fingerprint: Callable[[bytes], str], access: TranscriptAccess | None = None
    ) -> AsyncGenerator[None]:
        """
        Lock and open the journal for a batch, while the block runs.

        Args:
            service: The base URL.
            fingerprint: Computes the fingerprint of the API key with a salt.
            access: The access of the API key to transcripts, for the check of a new key.

        Raises:
            AAIError: The check of a new key failed.
            JournalLockedError: Another batch holds the journal.
            JournalError: It cannot be written, is damaged, or belongs to another account.
        """
        # Set in the thread and not by a return value, which a cancelled call would not receive: its work may
        # still be running. The thread runs one task after the other, so `_release` comes after it.
        held: list[Lock | None] = []
        is_checked = False
        if self._is_of_embedded_server:
            service, fingerprint, access = EMBEDDED_SERVER, _no_fingerprint, None
        adopts = self._adopts_key and access is not None
        try:
            with errors_named(self._path):
                await self._thread.do(lambda: held.append(self._lock()))
                is_other_key = await self._thread.do(
                    lambda: self._database.open(service, fingerprint, allows_other_key=adopts)
                )
            self._turn = anyio.Lock()
            if is_other_key and access is not None:
                await check_key(self._path, await self._read(newest_jobs), access)
                await self.commit(lambda connection: queries.adopt_key(connection, fingerprint))
            is_checked = True
            if self._is_of_embedded_server:
                await self.commit(queries.restart)
            with errors_named(self._path):
                # Done at the end too, but a batch that was killed did not get there.
                await self._thread.do(self._database.tidy)
            yield
        finally:
            self._turn = None
            try:
                with errors_named(self._path):
                    await self._thread.do(lambda: self._release(held, is_checked=is_checked))
            finally:
                self._thread.close()

    def _release(self, held: Sequence[Lock | None], *, is_checked: bool) -> None:
        # Empty if another batch holds the journal: then nothing was opened.
        for lock in held:
            try:
                # A journal of another account must not be changed.
                if is_checked:
                    self._database.tidy()
                self._database.close()
            finally:
                if lock is not None:
                    lock.release()

    def _lock(self) -> Lock | None:
        if isinstance(self._path, ObjectURI):
            # Its segments are the lock.
            return None
        if self._path.is_dir():
            raise JournalError(f"{str(self._path)!r} is a directory, not a journal: give the path of a file.")
        return Lock.beside(self._path)

    async def claim(self, item: ItemClaim) -> JobRow:
        """Find or add the row of a recording, and mark it as in progress until `leave` is called."""

        def claim(connection: sqlite3.Connection) -> JobRow:
            row = queries.claim(connection, item, self._active)
            # Marked before the transaction ends, because it may contain other claims of the same path.
            self._active.add(row.id)
            # Read at once, because each question to the journal waits for the thread.
            body = queries.result(connection, row.id) if row.state == "done" else None
            if body is not None:
                self._read_ahead[row.id] = body
            return row

        return await self.commit(claim)

    async def has_finished(self) -> bool:
        """Return whether there is a completed job."""
        return await self._read(any_finished)

    async def take_finished(self, claims: Sequence[FinishedClaim]) -> dict[bytes, FinishedRow]:
        """Return by its key each row whose job is completed and whose result is stored."""
        return await self.commit(lambda connection: take_finished(connection, claims, self._active))

    def leave(self, job: int) -> None:
        """Record that a row is no longer in progress."""
        self._active.discard(job)
        self._read_ahead.pop(job, None)

    async def reset(self, job: int) -> None:
        """Reset a row, so that its recording is uploaded and submitted again."""
        await self.commit(lambda connection: queries.reset(connection, job))

    async def done(
        self,
        job: int,
        transcript: Transcript,
        missing: tuple[MissingResult, ...],
        retries: int,
        *,
        is_deletion_due: bool = False,
    ) -> None:
        """Record that a job was completed, and whether its transcript at the service is to be deleted."""
        result = Result(
            audio_duration=transcript.audio_duration,
            warnings=transcript.warnings,
            missing=missing,
            model=model_that_ran(transcript),
            is_deletion_due=is_deletion_due,
            body=transcript.body if self._keeps_results else None,
        )
        await self.commit(lambda connection: queries.done(connection, job, result, retries))

    async def make_deletion_due(self, job: int, body: bytes) -> None:
        """Record that the transcript of a completed job is to be deleted, after it is stored here."""
        await self.commit(lambda connection: deletions.make_due(connection, job, body))

    async def deletions_due(self, after: int) -> list[tuple[int, str]]:
        """Return the next rows above `after` whose transcript is to be deleted, with its id."""
        return await self._read(lambda connection: deletions.due(connection, after))

    async def ended_jobs(self, before: dt.datetime | None) -> tuple[list[tuple[int, str]], int]:
        """Return the rows whose jobs have ended with the ids of transcripts; and how many jobs have not."""
        return await self._read(
            lambda connection: (
                deletions.ended(connection, before),
                deletions.count_in_progress(connection),
            )
        )

    async def deleted(self, job: int, transcript_id: str) -> None:
        """Record that the transcript of a row is deleted at the service."""
        await self.commit(lambda connection: deletions.deleted(connection, job, transcript_id))

    async def failed(
        self, job: int, error: AAIError, retries: int, *, is_over: bool, is_unrecognisable: bool
    ) -> None:
        """Record the error of a job; the arguments are those of `queries.failed`."""
        message = str(error.args[0])

        def record(connection: sqlite3.Connection) -> None:
            queries.failed(
                connection, job, message, retries, is_over=is_over, is_unrecognisable=is_unrecognisable
            )

        await self.commit(record)

    async def refuse(self, item: ItemClaim, error: str) -> None:
        """Record that a recording was refused before it was uploaded."""
        await self.commit(lambda connection: queries.refuse(connection, item, error, self._active))

    async def expect(self, job: int, seconds: float | None) -> None:
        """Record the length of a recording, before its job is created."""
        await self.commit(lambda connection: queries.expect(connection, job, seconds))

    async def withdraw(self, job: int) -> None:
        """Record that nothing was done for a row, because a bound has left its recording."""
        await self.commit(lambda connection: queries.withdraw(connection, job))

    async def spent(self) -> list[tuple[dict[str, object], str | None, float]]:
        """Return the seconds of the jobs that are billed, or may be, by their options and model."""
        return await self._read(queries.spent)

    async def contains(self, keys: Sequence[bytes]) -> bool:
        """Return whether a row has one of these keys."""
        return await self.find(keys) is not None

    async def find(self, keys: Sequence[bytes]) -> JobRow | None:
        """Return the row that has one of these keys."""
        return await self._read(lambda connection: queries.find(connection, keys))

    async def find_each(self, keys: Sequence[bytes]) -> list[FoundRow]:
        """Return for each key its row, with the stored response of a completed job; in one read."""
        return await self._read(lambda connection: [found(connection, key) for key in keys])

    async def rows_at_service(self) -> list[JobRow]:
        """Return the rows with a job that has not ended, or whose submit may have been sent."""
        return await self._read(queries.rows_at_service)

    def recorder(self, job: JobHandle, row: JobRow, source_url: str | None) -> JournalRecorder:
        """Return what records the steps of a call; `source_url` is the URL to submit without an upload."""
        return JournalRecorder(job, self, row, source_url)

    @property
    def may_have_predecessor(self) -> bool:
        """Whether an earlier batch with this journal may still be running, on another host."""
        return isinstance(self._path, ObjectURI)

    async def uncertain_rows(self) -> list[tuple[JobRow, frozenset[bytes]]]:
        """Return the rows whose submit may have been sent, each with its keys."""
        return await self._read(queries.uncertain_rows)

    async def other_submits(self, row: JobRow) -> OtherSubmits:
        """Return what is known about the submits of the same source for other rows."""

        def read(connection: sqlite3.Connection) -> OtherSubmits:
            rivals = queries.rivals(connection, row.id, row.source)
            claims = (_claim(options, began) for options, began in rivals)
            return OtherSubmits(queries.other_ids(connection, row.id, row.source), tuple(claims))

        return await self._read(read)

    async def result(self, job: int) -> Transcript | None:
        """Return the stored transcript of a completed job; `None` if it was not stored."""
        body = await self.stored(job)
        return None if body is None else await decoded_result(body)

    async def stored(self, job: int) -> bytes | None:
        """Return the stored response of the service for a completed job; `None` if it was not stored."""
        body = self._read_ahead.pop(job, None)
        return body or await self._read(lambda connection: queries.result(connection, job))

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with errors_named(self._path):
            return await self._thread.do(lambda: self._database.read(work))

    async def commit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Make a change and return its result; concurrent changes share one transaction.

        Raises:
            JournalError: The change was not committed. No other error is raised.
        """
        if self._turn is None:
            raise JournalError(f"The journal {str(self._path)!r} is not open: no batch is using it.")
        write = QueuedWrite(work)
        self._waiting.append(write)
        try:
            # While one call commits, the others queue their changes here. The next call commits them all.
            async with self._turn:
                if not write.is_over:
                    writes = tuple(self._waiting)
                    try:
                        with errors_named(self._path):
                            await self._thread.do(lambda: self._database.commit(writes))
                    finally:
                        self._waiting = [one for one in self._waiting if not one.is_over]
        finally:
            # A cancelled call withdraws its change, unless the thread is committing it already.
            if write in self._waiting:
                self._waiting.remove(write)
        return write.result()


async def decoded_result(body: bytes) -> Transcript:
    """
    Return the transcript that a stored response contains.

    Raises:
        ProtocolError: It is damaged.
    """
    if len(body) < _LARGE:
        return Transcript.from_json(body)
    # Decoded in a thread too, because it takes a tenth of a second or more.
    return await in_thread(Transcript.from_json, body)


def _no_fingerprint(_: bytes) -> str:
    return ""


def _claim(options: str, began: dt.datetime | None) -> SubmitClaim:
    requested: dict[str, object] = msgspec.json.decode(options, type=dict[str, object])
    # Its response never arrived: a row with a response has an id.
    return SubmitClaim(requested=requested, began=lambda _: began, is_lost=True)
