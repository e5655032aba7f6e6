"""
The journal as the event loop sees it: nothing blocks, and many changes at once share one commit.

A commit waits for the disk. So whoever has one to make takes along all that have come up meanwhile.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sqlite3
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import anyio

from aai_async._answers.transcript import Transcript
from aai_async._errors import AAIError, ConfigError, JournalError, ProtocolError
from aai_async._job import Job, Record
from aai_async._journal import store
from aai_async._journal.lock import Lock
from aai_async._journal.store import Claim, Entry, State, Step, Store
from aai_async._outcome import Outcome, Stage, Summary
from aai_async._threads import in_thread, in_thread_to_its_end

T = TypeVar("T")

_STAGES: dict[State, Stage] = {
    "pending": "pending",
    "uploaded": "uploaded",
    "submitting": "uploaded",
    "submitted": "submitted",
    "done": "finished",
    "failed": "finished",
}

_AT_ONCE = 20
"""Jobs that are read at a time, with their transcripts."""


class Journal:
    """
    A file in which a batch keeps what it has done, so that it can be stopped at any moment and run again.

    It is a SQLite database, whose schema says what is in it: ``sqlite3 calls.db .schema``. Beside it stands
    `calls.db.lock`, held by the batch that uses it. Give its path to `transcribe_all`, or one of these:

    Args:
        path: The file; it is made where there is none, for its owner alone to read.
        keep_results: Whether the transcripts are kept in it, too, about a tenth of their size.
    """

    def __init__(self, path: str | os.PathLike[str], *, keep_results: bool = True) -> None:
        try:
            # Now, for the working directory may be another one later.
            self._path = Path(path).absolute()
        except TypeError:
            raise ConfigError(f"A journal is named by the path of its file, not by {path!r}.") from None
        if not os.fspath(path):
            raise ConfigError("A journal is named by the path of its file, which is empty.")
        self._keeps_results = keep_results
        self._store = Store(self._path)
        self._waiting: list[Step[Any]] = []
        self._turn: anyio.Lock | None = None

    def __repr__(self) -> str:
        return f"Journal({str(self._path)!r})"

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, path: str | os.PathLike[str]) -> AsyncGenerator[Self]:
        """
        Read what is in a journal, for `async with`; also while a batch writes it, and without the service.

        Raises:
            JournalError: There is none, or none that this version reads.
        """
        journal = cls(path)
        try:
            await in_thread(journal._store.open_to_read)
            yield journal
        finally:
            await in_thread_to_its_end(journal._store.close)

    def outcomes(self) -> AsyncIterator[Outcome]:
        """
        Give what became of each job, in the order in which they were begun.

        `Outcome.source` is a name here, and the transcript is there if it was kept. A job that has not ended
        has neither transcript nor error, or what went wrong last.

        Raises:
            JournalError: It cannot be read.
        """
        return _Outcomes(self._store)

    async def summary(self) -> Summary:
        """
        Count what is in it.

        Raises:
            JournalError: It cannot be read.
        """
        rows = await self._read(store.counts)
        jobs = {state: count for state, count, _, _ in rows}
        return Summary(
            completed=jobs.get("done", 0),
            failed=jobs.get("failed", 0),
            unfinished=sum(count for state, count in jobs.items() if state not in {"done", "failed"}),
            audio_seconds=sum(seconds for _, _, seconds, _ in rows),
            retries=sum(retries for _, _, _, retries in rows),
        )

    @contextlib.asynccontextmanager
    async def writing(self, service: str, fingerprint: Callable[[bytes], str]) -> AsyncGenerator[None]:
        """
        Hold it for a batch.

        Raises:
            JournalLockedError: Another batch holds it.
            JournalError: It cannot be written, is damaged, or is of another account.
        """
        # Kept where it is seen also by one who is cancelled while it is taken.
        held: list[Lock] = []
        try:
            await in_thread_to_its_end(lambda: held.append(self._locked()))
            await in_thread_to_its_end(lambda: self._store.open(service, fingerprint))
            self._turn = anyio.Lock()
            yield
        finally:
            # What another batch holds is not let go of.
            if held:
                self._turn = None
                try:
                    await in_thread_to_its_end(self._store.close)
                finally:
                    held[0].release()

    def _locked(self) -> Lock:
        if self._path.is_dir():
            raise JournalError(f"{str(self._path)!r} is a directory: name a file in it.")
        with store.errors_named(self._path):
            return Lock(self._path.with_name(f"{self._path.name}.lock"))

    async def claim(self, wanted: Claim) -> Entry:
        """Find the job of a recording, or enter it."""
        return await self.commit(lambda connection: store.claim(connection, wanted))

    async def anew(self, job: int) -> None:
        """Begin a job anew."""
        await self.commit(lambda connection: store.anew(connection, job))

    async def done(self, job: int, transcript: Transcript, retries: int) -> None:
        """A job is completed."""
        body = transcript.body if self._keeps_results else None
        duration = transcript.audio_duration
        await self.commit(lambda connection: store.done(connection, job, duration, retries, body))

    async def failed(self, job: int, error: AAIError, retries: int, *, is_over: bool) -> None:
        """Something went wrong with a job."""
        said = str(error.args[0])
        await self.commit(lambda connection: store.failed(connection, job, said, retries, is_over=is_over))

    async def others(self, entry: Entry) -> frozenset[str]:
        """Give the jobs that were made of the same source for other rows."""
        return await self._read(lambda connection: store.others(connection, entry.id, entry.source))

    async def result(self, job: int) -> Transcript | None:
        """Give the transcript of a job that is done, if it was kept."""
        body = await self._read(lambda connection: store.result(connection, job))
        return None if body is None else Transcript.from_json(body)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await in_thread(lambda: self._store.read(work))

    async def commit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Change something, together with all that is to be changed at the same time.

        Raises:
            JournalError: It is not written.
        """
        if self._turn is None:
            raise ConfigError("This Journal is not held by a batch.")
        step = Step(work)
        self._waiting.append(step)
        try:
            async with self._turn:
                if not step.is_over:
                    steps = tuple(self._waiting)
                    try:
                        await in_thread_to_its_end(lambda: self._store.commit(steps))
                    finally:
                        self._waiting = [one for one in self._waiting if not one.is_over]
        finally:
            if step in self._waiting:
                self._waiting.remove(step)
        return step.result()


class JournalRecord(Record):
    """What a call keeps of its job, also in a journal."""

    def __init__(self, job: Job, journal: Journal, entry: Entry) -> None:
        super().__init__(job)
        self._journal = journal
        self._job = entry.id

    async def uploaded(self, url: str) -> None:
        await super().uploaded(url)
        await self._journal.commit(lambda connection: store.uploaded(connection, self._job, url))

    async def submitting(self, now: dt.datetime | None) -> None:
        await self._journal.commit(lambda connection: store.submitting(connection, self._job, now))

    async def refused(self) -> None:
        await self._journal.commit(lambda connection: store.refused(connection, self._job))

    async def submitted(self, transcript_id: str) -> None:
        await super().submitted(transcript_id)
        await self._journal.commit(lambda connection: store.submitted(connection, self._job, transcript_id))


class _Outcomes:
    def __init__(self, database: Store) -> None:
        self._store = database
        self._unread = deque[tuple[Entry, bytes | None]]()
        self._after = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        if not self._unread:
            self._unread.extend(await in_thread(self._next))
        if not self._unread:
            raise StopAsyncIteration
        entry, body = self._unread.popleft()
        self._after = entry.id
        return _outcome(entry, body)

    def _next(self) -> list[tuple[Entry, bytes | None]]:
        return self._store.read(lambda connection: store.entries(connection, self._after, _AT_ONCE))


def _outcome(entry: Entry, body: bytes | None) -> Outcome:
    transcript, said = None, entry.error
    try:
        transcript = None if body is None else Transcript.from_json(body)
    except ProtocolError as unreadable:
        said = str(unreadable)
    error = None
    if said is not None:
        error = AAIError(said, transcript_id=entry.transcript_id, upload_url=entry.upload_url)
    return Outcome(
        index=entry.position,
        source=entry.source,
        stage=_STAGES[entry.state],
        attempts=0,
        transcript_id=entry.transcript_id,
        upload_url=entry.upload_url,
        transcript=transcript,
        error=error,
    )
