"""
The verbs. Each is a call of `_endpoints` handed to `_http`, or a few of them in a row.

Nothing here knows of HTTP; whoever reads `Client.transcribe` has read the library.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, Self

import anyio

from aai_async import _endpoints
from aai_async._errors import (
    AAIError,
    AmbiguousSubmitError,
    APIError,
    ConfigError,
    DeadlineError,
    ProtocolError,
    RateLimitError,
    ServerError,
    TransportError,
    Verdict,
    about,
)
from aai_async._http import HTTP, Key, Timeouts
from aai_async._options import Options
from aai_async._polling import Polling
from aai_async._retry import Retry
from aai_async._source import Audio, Source
from aai_async._transcript import Transcript, TranscriptError

if TYPE_CHECKING:
    import httpx

_HOSTS = {"us": "https://api.assemblyai.com", "eu": "https://api.eu.assemblyai.com"}


class Client:
    """
    A connection to the service, for `async with`; its tasks may share it.

    It runs on asyncio and on trio, starts no task of its own and keeps no state but its connections.

    Args:
        api_key: The key; without one, the environment's `ASSEMBLYAI_API_KEY`.
        region: `"us"` or `"eu"`: where recordings go and stay. A transcript is known in its region alone.
        base_url: Another host, such as an embedded server's; without one, the environment's
            `ASSEMBLYAI_BASE_URL`, then the region's.
        retry: When a failed request is sent again.
        polling: How often `wait` looks.
        timeouts: How long an attempt may stand still.
        http: An `httpx.AsyncClient` to send with: for proxies, certificates or another transport.
            Whoever made it closes it.

    Raises:
        ConfigError: No key, one that no header can carry, an unknown region, or an insecure base URL.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        region: Literal["us", "eu"] = "us",
        base_url: str | None = None,
        retry: Retry | None = None,
        polling: Polling | None = None,
        timeouts: Timeouts | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._polling = polling or Polling()
        self._http = HTTP(
            base_url=base_url or os.environ.get("ASSEMBLYAI_BASE_URL") or _host_of(region),
            key=_key_from(api_key),
            retry=retry or Retry(),
            timeouts=timeouts or Timeouts(),
            client=http,
        )

    def __repr__(self) -> str:
        return f"<Client of {self._http.base_url}>"

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._http.__aexit__(*exc_info)

    async def transcribe(self, audio: Audio, options: Options | None = None) -> Transcript:
        """
        Transcribe one recording: upload it, submit it, wait for it.

        Args:
            audio: A path, an http(s) URL that the service fetches, bytes, a binary file, a stream of bytes.
            options: What to ask for.

        Raises:
            SourceError: The recording cannot be sent; nothing was.
            TranscriptError: The job ended in `error`.
            AAIError: Anything else; after the submit it carries the `transcript_id`, which `wait` takes up.
        """
        audio_url = await self.upload(audio)
        job = await self.submit(audio_url, options)
        return await self.wait(job.id)

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
        if source.url is not None:
            return source.url
        await source.open()
        return await self._http.perform(_endpoints.upload(source))

    async def submit(self, audio: Audio, options: Options | None = None) -> Transcript:
        """
        Make a job of a recording and give it back at once, unfinished. It is billed.

        It is sent again only where it cannot have been carried out.

        Raises:
            AmbiguousSubmitError: The answer was lost, so there may be a job; it carries the `upload_url`.
            AAIError: The upload or the submit failed.
        """
        audio_url = await self.upload(audio)
        call = _endpoints.submit(audio_url, options or Options())
        with about(upload_url=audio_url):
            try:
                return await self._http.perform(call)
            except AAIError as error:
                if error.verdict is not Verdict.AMBIGUOUS:
                    raise
                raise _ambiguous(error) from error

    async def wait(self, transcript_id: str, *, raise_on_error: bool = True) -> Transcript:
        """
        Look at a job until it has ended. A look that fails does not end the wait.

        Args:
            transcript_id: The job.
            raise_on_error: Whether a job that ended in `error` is raised or given back.

        Raises:
            TranscriptError: The job ended in `error`.
            DeadlineError: It had not ended after `Polling(give_up_after=...)` seconds; it can be waited
                for again.
            AAIError: The service refuses to show it.
        """
        call = _endpoints.get(transcript_id)
        delays = self._polling.delays()
        deadline = anyio.current_time() + self._polling.give_up_after
        lost: AAIError | None = None
        with about(transcript_id=transcript_id):
            while True:
                asked_for = lost.retry_after if isinstance(lost, APIError) else None
                await _sleep_before(deadline, max(next(delays), asked_for or 0.0), lost)
                try:
                    transcript, lost = await self._http.perform(call), None
                except (TransportError, ServerError, RateLimitError, ProtocolError) as error:
                    lost = error
                    continue
                if transcript.is_done:
                    return _finished(transcript, raise_on_error=raise_on_error)

    async def get(self, transcript_id: str) -> Transcript:
        """
        Give a transcript in whatever state it is.

        Raises:
            NotFoundError: This key sees no such transcript in this region.
            AAIError: The request failed.
        """
        with about(transcript_id=transcript_id):
            return await self._http.perform(_endpoints.get(transcript_id))

    async def delete(self, transcript_id: str) -> Transcript:
        """
        Delete a transcript and its uploaded recording, and give what is left of it.

        Raises:
            NotFoundError: This key sees no such transcript in this region.
            AAIError: The request failed.
        """
        with about(transcript_id=transcript_id):
            return await self._http.perform(_endpoints.delete(transcript_id))


async def transcribe(audio: Audio, options: Options | None = None) -> Transcript:
    """
    Transcribe one recording with a client of its own, set up from the environment.

    For more than one, open a `Client` and share it.

    Raises:
        AAIError: As `Client.transcribe`.
    """
    async with Client() as client:
        return await client.transcribe(audio, options)


def _host_of(region: str) -> str:
    if region not in _HOSTS:
        raise ConfigError(
            f"There is no region {region!r}: it is 'us' or 'eu'. Another host goes into base_url."
        )
    return _HOSTS[region]


def _key_from(api_key: str | None) -> Key:
    if api_key is None:
        api_key = os.environ.get("ASSEMBLYAI_API_KEY")
    if api_key is None:
        raise ConfigError(
            "There is no API key: give Client('your-key') or set ASSEMBLYAI_API_KEY in the environment."
        )
    return Key(api_key)


def _ambiguous(error: AAIError) -> AmbiguousSubmitError:
    return AmbiguousSubmitError(
        f"The submit was sent, but its answer was lost ({error.args[0]}). A job may exist: look for one with "
        "this upload_url before you submit it again.",
        operation=error.operation,
        attempts=error.attempts,
        verdict=error.verdict,
    )


def _finished(transcript: Transcript, *, raise_on_error: bool) -> Transcript:
    if transcript.status == "error" and raise_on_error:
        said = _endpoints.escaped(transcript.error or "the service did not say why")
        raise TranscriptError(f"The transcription failed: {said}", transcript=transcript, operation="wait")
    return transcript


async def _sleep_before(deadline: float, delay: float, lost: AAIError | None) -> None:
    if anyio.current_time() + delay > deadline:
        last = f" The last look failed: {lost.args[0]}" if lost else ""
        raise DeadlineError(
            f"The job did not end in the time of Polling(give_up_after=...): wait for it again.{last}",
            operation="wait",
        )
    await anyio.sleep(delay)
