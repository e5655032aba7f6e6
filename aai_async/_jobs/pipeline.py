"""
The three steps of a transcription, each a promise: upload, submit, wait.

The client's verbs are made of them, and the batch runner takes them one at a time.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Literal, TypeVar

import anyio

from aai_async._api import endpoints
from aai_async._api.endpoints import Call
from aai_async._concurrency.background import run_in_background
from aai_async._concurrency.cancellation import CancelGrace, early_ends, run_shielded
from aai_async._concurrency.threads import in_thread_if_there_is_one
from aai_async._errors import NotFoundError, about, escaped
from aai_async._events import logger
from aai_async._io.source import Source
from aai_async._jobs.handle import ProgressRecorder
from aai_async._jobs.list_scanner import ListScanner
from aai_async._jobs.notices import ResultNotices
from aai_async._jobs.reconciliation import FindOtherSubmits
from aai_async._jobs.registry import JobRef, JobRegistry
from aai_async._jobs.submission import OnAmbiguous, Submission
from aai_async._jobs.watcher import JobWatcher
from aai_async._models.missing import MissingResult
from aai_async._models.transcript import Transcript, TranscriptError
from aai_async._options import Options
from aai_async._polling import Polling
from aai_async._retry import Timeouts
from aai_async._transport import Sender
from aai_async._webhooks.inbox import NotificationSource

T = TypeVar("T")

_LARGE = 256 * 1024
"""Bytes from which a reply is looked through in a thread."""


class Pipeline:
    """The steps, over one connection to the service, with what the client remembers from one to the next."""

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
        self._scanner = ListScanner(sender, self.registry.sent_at)
        self._time_turn = anyio.Lock()
        self._watcher = JobWatcher(sender, polling)

    async def open(self) -> None:
        """
        Open the connection pool in the running event loop.

        Raises:
            ConfigError: It is open already, or no HTTP client could be created.
        """
        await self.sender.__aenter__()
        # What was measured by the clock of another event loop means nothing here.
        self.registry.forget_times()
        self._scanner = ListScanner(self.sender, self.registry.sent_at)
        self._time_turn = anyio.Lock()
        self._watcher = JobWatcher(self.sender, self.polling)

    async def close(self) -> None:
        """Close the connection pool."""
        await self.sender.__aexit__()

    async def send(self, call: Call[T]) -> T:
        """
        Send a request that is no step of a job.

        Raises:
            AAIError: The request failed.
        """
        return await self.sender.send(call)

    def new_grace(self) -> CancelGrace:
        """Give the time that a call has after it was cancelled."""
        return CancelGrace(self._timeouts.cancel_grace)

    async def upload(self, source: Source) -> str:
        """
        Store a recording that is open, and give its address; a URL is given back as it is.

        Raises:
            AAIError: The upload failed.
        """
        if source.url is not None:
            return source.url
        with about(source=source.name):
            call = endpoints.upload(source, is_new=self.registry.is_new_upload)
            url = await self.sender.send(call)
        self.registry.uploaded(url, source.size)
        return url

    async def get(self, transcript_id: str) -> Transcript:
        """
        Give a transcript in whatever state it is.

        Raises:
            AAIError: The request failed.
        """
        call = endpoints.get(transcript_id)
        self.sender.check()
        self.registry.fetched(transcript_id)
        return await self.sender.send(call)

    async def exists(self, transcript_id: str) -> bool:
        """
        Ask whether this key sees a transcript, deleted or not.

        Raises:
            AAIError: The request failed.
        """
        try:
            await self.get(transcript_id)
        except NotFoundError:
            return False
        return True

    async def check(
        self, transcript: Transcript, options: Options | None = None
    ) -> tuple[MissingResult, ...]:
        """
        Give what was requested and is missing from a result, and log it together with the service's warnings.

        Args:
            transcript: The result.
            options: What was requested, where it is known.
        """

        def look_through() -> tuple[MissingResult, ...]:
            return transcript.missing if options is None else transcript.missing_for(options)

        if len(transcript.body) < _LARGE:
            missing = look_through()
        else:
            missing = await in_thread_if_there_is_one(look_through)
        self.notices.log(transcript.id, transcript.warnings, missing)
        return missing

    async def fetch_service_time(self) -> None:
        """
        Learn what the service's clock shows, and that there is a connection.

        Raises:
            AAIError: The request failed.
        """
        await self.sender.send(endpoints.page(limit=1))

    async def ensure_service_time(self) -> None:
        """
        Make sure that the time by the service's clock is known; one request serves all who ask for it.

        Raises:
            AAIError: The request failed.
        """
        async with self._time_turn:
            if self.sender.service_time is None:
                await self.fetch_service_time()

    def submission(
        self,
        audio_url: str,
        options: Options,
        record: ProgressRecorder,
        *,
        grace: CancelGrace | None = None,
        others: FindOtherSubmits | None = None,
    ) -> Submission:
        """Prepare the job of an address; `others` gives what a journal knows of other submits of it."""
        return Submission(
            sender=self.sender,
            scanner=self._scanner,
            registry=self.registry,
            audio_url=audio_url,
            options=options,
            record=record,
            on_ambiguous=self._on_ambiguous,
            grace=grace or self.new_grace(),
            others=others,
        )

    async def wait(
        self,
        transcript_id: str,
        *,
        raise_on_error: bool = True,
        notifications: NotificationSource | None = None,
    ) -> Transcript:
        """
        Wait until a job has ended, or until a notification says so and a look finds it true.

        Raises:
            TranscriptError: It ended in `error`.
            DeadlineError: It has not ended in time, or nothing was seen of it for a long time.
            AAIError: The service refuses to show it.
        """
        with about(operation="wait", transcript_id=transcript_id):
            job = self.registry.ref(endpoints.get(transcript_id))
            if notifications is None:
                transcript = await self._watcher.wait(job)
            else:
                transcript = await self._wait_for_notification(job, notifications)
            if transcript.status == "error" and raise_on_error:
                said = escaped(transcript.error or "the service did not say why")
                raise TranscriptError(f"The transcription failed: {said}", transcript=transcript)
            return transcript

    async def _wait_for_notification(self, job: JobRef, notifications: NotificationSource) -> Transcript:
        async def listen() -> None:
            try:
                await notifications.wait_for(job.id)
            except Exception:  # noqa: BLE001 - of the caller's own queue, without which the job is polled
                logger.exception("no notification can be waited for, so %s is polled", job.id)
                self._watcher.expect_no_notification(job.id)
            else:
                self._watcher.notify(job.id)

        # It begins when the watcher waits for the first time, so the job is watched by then.
        async with run_in_background(listen):
            return await self._watcher.wait(job, is_announced=True)

    @contextlib.asynccontextmanager
    async def if_cancelled(
        self, record: ProgressRecorder, on_cancel: Literal["keep", "delete"], grace: CancelGrace
    ) -> AsyncGenerator[None]:
        """Do with the job what was asked for, if the block is cancelled."""
        try:
            yield
        except early_ends():
            transcript_id = record.job.transcript_id
            if transcript_id and on_cancel == "delete":
                await self._delete_cancelled(transcript_id, grace)
            elif transcript_id:
                logger.warning("a cancelled call has left a job that goes on: %s", transcript_id)
            raise

    async def _delete_cancelled(self, transcript_id: str, grace: CancelGrace) -> None:
        call = endpoints.delete(transcript_id)

        def tell() -> None:
            logger.warning("the job of a cancelled call could not be deleted, and goes on: %s", transcript_id)

        await run_shielded(lambda: self.sender.send(call, is_urgent=True), grace.begin(), tell)
