"""
The owner of a journal: it carries out the jobs of recordings that several other processes hold.

The others upload. The owner is the only one that writes the journal, submits and polls, so it alone counts
the jobs at the service. It knows no engine and no sockets: its calls are made of values.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Self

import anyio
import attrs
from anyio.abc import TaskGroup

from aai_async._batch.context import BatchContext, BatchItem
from aai_async._batch.duplicates import DuplicateIndex
from aai_async._batch.item_task import ItemTask
from aai_async._batch.outage import OutageGate
from aai_async._batch.owned_work import Work
from aai_async._batch.reply import Reply
from aai_async._batch.resume import has_job, has_upload, job_to_fetch
from aai_async._batch.uncertain_submits import UncertainSubmits
from aai_async._client import Client, pipeline_of
from aai_async._concurrency.task_groups import task_group
from aai_async._errors import AAIError, AccountError, AmbiguousSubmitError, ConfigError, JournalError
from aai_async._io.remote_source import RemoteSource, UploadMissingError
from aai_async._jobs.pipeline import Pipeline
from aai_async._journal import FoundRow, JobRow, JournalWriter, requested_options
from aai_async._models.outcome import Outcome, Summary
from aai_async._models.transcript import TranscriptError
from aai_async._options import Options

_KEPT_FOR = 600.0
"""
Seconds for which a submit that an earlier owner may have sent counts as a job at the service.

Its own row searches for it as soon as a worker asks for the recording.
"""

_SEARCH_TOGETHER = 30.0
"""Seconds in which the searches for such submits share one schedule, and the readings of the list."""


class _NoSlot:
    """An upload slot of an item that is not uploaded here."""

    async def take(self) -> None:
        """Do nothing."""

    def leave(self) -> None:
        """Do nothing."""

    def sent(self) -> None:
        """Do nothing."""


class JournalOwner:
    """The owner of an open journal, see `serving`."""

    def __init__(self, pipeline: Pipeline, writer: JournalWriter, tasks: TaskGroup, max_jobs: int) -> None:
        self._pipeline = pipeline
        self._writer = writer
        self._tasks = tasks
        self._max_jobs = max_jobs
        self._permits = anyio.CapacityLimiter(max_jobs)
        """One for each job at the service, by the item, or by the row of an earlier owner."""
        self._in_flight = dict[bytes, Work]()
        """By the key of the recording and its options."""
        self._taken_up = dict[int, Work]()
        """By row, the jobs of an earlier owner, which are watched to their end."""
        self._uncertain = set[int]()
        """The rows whose submit an earlier owner may have sent, which nobody has asked for yet."""
        self._begun = 0
        self._summary = Summary()
        self._refusal: AAIError | None = None
        """Why nothing more is sent."""
        self._context = self._new_context()
        self._searching_since = anyio.current_time()

    @classmethod
    @contextlib.asynccontextmanager
    async def serving(cls, client: Client, writer: JournalWriter, *, max_jobs: int) -> AsyncGenerator[Self]:
        """
        Own a journal while the block runs, and watch the jobs that an earlier owner has left.

        Raises:
            JournalLockedError: A batch or another owner uses the journal.
            JournalError: It cannot be used, or belongs to another account.
        """
        pipeline = pipeline_of(client)
        sender = pipeline.sender
        async with (
            writer.held(sender.base_urls.api, sender.fingerprint, pipeline),
            task_group() as tasks,
        ):
            owner = cls(pipeline, writer, tasks, max_jobs)
            await owner._take_up()
            try:
                yield owner
            finally:
                owner._refusal = ConfigError("The owner of the journal was closed: create another one.")
                tasks.cancel_scope.cancel()

    @property
    def summary(self) -> Summary:
        """The counts of the recordings that were asked for since it began."""
        unfinished = len(self._in_flight) + len(self._taken_up)
        return attrs.evolve(self._summary, unfinished=unfinished)

    @property
    def at_service(self) -> int:
        """Number of jobs that are at the service, or may be."""
        return int(self._permits.borrowed_tokens)

    async def need_upload(self, sources: Sequence[RemoteSource], options: Options) -> list[bool]:
        """
        Return for each recording whether the caller should upload it before it calls `transcribe`.

        It returns once uploads may be sent: after a `Retry-After`, all workers wait.

        Raises:
            JournalError: The journal cannot be read.
        """
        self._check()
        context = self._context_of(options)
        keys = await self._keys(sources, context)
        found = await self._writer.find_each(keys)
        needed = [
            key not in self._in_flight and self._needs_upload(source, one.row)
            for key, source, one in zip(keys, sources, found, strict=True)
        ]
        if any(needed):
            await self._pipeline.sender.pauses.wait(self._pipeline.sender.base_urls.api)
        return needed

    async def transcribe(self, sources: Sequence[RemoteSource], options: Options) -> list[Reply]:
        """
        Transcribe recordings, and return when all have ended; a call that is repeated joins the first one.

        A recording that the caller has to upload first ends at once, with `Reply.needs_upload`.

        Raises:
            AAIError: Nothing more can be transcribed: the journal fails, the account is refused, or there was
                no connection for `Polling(unreachable_after=...)` seconds.
        """
        self._check()
        context = self._context_of(options)
        keys = await self._keys(sources, context)
        with self._refusing(JournalError):
            found = await self._writer.find_each(keys)
        # All are begun before the first is waited for.
        works = [
            self._work_of(key, source, context, one)
            for key, source, one in zip(keys, sources, found, strict=True)
        ]
        return [
            await self._reply(key, source, context, work)
            for key, source, work in zip(keys, sources, works, strict=True)
        ]

    def pause(self, seconds: float) -> None:
        """Send nothing for a while: a rate limit has refused a request of a worker."""
        self._pipeline.sender.pauses.start(self._pipeline.sender.base_urls.api, seconds)

    def _check(self) -> None:
        if self._refusal is not None:
            raise copy.copy(self._refusal)

    def _new_context(self) -> BatchContext:
        polling = self._pipeline.polling
        options = Options()
        return BatchContext(
            pipeline=self._pipeline,
            journal=self._writer,
            outage=OutageGate(polling.unreachable_after, self._pipeline.fetch_service_time),
            duplicates=DuplicateIndex(),
            uncertain_submits=UncertainSubmits(),
            options=options,
            default_digest=options.digest,
            by_content=False,
            notifications=None,
            on_event=None,
        )

    def _context_of(self, options: Options) -> BatchContext:
        if self._context.options != options:
            self._context = attrs.evolve(self._context, options=options, default_digest=options.digest)
        now = anyio.current_time()
        if now - self._searching_since > _SEARCH_TOGETHER:
            self._searching_since = now
            self._context = attrs.evolve(self._context, uncertain_submits=UncertainSubmits())
        return self._context

    async def _keys(self, sources: Sequence[RemoteSource], context: BatchContext) -> list[bytes]:
        return [(await context.keys(self._item(one, context.options), one))[0] for one in sources]

    def _item(self, source: RemoteSource, options: Options) -> BatchItem:
        return BatchItem(self._begun, source, options, None)

    def _needs_upload(self, source: RemoteSource, row: JobRow | None) -> bool:
        if source.url is not None or source.has_upload:
            return False
        if row is None:
            return True
        return not (
            has_job(row) or row.state == "submitting" or job_to_fetch(row) is not None or has_upload(row)
        )

    def _work_of(
        self, key: bytes, source: RemoteSource, context: BatchContext, found: FoundRow | None = None
    ) -> Work:
        """Return the work in progress for a recording, or begin it, with its row if that was read already."""
        work = self._in_flight.get(key)
        if work is None:
            work = self._in_flight[key] = Work()
            # In a task of its own, which does not end with the caller: the job continues, and is counted.
            self._tasks.start_soon(self._run, work, key, source, context, found)
        return work

    async def _reply(self, key: bytes, source: RemoteSource, context: BatchContext, work: Work) -> Reply:
        while True:
            reply = await work.wait()
            # Another caller's work may have ended because that one has no upload.
            if reply is not None and not (reply.needs_upload and source.has_upload):
                return reply
            self._check()
            work = self._work_of(key, source, context)

    async def _run(
        self, work: Work, key: bytes, source: RemoteSource, context: BatchContext, found: FoundRow | None
    ) -> None:
        try:
            work.reply = await self._process(key, source, context, found or await self._find(key))
            self._count(work.reply)
        except AAIError as error:
            work.error = error.with_traceback(None)
        finally:
            del self._in_flight[key]
            work.ended.set()

    async def _find(self, key: bytes) -> FoundRow:
        with self._refusing(JournalError):
            [found] = await self._writer.find_each([key])
            return found

    async def _process(
        self, key: bytes, source: RemoteSource, context: BatchContext, found: FoundRow
    ) -> Reply:
        if found.row is not None and found.row.id in self._taken_up:
            reply = await self._taken_up[found.row.id].wait()
            if reply is not None:
                return reply
            found = await self._find(key)
        if found.row is not None and found.body is not None:
            return Reply(transcript_id=found.row.transcript_id, body=found.body, is_known=True)
        if self._needs_upload(source, found.row):
            return Reply(needs_upload=True)
        async with self._permit(found.row):
            self._check()
            return await self._run_item(source, context)

    @contextlib.asynccontextmanager
    async def _permit(self, row: JobRow | None) -> AsyncGenerator[None]:
        """Hold a permit for a job at the service, perhaps the one that the row has from an earlier owner."""
        borrower: object = object()
        if row is not None and row.id in self._uncertain:
            self._uncertain.remove(row.id)
            borrower = row.id
        else:
            await self._permits.acquire_on_behalf_of(borrower)
        try:
            yield
        finally:
            self._permits.release_on_behalf_of(borrower)

    async def _run_item(self, source: RemoteSource, context: BatchContext) -> Reply:
        self._begun += 1
        # What has ended is found in the journal, so that a failed recording can be tried again.
        context = attrs.evolve(context, duplicates=DuplicateIndex())
        task = ItemTask(self._item(source, context.options), context, _NoSlot())
        outcome = await task.run()
        self._summary = attrs.evolve(self._summary, retries=self._summary.retries + task.retries)
        self._raise_if_final(task, outcome, context)
        if isinstance(outcome.error, UploadMissingError):
            return Reply(needs_upload=True)
        return Reply.of(outcome, is_known=task.is_resumed)

    def _raise_if_final(self, task: ItemTask, outcome: Outcome, context: BatchContext) -> None:
        """Raise the error that ends the work of all, if there is one."""
        error: BaseException | None = outcome.error
        error = error.__cause__ if isinstance(error, AmbiguousSubmitError) else error
        refused = error if isinstance(error, (AccountError, ConfigError)) else None
        self._refusal = self._refusal or task.journal.error or refused
        final = self._refusal or context.outage.given_up
        if final is None:
            return
        if self._context.outage is context.outage and context.outage.given_up:
            # The connection may be back when the recordings are asked for again.
            self._context = attrs.evolve(self._context, outage=self._new_context().outage)
        raise copy.copy(final)

    @contextlib.contextmanager
    def _refusing(self, kind: type[AAIError]) -> Generator[None]:
        """Send nothing more after an error of this kind."""
        try:
            yield
        except kind as error:
            self._refusal = error
            raise

    def _count(self, reply: Reply) -> None:
        counts = self._summary
        is_completed = reply.body is not None
        self._summary = attrs.evolve(
            counts,
            completed=counts.completed + is_completed,
            failed=counts.failed + (reply.error is not None),
            resumed=counts.resumed + (is_completed and reply.is_known),
            audio_seconds=counts.audio_seconds + (reply.audio_duration or 0.0),
        )

    async def _take_up(self) -> None:
        """Count the jobs that an earlier owner has left at the service, and watch them to their end."""
        rows = await self._writer.rows_at_service()
        self._permits.total_tokens = max(self._max_jobs, len(rows))
        for row in rows:
            self._permits.acquire_on_behalf_of_nowait(row.id)
            if row.state == "submitted":
                self._taken_up[row.id] = work = Work()
                self._tasks.start_soon(self._watch, row, row.transcript_id or "", work)
            else:
                self._uncertain.add(row.id)
        self._permits.total_tokens = self._max_jobs
        self._tasks.start_soon(self._release_uncertain)

    async def _watch(self, row: JobRow, transcript_id: str, work: Work) -> None:
        self._pipeline.registry.resumed(transcript_id, row.upload_url or "")
        try:
            work.reply = await self._watch_to_end(row, transcript_id)
        except (AAIError, ValueError):  # or the options of the row are damaged
            # Reported to the worker that asks for the recording, which fetches the job once more.
            work.reply = None
        finally:
            self._permits.release_on_behalf_of(row.id)
            del self._taken_up[row.id]
            work.ended.set()

    async def _watch_to_end(self, row: JobRow, transcript_id: str) -> Reply:
        try:
            transcript = await self._pipeline.wait(transcript_id)
        except TranscriptError as error:
            await self._writer.failed(row.id, error, 0, is_over=True, is_unrecognisable=False)
            return Reply(transcript_id=transcript_id, error=error.with_traceback(None))
        missing = await self._pipeline.check(transcript, requested_options(row.options))
        await self._writer.done(row.id, transcript, missing, 0)
        return Reply.completed(transcript, is_known=True)

    async def _release_uncertain(self) -> None:
        await anyio.sleep(_KEPT_FOR)
        for row in tuple(self._uncertain):
            self._permits.release_on_behalf_of(row)
        self._uncertain.clear()
