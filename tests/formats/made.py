"""Transcripts of any kind."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

import aai_async as aai

TEXTS = st.text(max_size=12) | st.sampled_from(
    ["-->", "<b>", "</v>", "&", "{\\an8}", "1", "NOTE", "\r\n\r\n", "x" * 60]
)

WORDS = st.lists(
    st.fixed_dictionaries(
        {
            "text": TEXTS,
            "start": st.integers(0, 10**8),
            "end": st.integers(0, 10**8),
            "speaker": st.sampled_from([None, "A", "B", "<i>\n-->"]),
        }
    ),
    max_size=30,
)
"""Also of zero length, out of order, overlapping."""


def transcript(words: list[dict[str, Any]], **fields: Any) -> aai.Transcript:
    document = {"id": "made", "status": "completed", "language_code": "en_us", "words": words}
    space = "" if fields.get("language_code") in {"ja", "lo", "my", "th", "zh"} else " "
    text = space.join(word["text"] for word in words)
    return aai.Transcript.from_json(json.dumps(document | {"text": text} | fields))


def said(text: str, *, pace: int = 400, **fields: Any) -> aai.Transcript:
    """Words at an even pace, in ms."""
    words = [
        {"text": word, "start": pace * at, "end": pace * at + pace - 50, "confidence": 0.9}
        for at, word in enumerate(text.split())
    ]
    return transcript(words, **fields)
