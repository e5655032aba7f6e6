"""
The lines of a subtitle: words in as few lines as possible, broken where the language permits it.

Pure.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence

import attrs

from aai_async._language.line_breaks import LineBreaks, line_breaks
from aai_async._language.scripts import columns, language_of
from aai_async._language.sentences import sentence_ends
from aai_async.formats._turns import Spoken, text_of

_CLAUSE_ENDS = tuple("?!。？！,;:—–，、；：،؛؟۔।")

_OPENERS = frozenset(
    [
        "and",
        "as",
        "at",
        "because",
        "before",
        "but",
        "by",
        "for",
        "from",
        "how",
        "if",
        "in",
        "of",
        "on",
        "or",
        "so",
        "than",
        "that",
        "to",
        "when",
        "where",
        "which",
        "while",
        "who",
        "with",
    ]
)
"""
English words that begin a phrase, so that a break before them is better than after.

Source: Netflix, Timed Text Style Guide: General Requirements, line treatment.
"""

_ATTACHED = _OPENERS | frozenset(
    [
        "a",
        "an",
        "her",
        "his",
        "its",
        "mr.",
        "mrs.",
        "ms.",
        "dr.",
        "my",
        "our",
        "the",
        "their",
        "your",
        "i",
        "he",
        "she",
        "we",
        "they",
        "be",
        "been",
        "can",
        "could",
        "had",
        "has",
        "have",
        "is",
        "are",
        "was",
        "were",
        "may",
        "might",
        "must",
        "not",
        "shall",
        "should",
        "will",
        "would",
    ]
)
"""
English words that belong to the next: articles and titles, pronouns, auxiliaries.

Source: Netflix, Timed Text Style Guide: General Requirements, line treatment.
"""

_CLAUSE, _PHRASE, _TORN = 0.25, 0.1, 0.2
"""
The gain of a break after a clause or before a phrase, and the cost of one within a phrase: as the distance
from the middle, in shares of the characters of a cue.
"""


@attrs.frozen
class Piece:
    """Words that no line break may part, or a part of a word that is longer than a line."""

    text: str
    gap: str
    start: int
    end: int
    columns: int
    gap_columns: int
    is_phrase_start: bool = False
    """Whether a phrase begins with the piece, by the rules of its language."""
    is_sentence_end: bool = False
    """Whether a sentence ends with the piece."""


@attrs.frozen
class Shape:
    """The maximum size of a cue, in columns and lines."""

    chars: int
    lines: int
    is_english: bool

    def fits(self, pieces: Sequence[Piece]) -> bool:
        """Whether pieces fit into the cue; a single one always does."""
        return len(pieces) == 1 or len(filled(pieces, self.chars)) <= self.lines

    def cost_of_break(self, last: Piece, following: Piece) -> float:
        """Return the cost of a break between two pieces; negative for a good break."""
        if last.is_sentence_end or last.text.endswith(_CLAUSE_ENDS):
            return -_CLAUSE
        if last.text.endswith("."):
            return _TORN  # an abbreviation, an initial or an ordinal
        if following.is_phrase_start:
            return -_PHRASE
        if not self.is_english:
            return 0.0
        if last.text.lower() in _ATTACHED:
            return _TORN
        return -_PHRASE if following.text.lower() in _OPENERS else 0.0


def is_english(language_code: str | None) -> bool:
    """Whether the rules for English words apply; they do if the language is unknown."""
    return language_of(language_code) in {"", "en"}


def width(pieces: Sequence[Piece]) -> int:
    """Count the columns of pieces in one line."""
    return sum(piece.columns + piece.gap_columns for piece in pieces) - (
        pieces[0].gap_columns if pieces else 0
    )


def piece_of(text: str, gap: str, start: int = 0, end: int = 0, *, is_phrase_start: bool = False) -> Piece:
    """Return a piece with its columns."""
    return Piece(text, gap, start, end, columns(text), columns(gap), is_phrase_start)


def line_of(pieces: Sequence[Piece]) -> str:
    """Return the text of pieces in one line."""
    return "".join(piece.gap * (at > 0) + piece.text for at, piece in enumerate(pieces))


def pieces_of(words: Sequence[Spoken], language_code: str | None, chars: float = math.inf) -> list[Piece]:
    """
    Return the pieces between which a sentence can be broken.

    A word is parted only if it is longer than a line and its script permits breaks within it.
    """
    text = text_of(words)
    places = _places(words)
    breaks = line_breaks(text, language_code, places)
    ends = sentence_ends([word.text for word in words], [word.gap for word in words], language_code)
    found: list[Piece] = []
    for at, (place, word) in enumerate(zip(places, words, strict=True)):
        if found and place not in breaks.possible:
            last = found[-1]
            text, end = last.text + word.gap + word.text, max(last.end, word.end)
            found[-1] = attrs.evolve(last, text=text, columns=columns(text), end=end)
        else:
            found += _parted(word, place, breaks, chars)
        if at in ends:
            found[-1] = attrs.evolve(found[-1], is_sentence_end=True)
    return found


def _places(words: Sequence[Spoken]) -> list[int]:
    """Return the place of each word in their text."""
    lengths = (len(word.gap) * (at > 0) + len(word.text) for at, word in enumerate(words))
    ends = itertools.accumulate(lengths)
    return [end - len(word.text) for end, word in zip(ends, words, strict=True)]


def _parted(word: Spoken, place: int, breaks: LineBreaks, chars: float) -> Iterator[Piece]:
    """Yield the parts of a word that is longer than a line, with times in proportion."""
    is_long = len(word.text) > chars / 2 and columns(word.text) > chars
    if not is_long:
        yield piece_of(word.text, word.gap, word.start, word.end, is_phrase_start=place in breaks.preferred)
        return
    length, duration = len(word.text), max(word.end - word.start, 0)
    inner = [at for at in range(1, length) if place + at in breaks.possible]
    for begin, end in itertools.pairwise([0, *inner, length]):
        start, stop = (word.start + duration * at // length for at in (begin, end))
        gap = "" if begin else word.gap
        is_phrase_start = place + begin in breaks.preferred
        yield piece_of(word.text[begin:end], gap, start, stop, is_phrase_start=is_phrase_start)


def filled(pieces: Sequence[Piece], chars: int) -> list[list[Piece]]:
    """Fill lines from the left."""
    lines: list[list[Piece]] = []
    room = -1
    for piece in pieces:
        needed = piece.gap_columns + piece.columns
        if not lines or needed > room:
            lines.append([])
            room, needed = chars, piece.columns
        lines[-1].append(piece)
        room -= needed
    return lines


def balanced(pieces: Sequence[Piece], shape: Shape) -> tuple[str, ...]:
    """Lay pieces out in the minimum number of lines, with about the same length."""
    number = len(filled(pieces, shape.chars))
    if number == 1:
        return (line_of(pieces),)

    @functools.cache
    def best(begin: int, lines: int) -> tuple[float, tuple[int, ...]]:
        """Return the cost of the pieces from `begin` on, and the ends of their lines."""
        if lines == 1:
            return cost(begin, len(pieces)), (len(pieces),)
        return min(
            (cost(begin, end) + rest, (end, *ends))
            for end in range(begin + 1, len(pieces) - lines + 2)
            for rest, ends in (best(end, lines - 1),)
        )

    widths = [0, *itertools.accumulate(piece.columns + piece.gap_columns for piece in pieces)]

    def cost(begin: int, end: int) -> float:
        length = widths[end] - widths[begin] - pieces[begin].gap_columns
        # A line that is too long has the highest cost, unless it is a single word.
        excess = 1e6 * max(length - shape.chars, 0)
        torn = 0.0 if end == len(pieces) else shape.cost_of_break(pieces[end - 1], pieces[end])
        return excess + (1 - length / shape.chars) ** 2 + torn

    ends = best(0, min(number, len(pieces)))[1]
    begins = (0, *ends[:-1])
    return tuple(line_of(pieces[begin:end]) for begin, end in zip(begins, ends, strict=True))
