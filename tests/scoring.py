"""How well a recording was transcribed: its word error rate, and the share of words by the right speaker."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import jiwer

RECORDING = Path(__file__).parent / "data" / "two_speakers.mp3"
TURNS: list[dict[str, str]] = json.loads(RECORDING.with_suffix(".json").read_text())["turns"]
"""Who says what in it, in turn."""

NUMBERS = RECORDING.with_name("spoken_numbers.mp3")
"""A recording in which a sum of money and a date are spoken."""


class SpokenWord(Protocol):
    """A word as an engine or as the service gives it."""

    @property
    def text(self) -> str: ...
    @property
    def speaker(self) -> str | None: ...


def plain(text: str) -> list[str]:
    """Give the words without case, punctuation and hyphens, titles written out: the usual normalisation."""
    words = text.lower().replace("-", " ").replace("mr.", "mister")
    return re.sub(f"[{re.escape(string.punctuation)}]", "", words).split()


def word_error_rate(words: Sequence[SpokenWord]) -> float:
    """Give the substitutions, deletions and insertions as a share of the reference's words."""
    reference = " ".join(" ".join(plain(turn["text"])) for turn in TURNS)
    return float(jiwer.wer(reference, " ".join(" ".join(plain(word.text)) for word in words)))


def speaker_accuracy(words: Sequence[SpokenWord]) -> float:
    """Give the share of the reference's words that were heard, right or wrong, from the right speaker."""
    expected = [(word, turn["speaker"]) for turn in TURNS for word in plain(turn["text"])]
    found = [(word, heard.speaker) for heard in words for word in plain(heard.text)]
    alignment = jiwer.process_words(
        " ".join(word for word, _ in expected), " ".join(word for word, _ in found)
    ).alignments[0]
    right = sum(
        expected[chunk.ref_start_idx + index][1] == found[chunk.hyp_start_idx + index][1]
        for chunk in alignment
        if chunk.type in {"equal", "substitute"}
        for index in range(chunk.ref_end_idx - chunk.ref_start_idx)
    )
    return right / len(expected)
