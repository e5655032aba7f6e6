"""
The data of a transcript page for its script: the columns of words and paragraphs, and the response to save.

Pure. The response contains only what the page shows: neither addresses nor the unredacted text.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from aai_async._models import decoding
from aai_async._models.speech import Utterance, Word
from aai_async._models.transcript import Transcript, model_that_ran
from aai_async.formats._page_parts import inert
from aai_async.formats._turns import Spoken, Turn

_GZIP = 31
"""The `wbits` of zlib for gzip's format with the largest window."""

_SAVED = (
    "id",
    "status",
    "language_code",
    "language_confidence",
    "audio_duration",
    "audio_channels",
    "speech_model_used",
    "speaker_labels",
    "multichannel",
    "confidence",
    "text",
    "words",
    "utterances",
    "summary",
    "chapters",
    "entities",
    "sentiment_analysis_results",
    "auto_highlights_result",
    "iab_categories_result",
    "content_safety_labels",
    "original",
)
"""The fields of a response that a page can save; `original` is that of an earlier correction."""


def page_data(
    transcript: Transcript, paragraphs: Sequence[Turn], speakers: Sequence[str], length: int
) -> str:
    """
    Return the data for the script, as JSON whose content cannot end the script element.

    Args:
        transcript: The transcript.
        paragraphs: The paragraphs in the order of the page.
        speakers: The speakers in the order of their first words.
        length: The length of the recording in ms.
    """
    words = [word for turn in paragraphs for word in turn.words]
    starts = [word.start for word in words]
    firsts = itertools.accumulate((len(turn.words) for turn in paragraphs), initial=0)
    highlights = transcript.auto_highlights_result
    numbers = {speaker: number for number, speaker in enumerate(speakers)}
    document: dict[str, Any] = {
        "mark": _mark(transcript, paragraphs, starts),
        "language": (transcript.language_code or "").partition("_")[0],
        # As differences, which are shorter.
        "starts": [start - before for start, before in zip(starts, [0, *starts], strict=False)],
        "durations": [word.end - word.start for word in words],
        "lengths": [len(word.text.encode("utf-16-le")) // 2 for word in words],
        "confidence": [word.confidence for word in words],
        "first": [*firsts][:-1],
        "gaps": _gaps(words),
        "length": length,
        "voices": speakers,
        "channels": _channels(transcript, speakers),
        "turns": [numbers.get(turn.speaker or "", -1) for turn in paragraphs],
        "sentiments": [
            (one.start, one.end, one.sentiment) for one in transcript.sentiment_analysis_results or ()
        ],
        "entities": [(one.start, one.end) for one in transcript.entities or ()],
        "phrases": [
            (time.start, time.end)
            for one in (highlights.results if highlights else ())
            for time in one.timestamps
        ],
    }
    return inert(msgspec.json.encode(document).decode())


def response(transcript: Transcript) -> str:
    """Return the fields of the response that the page shows, as base64 of compressed JSON."""
    parts: Mapping[str, Any] = decoding.split(transcript.body) or transcript.to_dict()
    saved = {name: parts[name] for name in _SAVED if name in parts}
    engine = model_that_ran(transcript)
    if engine != transcript.speech_model_used:
        # The embedded server names it beside the model of the service.
        saved["metadata"] = {"local_engine": engine}
    # Not the module gzip, whose header differs between versions of Python, and with it each page.
    compressed = zlib.compress(msgspec.json.encode(saved), level=6, wbits=_GZIP)
    return base64.b64encode(compressed).decode()


def _mark(transcript: Transcript, paragraphs: Sequence[Turn], starts: Sequence[int]) -> str:
    """Return a mark of the text and the times, by which a browser recognises the transcript."""
    content = [transcript.id, [turn.text for turn in paragraphs], starts]
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:16]


def _channels(transcript: Transcript, speakers: Sequence[str]) -> list[str | None]:
    """Return the channel of each speaker."""
    said: tuple[Word | Utterance, ...] = (*(transcript.words or ()), *(transcript.utterances or ()))
    channels = {one.speaker or one.channel: one.channel for one in said if one.channel}
    return [channels.get(speaker) for speaker in speakers]


def _gaps(words: Sequence[Spoken]) -> list[int] | int:
    """Return the number of spaces before each word; a single number if it is the same for all."""
    found = [len(word.gap) for word in words]
    return 1 if set(found[1:]) <= {1} else found
