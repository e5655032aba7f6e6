"""
Converts the pieces that Whisper reports to whole words with ordered times in integer ms.

Whisper's pieces include their leading space, and their times sometimes overlap, run backwards or exceed the
file.
"""

import bisect
from collections.abc import Iterable, Sequence
from unicodedata import category

import attrs

from aai_async._language.scripts import UNSPACED_LANGUAGES, is_unspaced, language_of
from aai_async.server.engine import RecognizedWord

Span = tuple[float, float]
"""Start and end, in seconds."""

_SHORTEST = 0.04
"""Seconds that a word takes at least if the end of the sound cuts it off."""


@attrs.frozen
class Piece:
    """A piece of text that Whisper reports as a word."""

    text: str
    start: float
    """Seconds from the start of the file."""

    end: float
    """Seconds from the start of the file."""

    probability: float


def join_pieces(pieces: Iterable[Piece], language: str) -> list[Piece]:
    """
    Join the pieces of one segment into words, free of spaces.

    This avoids ``ill -disposed`` and ``4 %``. In a language without spaces each piece is a word, except those
    of other scripts, such as ``i`` and ``Phone``, and marks that combine with the character before.
    """
    groups: list[list[Piece]] = []
    for piece in pieces:
        if (
            not groups
            or piece.text.startswith(" ")
            or _begins_word(groups[-1][-1].text, piece.text, language)
        ):
            groups.append([])
        groups[-1].append(piece)
    return [word for word in map(_joined, groups) if word.text]


def _begins_word(last: str, text: str, language: str) -> bool:
    """Whether a piece without a leading space begins a word."""
    if language_of(language) not in UNSPACED_LANGUAGES or not last or not text:
        return False
    if category(text[0])[0] == "M":
        return False
    return is_unspaced(last[-1]) or is_unspaced(text[0])


def _joined(group: Sequence[Piece]) -> Piece:
    # A piece may also contain a space, such as a dash joined to the following word.
    text = "".join("".join(piece.text for piece in group).split())
    probability = sum(piece.probability for piece in group) / len(group)
    return Piece(text, group[0].start, group[-1].end, probability)


def within_sound(words: Sequence[Piece], spans: Sequence[Span]) -> list[Piece]:
    """
    Return the words in order, each within the span of sound that it overlaps most, or else the nearest one.

    Whisper lets words begin or end in a gap of the recording.

    Args:
        words: The words, in order.
        spans: Start and end of each part of the recording that has sound, in seconds.
    """
    if not spans:
        return list(words)
    ends, place, groups = [end for _, end in spans], 0, dict[int, list[Piece]]()
    for word in words:
        following = bisect.bisect_left(ends, word.start)
        near = range(max(following - 1, place), max(following, place) + 3)
        place = max((at for at in near if at < len(spans)), key=lambda at: _overlap(word, spans[at]))
        groups.setdefault(place, []).append(word)
    return [word for at, group in groups.items() for word in _within(group, *spans[at])]


def _overlap(word: Piece, span: Span) -> float:
    """Return the seconds that a word and a span share; negative for the distance between them."""
    return min(word.end, span[1]) - max(word.start, span[0])


def _within(words: Sequence[Piece], start: float, end: float) -> list[Piece]:
    """Move words into a span, the later ones first, so that each keeps some length before the end."""
    shortest = min(_SHORTEST, (end - start) / len(words))
    found, latest = list[Piece](), end
    for number, word in enumerate(reversed(words), start=1):
        stop = max(min(word.end, latest), start + (len(words) - number + 1) * shortest)
        latest = max(min(word.start, stop - shortest), start + (len(words) - number) * shortest)
        found.append(attrs.evolve(word, start=latest, end=stop))
    return found[::-1]


def lay_out(words: Iterable[Piece], start: int, end: int) -> tuple[RecognizedWord, ...]:
    """Return the words in order between two times in ms, without overlaps."""
    words = list(words)
    placed: list[RecognizedWord] = []
    earliest = start
    for following, word in zip(reversed(range(len(words))), words, strict=True):
        # Each word takes at least a millisecond, if the window is long enough.
        latest = max(end - following, earliest)
        begins = min(max(round(word.start * 1000), earliest), max(latest - 1, earliest))
        earliest = min(max(round(word.end * 1000), begins + 1), latest)
        confidence = round(min(max(word.probability, 0.0), 1.0), 4)
        placed.append(RecognizedWord(text=word.text, start=begins, end=earliest, confidence=confidence))
    return tuple(placed)
