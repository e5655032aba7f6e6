"""
Finds speech without words. Imports no large libraries.

Whisper writes a sentence that repeats within 30 seconds only once, and may leave out the end of such a chunk.
It may also leave out speech in another language than the chunk's, and let one word last as long.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import attrs

from aai_async.server.engines.words import Piece, Span

PADDING = 0.4
"""Seconds that the voice activity detection adds on either side of speech (`VadOptions.speech_pad_ms`)."""

SHORTEST = 1.0
"""The shortest speech that is recognised again, in seconds. Pauses and breaths in a sentence are shorter."""

_LONGEST = 2.0
"""The longest time of a word in seconds. One that lasts longer covers speech that was left out."""


def without_words(speech: Iterable[Span], words: Sequence[Piece]) -> Iterator[Span]:
    """
    Yield the parts of the detected speech, with its padding, in which no word was recognised.

    Args:
        speech: The detected speech, with its padding.
        words: The words, in order.
    """
    for start, end in speech:
        place = start + PADDING
        for word in words:
            last = min(word.end, word.start + _LONGEST)
            if last <= start or word.start >= end:
                continue
            # The padding keeps a part clear of the words, whose times are inexact.
            yield from _part(place, word.start - PADDING, start, end)
            place = max(place, last + PADDING)
        yield from _part(place, end - PADDING, start, end)


def with_found(words: Iterable[Piece], found: Iterable[Piece]) -> list[Piece]:
    """Return words with those that were found between them, before which a word ends that lasted longer."""
    merged = sorted([*words, *found], key=lambda word: word.start)
    return [
        *(attrs.evolve(word, end=min(word.end, following.start)) for word, following in pairwise(merged)),
        *merged[-1:],
    ]


def warnings_about(missed: Sequence[Span]) -> Iterator[str]:
    """State how much speech has no words, given its parts with their padding."""
    if missed:
        seconds = sum(end - start - 2 * PADDING for start, end in missed)
        yield (
            f"For {seconds:.1f} s there is sound like speech in which no words were recognised, the first at "
            f"{min(missed)[0] + PADDING:.1f} s: it may be another language, singing or noise"
        )


def _part(first: float, last: float, start: float, end: float) -> Iterator[Span]:
    if last - first >= SHORTEST:
        yield max(first - PADDING, start), min(last + PADDING, end)
