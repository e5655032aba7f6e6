"""
Corrects words that are in the wrong part of the speech, or that begin before the pause in front of them.

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

_INEXACT = 0.1
"""How much later than Whisper reports a word may end, in seconds."""

_BESIDE = 0.05
"""Seconds on either side of a seam that are silent if there is a pause. A long part is cut within a word."""


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
    """Return a word on the side of a seam on which it sounds, given the part in which its middle is."""
    sides = _sides(word, at, speech)
    if sides is None:
        return word
    before, behind = sides
    first, second = _peak(before, sound), _peak((behind[0], behind[1] + _INEXACT), sound)
    if second <= _QUIET * first:
        # It has only silence behind the seam.
        return _within(word, before if before[0] == word.start else _loud_part(before, sound))
    seam = (before[1] - _BESIDE, before[1]), (behind[0], behind[0] + _BESIDE)
    is_pause = max(_peak(side, sound) for side in seam) < _QUIET * second
    # Whisper gives a pause to the word behind it.
    return _within(word, behind) if is_pause else word


def _sides(word: Piece, at: int, speech: Sequence[Span]) -> tuple[Span, Span] | None:
    """Return what a word has of the parts before and behind a seam; `None` if it is in one part."""
    start, end = speech[at]
    if word.end > end and at + 1 < len(speech):
        following = speech[at + 1][0]
        return (word.start, end), (following, following + word.end - end)
    if word.start < start and at > 0:
        previous = speech[at - 1][1]
        return (previous - (start - word.start), previous), (start, word.end)
    return None


def _within(word: Piece, span: Span) -> Piece:
    return attrs.evolve(word, start=span[0], end=span[1])


def _loud_part(span: Span, sound: Floats) -> Span:
    samples = _amplitudes(span, sound)
    loud = np.flatnonzero(samples >= samples.max() * _QUIET)
    return span[0] + float(loud[0]) / RATE, span[0] + float(loud[-1] + 1) / RATE


def _peak(span: Span, sound: Floats) -> float:
    return float(_amplitudes(span, sound).max(initial=0.0))


def _amplitudes(span: Span, sound: Floats) -> Floats:
    amplitudes: Floats = np.abs(sound[max(round(span[0] * RATE), 0) : round(span[1] * RATE)])
    return amplitudes
