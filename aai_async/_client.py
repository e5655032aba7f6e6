"""
The client: the settings, and the steps of a transcription.

`Client.transcribe` is a good start for reading the library. `TranscriptMethods` has the methods for
transcripts that exist.
"""

from __future__ import annotations

import contextlib
import copy
import os
from typing import Literal, Self

from aai_async._api.credentials import APIKey, BaseURLs
from aai_async._arguments import check_word, if_given, of_type
from aai_async._errors import about
from aai_async._events import OnEvent, about_recording, check_listener, step
from aai_async._io.source import Audio, event_name
from aai_async._io.source_factory import source_from
from aai_async._jobs.handle import JobHandle, ProgressRecorder
from aai_async._jobs.pipeline import Pipeline
from aai_async._jobs.submission import OnAmbiguous
from aai_async._jobs.transcript_methods import TranscriptMethods
from aai_async._models.transcript import Transcript, TranscriptError
from aai_async._options import Options
from aai_async._polling import Polling
from aai_async._retry import Retry, Timeouts
from aai_async._transport import HTTPClient, Sender
from aai_async._webhooks.inbox import NotificationSource, check_notifications


class Client(TranscriptMethods):
    """
    A client of the service, for `async with`, or for `open` and `aclose`. Many tasks can share one client.

    It runs on asyncio and trio, and leaves no task running after a call. It holds the connection pool, the
    shared retry budget and a bounded record of recent uploads and jobs.

    Args:
        api_key: The API key; by default the environment variable `ASSEMBLYAI_API_KEY`.
        region: `"us"` (the default) or `"eu"`: where recordings are processed and stored. A transcript exists
            only in its region.
        base_url: Another host, such as an embedded server. Without it and without a region, the environment
            variable `ASSEMBLYAI_BASE_URL` is used.
        gateway_url: The host of the LLM Gateway, for `understand`; by default that of the region.
        retry: When a failed request is retried.
        polling: How often `wait` polls.
        timeouts: Time limits of a single attempt.
        http_client: A function that returns an `httpx.AsyncClient` or `httpx2.AsyncClient`, for proxies,
            certificates or another transport. It is called again when a cancelled request can have left a
            connection in a bad state. It may also return a transport, to which requests go without the
            cookies, hooks and log lines of a client. Or a client itself, which you must close.
        on_ambiguous: What to do if the response to a submit was lost: `"lookup"` searches the list for the
            job and submits again only if it is not found; `"raise"` never submits again.
        on_event: Called for each event during calls, see `Event`; it must not block.

    Raises:
        ConfigError: No API key, an unusable API key, an unknown region, or an insecure base URL.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        region: Literal["us", "eu"] | None = None,
        base_url: str | None = None,
        gateway_url: str | None = None,
        retry: Retry | None = None,
        polling: Polling | None = None,
        timeouts: Timeouts | None = None,
        http_client: HTTPClient | None = None,
        on_ambiguous: OnAmbiguous = "lookup",
        on_event: OnEvent | None = None,
    ) -> None:
        key = APIKey(os.environ.get("ASSEMBLYAI_API_KEY") if api_key is None else api_key)
        # Tracebacks from here on show this frame, perhaps with its local variables.
        del api_key
        key.check()
        polling, timeouts = of_type(Polling, polling, "polling"), of_type(Timeouts, timeouts, "timeouts")
        check_word(on_ambiguous, ("lookup", "raise"), "on_ambiguous")
        check_listener(on_event)
        sender = Sender(
            base_urls=BaseURLs.of(region, base_url, gateway_url),
            key=key,
            retry=of_type(Retry, retry, "retry"),
            timeouts=timeouts,
            client=http_client,
            on_event=on_event,
        )
        self._pipeline = Pipeline(sender, polling=polling, timeouts=timeouts, on_ambiguous=on_ambiguous)

    def __repr__(self) -> str:
        # A debugger can call this on an instance whose __init__ failed.
        pipeline: Pipeline | None = getattr(self, "_pipeline", None)
        return f"<Client of {pipeline.sender.base_urls.api if pipeline else 'nothing'}>"

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def open(self) -> Self:
        """
        Open the client where `async with` cannot, such as in the cells of a notebook; close it with `aclose`.

        Raises:
            ConfigError: It is open already, or no HTTP client could be created.
        """
        await self._pipeline.open()
        return self

    async def aclose(self) -> None:
        """Close the connections. A client that was closed, or never opened, can be opened again."""
        await self._pipeline.close()

    def with_options(
        self,
        *,
        retry: Retry | None = None,
        polling: Polling | None = None,
        timeouts: Timeouts | None = None,
    ) -> Self:
        """
        Return a client with other settings for single calls; a setting that is not given stays.

        ``await client.with_options(polling=aai.Polling(give_up_after=60)).wait(transcript_id)``

        It shares the connections, the retry budget, the pauses that the service asks for, and the record of
        uploads and jobs, so `Retry(budget=...)` has no effect here. Its waits share requests with each other
        only: keep it for many calls. The client that it is made from opens and closes the connections:
        `aclose` of the new one does nothing.

        Args:
            retry: When a failed request is retried.
            polling: How often `wait` polls.
            timeouts: Time limits of a single attempt.

        Raises:
            ConfigError: An argument has the wrong type.
        """
        derived = copy.copy(self)
        derived._pipeline = self._pipeline.with_settings(  # noqa: SLF001 - of its own class
            retry=if_given(Retry, retry, "retry"),
            polling=if_given(Polling, polling, "polling"),
            timeouts=if_given(Timeouts, timeouts, "timeouts"),
        )
        return derived

    async def transcribe(
        self,
        audio: Audio,
        options: Options | None = None,
        *,
        job: JobHandle | None = None,
        on_cancel: Literal["keep", "delete"] = "keep",
        notifications: NotificationSource | None = None,
    ) -> Transcript:
        """
        Transcribe one recording: upload it, submit it and wait for it.

        Args:
            audio: A path, an http(s) URL that the service fetches, bytes, a binary file, a stream of bytes.
            options: The options of the transcription.
            job: Receives the upload URL and the id as soon as they are known, even if the call is cancelled.
            on_cancel: Whether the job continues (and is billed) or is deleted when the call is cancelled. The
                service does not document whether it bills a deleted job.
            notifications: As for `wait`, if the options have a `webhook_url`.

        Raises:
            SourceError: The recording cannot be sent. Nothing was sent.
            TranscriptError: The job ended in `error`. If the service's own failure was the reason, it was
                submitted again before, see `Retry(resubmits=...)`.
            AAIError: Any other error. After the submit it has a `transcript_id`, for `wait`.
        """
        options, job = of_type(Options, options, "options"), of_type(JobHandle, job, "job")
        check_notifications(notifications)
        with about_recording(event_name(audio)), step("transcribe") as facts:
            submitted = await self.submit(audio, options, job=job, on_cancel=on_cancel)
            announced, attempt = notifications if options.webhook_url else None, 1
            while True:
                try:
                    transcript = await self._wait(submitted.id, on_cancel, notifications=announced)
                except TranscriptError as error:
                    if attempt > self._pipeline.sender.resubmits or not error.is_transient:
                        raise
                    self._pipeline.announce_resubmit(error, attempt)
                    submitted = await self._submit_again(job, options, on_cancel)
                    attempt += 1
                else:
                    break
            facts["transcript_id"] = transcript.id
        await self._pipeline.check(transcript, options.payload())
        return transcript

    async def _submit_again(
        self, job: JobHandle, options: Options, on_cancel: Literal["keep", "delete"]
    ) -> Transcript:
        """Create another job of the upload, or of the URL, of a job that has failed."""
        audio_url, job.transcript_id = job.upload_url or "", None
        record, grace = ProgressRecorder(job), self._pipeline.new_grace()
        with about(upload_url=audio_url):
            async with self._pipeline.if_cancelled(record, on_cancel, grace):
                return await self._pipeline.submission(audio_url, options, record, grace=grace).make()

    async def upload(self, audio: Audio) -> str:
        """
        Upload a recording to the service and return its URL for `submit`.

        If `audio` is a URL, it is returned unchanged, because the service fetches it. An upload that is not
        submitted costs nothing and is deleted after a day.

        Raises:
            SourceError: The recording cannot be sent.
            AAIError: The upload failed.
        """
        source = source_from(audio)
        with about_recording(event_name(audio)):
            async with contextlib.aclosing(source):
                await source.open()
                return await self._pipeline.upload(source)

    async def submit(
        self,
        audio: Audio,
        options: Options | None = None,
        *,
        job: JobHandle | None = None,
        on_cancel: Literal["keep", "delete"] = "keep",
    ) -> Transcript:
        """
        Create a job for a recording and return it at once, unfinished. The job is billed.

        A failed submit is retried if the service cannot have processed it. If the response was lost, or names
        another `audio_url`, the list is searched for the job, and the submit is retried only if it is not
        found, see `Client(on_ambiguous=...)`. A call that is cancelled after the request was sent waits up to
        `Timeouts(cancel_grace=...)` seconds for the id of the job.

        Args:
            audio: As for `transcribe`, or the URL that `upload` returned.
            options: The options of the transcription.
            job: Receives the upload URL and the id as soon as they are known, even if the call is cancelled.
            on_cancel: Whether the job continues (and is billed) or is deleted when the call is cancelled.

        Raises:
            AmbiguousSubmitError: The response was lost, and the list does not show whether a job exists.
            AAIError: The upload or the submit failed.
        """
        options, job = of_type(Options, options, "options"), of_type(JobHandle, job, "job")
        check_word(on_cancel, ("keep", "delete"), "on_cancel")
        # The object can be from an earlier call, whose job must not be deleted with this one.
        job.upload_url = job.transcript_id = None
        record, grace = ProgressRecorder(job), self._pipeline.new_grace()
        with about_recording(event_name(audio)):
            async with self._pipeline.if_cancelled(record, on_cancel, grace):
                audio_url = await self.upload(audio)
                await record.uploaded(audio_url)
                with about(upload_url=audio_url):
                    return await self._pipeline.submission(audio_url, options, record, grace=grace).make()

    async def wait(
        self,
        transcript_id: str,
        *,
        raise_on_error: bool = True,
        on_cancel: Literal["keep", "delete"] = "keep",
        notifications: NotificationSource | None = None,
    ) -> Transcript:
        """
        Poll a job until it has ended. A poll that fails does not end the wait.

        Four or more concurrent waits share requests for the list of transcripts. The service deletes
        transcripts after 30 days by default, or after 3 days with a business associate agreement
        (https://www.assemblyai.com/docs/faq/how-long-are-outputs-retained): wait for them earlier.

        Args:
            transcript_id: The id of the job.
            notifications: An `Inbox` that receives the service's notifications, see `Options.webhook_url`.
                The job is polled when a notification arrives, and otherwise only once a minute.
            raise_on_error: Whether a job that ended in `error` raises an error or is returned.
            on_cancel: Whether the job continues (and is billed) or is deleted when the call is cancelled.

        Raises:
            TranscriptError: The job ended in `error`.
            DeadlineError: The job did not end within `Polling(give_up_after=...)` seconds (plus at most ten),
                or no poll succeeded for `Polling(unreachable_after=...)` seconds. Call
                `wait` again to continue.
            AAIError: The service refuses to return the job.
        """
        check_word(on_cancel, ("keep", "delete"), "on_cancel")
        check_notifications(notifications)
        transcript = await self._wait(
            transcript_id, on_cancel, raise_on_error=raise_on_error, notifications=notifications
        )
        await self._pipeline.check(transcript)
        return transcript

    async def _wait(
        self,
        transcript_id: str,
        on_cancel: Literal["keep", "delete"],
        *,
        raise_on_error: bool = True,
        notifications: NotificationSource | None,
    ) -> Transcript:
        record = ProgressRecorder(JobHandle(transcript_id=transcript_id))
        async with self._pipeline.if_cancelled(record, on_cancel, self._pipeline.new_grace()):
            return await self._pipeline.wait(
                transcript_id,
                raise_on_error=raise_on_error,
                notifications=notifications,
                is_single=True,
            )


async def transcribe(audio: Audio, options: Options | None = None) -> Transcript:
    """
    Transcribe one recording with a new client that is configured from the environment.

    For more than one recording, open a `Client` and share it.

    Raises:
        AAIError: As `Client.transcribe`.
    """
    async with Client() as client:
        return await client.transcribe(audio, options)


def pipeline_of(client: Client) -> Pipeline:
    """Return the pipeline of a client, for batches."""
    return client._pipeline  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class
