"""
An engine that answers what a test tells it.

It decodes nothing and needs no weights, so a test can have any answer, or failure, at once.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio

from aai_async.server.engine import EngineError, Recognition, RecognizedWord, SpeechRequest

Answer: TypeAlias = str | Recognition | EngineError
"""A text to have been spoken, a whole recognition, or a failure, which is raised."""

Script: TypeAlias = Answer | Callable[[SpeechRequest], Answer | Awaitable[Answer]]
"""One answer for all recordings, or a function, plain or async, that makes one for each."""

WORD = 300
"""How long each word of a text takes, in ms."""

PAUSE = 100
"""How far the words of a text are apart, in ms."""


class ScriptedEngine:
    """
    Answer as told, after a delay.

    ``ScriptedEngine("Hello there.")`` hears two words in every recording.
    ``ScriptedEngine(EngineError("Audio duration is too short."))`` fails all of them.
    ``ScriptedEngine(lambda request: request.audio.name)`` hears what its function says.

    Args:
        script: What to answer.
        delay: How long each recording takes, in seconds.
        reads_recordings: Whether it needs files, or also answers for what lies at an address.
    """

    name = "scripted"
    languages: frozenset[str] | None = None
    detects_language = True

    def __init__(
        self, script: Script = "Hello there.", *, delay: float = 0.0, reads_recordings: bool = True
    ) -> None:
        self.reads_recordings = reads_recordings
        self._script = script
        self._delay = delay
        self.requests: list[SpeechRequest] = []
        """All that was asked so far."""

    async def recognize(self, request: SpeechRequest) -> Recognition:
        """
        Answer as told.

        Raises:
            EngineError: So it was told.
        """
        self.requests.append(request)
        await anyio.sleep(self._delay)
        answer = self._script(request) if callable(self._script) else self._script
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, EngineError):
            raise answer
        return spoken(answer, request) if isinstance(answer, str) else answer

    async def aclose(self) -> None:
        """Do nothing; nothing was started."""


def spoken(text: str, request: SpeechRequest) -> Recognition:
    """Return a recognition of a text: words evenly spaced, in one channel, by one speaker."""
    channel = "1" if request.multichannel else None
    speaker = (channel or "") + ("A" if request.speaker_labels else "") or None
    starts = range(0, len(text.split()) * (WORD + PAUSE), WORD + PAUSE)
    words = tuple(
        RecognizedWord(
            text=word, start=start, end=start + WORD, confidence=1.0, speaker=speaker, channel=channel
        )
        for word, start in zip(text.split(), starts, strict=True)
    )
    duration = max(len(starts) * (WORD + PAUSE) / 1000, 1.0)
    return Recognition(
        words=words,
        language_code=request.language_code or ("en" if words else None),
        language_confidence=None if request.language_code else 1.0,
        audio_duration=duration,
        audio_channels=1 if request.multichannel else None,
        speech_share=len(words) * WORD / 1000 / duration,
        engine=ScriptedEngine.name,
    )
