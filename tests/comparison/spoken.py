"""Transcripts for comparisons: of lines with speakers, a word each 300 ms."""

from __future__ import annotations

import json
from typing import Any

import aai_async as aai


def said(*lines: str, **fields: Any) -> aai.Transcript:
    """Make a transcript of lines such as `A: Hello there`; a line without a label has no speaker."""
    words: list[dict[str, Any]] = []
    for line in lines:
        speaker, colon, text = line.partition(": ")
        for word in (text if colon else line).split():
            start = 300 * len(words)
            timed = {"text": word, "start": start, "end": start + 280, "confidence": 0.9}
            words.append(timed | ({"speaker": speaker} if colon else {}))
    text = " ".join(word["text"] for word in words)
    document = {"id": "1", "status": "completed", "text": text, "words": words}
    return aai.Transcript.from_json(json.dumps(document | {"language_code": "en_us"} | fields))
