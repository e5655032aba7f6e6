"""
Finds speech without words. Imports no large libraries.

Whisper writes a sentence that repeats within 30 seconds only once, and may leave out the end of such a chunk.
It may also leave out speech in another language than the chunk's, and let a word beside it last as long.
"""

import bisect
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from unicodedata import category

import attrs

from aai_async._language.scripts import is_unspaced
from aai_async.server.engines.words import Piece, Span

PADDING = 0.4
"""Seconds that the voice activity detection adds on either side of speech (`VadOptions.speech_pad_ms`)."""

SHORTEST = 1.0
"""The shortest speech that is recognised again, in seconds. Pauses and breaths in a sentence are shorter."""

_LONGEST = 2.0
"""The longest time of a word in seconds. One that lasts longer covers speech that was left out."""

_JOINED = 0.05
"""Parts of the speech that are as close as this many seconds are one: the padding meets in a short pause."""

_INEXACT = 0.1
"""How much a word may begin earlier or end later than Whisper reports, in seconds."""

_WORD, _CHARACTER, _SYLLABLE, _SPOKEN_OUT = 0.75, 0.1, 0.3, 0.6
"""
The seconds that a word may take, and for each character more: an ordinary one, one that is a syllable or is
spelt out, and one that is a word, such as a digit.

None of 1,900 words in five languages took 0.6 s longer than that. Most words that Whisper stretches over
speech in another language take more than a second longer.
"""


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


def lost(speech: Iterable[Span], words: Sequence[Piece]) -> Iterator[Span]:
    """
    Yield the parts of the detected speech, without its padding, that no word covers.

    A word covers no more time than it takes to speak it. The parts are closer to the words than those of
    `without_words`, which are recognised again.

    Args:
        speech: The detected speech, with its padding, in order.
        words: The words.
    """
    words = sorted(words, key=lambda word: word.start)
    starts = [word.start for word in words]
    ends = [*accumulate((word.end for word in words), max)]
    joined = _joined_parts(speech)
    for start, end in joined:
        place = start + PADDING
        for word in words[bisect.bisect_right(ends, start) : bisect.bisect_left(starts, end)]:
            yield from _of_some_length(place, word.start - _INEXACT)
            place = max(place, word.end + _INEXACT)
        yield from _of_some_length(place, end - PADDING)
    for word in words:
        yield from _stretched(word, joined)


def with_found(words: Iterable[Piece], found: Iterable[Piece]) -> list[Piece]:
    """Return words with those that were found between them, before which a word ends that lasted longer."""
    merged = sorted([*words, *found], key=lambda word: word.start)
    return [
        *(attrs.evolve(word, end=min(word.end, following.start)) for word, following in pairwise(merged)),
        *merged[-1:],
    ]


def warnings_about(missed: Sequence[Span]) -> Iterator[str]:
    """State how much speech has no words, given its parts."""
    if missed:
        seconds = sum(end - start for start, end in missed)
        yield (
            f"For {seconds:.1f} s there is sound like speech in which no words were recognised, the first at "
            f"{min(missed)[0]:.1f} s: it may be another language, singing or noise"
        )


def _part(first: float, last: float, start: float, end: float) -> Iterator[Span]:
    if last - first >= SHORTEST:
        yield max(first - PADDING, start), min(last + PADDING, end)


def _joined_parts(speech: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in speech:
        if joined and start - joined[-1][1] <= _JOINED:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return joined


def _of_some_length(first: float, last: float) -> Iterator[Span]:
    if last - first >= SHORTEST:
        yield first, last


def _stretched(word: Piece, speech: Sequence[Span]) -> Iterator[Span]:
    """Yield the speech within the time of a word that is behind the time it takes to speak it."""
    first = word.start + _WORD + sum(map(_seconds, word.text.strip()))
    if word.end - first < SHORTEST:
        return
    parts = [(max(start, first), min(end, word.end)) for start, end in speech]
    parts = [(start, end) for start, end in parts if start < end]
    if sum(end - start for start, end in parts) >= SHORTEST:
        yield from parts


def _seconds(character: str) -> float:
    """Return how long a character of a word may take to speak."""
    if character.isdecimal() or character == "%" or category(character)[0] == "S":
        return _SPOKEN_OUT
    return _SYLLABLE if character.isupper() or is_unspaced(character) else _CHARACTER
