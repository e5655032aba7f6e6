"""
An engine that returns the results that a test sets.

It decodes nothing and needs no weights, so a test gets any result or failure immediately.
"""

import inspect
import itertools
import re
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, cast

import anyio
import attrs

from aai_async.server.engine import EngineError, Recognition, RecognizedWord, SpeechRequest

Answer: TypeAlias = str | Recognition | EngineError
"""A text to return as spoken, a complete recognition, or an error to raise."""

Script: TypeAlias = Answer | Callable[[SpeechRequest], Answer | Awaitable[Answer]]
"""One answer for all recordings, or a function, plain or async, that returns one for each."""

WORD = 300
"""Duration of each word of a text, in ms."""

PAUSE = 100
"""Silence between the words of a text, in ms."""

_LABELLED: Final = re.compile(r"(?=\w)(?P<channel>[1-9]\d?)?(?P<speaker>[A-Z])?:\s+(?P<text>.+)")
"""A line that begins with its channel, its speaker or both."""

_ANSWERS: Final = "a text, a Recognition or an EngineError"


class ScriptedEngine:
    r"""
    An engine that returns set results, after a delay.

    ``ScriptedEngine("Hello there.")`` recognises these two words in every recording.
    ``ScriptedEngine("A: Hi.\nB: Hello.")`` recognises two speakers: if each line of a text begins with a
    speaker, a channel or both (``"1A: Hi."``), these are the speakers with `speaker_labels` and the channels
    with `multichannel`. They are never a part of the text.
    ``ScriptedEngine(EngineError("Audio duration is too short."))`` fails every recording.
    ``ScriptedEngine(lambda request: request.audio.name)`` uses the text that the function returns.

    Args:
        script: The result, or a function that returns one for each recording.
        delay: Duration of each recognition, in seconds.
        reads_recordings: Whether only uploaded files are accepted; `False` also accepts jobs with a URL.

    Raises:
        TypeError: The script is none of these.
    """

    name = "scripted"
    languages: frozenset[str] | None = None
    detects_language = True

    def __init__(
        self, script: Script = "Hello there.", *, delay: float = 0.0, reads_recordings: bool = True
    ) -> None:
        check_script(script)
        self.reads_recordings = reads_recordings
        self._script = script
        self._delay = delay
        self.requests: list[SpeechRequest] = []
        """All requests so far."""

    async def recognize(self, request: SpeechRequest) -> Recognition:
        """
        Return the scripted result.

        Raises:
            EngineError: The script is an `EngineError`, or its function returned one or no result at all.
        """
        self.requests.append(request)
        await anyio.sleep(self._delay)
        answer = self._script(request) if callable(self._script) else self._script
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, EngineError):
            raise answer
        if isinstance(answer, str):
            return spoken(answer, request)
        if not isinstance(cast("object", answer), Recognition):
            # A failed job shows the message where the test waits for the transcript.
            raise EngineError(f"The function of the script returned {_named(answer)}, not {_ANSWERS}")
        return answer

    async def aclose(self) -> None:
        """Do nothing: this engine has no resources to release."""


def check_script(script: object, hint: str = "") -> None:
    """
    Check the type of a script.

    Raises:
        TypeError: It is neither a result nor a function.
    """
    if not callable(script) and not isinstance(script, (str, Recognition, EngineError)):
        raise TypeError(f"A script is {_ANSWERS}, or a function, not {_named(script)}. {hint}".rstrip())


def _named(value: object) -> str:
    return type(value).__name__


def spoken(text: str, request: SpeechRequest) -> Recognition:
    """Return a recognition of a text: words evenly spaced, with the speakers and channels of its lines."""
    lines = _lines(text)
    said = [(word, line) for line in lines for word in line.text.split()]
    words = tuple(
        RecognizedWord(
            text=word,
            start=start,
            end=start + WORD,
            confidence=1.0,
            speaker=_speaker(line, request),
            channel=line.channel if request.multichannel else None,
        )
        for start, (word, line) in zip(itertools.count(0, WORD + PAUSE), said, strict=False)
    )
    duration = max(len(words) * (WORD + PAUSE) / 1000, 1.0)
    return Recognition(
        words=words,
        language_code=request.language_code or ("en" if words else None),
        language_confidence=None if request.language_code else 1.0,
        audio_duration=duration,
        audio_channels=max(int(line.channel) for line in lines) if request.multichannel else None,
        speech_share=len(words) * WORD / 1000 / duration,
        engine=ScriptedEngine.name,
    )


@attrs.frozen
class _Line:
    text: str
    channel: str = "1"
    speaker: str = "A"


def _lines(text: str) -> list[_Line]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [_LABELLED.fullmatch(line) for line in lines]
    if not all(found):
        return [_Line(text)]
    labelled = [_Line(line["text"], line["channel"] or "1", line["speaker"] or "A") for line in found if line]
    return labelled or [_Line(text)]


def _speaker(line: _Line, request: SpeechRequest) -> str | None:
    speaker = line.speaker if request.speaker_labels else ""
    return (line.channel if request.multichannel else "") + speaker or None
