"""
An engine that returns the results that a test sets.

It decodes nothing and needs no weights, so a test gets any result or failure immediately.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio

from aai_async.server.engine import EngineError, Recognition, RecognizedWord, SpeechRequest

Answer: TypeAlias = str | Recognition | EngineError
"""A text to return as spoken, a complete recognition, or an error to raise."""

Script: TypeAlias = Answer | Callable[[SpeechRequest], Answer | Awaitable[Answer]]
"""One answer for all recordings, or a function, plain or async, that returns one for each."""

WORD = 300
"""Duration of each word of a text, in ms."""

PAUSE = 100
"""Silence between the words of a text, in ms."""


class ScriptedEngine:
    """
    An engine that returns set results, after a delay.

    ``ScriptedEngine("Hello there.")`` recognises these two words in every recording.
    ``ScriptedEngine(EngineError("Audio duration is too short."))`` fails every recording.
    ``ScriptedEngine(lambda request: request.audio.name)`` uses the text that the function returns.

    Args:
        script: The result, or a function that returns one for each recording.
        delay: Duration of each recognition, in seconds.
        reads_recordings: Whether only uploaded files are accepted; `False` also accepts jobs with a URL.
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
        """All requests so far."""

    async def recognize(self, request: SpeechRequest) -> Recognition:
        """
        Return the scripted result.

        Raises:
            EngineError: The script is an `EngineError`, or its function returned one.
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
        """Do nothing: this engine has no resources to release."""


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
