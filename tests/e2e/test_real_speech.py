"""The main job: a real recording in, a transcript by speaker out, through the public surface alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from scoring import RECORDING, TURNS, speaker_accuracy, word_error_rate

import aai_async as aai
from aai_async.server import LocalServer, VoiceFile, WhisperEngine


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Both event loops, for the server runs on one of its own."""
    return str(request.param)


@pytest.fixture(params=[("base", 0.05), ("tiny.en", 0.10)], ids=["base", "tiny.en"])
def model(request: pytest.FixtureRequest) -> tuple[str, float]:
    """Which Whisper, and the word error rate that it may have here."""
    name, rate = request.param
    return name, rate


@pytest.fixture
async def client(model: tuple[str, float]) -> AsyncIterator[aai.Client]:
    engine = WhisperEngine(model[0])
    async with (
        LocalServer(engine=engine) as server,
        aai.Client(
            server.key, base_url=server.base_url, polling=aai.Polling(initial_delay=0.1, max_delay=0.1)
        ) as client,
    ):
        yield client


async def test_a_recording_of_two_speakers_becomes_a_transcript(
    client: aai.Client, model: tuple[str, float]
) -> None:
    """Nearly every word is right, and nearly every one goes to the right speaker."""
    transcript = await client.transcribe(RECORDING, aai.Options(speaker_labels=True))
    assert transcript.words is not None
    assert word_error_rate(transcript.words) <= model[1]
    assert speaker_accuracy(transcript.words) >= 0.95
    assert transcript.utterances is not None
    assert [turn.speaker for turn in transcript.utterances] == [turn["speaker"] for turn in TURNS]
    assert transcript.metadata is not None
    assert transcript.metadata["local_engine"] == f"whisper-{model[0]}"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_voices_keep_their_names_in_the_next_recording(tmp_path: Path) -> None:
    """A recording in which the second speaker begins: without the file, the second one would be A."""
    file = tmp_path / "voices.json"
    options = aai.Options(speaker_labels=True)
    later = aai.Options(speaker_labels=True, audio_start_from=7_500)
    engine = WhisperEngine("tiny.en", voices=file)
    async with (
        LocalServer(engine=engine) as server,
        aai.Client(server.key, base_url=server.base_url) as client,
    ):
        first = await client.transcribe(RECORDING, options)
        second = await client.transcribe(RECORDING, later)
    assert first.speakers == ("Voice 1", "Voice 2")
    assert second.speakers == ("Voice 2", "Voice 1")
    assert first.words is not None
    labels = {"Voice 1": "A", "Voice 2": "B"}
    labelled = [msgspec.structs.replace(word, speaker=labels[word.speaker or ""]) for word in first.words]
    assert speaker_accuracy(labelled) >= 0.95
    assert [voice.recordings for voice in VoiceFile(file).voices] == [2, 2]


@pytest.mark.parametrize("model", [("base", 0.05)], ids=["base"])
async def test_garbage_ends_as_a_failed_job_with_the_reason(client: aai.Client) -> None:
    """The upload is accepted, as at the service, and the job says why."""
    with pytest.raises(aai.TranscriptError, match="does not appear to contain audio") as caught:
        await client.transcribe(b"This is no recording. " * 1000)
    assert caught.value.transcript.status == "error"
