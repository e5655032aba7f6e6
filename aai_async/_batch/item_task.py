"""
One item of a batch, from its source to its outcome; each step is recorded in the journal before the next.

It continues where an earlier batch stopped, and shares the job of an equal item.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Coroutine
from typing import TYPE_CHECKING

import anyio

from aai_async._batch.context import BatchContext, BatchItem, UploadSlot, row_key, source_of, unforeseen_error
from aai_async._batch.duplicates import InFlightItem
from aai_async._batch.failed_job import fetch_failed
from aai_async._batch.item_journal import ItemJournal
from aai_async._batch.item_spending import ItemSpending
from aai_async._batch.resume import has_job, has_upload, is_gone, job_to_fetch
from aai_async._concurrency.task_groups import interruption_of
from aai_async._errors import (
    AAIError,
    AmbiguousSubmitError,
    JournalError,
    NotFoundError,
    ProtocolError,
    RequestState,
    SourceError,
    UploadGoneError,
)
from aai_async._events import Event, Retrying, Uploading, call_listener, enter_recording, relabelled
from aai_async._io.file_sources import FileSource, PathSource
from aai_async._io.source import Source, event_name
from aai_async._jobs.handle import JobHandle, ProgressRecorder
from aai_async._jobs.submission import Submission
from aai_async._models.missing import MissingResult
from aai_async._models.outcome import Outcome, Stage
from aai_async._models.transcript import Transcript, TranscriptError, model_that_ran, refuse_deleted

if TYPE_CHECKING:
    from aai_async._journal import JobRow, JournalWriter


class ItemTask:
    """The task of one item."""

    def __init__(self, item: BatchItem, context: BatchContext, upload_slot: UploadSlot) -> None:
        self.item = item
        self._labels = item.labels
        self._context = context
        self._upload_slot = upload_slot
        self._job = JobHandle()
        self._record = ProgressRecorder(self._job)
        self._source: Source | None = None
        self.journal = ItemJournal(item, context)
        self._spending = ItemSpending(item, context)
        self._in_flight: InFlightItem | None = None
        self._duplicate_of: InFlightItem | None = None
        self._keys: tuple[bytes, ...] = ()
        self._attempts = 0
        self._is_finished = self._is_open = self._was_read = False
        self.retries = 0
        self.is_resumed = False
        """Whether its job was created by an earlier batch or for an equal item."""
        self._sending: anyio.CancelScope | None = None
        """The scope of all steps until the job is created."""
        self._is_stopped = False
        """Whether no further job may be created."""
        self._is_submitting = False
        """Whether the step of the submit is under way."""

    @property
    def _stage(self) -> Stage:
        if self._is_finished:
            return "finished"
        if self._job.transcript_id:
            return "submitted"
        if self._record.is_submitting:
            return "submitting"
        return "uploaded" if self._job.upload_url else "pending"

    def outcome(
        self,
        transcript: Transcript | None = None,
        error: AAIError | None = None,
        missing: tuple[MissingResult, ...] = (),
    ) -> Outcome:
        """Return the outcome, with the stage that the item has reached."""
        model = None if transcript is None else model_that_ran(transcript)
        price = None if transcript is None else self._context.price(self.item, transcript, model)
        return Outcome(
            index=self.item.index,
            source=self.item.audio,
            key=self.item.key,
            labels=self._labels,
            stage=self._stage,
            attempts=self._attempts,
            transcript_id=self._job.transcript_id,
            upload_url=self._job.upload_url,
            duplicate_of=self._duplicate_of.index if self._duplicate_of else None,
            transcript=transcript,
            error=error,
            audio_duration=None if transcript is None else transcript.audio_duration,
            model=model,
            options_digest=self._context.options_digest(self.item),
            price=0.0 if price is not None and self._duplicate_of else price,
            warnings=() if transcript is None else transcript.warnings,
            missing=missing,
        )

    def stop_sending(self, *, interrupts_submit: bool) -> bool:
        """
        Create no job any more, and return whether the item goes on; if not, its outcome is unfinished.

        Args:
            interrupts_submit: Whether to interrupt also a submit that is being sent.
        """
        self._is_stopped = True
        # A submit that waits for a connection or a pause has not been sent.
        is_kept = self._is_submitting and self._record.is_submitting and not interrupts_submit
        if self._sending is not None and not is_kept:
            self._sending.cancel()
        return self._job.transcript_id is not None or is_kept

    async def run(self) -> Outcome:
        """Run the item to its end, in an asynchronous task of its own."""
        outcome: Outcome | None = None
        try:
            enter_recording(event_name(self.item.audio), self.item.index, self._labels, self._on_event)
            outcome = await self._run()
            for number in range(1, self._context.resubmits + 1):
                error = outcome.error
                if not (isinstance(error, TranscriptError) and error.is_transient and self._can_repeat()):
                    break
                self._context.pipeline.announce_resubmit(error, number)
                self._begin_again()
                outcome = await self._run()
            return outcome
        finally:
            self._upload_slot.leave()
            self.journal.leave()
            if self._in_flight is not None:
                self._in_flight.end(outcome)

    def _can_repeat(self) -> bool:
        """Return whether another job can be created of the recording, and its row be found for that."""
        source, journal = self._source, self._context.journal
        is_found_again = journal is None or (self.journal.error is None and bool(self._keys))
        if self._is_stopped or source is None or self._duplicate_of is not None or not is_found_again:
            return False
        return not self._was_read or (source.replayable and not isinstance(source, FileSource))

    def _begin_again(self) -> None:
        self.journal.leave()
        self.journal.row, self._job = None, JobHandle()
        self._record = ProgressRecorder(self._job)
        self._is_finished = self._is_open = self._was_read = self.is_resumed = False

    async def _run(self) -> Outcome:
        if self._is_stopped:
            return self.outcome()
        transcript: Transcript | None = None
        self._sending = anyio.CancelScope()
        try:
            with self._sending:
                transcript = await self._send()
            # Thousands of items wait for their jobs, without the scope.
            self._sending = None
            self._upload_slot.leave()
            if self._duplicate_of is not None:
                return await self._join_duplicate(self._duplicate_of)
            if self._job.transcript_id is None:
                return self.outcome()
            return await self._end(transcript or await self._wait(self._job.transcript_id))
        except AAIError as error:
            return await self._fail(error)
        except Exception as error:  # noqa: BLE001 - reported in the outcome; the other items continue
            if interruption := interruption_of(error):
                raise interruption from None
            return await self._fail(unforeseen_error(self.item.index, error))

    def _wait(self, transcript_id: str) -> Coroutine[object, object, Transcript]:
        notifications = None if self.item.options.webhook_url is None else self._context.notifications
        return self._context.pipeline.wait(transcript_id, notifications=notifications)

    async def _join_duplicate(self, original: InFlightItem) -> Outcome:
        """Wait for an equal item, and return its outcome as that of this one."""
        other = await original.wait()
        if other is None or (other.transcript_id is None and other.error is None):
            return self.outcome()
        self._job.transcript_id, self._job.upload_url = other.transcript_id, other.upload_url
        self._is_finished = other.stage == "finished"
        self._record.is_submitting = other.stage == "submitting"
        if other.error is not None:
            return self.outcome(error=other.error)
        self.is_resumed = True
        # The other item passes its transcript only to the items that waited for it, so that a long batch does
        # not keep all transcripts in memory; later ones fetch it again.
        transcript = other.transcript
        if transcript is None and self._context.journal and original.row is not None:
            transcript = await self._context.journal.result(original.row)
        return self.outcome(transcript or await self._get(other.transcript_id), missing=other.missing)

    async def _get(self, transcript_id: str | None) -> Transcript:
        """Fetch the transcript of a completed job."""
        transcript = await self._context.pipeline.get(transcript_id or "")
        refuse_deleted(transcript)
        return transcript

    async def _end(self, transcript: Transcript) -> Outcome:
        missing = await self._context.pipeline.check(transcript, self.item.options.payload())
        await self.journal.done(transcript, missing, self.retries)
        self._spending.settle(transcript)
        self._is_finished = True
        return self.outcome(transcript, missing=missing)

    async def _fail(self, error: AAIError) -> Outcome:
        # The next batch requests a missing job again, and creates another one only if it is still missing.
        is_job_gone = isinstance(error, NotFoundError) and is_gone(error) and self._stage == "submitted"
        self._is_finished = isinstance(error, TranscriptError) or is_job_gone
        may_continue = isinstance(error, AmbiguousSubmitError) or self._stage == "submitted"
        self._spending.end(may_continue=may_continue)
        error.transcript_id = error.transcript_id or self._job.transcript_id
        error.upload_url = error.upload_url or self._job.upload_url
        if isinstance(error, JournalError):
            self.journal.error = error
        elif self.journal.row:
            is_over, has_keys = self._is_finished, bool(self._keys)
            await self.journal.failed(error, self.retries, is_over=is_over, has_keys=has_keys)
        elif isinstance(error, SourceError) and self._duplicate_of is None:
            await self.journal.refused(self._source, error)
        return self.outcome(error=error)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Retrying):
            self.retries += 1
            self._attempts += event.operation in {"upload", "submit"}
        elif isinstance(event, Uploading) and event.sent == event.size:
            self._upload_slot.sent()
        call_listener(self._context.on_event, event)

    async def _send(self) -> Transcript | None:
        """Create or find the job; return its transcript if it is already available."""
        source = self._source = source_of(self.item.audio)
        async with contextlib.aclosing(source):
            if self.item.key is None:
                await self._open(source)
            keys = self._keys = await self._context.keys(self.item, source)
            if self._in_flight is None:
                self._duplicate_of = self._context.duplicates.find(keys)
                if self._duplicate_of is not None:
                    return None
                self._in_flight = self._context.duplicates.enter(keys, self.item.index)
            if not (self._is_open or (self._context.journal and await self._context.journal.contains(keys))):
                await self._open(source)
            if self._context.journal is None:
                await self._create_job(source, None)
                return None
            self.journal.row = row = await self._context.journal.claim(
                self._context.claim_of(self.item, source, keys)
            )
            self._labels = relabelled(row.labels)
            original = self._context.duplicates.find([row_key(row.id)])
            if original not in {None, self._in_flight}:
                self._duplicate_of = original
                # Two keys of one row: an earlier batch has found that the contents are equal.
                self.journal.row = None
                return None
            self._context.duplicates.add([row_key(row.id)], self._in_flight)
            self._in_flight.row = row.id
            self._record = self._context.journal.recorder(self._job, row, source.url)
            return await self._resume(source, row, self._context.journal)

    async def _open(self, source: Source) -> None:
        # Opened only when needed: the source of an item with a key may be gone, or read to its end already.
        if not self._is_open:
            if isinstance(source, PathSource):
                # A journal may know it, and a bound may hold it back.
                source.is_uploaded_next = self._context.journal is None and self._context.spending is None
            await source.open()
            self._is_open = True

    async def _resume(self, source: Source, row: JobRow, writer: JournalWriter) -> Transcript | None:
        """Continue where an earlier batch stopped."""
        self._job.upload_url = row.upload_url
        self._spending.resume(row)
        if has_job(row):
            self._job.transcript_id = row.transcript_id
            self.is_resumed = True
            if row.state == "submitted":
                # Registered with an unknown age: the job may be new, or may have ended long ago.
                self._context.pipeline.registry.resumed(row.transcript_id or "", row.upload_url or "")
                return None
            return await writer.result(row.id) or await self._get(row.transcript_id)
        failed_id = job_to_fetch(row)
        if failed_id is not None:
            self._job.transcript_id = failed_id
            transcript = await fetch_failed(self._context, failed_id)
            if transcript is not None:
                self.is_resumed = True
                await self._record.submitted(failed_id)
                return transcript if transcript.is_done else None
            self._job.transcript_id = None
        if row.upload_url:
            self._context.pipeline.registry.uploaded(row.upload_url, source.size)
        if source.url is not None or row.upload_url is not None or row.state == "submitting":
            # The search for a lost job needs the time of the submit by the service's clock.
            await self._context.outage.run(self._context.pipeline.ensure_service_time)
        audio_url = row.upload_url or source.url
        if row.state == "submitting":
            self._upload_slot.leave()
            # An item with a key may have another kind of source now, so the URL is that of the row.
            if await self._find(audio_url or row.source, row, writer):
                return None
        if row.state == "failed" or (row.upload_url and not has_upload(row)):
            await writer.reset(row.id)
            self._record.is_submitting = False
            self._job.upload_url, audio_url = None, source.url
        await self._create_job(source, audio_url, row)
        return None

    async def _create_job(self, source: Source, audio_url: str | None, row: JobRow | None = None) -> None:
        """Upload the recording, unless it has a URL, and submit it, if the bounds of the batch allow that."""
        if self._context.spending is not None:
            # It may have to wait for jobs in progress, which may need the slot.
            self._upload_slot.leave()
        if await self._spending.begin(source, row):
            await self._submit(source, audio_url or await self._upload(source))

    async def _find(self, audio_url: str, row: JobRow, writer: JournalWriter) -> bool:
        """Search for the job of a submit that an earlier batch may have sent; return whether it exists."""
        uncertain = await self._context.uncertain_submits.of(row, writer, self._context.pipeline.sender)
        found = await self._submission(audio_url).find(row.submitting_at, uncertain=uncertain)
        self.is_resumed = found is not None
        return self.is_resumed

    async def _upload(self, source: Source) -> str:
        if source.url is not None:
            return source.url
        await self._upload_slot.take()
        await self._open(source)
        self._was_read = True
        for _ in range(2 if source.replayable else 1):
            self._attempts += 1
            url = await self._context.outage.run(lambda: self._context.pipeline.upload(source))
            if await self._record.uploaded(url):
                return url
        raise ProtocolError(
            "The response to the upload has the upload_url of another recording in the journal.",
            operation="upload",
            verdict=RequestState.AMBIGUOUS,
        )

    async def _submit(self, source: Source, audio_url: str) -> None:
        self._upload_slot.leave()
        try:
            await self._submit_once(audio_url)
        except UploadGoneError:
            is_spent = self._was_read and not source.replayable
            if source.url is not None or is_spent:
                raise
            await self._submit_once(await self._upload(source))

    def _submission(self, audio_url: str) -> Submission:
        writer, row = self._context.journal, self.journal.row
        find = functools.partial(writer.other_submits, row) if writer and row else None
        pipeline, grace = self._context.pipeline, self._context.pipeline.new_grace()
        self._context.graces.add(grace)
        return pipeline.submission(audio_url, self.item.options, self._record, grace=grace, find_others=find)

    async def _submit_once(self, audio_url: str) -> None:
        self._attempts += 1
        self._is_submitting = True
        try:
            began = self._context.pipeline.sender.service_time
            await self._context.outage.submit(self._submission(audio_url), began)
        finally:
            self._is_submitting = False
