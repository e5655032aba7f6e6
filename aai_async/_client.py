"""
The verbs. Each is a call of `_endpoints` handed to `_http`, or a few of them in a row.

Nothing here knows of HTTP; whoever reads `Client.transcribe` has read the library.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Literal, Self, TypeVar

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
from aai_async._http import HTTP, Key
from aai_async._options import Options
from aai_async._polling import Polling
from aai_async._retry import Retry, Timeouts
from aai_async._source import Audio, Source
from aai_async._transcript import Transcript, TranscriptError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

_LAST_LOOK = 10.0
"""Seconds that a look may take beyond the deadline of its wait."""

_HOSTS = {"us": "https://api.assemblyai.com", "eu": "https://api.eu.assemblyai.com"}


class Client:
    """
    A connection to the service, for `async with`; its tasks may share it.

    It runs on asyncio and on trio, starts no task of its own and keeps no state but its connections.

    Args:
        api_key: The key; without one, the environment's `ASSEMBLYAI_API_KEY`.
        region: `"us"` (the default) or `"eu"`: where recordings go and stay. A transcript is known in its
            region alone.
        base_url: Another host, such as an embedded server's. Without it and without a region, the
            environment's `ASSEMBLYAI_BASE_URL`.
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
        region: Literal["us", "eu"] | None = None,
        base_url: str | None = None,
        retry: Retry | None = None,
        polling: Polling | None = None,
        timeouts: Timeouts | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        key = Key(os.environ.get("ASSEMBLYAI_API_KEY") if api_key is None else api_key)
        # Whatever is raised from here on shows this frame in its traceback, perhaps with its variables.
        del api_key
        key.check()
        self._polling = _of_type(Polling, polling, "polling")
        self._http = HTTP(
            base_url=_host_of(region) if base_url is None else base_url,
            key=key,
            retry=_of_type(Retry, retry, "retry"),
            timeouts=_of_type(Timeouts, timeouts, "timeouts"),
            client=http,
        )

    def __repr__(self) -> str:
        # A debugger may ask one that could not be made.
        http: HTTP | None = getattr(self, "_http", None)
        return f"<Client of {http.base_url if http else 'nothing'}>"

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
        options = _of_type(Options, options, "options")
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
        async with contextlib.aclosing(source):
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
        options = _of_type(Options, options, "options")
        audio_url = await self.upload(audio)
        call = _endpoints.submit(audio_url, options)
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
            DeadlineError: It had not ended after `Polling(give_up_after=...)` seconds, and ten more at the
                most; it can be waited for again.
            AAIError: The service refuses to show it.
        """
        call = _endpoints.get(transcript_id)
        delays = self._polling.delays()
        deadline = anyio.current_time() + self._polling.give_up_after
        asked_for = 0.0
        with about(operation="wait", transcript_id=transcript_id):
            while True:
                left = max(deadline - anyio.current_time(), 0.0)
                await anyio.sleep(min(max(next(delays), asked_for), left))
                # The last look happens at the deadline, so it gets a little time beyond it.
                seen = await self._look(call, deadline + _LAST_LOOK)
                if isinstance(seen, Transcript) and seen.is_done:
                    return _finished(seen, raise_on_error=raise_on_error)
                asked_for = (seen.retry_after if isinstance(seen, APIError) else None) or 0.0
                if anyio.current_time() + asked_for >= deadline:
                    raise _out_of_time(seen)

    async def _look(self, call: _endpoints.Call[Transcript], until: float) -> Transcript | AAIError | None:
        """Look once; a failure that may pass is given back, and `None` when the time was over."""
        with anyio.CancelScope(deadline=until):
            try:
                return await self._http.perform(call)
            except (TransportError, ServerError, RateLimitError, ProtocolError) as error:
                return error
        return None

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


def _host_of(region: object) -> str:
    if region is None:
        # Only here: recordings that are to stay in the EU must not go where a forgotten variable says.
        return os.environ.get("ASSEMBLYAI_BASE_URL") or _HOSTS["us"]
    if not isinstance(region, str) or region not in _HOSTS:
        raise ConfigError(
            f"There is no region {region!r}: it is 'us' or 'eu'. Another host goes into base_url."
        )
    return _HOSTS[region]


def _of_type(kind: type[T], value: object, name: str) -> T:
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise ConfigError(f"{name} must be aai.{kind.__name__}(...), not {type(value).__name__}.")
    return value


def _ambiguous(error: AAIError) -> AmbiguousSubmitError:
    return AmbiguousSubmitError(
        f"The submit was sent, but its answer was lost ({error.args[0]}). A job may exist, and be billed: "
        "look in the listing (GET /v2/transcript) for this audio_url before you submit it again.",
        operation=error.operation,
        attempts=error.attempts,
        verdict=error.verdict,
    )


def _finished(transcript: Transcript, *, raise_on_error: bool) -> Transcript:
    if transcript.status == "error" and raise_on_error:
        said = _endpoints.escaped(transcript.error or "the service did not say why")
        raise TranscriptError(f"The transcription failed: {said}", transcript=transcript)
    return transcript


def _out_of_time(seen: Transcript | AAIError | None) -> DeadlineError:
    last = f" The last look failed: {seen.args[0]}" if isinstance(seen, AAIError) else ""
    return DeadlineError(
        f"The job did not end in the time of Polling(give_up_after=...): wait for it again.{last}"
    )
