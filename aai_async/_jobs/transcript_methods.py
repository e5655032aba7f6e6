"""The methods of a client about transcripts that exist at the service."""

from __future__ import annotations

import os
from datetime import date
from typing import TYPE_CHECKING, Literal

from aai_async._api import endpoints
from aai_async._arguments import of_type
from aai_async._errors import about
from aai_async._io.file import AtomicFile
from aai_async._jobs.pipeline import Pipeline
from aai_async._jobs.poller import poll_until
from aai_async._models.speech import Paragraphs, RedactedAudio, Sentences, WordSearch
from aai_async._models.transcript import Transcript, Understanding
from aai_async._options import SpeechUnderstanding

if TYPE_CHECKING:
    from aai_async._api.pagination import TranscriptPager


class TranscriptMethods:
    """What a client does with a transcript that has an id: each method is one request, or a few."""

    _pipeline: Pipeline

    async def get(self, transcript_id: str) -> Transcript:
        """
        Return a transcript in its current state.

        Raises:
            NotFoundError: No transcript with this id exists for this API key and region.
            AAIError: The request failed.
        """
        transcript = await self._pipeline.get(transcript_id)
        if transcript.is_done:
            await self._pipeline.check(transcript)
        return transcript

    async def delete(self, transcript_id: str) -> Transcript:
        """
        Delete a transcript and its uploaded recording at the service. Returns what remains of the transcript.

        A journal and saved files keep the text, see `Journal.forget`.

        Raises:
            NotFoundError: No transcript with this id exists for this API key and region.
            AAIError: The request failed.
        """
        return await self._pipeline.send(endpoints.delete(transcript_id))

    def list(
        self,
        *,
        status: Literal["queued", "processing", "completed", "error"] | str | None = None,
        created_on: date | str | None = None,
        before_id: str | None = None,
        after_id: str | None = None,
        throttled_only: bool = False,
        limit: int | None = None,
    ) -> TranscriptPager:
        """
        List the transcripts of the last 90 days, newest first: ``async for item in client.list():``.

        Pages are fetched on demand, 200 transcripts at a time. By default, the service deletes a transcript
        after 30 days, but a deleted transcript can still be in the list.

        Args:
            status: Only transcripts in this state.
            created_on: Only transcripts of this day, presumably in UTC, as a date or as `"2026-11-24"`.
            before_id: Only transcripts older than this one, such as the last one of an earlier listing.
            after_id: Only transcripts newer than this one.
            throttled_only: Only jobs that wait because too many are in progress; deprecated by the service.
            limit: Maximum number of transcripts; by default all.

        Raises:
            OptionsError: The service would refuse an id, the day or the limit.
            AAIError: A page could not be fetched.
        """
        from aai_async._api.pagination import ListQuery, TranscriptPager  # noqa: PLC0415 - few programs list

        wanted = ListQuery(
            status=status,
            created_on=created_on,
            before_id=before_id,
            after_id=after_id,
            throttled_only=throttled_only,
            limit=limit,
        )
        return TranscriptPager(self._pipeline.send, wanted)

    async def sentences(self, transcript_id: str) -> Sentences:
        """
        Return the sentences of a completed transcript.

        Raises:
            NotFoundError: No transcript with this id exists for this API key and region.
            AAIError: The request failed, or the transcript is not completed.
        """
        return await self._pipeline.send(endpoints.sentences(transcript_id))

    async def paragraphs(self, transcript_id: str) -> Paragraphs:
        """
        Return the paragraphs of a completed transcript.

        Raises:
            NotFoundError: No transcript with this id exists for this API key and region.
            AAIError: The request failed, or the transcript is not completed.
        """
        return await self._pipeline.send(endpoints.paragraphs(transcript_id))

    async def subtitles(
        self,
        transcript_id: str,
        subtitle_format: Literal["srt", "vtt"],
        *,
        chars_per_caption: int | None = None,
    ) -> str:
        """
        Return the captions of a completed transcript: the content of an SRT or WebVTT file, without speakers.

        Args:
            transcript_id: The id of the transcript.
            subtitle_format: `"srt"` or `"vtt"`.
            chars_per_caption: Maximum characters of one caption; by default the service decides.

        Raises:
            NotFoundError: No transcript with this id exists for this API key and region.
            AAIError: The request failed, the transcript is not completed, or it has no speech.
        """
        call = endpoints.subtitles(transcript_id, subtitle_format, chars_per_caption)
        return await self._pipeline.send(call)

    async def word_search(self, transcript_id: str, *words: str) -> WordSearch:
        """
        Search a completed transcript for words, numbers or phrases of at most five words.

        Raises:
            OptionsError: A phrase cannot be searched for; the service refuses phrases with a comma.
            NotFoundError: No transcript with this id exists for this API key and region.
            AAIError: The request failed, or the transcript is not completed.
        """
        return await self._pipeline.send(endpoints.word_search(transcript_id, words))

    async def redacted_audio(self, transcript_id: str) -> RedactedAudio:
        """
        Return the state and the URL of the redacted copy of a recording, see `Options.redact_pii_audio`.

        Raises:
            RedactedAudioError: The copy was not requested, or it expired after 24 hours.
            NotFoundError: No transcript with this id exists for this API key and region.
            AAIError: The request failed.
        """
        return await self._pipeline.send(endpoints.redacted_audio(transcript_id))

    async def save_redacted_audio(self, transcript_id: str, path: str | os.PathLike[str]) -> None:
        """
        Wait for the redacted copy of a recording and save it.

        The file is written next to `path` under a temporary name and renamed when it is complete. It is
        streamed, so memory does not grow with its size. The API key is not sent to the storage.

        Raises:
            SaveError: The path cannot be written. No request was sent.
            RedactedAudioError: The copy was not requested, or it expired after 24 hours.
            DeadlineError: The copy was not ready after `Polling(give_up_after=...)` seconds.
            AAIError: A request failed.
        """
        with about(operation="save_redacted_audio", transcript_id=transcript_id):
            call = endpoints.redacted_audio(transcript_id)
            async with AtomicFile.of(path) as file:
                audio = await poll_until(
                    self._pipeline.sender, call, self._pipeline.polling, until=lambda seen: seen.is_ready
                )
                await self._pipeline.send(endpoints.download(audio.redacted_audio_url or "", file))

    async def understand(self, transcript_id: str, task: SpeechUnderstanding) -> Understanding:
        """
        Translate, format or summarise a completed transcript, or identify its speakers.

        The request goes to the LLM Gateway, which bills by token and does not store the result.

        Raises:
            ConfigError: `base_url` is set to a host of your own, but `gateway_url` is not set.
            AAIError: The request failed.
        """
        task = of_type(SpeechUnderstanding, task, "task")
        understanding = await self._pipeline.send(endpoints.understand(transcript_id, task))
        self._pipeline.notices.log(transcript_id, (), understanding.missing_for(task))
        return understanding
