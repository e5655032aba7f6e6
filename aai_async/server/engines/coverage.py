"""
Finds speech without words. Imports no large libraries.

Whisper writes a sentence that repeats within 30 seconds only once, and may leave out the end of such a chunk.
"""

from collections.abc import Iterable, Iterator, Sequence

from aai_async.server.engines.words import Piece, Span

PADDING = 0.4
"""Seconds that the voice activity detection adds on either side of speech (`VadOptions.speech_pad_ms`)."""

SHORTEST = 1.0
"""The shortest speech that is recognised again, in seconds. Pauses and breaths in a sentence are shorter."""


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
            if word.end <= start or word.start >= end:
                continue
            # The padding keeps a part clear of the words, whose times are inexact.
            yield from _part(place, word.start - PADDING, start, end)
            place = max(place, word.end + PADDING)
        yield from _part(place, end - PADDING, start, end)


def _part(first: float, last: float, start: float, end: float) -> Iterator[Span]:
    if last - first >= SHORTEST:
        yield max(first - PADDING, start), min(last + PADDING, end)
