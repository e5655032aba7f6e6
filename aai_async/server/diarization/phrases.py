"""
Cutting recognised words into phrases, and phrases into the windows that a speaker encoder listens to.

Speakers seldom change inside a phrase, so a window never reaches from one into the next.
"""

from collections.abc import Iterator, Sequence

import attrs

from aai_async.server.engine import RecognizedWord

PAUSE = 350
"""How long a silence ends a phrase, in ms."""

LONGEST_PHRASE = 12_000
"""How long a phrase may get, in ms, before it is cut without a reason."""

LONGEST_SINGLE_WINDOW = 2_500
"""How long a phrase may be, in ms, to be one window."""

WINDOW = 2_000
"""How long the windows of a longer phrase are, in ms."""

HOP = 1_000
"""How far the windows of a longer phrase are apart, in ms."""

_SENTENCE_ENDS = (".", "?", "!", "。", "？", "！")


@attrs.frozen
class Phrase:
    """Consecutive words, probably of one speaker."""

    first: int
    """Index of its first word."""

    last: int
    """Index of its last word."""

    start: int
    """ms from the start of the file."""

    end: int
    """ms from the start of the file."""


@attrs.frozen
class Window:
    """A part of a phrase, long enough to identify a voice."""

    phrase: int
    """Index of its phrase."""

    start: int
    """ms from the start of the file."""

    end: int
    """ms from the start of the file."""

    share: float
    """The part of the phrase that counts as this window's own, in ms: windows overlap, shares do not."""


def phrases(words: Sequence[RecognizedWord]) -> list[Phrase]:
    """Cut words into phrases: at pauses, at the ends of sentences, and where they get too long."""
    found: list[Phrase] = []
    first = 0
    for index, word in enumerate(words):
        if index + 1 == len(words) or _ends_phrase(words[first], word, words[index + 1]):
            found.append(Phrase(first, index, words[first].start, word.end))
            first = index + 1
    return found


def _ends_phrase(first: RecognizedWord, word: RecognizedWord, following: RecognizedWord) -> bool:
    return (
        following.start - word.end >= PAUSE
        or word.text.endswith(_SENTENCE_ENDS)
        or following.end - first.start > LONGEST_PHRASE
    )


def windows(found: Sequence[Phrase]) -> list[Window]:
    """Lay windows over each phrase, the last one against its end."""
    return [window for index, phrase in enumerate(found) for window in _windows_of(index, phrase)]


def _windows_of(index: int, phrase: Phrase) -> Iterator[Window]:
    duration = phrase.end - phrase.start
    if duration <= LONGEST_SINGLE_WINDOW:
        yield Window(index, phrase.start, phrase.end, duration)
        return
    starts = [*range(phrase.start, phrase.end - WINDOW, HOP), phrase.end - WINDOW]
    for start in starts:
        yield Window(index, start, start + WINDOW, duration / len(starts))
