"""
The three steps of a transcription: upload, submit, wait.

The methods of the client consist of them, and the batch runner calls them one at a time.
"""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
import weakref
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Literal, TypeVar

import anyio

from aai_async._api import endpoints
from aai_async._api.endpoints import Call
from aai_async._concurrency.cancellation import CancelGrace, early_ends, run_shielded
from aai_async._concurrency.threads import in_thread_if_there_is_one
from aai_async._errors import AAIError, AccountError, APIError, NotFoundError, about
from aai_async._events import Retrying, logger, step
from aai_async._io.remote_source import RemoteSource
from aai_async._io.source import Source
from aai_async._jobs.handle import ProgressRecorder
from aai_async._jobs.list_scanner import ListScanner
from aai_async._jobs.notices import ResultNotices
from aai_async._jobs.reconciliation import FindOtherSubmits
from aai_async._jobs.registry import JobRegistry
from aai_async._jobs.submission import OnAmbiguous, Submission
from aai_async._jobs.watcher import JobWatcher
from aai_async._models.missing import MissingResult
from aai_async._models.transcript import Transcript, TranscriptError, missing_from
from aai_async._options import Options
from aai_async._polling import Polling
from aai_async._retry import Retry, Timeouts
from aai_async._transport import Sender
from aai_async._webhooks.inbox import NotificationSource

T = TypeVar("T")

_LARGE = 256 * 1024
"""Minimum size in bytes of a response that is checked in a thread, so that the event loop is not blocked."""


class Pipeline:
    """The steps for one client, with the state that the client keeps between them."""

    def __init__(
        self,
        sender: Sender,
        *,
        polling: Polling,
        timeouts: Timeouts,
        on_ambiguous: OnAmbiguous,
    ) -> None:
        self.sender = sender
        self.polling = polling
        self._timeouts = timeouts
        self._on_ambiguous: OnAmbiguous = on_ambiguous
        self.registry = JobRegistry()
        self.notices = ResultNotices()
        self._owns_connections = True
        self._derived = weakref.WeakSet[Pipeline]()
        self._begin()

    def _begin(self) -> None:
        """Create what belongs to one event loop: times by its clock, locks and waits."""
        self._scanner = ListScanner(self.sender, self.registry.sent_at)
        self._time_turn = anyio.Lock()
        self._watcher = JobWatcher(self.sender, self.polling)

    def with_settings(
        self, *, retry: Retry | None, polling: Polling | None, timeouts: Timeouts | None
    ) -> Pipeline:
        """Return a pipeline with other settings and waits of its own that shares everything else."""
        other = copy.copy(self)
        other.sender = self.sender.with_settings(retry, timeouts)
        other.polling, other._timeouts = polling or self.polling, timeouts or self._timeouts  # noqa: SLF001
        other._owns_connections = False  # noqa: SLF001 - of its own class
        other._begin()  # noqa: SLF001 - as above
        self._derived.add(other)
        return other

    async def open(self) -> None:
        """
        Open the connection pool in the running event loop; a derived pipeline only checks that it is open.

        Raises:
            ConfigError: It is open already, or no HTTP client could be created; that of a derived pipeline
                is not open.
        """
        if not self._owns_connections:
            self.sender.check()
            return
        await self.sender.__aenter__()
        self.registry.forget_times()
        for pipeline in (self, *self._derived):
            pipeline._begin()  # noqa: SLF001 - of its own class

    async def close(self) -> None:
        """Close the connection pool, unless it is that of another pipeline."""
        if self._owns_connections:
            await self.sender.__aexit__()

    async def send(self, call: Call[T]) -> T:
        """
        Send a request that is not part of a job.

        Raises:
            AAIError: The request failed.
        """
        return await self.sender.send(call)

    def new_grace(self) -> CancelGrace:
        """Return the grace period of a call after its cancellation."""
        return CancelGrace(self._timeouts.cancel_grace)

    async def upload(self, source: Source) -> str:
        """
        Upload an open source, and return the URL of the upload; a source that is a URL is not uploaded.

        If another process has uploaded it, return the URL of that upload.

        Raises:
            AAIError: The upload failed.
        """
        if source.url is not None:
            return source.url
        if isinstance(source, RemoteSource):
            url = source.take_upload()
        else:
            with about(source=source.name), step("upload", size=source.size):
                call = endpoints.upload(source, is_new=self.registry.is_new_upload)
                url = await self.sender.send(call)
        self.registry.uploaded(url, source.size)
        return url

    async def get(self, transcript_id: str) -> Transcript:
        """
        Return a transcript in its current state.

        Raises:
            AAIError: The request failed.
        """
        call = endpoints.get(transcript_id)
        # A closed client sends nothing, so it must not record the job as requested.
        self.sender.check()
        self.registry.fetched(transcript_id)
        return await self.sender.send(call)

    async def delete(self, transcript_id: str) -> Transcript:
        """
        Delete a transcript and its upload at the service, and return what remains.

        Raises:
            AAIError: The request failed.
        """
        return await self.sender.send(endpoints.delete(transcript_id))

    @property
    def service_time(self) -> dt.datetime | None:
        """The time of the service's clock to a second; `None` before the first response with a date."""
        return self.sender.service_time

    async def exists(self, transcript_id: str) -> bool:
        """
        Return whether this key has access to a transcript, deleted or not.

        Raises:
            AAIError: The request failed.
        """
        try:
            await self.get(transcript_id)
        except NotFoundError:
            return False
        return True

    async def check(
        self, transcript: Transcript, requested: Mapping[str, Any] | None = None
    ) -> tuple[MissingResult, ...]:
        """
        Return the requested features that a result lacks, and log them with the service's warnings.

        Args:
            transcript: The result.
            requested: The options that were sent, if known; otherwise those that the result shows are used.
        """
        if len(transcript.body) < _LARGE:
            missing = missing_from(transcript, requested or {})
        else:
            missing = await in_thread_if_there_is_one(missing_from, transcript, requested or {})
        self.notices.log(transcript.id, transcript.warnings, missing)
        return missing

    async def fetch_service_time(self) -> None:
        """
        Make a small request, which shows the time of the service's clock, and that the service is reachable.

        Raises:
            AAIError: The request failed.
        """
        await self.sender.send(endpoints.page(limit=1))

    async def ensure_service_time(self) -> None:
        """
        Fetch the time of the service's clock, if it is not known yet; concurrent calls share one request.

        A refusal with a `Date` shows it too, and no submit depends on the list that was requested for it.

        Raises:
            AccountError: The service refuses the account.
            AAIError: The request failed, and the time is not known: a submit whose response is lost could not
                be found.
        """
        async with self._time_turn:
            if self.sender.service_time is None:
                try:
                    await self.fetch_service_time()
                except AccountError:
                    raise
                except APIError as error:
                    if self.sender.service_time is None:
                        raise
                    logger.info("the list of transcripts could not be read (%s)", type(error).__name__)

    def submission(
        self,
        audio_url: str,
        options: Options,
        record: ProgressRecorder,
        *,
        grace: CancelGrace | None = None,
        find_others: FindOtherSubmits | None = None,
    ) -> Submission:
        """Prepare the submit of a URL; `find_others` returns its other submits that a journal knows."""
        return Submission(
            sender=self.sender,
            scanner=self._scanner,
            registry=self.registry,
            audio_url=audio_url,
            options=options,
            record=record,
            on_ambiguous=self._on_ambiguous,
            grace=grace or self.new_grace(),
            find_others=find_others,
        )

    async def wait(
        self,
        transcript_id: str,
        *,
        raise_on_error: bool = True,
        notifications: NotificationSource | None = None,
        is_single: bool = False,
    ) -> Transcript:
        """
        Wait until a job has ended, and return its transcript.

        Args:
            transcript_id: The job.
            raise_on_error: Whether to raise if the job ended in `error`.
            notifications: Where its notification will arrive; a poll then confirms that it has ended.
            is_single: Whether it is no job of a batch.

        Raises:
            TranscriptError: It ended in `error`.
            DeadlineError: It has not ended in time, or no poll has succeeded for too long.
            AAIError: The service refuses the request.
        """
        try:
            job = self.registry.ref(endpoints.get(transcript_id))
            with step("wait", transcript_id=job.id) as facts:
                transcript = await self._watcher.wait(job, notifications, is_single=is_single)
                facts |= {"status": transcript.status, "audio_duration": transcript.audio_duration}
                if transcript.status == "error" and raise_on_error:
                    raise TranscriptError(transcript)
                return transcript
        except AAIError as error:
            # Not with `about`, because thousands of calls wait here.
            error.operation = "wait"
            raise

    def announce_resubmit(self, error: TranscriptError, attempt: int) -> None:
        """Log and emit that a recording is submitted again, after `attempt` jobs that have failed."""
        logger.warning(
            "%s failed at the service, so its recording is submitted again",
            error.transcript_id,
            extra={"operation": "transcribe", "transcript_id": error.transcript_id},
        )
        self.sender.emit(Retrying(operation="transcribe", attempt=attempt, delay=0.0, error=error))

    @contextlib.asynccontextmanager
    async def if_cancelled(
        self, record: ProgressRecorder, on_cancel: Literal["keep", "delete"], grace: CancelGrace
    ) -> AsyncGenerator[None]:
        """Delete or keep the job if the block is cancelled."""
        try:
            yield
        except early_ends():
            transcript_id = record.job.transcript_id
            if transcript_id and on_cancel == "delete":
                await self._delete_cancelled(transcript_id, grace)
            elif transcript_id:
                fields = {"transcript_id": transcript_id}
                logger.warning("the job of a cancelled call continues: %s", transcript_id, extra=fields)
            raise

    async def _delete_cancelled(self, transcript_id: str, grace: CancelGrace) -> None:
        call = endpoints.delete(transcript_id)

        def warn() -> None:
            logger.warning(
                "the job of a cancelled call could not be deleted, and continues: %s",
                transcript_id,
                extra={"operation": "delete", "transcript_id": transcript_id},
            )

        # Urgent, because a request that waits for a connection could use up the grace period.
        await run_shielded(lambda: self.sender.send(call, is_urgent=True), grace, warn)
