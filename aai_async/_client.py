"""
The verbs. Each is a call of `_endpoints` handed to `_http`, or a few of them in a row.

Nothing here knows of HTTP; whoever reads `Client.transcribe` has read the library.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from typing import Literal, Self, TypeVar

from aai_async import _endpoints
from aai_async._access import Hosts, Key
from aai_async._answers.speech import Paragraphs, RedactedAudio, Sentences, WordSearch
from aai_async._answers.transcript import Transcript, Understanding
from aai_async._errors import ConfigError, about
from aai_async._events import OnEvent, check_listener
from aai_async._file import Replacement
from aai_async._http import HTTP, HTTPClient
from aai_async._inbox import Notifications, check_notifications
from aai_async._job import Job, Record
from aai_async._listing import Filter, Listing
from aai_async._look import look_until
from aai_async._options import Options, SpeechUnderstanding
from aai_async._pipeline import Pipeline
from aai_async._polling import Polling
from aai_async._retry import Retry, Timeouts
from aai_async._source import Audio, Source
from aai_async._submission import OnAmbiguous

T = TypeVar("T")


class Client:
    """
    A connection to the service, for `async with`; its tasks may share it.

    It runs on asyncio and on trio, and no task of it outlives a call. It knows its connections, what of the
    retry budget is left, and its latest uploads and jobs, to tell them from what it has lost.

    Args:
        api_key: The key; without one, the environment's `ASSEMBLYAI_API_KEY`.
        region: `"us"` (the default) or `"eu"`: where recordings go and stay. A transcript is known in its
            region alone.
        base_url: Another host, such as an embedded server's. Without it and without a region, the
            environment's `ASSEMBLYAI_BASE_URL`.
        gateway_url: The host of the LLM Gateway, which `understand` asks; by default the region's.
        retry: When a failed request is sent again.
        polling: How often `wait` looks.
        timeouts: How long an attempt may stand still.
        http: A function that makes the `httpx.AsyncClient` or `httpx2.AsyncClient` to send with, for proxies,
            certificates or another transport. It is called again when a cancelled request may have left
            something in a pool. Or such a client itself, which whoever made it closes.
        on_ambiguous: What to do when the answer to a submit was lost: `"lookup"` looks for the job in the
            list, and submits again only if it does not come up there; `"raise"` never submits again.
        on_event: Told of what happens during calls, see `Event`; it must not block.

    Raises:
        ConfigError: No key, one that no header can carry, an unknown region, or an insecure base URL.
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
        http: HTTPClient | None = None,
        on_ambiguous: OnAmbiguous = "lookup",
        on_event: OnEvent | None = None,
    ) -> None:
        key = Key(os.environ.get("ASSEMBLYAI_API_KEY") if api_key is None else api_key)
        # Whatever is raised from here on shows this frame in its traceback, perhaps with its variables.
        del api_key
        key.check()
        polling, timeouts = _of_type(Polling, polling, "polling"), _of_type(Timeouts, timeouts, "timeouts")
        _check_word(on_ambiguous, ("lookup", "raise"), "on_ambiguous")
        check_listener(on_event)
        self._http = HTTP(
            hosts=Hosts.of(region, base_url, gateway_url),
            key=key,
            retry=_of_type(Retry, retry, "retry"),
            timeouts=timeouts,
            client=http,
            on_event=on_event,
        )
        self._pipeline = Pipeline(
            self._http, polling=polling, timeouts=timeouts, on_ambiguous=on_ambiguous, on_event=on_event
        )

    def __repr__(self) -> str:
        # A debugger may ask one that could not be made.
        http: HTTP | None = getattr(self, "_http", None)
        return f"<Client of {http.hosts.api if http else 'nothing'}>"

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        self._pipeline.begin()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._http.__aexit__(*exc_info)

    async def transcribe(
        self,
        audio: Audio,
        options: Options | None = None,
        *,
        job: Job | None = None,
        on_cancel: Literal["keep", "delete"] = "keep",
        notifications: Notifications | None = None,
    ) -> Transcript:
        """
        Transcribe one recording: upload it, submit it, wait for it.

        Args:
            audio: A path, an http(s) URL that the service fetches, bytes, a binary file, a stream of bytes.
            options: What to ask for.
            job: Told the upload and the id as soon as they are known, also of a call that is cancelled.
            on_cancel: Whether a job goes on, and is billed, when the call is cancelled, or is deleted. The
                service does not say whether it then bills it.
            notifications: As for `wait`, where the options have a `webhook_url`.

        Raises:
            SourceError: The recording cannot be sent; nothing was.
            TranscriptError: The job ended in `error`.
            AAIError: Anything else; after the submit it carries the `transcript_id`, which `wait` takes up.
        """
        options, job = _of_type(Options, options, "options"), _of_type(Job, job, "job")
        check_notifications(notifications)
        submitted = await self.submit(audio, options, job=job, on_cancel=on_cancel)
        transcript = await self._wait(
            submitted.id, on_cancel, notifications=notifications if options.webhook_url else None
        )
        await self._pipeline.check(transcript, options)
        return transcript

    async def upload(self, audio: Audio) -> str:
        """
        Store a recording with the service, and give the URL that `submit` takes.

        A URL is given back as it is: the service fetches it by itself. An upload that is never submitted
        costs nothing and is deleted after a day.

        Raises:
            SourceError: There is nothing that could be sent.
            AAIError: The upload failed.
        """
        source = Source.of(audio)
        async with contextlib.aclosing(source):
            await source.open()
            return await self._pipeline.upload(source)

    async def submit(
        self,
        audio: Audio,
        options: Options | None = None,
        *,
        job: Job | None = None,
        on_cancel: Literal["keep", "delete"] = "keep",
    ) -> Transcript:
        """
        Make a job of a recording and give it back at once, unfinished. It is billed.

        It is sent again where it cannot have been carried out. If its answer was lost, the job is looked for
        in the list, and only if that does not show it, it is sent again, see `Client(on_ambiguous=...)`. A
        call that is cancelled when it was sent takes up to `Timeouts(parting=...)` seconds to learn the id.

        Args:
            audio: As for `transcribe`, or the URL that `upload` gave.
            options: What to ask for.
            job: Told the upload and the id as soon as they are known, also of a call that is cancelled.
            on_cancel: Whether the job goes on, and is billed, when the call is cancelled, or is deleted.

        Raises:
            AmbiguousSubmitError: The answer was lost, and the list does not tell whether there is a job.
            AAIError: The upload or the submit failed.
        """
        options, job = _of_type(Options, options, "options"), _of_type(Job, job, "job")
        _check_word(on_cancel, ("keep", "delete"), "on_cancel")
        # Of another call it may be, whose job is not to be deleted with this one.
        job.upload_url = job.transcript_id = None
        record, parting = Record(job), self._pipeline.parting()
        async with self._pipeline.if_cancelled(record, on_cancel, parting):
            audio_url = await self.upload(audio)
            await record.uploaded(audio_url)
            with about(upload_url=audio_url):
                return await self._pipeline.submission(audio_url, options, record, parting).make()

    async def wait(
        self,
        transcript_id: str,
        *,
        raise_on_error: bool = True,
        on_cancel: Literal["keep", "delete"] = "keep",
        notifications: Notifications | None = None,
    ) -> Transcript:
        """
        Look at a job until it has ended. A look that fails does not end the wait.

        Four waits and more at the same time share looks into the list of transcripts. The service deletes
        transcripts after 30 days by default, after 3 where a business associate agreement was made
        (https://www.assemblyai.com/docs/faq/how-long-are-outputs-retained): wait for them earlier.

        Args:
            transcript_id: The job.
            notifications: An `Inbox` that the service's notifications are put into, see
                `Options.webhook_url`. The job is looked at when one comes, and only each minute before.
            raise_on_error: Whether a job that ended in `error` is raised or given back.
            on_cancel: Whether the job goes on, and is billed, when the call is cancelled, or is deleted.

        Raises:
            TranscriptError: The job ended in `error`.
            DeadlineError: It had not ended after `Polling(give_up_after=...)` seconds, and ten more at the
                most, or no look has succeeded for `Polling(lost_after=...)`. It can be waited for again.
            AAIError: The service refuses to show it.
        """
        _check_word(on_cancel, ("keep", "delete"), "on_cancel")
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
        notifications: Notifications | None,
    ) -> Transcript:
        record = Record(Job(transcript_id=transcript_id))
        async with self._pipeline.if_cancelled(record, on_cancel, self._pipeline.parting()):
            return await self._pipeline.wait(
                transcript_id, raise_on_error=raise_on_error, notifications=notifications
            )

    async def get(self, transcript_id: str) -> Transcript:
        """
        Give a transcript in whatever state it is.

        Raises:
            NotFoundError: This key sees no such transcript in this region.
            AAIError: The request failed.
        """
        transcript = await self._pipeline.get(transcript_id)
        if transcript.is_done:
            await self._pipeline.check(transcript)
        return transcript

    async def delete(self, transcript_id: str) -> Transcript:
        """
        Delete a transcript and its uploaded recording at the service, and give what is left of it.

        A journal and files that were written keep the text: see `Journal.forget`.

        Raises:
            NotFoundError: This key sees no such transcript in this region.
            AAIError: The request failed.
        """
        with about(transcript_id=transcript_id):
            return await self._http.perform(_endpoints.delete(transcript_id))

    def list(
        self,
        *,
        status: Literal["queued", "processing", "completed", "error"] | str | None = None,
        created_on: dt.date | str | None = None,
        before_id: str | None = None,
        after_id: str | None = None,
        throttled_only: bool = False,
        limit: int | None = None,
    ) -> Listing:
        """
        List the transcripts of the last 90 days, newest first: ``async for item in client.list():``.

        Pages are fetched as they are needed, 200 transcripts at a time. By default, the service deletes a
        transcript after 30 days; its place in the list says nothing about whether it is still there.

        Args:
            status: Only those in this state.
            created_on: Only those of this day, presumably in UTC, as a date or as `"2026-11-24"`.
            before_id: Only those older than this one: where an earlier listing stopped.
            after_id: Only those newer than this one: what has come since an earlier listing.
            throttled_only: Only those that wait for others to end; deprecated by the service.
            limit: At most so many; without it all.

        Raises:
            OptionsError: An id, a day or a limit that the service refuses.
            AAIError: A page could not be fetched.
        """
        wanted = Filter(
            status=status,
            created_on=created_on,
            before_id=before_id,
            after_id=after_id,
            throttled_only=throttled_only,
            limit=limit,
        )
        return Listing(self._http.perform, wanted)

    async def sentences(self, transcript_id: str) -> Sentences:
        """
        Give a completed transcript sentence by sentence.

        Raises:
            NotFoundError: This key sees no such transcript in this region.
            AAIError: The request failed, or the transcript is not completed.
        """
        with about(transcript_id=transcript_id):
            return await self._http.perform(_endpoints.sentences(transcript_id))

    async def paragraphs(self, transcript_id: str) -> Paragraphs:
        """
        Give a completed transcript paragraph by paragraph.

        Raises:
            NotFoundError: This key sees no such transcript in this region.
            AAIError: The request failed, or the transcript is not completed.
        """
        with about(transcript_id=transcript_id):
            return await self._http.perform(_endpoints.paragraphs(transcript_id))

    async def subtitles(
        self,
        transcript_id: str,
        subtitle_format: Literal["srt", "vtt"],
        *,
        chars_per_caption: int | None = None,
    ) -> str:
        """
        Give a completed transcript as captions: the content of an SRT or a WebVTT file, without speakers.

        Args:
            transcript_id: The transcript.
            subtitle_format: `"srt"` or `"vtt"`.
            chars_per_caption: The most letters of one caption; without it the service decides.

        Raises:
            NotFoundError: This key sees no such transcript in this region.
            AAIError: The request failed, the transcript is not completed, or nothing was said in it.
        """
        with about(transcript_id=transcript_id):
            call = _endpoints.subtitles(transcript_id, subtitle_format, chars_per_caption)
            return await self._http.perform(call)

    async def word_search(self, transcript_id: str, *words: str) -> WordSearch:
        """
        Find where words, numbers or phrases of at most five words were said in a completed transcript.

        Raises:
            OptionsError: A phrase that cannot be searched for; the service takes none with a comma in it.
            NotFoundError: This key sees no such transcript in this region.
            AAIError: The request failed, or the transcript is not completed.
        """
        with about(transcript_id=transcript_id):
            return await self._http.perform(_endpoints.word_search(transcript_id, words))

    async def redacted_audio(self, transcript_id: str) -> RedactedAudio:
        """
        Look whether the masked copy of a recording is ready, and where it is; made with `redact_pii_audio`.

        Raises:
            RedactedAudioError: It was not asked for, or its 24 hours are over.
            NotFoundError: This key sees no such transcript in this region.
            AAIError: The request failed.
        """
        with about(transcript_id=transcript_id):
            return await self._http.perform(_endpoints.redacted_audio(transcript_id))

    async def save_redacted_audio(self, transcript_id: str, path: str | os.PathLike[str]) -> None:
        """
        Wait for the masked copy of a recording, and save it.

        It is written next to `path` under a temporary name and takes its place when it is whole. It is
        streamed, so memory does not grow with it, and the API key does not go to the storage it comes from.

        Raises:
            SaveError: Nothing can be written there; nothing was asked for yet.
            RedactedAudioError: It was not asked for, or its 24 hours are over.
            DeadlineError: It was not ready after `Polling(give_up_after=...)` seconds.
            AAIError: A request failed.
        """
        with about(operation="save_redacted_audio", transcript_id=transcript_id):
            call = _endpoints.redacted_audio(transcript_id)
            async with Replacement.of(path) as file:
                audio = await look_until(
                    self._http, call, self._pipeline.polling, until=lambda seen: seen.is_ready
                )
                await self._http.perform(_endpoints.download(audio.redacted_audio_url or "", file))

    async def understand(self, transcript_id: str, task: SpeechUnderstanding) -> Understanding:
        """
        Translate, format or summarise a completed transcript, or name its speakers, after the fact.

        The LLM Gateway is asked, which bills by the token and keeps nothing: the result is only here.

        Raises:
            ConfigError: `base_url` names a host of your own, and `gateway_url` none.
            AAIError: The request failed.
        """
        task = _of_type(SpeechUnderstanding, task, "task")
        with about(transcript_id=transcript_id):
            understanding = await self._http.perform(_endpoints.understand(transcript_id, task))
        self._pipeline.notices.log(transcript_id, (), understanding.missing_for(task))
        return understanding


async def transcribe(audio: Audio, options: Options | None = None) -> Transcript:
    """
    Transcribe one recording with a client of its own, set up from the environment.

    For more than one, open a `Client` and share it.

    Raises:
        AAIError: As `Client.transcribe`.
    """
    async with Client() as client:
        return await client.transcribe(audio, options)


def _of_type(kind: type[T], value: object, name: str) -> T:
    if value is None:
        return kind()
    if not isinstance(value, kind):
        mend = f" JSON is read by aai.{kind.__name__}.from_dict." if hasattr(kind, "from_dict") else ""
        raise ConfigError(f"{name} must be aai.{kind.__name__}(...), not {type(value).__name__}.{mend}")
    return value


def _check_word(given: object, words: tuple[str, ...], name: str) -> None:
    if given not in words:
        raise ConfigError(f"{name} must be {' or '.join(map(repr, words))}, not {given!r}.")


def pipeline_of(client: Client) -> Pipeline:
    """Give the steps of a client to whoever takes them one at a time."""
    return client._pipeline  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module's own class
