"""
Lets the first word of a part of the speech begin where it sounds. Imports no large libraries.

The voice activity detection adds silence before each part, and Whisper lets the first word begin with it.
"""

import bisect
from collections.abc import Iterable, Iterator, Sequence

import attrs
import numpy as np

from aai_async.server.diarization.filterbank import Floats
from aai_async.server.engines.coverage import PADDING
from aai_async.server.engines.words import Piece, Span
from aai_async.server.sound.decoding import RATE

_NEAR = 0.1
"""Seconds from the start of a part within which its first word begins."""

_SILENT = 0.05
"""The share of a word's highest amplitude below which it has not begun: 26 dB. Consonants are louder."""

_MARGIN = 0.05
"""Seconds that a word begins before that, for its consonants may be quiet."""


def from_onsets(words: Iterable[Piece], speech: Sequence[Span], sound: Floats) -> Iterator[Piece]:
    """
    Yield the words, the first one of each part from where it sounds.

    Args:
        words: The words, in order.
        speech: The detected speech, with its padding, in order, in seconds.
        sound: The samples.
    """
    starts = [start for start, _ in speech]
    for word in words:
        at = bisect.bisect_right(starts, word.start + _NEAR) - 1
        is_first = at >= 0 and word.start <= starts[at] + _NEAR
        yield attrs.evolve(word, start=_onset(word, sound)) if is_first else word


def _onset(word: Piece, sound: Floats) -> float:
    amplitudes = np.abs(sound[max(round(word.start * RATE), 0) : max(round(word.end * RATE), 0)])
    if not len(amplitudes):
        return word.start
    silent = int(np.argmax(amplitudes >= amplitudes.max() * _SILENT)) / RATE
    return word.start + min(max(silent - _MARGIN, 0.0), PADDING)
