"""The results that a test sets, in the order of the recordings."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import attrs
import msgspec

import aai_async as aai

if TYPE_CHECKING:
    from aai_async.server import RecognizedWord, SpeechRequest
    from aai_async.server.engines.scripted import Answer, Script


@attrs.frozen
class Result:
    """The result of a job, and its duration in seconds."""

    script: Script
    delay: float


class Results:
    """
    A queue of results: each is for one recording, and the last one for all that follow.

    The test and the server can run in different threads.
    """

    def __init__(self) -> None:
        self._queue: deque[Result] = deque()
        self._is_first_used = False
        self._turn = threading.Lock()

    def add(self, result: Result) -> None:
        """Add a result after those that are there; it replaces one that is repeated by now."""
        with self._turn:
            if self._is_first_used:
                self._queue.popleft()
                self._is_first_used = False
            self._queue.append(result)

    def next(self) -> Result:
        """Return the result of the next recording."""
        with self._turn:
            if not self._queue:
                return Result("Hello there.", 0.0)
            if len(self._queue) > 1:
                return self._queue.popleft()
            self._is_first_used = True
            return self._queue[0]


def scripted(transcript: aai.Transcript | Mapping[str, Any], request: SpeechRequest | None = None) -> Answer:
    """
    Return the recognition that makes the server respond with the fields of a transcript.

    Args:
        transcript: A transcript, or its JSON; of the JSON, all fields are optional.
        request: The request, for the words of a text without words.

    Raises:
        TypeError: It is neither.
        ValueError: It is not completed and not failed, or its words are not those of a transcript.
    """
    from aai_async.server import EngineError  # noqa: PLC0415 - not in each process that runs pytest

    if isinstance(transcript, aai.Transcript):
        transcript = transcript.raw
    if not isinstance(cast("object", transcript), Mapping):
        raise TypeError(
            "answers requires an aai.Transcript, an aai.Understanding or the JSON of a transcript as a dict, "
            f"not {type(transcript).__name__}"
        )
    status = transcript.get("status", "completed")
    if status == "error":
        return EngineError(str(transcript.get("error")))
    if status != "completed":
        raise ValueError(f"answers requires a transcript that is completed or failed, not {status!r}")
    return _recognition(transcript, request)


def _recognition(transcript: Mapping[str, Any], request: SpeechRequest | None) -> Answer:
    from aai_async.server import Recognition, RecognizedWord, SpeechRequest  # noqa: PLC0415 - as above
    from aai_async.server.engines.scripted import spoken  # noqa: PLC0415 - as above

    request = request or SpeechRequest(audio=Path())
    plain = spoken(transcript.get("text") or "", request)
    words: tuple[RecognizedWord, ...] = plain.words
    if transcript.get("words"):
        try:
            words = msgspec.convert(transcript["words"], tuple[RecognizedWord, ...])
        except msgspec.ValidationError as error:
            raise ValueError(f"the words of the transcript passed to answers: {error}") from None
    return Recognition(
        words=words,
        language_code=transcript.get("language_code") or plain.language_code,
        language_confidence=plain.language_confidence,
        audio_duration=transcript.get("audio_duration") or max(plain.audio_duration, _end(words)),
        audio_channels=plain.audio_channels,
        speech_share=plain.speech_share,
        transcript_fields=dict(transcript),
        engine=plain.engine,
    )


def _end(words: Sequence[RecognizedWord]) -> float:
    return max((word.end for word in words), default=0) / 1000
