"""
Where a batch writes down what it does. Nothing blocks, and many changes at once share one commit.

A commit waits for the disk. So whoever has one to make takes along all that have come up meanwhile.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import anyio
import msgspec

from aai_async._concurrency.threads import OneThread, in_thread
from aai_async._errors import AAIError, JournalError
from aai_async._io.addresses import mark_of
from aai_async._jobs.handle import JobHandle, ProgressRecorder
from aai_async._jobs.job_matching import OtherSubmits, SubmitClaim
from aai_async._journal import queries
from aai_async._journal.database import Database, QueuedWrite, errors_named
from aai_async._journal.key_change import Knows, check_key, newest_jobs
from aai_async._journal.lock import Lock
from aai_async._journal.queries import ItemClaim, JobRow, Result
from aai_async._models.missing import MissingResult
from aai_async._models.transcript import Transcript

T = TypeVar("T")


class JournalWriter:
    """A journal that is written by one batch at a time."""

    def __init__(self, path: Path, *, keep_results: bool, adopts_key: bool = False) -> None:
        self._path = path
        self._adopts_key = adopts_key
        self._keeps_results = keep_results
        self._store = Database(path)
        self._waiting: list[QueuedWrite[Any]] = []
        self._turn: anyio.Lock | None = None
        self._active = set[int]()
        """Jobs that the batch is at work at."""
        self._thread = OneThread()

    @contextlib.asynccontextmanager
    async def held(
        self, service: str, fingerprint: Callable[[bytes], str], knows: Knows | None = None
    ) -> AsyncGenerator[None]:
        """
        Hold it for a batch.

        Args:
            service: The base URL.
            fingerprint: Makes the fingerprint of the API key with a salt.
            knows: Asks the service whether this key sees a transcript. It is needed to adopt a new key.

        Raises:
            AAIError: The service cannot be asked.
            JournalLockedError: Another batch holds it.
            JournalError: It cannot be written, is damaged, or is of another account.
        """
        # Known in the thread alone, where all is done in turn, also after the call was cancelled.
        held: list[Lock] = []
        is_ours = False
        adopts = self._adopts_key and knows is not None
        try:
            with errors_named(self._path):
                await self._thread.do(lambda: held.append(self._locked()))
                is_other_key = await self._thread.do(
                    lambda: self._store.open(service, fingerprint, allows_other_key=adopts)
                )
            self._turn = anyio.Lock()
            if is_other_key and knows is not None:
                await check_key(self._path, await self._read(newest_jobs), knows)
                await self.commit(lambda connection: queries.adopt_key(connection, fingerprint))
            is_ours = True
            with errors_named(self._path):
                # At the end as well; a batch that was killed has not come to it.
                await self._thread.do(self._store.tidy)
            yield
        finally:
            self._turn = None
            try:
                with errors_named(self._path):
                    await self._thread.do(lambda: self._let_go(held, is_ours=is_ours))
            finally:
                self._thread.close()

    def _let_go(self, held: Sequence[Lock], *, is_ours: bool) -> None:
        # What another batch holds is not let go of.
        for lock in held:
            try:
                if is_ours:
                    self._store.tidy()
                self._store.close()
            finally:
                lock.release()

    def _locked(self) -> Lock:
        if self._path.is_dir():
            raise JournalError(f"{str(self._path)!r} is a directory: name a file in it.")
        return Lock.beside(self._path)

    async def claim(self, wanted: ItemClaim) -> JobRow:
        """Find the job of a recording, or enter it; `leave` it in the end."""

        def claim(connection: sqlite3.Connection) -> JobRow:
            entry = queries.claim(connection, wanted, self._active)
            # At once, for another claim may be in the same transaction.
            self._active.add(entry.id)
            return entry

        return await self.commit(claim)

    def leave(self, job: int) -> None:
        """Nothing is at work at a job any more."""
        self._active.discard(job)

    async def reset(self, job: int) -> None:
        """Begin a job anew."""
        await self.commit(lambda connection: queries.reset(connection, job))

    async def done(
        self, job: int, transcript: Transcript, missing: tuple[MissingResult, ...], retries: int
    ) -> None:
        """A job is completed."""
        result = Result(
            audio_duration=transcript.audio_duration,
            warnings=transcript.warnings,
            missing=missing,
            body=transcript.body if self._keeps_results else None,
        )
        await self.commit(lambda connection: queries.done(connection, job, result, retries))

    async def failed(
        self, job: int, error: AAIError, retries: int, *, is_over: bool, is_unrecognisable: bool
    ) -> None:
        """Something went wrong with a job, see `store.failed`."""
        said = str(error.args[0])

        def note(connection: sqlite3.Connection) -> None:
            queries.failed(
                connection, job, said, retries, is_over=is_over, is_unrecognisable=is_unrecognisable
            )

        await self.commit(note)

    async def knows(self, keys: Sequence[bytes]) -> bool:
        """Whether there is a job that is known by one of these keys."""
        return await self._read(lambda connection: queries.find(connection, keys)) is not None

    async def in_doubt(self) -> list[tuple[JobRow, frozenset[bytes]]]:
        """Give the rows whose submit may have been sent, each with what it is known by."""
        return await self._read(queries.in_doubt)

    async def other_submits(self, entry: JobRow) -> OtherSubmits:
        """Give what is known of the submits of the same source for other rows."""

        def read(connection: sqlite3.Connection) -> OtherSubmits:
            rivals = queries.rivals(connection, entry.id, entry.source)
            claimants = (_claimant(options, began) for options, began in rivals)
            return OtherSubmits(queries.sibling_ids(connection, entry.id, entry.source), tuple(claimants))

        return await self._read(read)

    async def result(self, job: int) -> Transcript | None:
        """Give the transcript of a job that is done, if it was kept."""
        # Decoded in a thread as well: the largest take a tenth of a second and more.
        body = await self._read(lambda connection: queries.result(connection, job))
        return None if body is None else await in_thread(Transcript.from_json, body)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with errors_named(self._path):
            return await self._thread.do(lambda: self._store.read(work))

    async def commit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Change something, together with all that is to be changed at the same time.

        Raises:
            JournalError: It is not written, for whatever reason: no other error leaves here.
        """
        if self._turn is None:
            raise JournalError(f"The journal {str(self._path)!r} is not held by a batch.")
        step = QueuedWrite(work)
        self._waiting.append(step)
        try:
            async with self._turn:
                if not step.is_over:
                    steps = tuple(self._waiting)
                    try:
                        with errors_named(self._path):
                            await self._thread.do(lambda: self._store.commit(steps))
                    finally:
                        self._waiting = [one for one in self._waiting if not one.is_over]
        finally:
            if step in self._waiting:
                self._waiting.remove(step)
        return step.result()


def _claimant(options: str, began: dt.datetime | None) -> SubmitClaim:
    asked: dict[str, object] = msgspec.json.decode(options, type=dict[str, object])
    return SubmitClaim(asked=asked, began=lambda _: began, is_lost=True)


class JournalRecorder(ProgressRecorder):
    """What a call keeps of its job, also in a ledger."""

    def __init__(self, job: JobHandle, ledger: JournalWriter, entry: JobRow, address: str | None) -> None:
        """Begin; `address` is what is submitted where nothing is uploaded."""
        super().__init__(job)
        self._mark = None if address is None else mark_of(entry.id, address)
        self._ledger = ledger
        self._job = entry.id

    async def uploaded(self, url: str) -> bool:
        await super().uploaded(url)
        is_new = await self._ledger.commit(lambda connection: queries.uploaded(connection, self._job, url))
        if not is_new:
            self.job.upload_url = None
        return is_new

    async def submitting(self, now: dt.datetime | None) -> None:
        await self._ledger.commit(
            lambda connection: queries.submitting(connection, self._job, now, self._mark)
        )

    async def refused(self) -> None:
        await self._ledger.commit(lambda connection: queries.refused(connection, self._job))

    async def submitted(self, transcript_id: str) -> None:
        await super().submitted(transcript_id)
        await self._ledger.commit(lambda connection: queries.submitted(connection, self._job, transcript_id))
