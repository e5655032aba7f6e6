"""
Corrects words that are in the wrong part of the speech.

Whisper receives the parts with speech one after another, without the pauses between them. A word may begin in
the silence behind one part and end in the next one. faster-whisper then takes both times from the part in
which its middle is, and the word may come seconds too early or too late.
"""

import bisect
from collections.abc import Iterable, Iterator, Sequence

import attrs
import numpy as np

from aai_async.server.diarization.filterbank import Floats
from aai_async.server.engines.words import Piece, Span
from aai_async.server.sound.decoding import RATE

_QUIET = 0.1
"""The share of a sound's highest amplitude below which another sound is the silence beside it."""


def in_own_part(words: Iterable[Piece], speech: Sequence[Span], sound: Floats) -> Iterator[Piece]:
    """
    Yield the words, each one that extends over a seam in the part where it sounds.

    Args:
        words: The words, in order.
        speech: The parts that Whisper received, in order, in seconds.
        sound: The samples.
    """
    ends = [end for _, end in speech]
    for word in words:
        at = bisect.bisect_left(ends, (word.start + word.end) / 2)
        yield word if at == len(speech) else _moved(word, at, speech, sound)


def _moved(word: Piece, at: int, speech: Sequence[Span], sound: Floats) -> Piece:
    """Return a word where it sounds: in its part or, if it is silent there, in the one beside it."""
    start, end = speech[at]
    own = _peak((max(word.start, start), min(word.end, end)), sound)
    loudest = max(_beyond(word, at, speech), key=lambda span: _peak(span, sound), default=None)
    if loudest is None or own >= _QUIET * _peak(loudest, sound):
        return word
    start, end = _loud_part(loudest, sound)
    return attrs.evolve(word, start=start, end=end)


def _beyond(word: Piece, at: int, speech: Sequence[Span]) -> Iterator[Span]:
    """Yield what a word has of the parts beside its own one."""
    start, end = speech[at]
    if word.end > end and at + 1 < len(speech):
        following = speech[at + 1][0]
        yield following, following + word.end - end
    if word.start < start and at > 0:
        previous = speech[at - 1][1]
        yield previous - (start - word.start), previous


def _loud_part(span: Span, sound: Floats) -> Span:
    samples = _amplitudes(span, sound)
    loud = np.flatnonzero(samples >= samples.max() * _QUIET)
    return span[0] + float(loud[0]) / RATE, span[0] + float(loud[-1] + 1) / RATE


def _peak(span: Span, sound: Floats) -> float:
    return float(_amplitudes(span, sound).max(initial=0.0))


def _amplitudes(span: Span, sound: Floats) -> Floats:
    amplitudes: Floats = np.abs(sound[max(round(span[0] * RATE), 0) : round(span[1] * RATE)])
    return amplitudes
