"""The scripted engine answers what it is told."""

from pathlib import Path

import anyio
import anyio.lowlevel
import attrs
import pytest

from aai_async.server.engine import Engine, EngineError, Recognition, SpeechRequest
from aai_async.server.engines.scripted import Answer, ScriptedEngine

REQUEST = SpeechRequest(audio=Path("call.mp3"))
NOTHING = Recognition(words=(), language_code="de", audio_duration=3.0, engine="mine")


async def test_text() -> None:
    """A text is heard word by word, and what was asked is kept."""
    engine: Engine = ScriptedEngine("Hello there.")
    recognition = await engine.recognize(REQUEST)
    assert [(word.text, word.start, word.end) for word in recognition.words] == [
        ("Hello", 0, 300),
        ("there.", 400, 700),
    ]
    assert recognition.audio_duration == 1.0
    assert (recognition.language_code, recognition.language_confidence) == ("en", 1.0)


async def test_requests_are_kept() -> None:
    """A test can look up what was asked."""
    engine = ScriptedEngine()
    await engine.recognize(REQUEST)
    assert engine.requests == [REQUEST]


async def test_speakers_and_language() -> None:
    """A text has one speaker when speakers are asked for, and the language that was given."""
    request = SpeechRequest(audio=Path("call.mp3"), language_code="fr", speaker_labels=True)
    recognition = await ScriptedEngine("Bonjour.").recognize(request)
    assert recognition.words[0].speaker == "A"
    assert (recognition.language_code, recognition.language_confidence) == ("fr", None)


async def test_whole_recognition() -> None:
    """A recognition is answered as it is."""
    assert await ScriptedEngine(NOTHING).recognize(REQUEST) is NOTHING


async def test_error() -> None:
    """An error is raised."""
    with pytest.raises(EngineError, match="too short"):
        await ScriptedEngine(EngineError("Audio duration is too short.")).recognize(REQUEST)


async def test_function() -> None:
    """A function is asked about each recording."""
    recognition = await ScriptedEngine(lambda request: request.audio.name).recognize(REQUEST)
    assert recognition.words[0].text == "call.mp3"


async def test_async_function() -> None:
    """An async function is awaited."""

    async def answer(_: SpeechRequest) -> Answer:
        await anyio.lowlevel.checkpoint()
        return NOTHING

    engine = ScriptedEngine(answer)
    assert await engine.recognize(REQUEST) is NOTHING
    await engine.aclose()


async def test_delay() -> None:
    """A delay holds the answer back."""
    with anyio.move_on_after(0.02) as scope:
        await ScriptedEngine(delay=10).recognize(REQUEST)
    assert scope.cancelled_caught


@pytest.mark.parametrize(("speaker_labels", "speaker"), [(False, "1"), (True, "1A")])
async def test_channels(speaker_labels: bool, speaker: str) -> None:
    """A text is spoken in one channel, when channels are asked for."""
    request = attrs.evolve(REQUEST, multichannel=True, speaker_labels=speaker_labels)
    recognition = await ScriptedEngine("Hello there.").recognize(request)
    assert recognition.audio_channels == 1
    assert {(word.channel, word.speaker) for word in recognition.words} == {("1", speaker)}


async def test_speech_share() -> None:
    """It is the part of the recording that words take, and a whole recognition may say another."""
    assert (await ScriptedEngine("a b c").recognize(REQUEST)).speech_share == pytest.approx(0.9 / 1.2)
    told = attrs.evolve(NOTHING, speech_share=0.4)
    assert (await ScriptedEngine(told).recognize(REQUEST)).speech_share == 0.4
