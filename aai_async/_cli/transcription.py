"""`aai-async transcribe`: one recording after the other through `Client`, and what is said about it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Literal, cast

from aai_async._answers.transcript import Transcript
from aai_async._client import Client
from aai_async._errors import AAIError, AccountError, ConfigError
from aai_async._options import Options
from aai_async._polling import Polling

_ALL, _NONE, _SOME = 0, 1, 3
"""Exit statuses: how many of the recordings were transcribed."""


async def run(paths: Sequence[str], options: Options, region: str | None, local: bool) -> int:
    """Transcribe each path, print what was said, and give the exit status."""
    failures = 0
    async with _client(region, local) as client:
        for path in paths:
            began = time.monotonic()
            try:
                transcript = await client.transcribe(path, options)
            except AccountError:
                # The next recording would fare no better.
                raise
            except AAIError as error:
                failures += 1
                _tell(f"{path}: {error}")
                continue
            if len(paths) > 1:
                sys.stdout.write(f"==> {path} <==\n")
            sys.stdout.write(as_text(transcript))
            sys.stdout.flush()
            _tell(f"{path}: {_summary(transcript, time.monotonic() - began)}")
    return _ALL if not failures else _NONE if failures == len(paths) else _SOME


def as_text(transcript: Transcript) -> str:
    """Give the text, by speaker where speakers were told apart, ending in a line break."""
    if transcript.utterances:
        return "".join(f"Speaker {turn.speaker}: {turn.text}\n" for turn in transcript.utterances)
    return f"{transcript.text or ''}\n"


def _summary(transcript: Transcript, seconds: float) -> str:
    engine = (transcript.metadata or {}).get("local_engine", transcript.speech_model_used)
    turns = {turn.speaker for turn in transcript.utterances or ()}
    speakers = f", {len(turns)} speakers" if turns else ""
    return (
        f"{transcript.audio_duration or 0:.0f} s of audio, {len(transcript.words or ())} words{speakers}, "
        f"in {seconds:.1f} s by {engine}"
    )


@contextlib.asynccontextmanager
async def _client(region: str | None, local: bool) -> AsyncGenerator[Client]:
    if not local:
        async with Client(region=cast("Literal['us', 'eu'] | None", region)) as client:
            yield client
        return
    from aai_async.server import LocalServer, ServerStartError, WeightsError  # noqa: PLC0415 - an extra

    began = time.monotonic()
    async with contextlib.AsyncExitStack() as resources:
        try:
            server = await resources.enter_async_context(LocalServer())
        except (ServerStartError, WeightsError) as error:
            raise ConfigError(str(error)) from None
        _tell(f"Embedded server at {server.base_url}, ready in {time.monotonic() - began:.1f} s")
        # Next door a look costs nothing, and every second counts.
        polling = Polling(first=0.2, ceiling=0.2)
        yield await resources.enter_async_context(
            Client(server.key, base_url=server.base_url, polling=polling)
        )


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
