"""
Finds speech that Whisper transcribed as a loop of the same words. Imports no large libraries.

The batched pipeline of faster-whisper decodes each chunk once and ignores its own limits.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate

import attrs

from aai_async.server.engines.words import Span

_MOST_REPETITION = 2.4
"""The compression ratio above which a text repeats. Source: faster-whisper, `compression_ratio_threshold`."""

_MOST_WORDS = 12.0
"""Words a second that are impossible: twice those of the fastest speakers."""

_SHORTEST = 0.5
"""The seconds of speech for which words a second are counted at least."""


@attrs.frozen
class Chunk:
    """What Whisper wrote for up to 30 seconds of speech."""

    place: float
    """Seconds of speech before it, without the pauses."""

    words: int
    compression: float
    """How many times shorter its text becomes by compression."""


def looped(chunks: Sequence[Chunk], speech: Sequence[Span]) -> Iterator[tuple[int, tuple[Span, ...]]]:
    """
    Yield the number of each chunk that repeats or has impossibly many words, and its parts of the speech.

    Args:
        chunks: The chunks, in order.
        speech: The detected speech, in order.
    """
    places = [0.0, *accumulate(end - start for start, end in speech)]
    for number, chunk in enumerate(chunks):
        until = chunks[number + 1].place if number + 1 < len(chunks) else float("inf")
        # The places are rounded down to 10 ms.
        spans = tuple(
            span
            for span, place in zip(speech, places, strict=False)
            if chunk.place - 0.02 <= place < until - 0.02
        )
        seconds = max(sum(end - start for start, end in spans), _SHORTEST)
        if spans and (chunk.compression > _MOST_REPETITION or chunk.words > _MOST_WORDS * seconds):
            yield number, spans
