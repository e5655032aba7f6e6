"""
The lines of a subtitle: words in as few lines as possible, broken where the language permits it.

Pure.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import attrs
import msgspec
from msgspec import structs

from aai_async._language.line_breaks import LineBreaks, breaks_at_spaces, line_breaks
from aai_async._language.scripts import columns, language_of
from aai_async._language.sentences import may_end_sentence, sentence_ends
from aai_async.formats._turns import Spoken, text_of

_CLAUSE_ENDS = frozenset("?!。？！,;:—–，、；：،؛؟۔।")

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


class Piece(msgspec.Struct, frozen=True, gc=False):
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

    def fitting(self, pieces: Sequence[Piece]) -> int:
        """Return how many of the pieces fit into the cue; one always does."""
        end = next(itertools.islice(_line_starts(pieces, self.chars), self.lines, None), len(pieces))
        return max(end, 1)

    def cost_of_break(self, last: Piece, following: Piece) -> float:
        """Return the cost of a break between two pieces; negative for a good break."""
        end = last.text[-1:]
        if last.is_sentence_end or end in _CLAUSE_ENDS:
            return -_CLAUSE
        if end == ".":
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
    gap_columns = 1 if gap == " " else columns(gap)
    return Piece(text, gap, start, end, columns(text), gap_columns, is_phrase_start)


def line_of(pieces: Sequence[Piece]) -> str:
    """Return the text of pieces in one line."""
    return "".join(piece.gap * (at > 0) + piece.text for at, piece in enumerate(pieces))


def pieces_of(words: Sequence[Spoken], language_code: str | None, chars: float = math.inf) -> list[Piece]:
    """
    Return the pieces between which a sentence can be broken.

    A word is parted only if it is longer than a line and its script permits breaks within it.
    """
    text = text_of(words)
    # The end of the last word does not matter: no break follows.
    may_end = may_end_sentence(text[: len(text) - len(words[-1].text)])
    ends = _sentence_ends(words, language_code) if may_end else frozenset[int]()
    is_spaced = all(word.gap == " " for word in words[1:])
    if is_spaced and breaks_at_spaces(text) and max(len(word.text) for word in words) <= chars:
        # Most sentences of most languages: each word is a piece.
        return [
            Piece(
                word.text,
                word.gap,
                word.start,
                word.end,
                len(word.text),
                len(word.gap),
                is_sentence_end=at in ends,
            )
            for at, word in enumerate(words)
        ]
    return _bound_pieces(words, line_breaks(text, language_code, _places(words)), ends, chars)


def _bound_pieces(
    words: Sequence[Spoken], breaks: LineBreaks, ends: frozenset[int], chars: float
) -> list[Piece]:
    """Return pieces of the words between which there is no break, and of the parts of long words."""
    found: list[Piece] = []
    for at, (place, word) in enumerate(zip(_places(words), words, strict=True)):
        if found and place not in breaks.possible:
            last = found[-1]
            text, end = last.text + word.gap + word.text, max(last.end, word.end)
            found[-1] = structs.replace(last, text=text, columns=columns(text), end=end)
        elif len(word.text) > chars / 2 and columns(word.text) > chars:
            found += _parted(word, place, breaks)
        else:
            is_phrase_start = place in breaks.preferred
            found.append(piece_of(word.text, word.gap, word.start, word.end, is_phrase_start=is_phrase_start))
        if at in ends:
            found[-1] = structs.replace(found[-1], is_sentence_end=True)
    return found


def _sentence_ends(words: Sequence[Spoken], language_code: str | None) -> frozenset[int]:
    return sentence_ends([word.text for word in words], [word.gap for word in words], language_code)


def _places(words: Sequence[Spoken]) -> list[int]:
    """Return the place of each word in their text."""
    lengths = (len(word.gap) * (at > 0) + len(word.text) for at, word in enumerate(words))
    ends = itertools.accumulate(lengths)
    return [end - len(word.text) for end, word in zip(ends, words, strict=True)]


def _parted(word: Spoken, place: int, breaks: LineBreaks) -> Iterator[Piece]:
    """Yield the parts of a word that is longer than a line, with times in proportion."""
    length, duration = len(word.text), max(word.end - word.start, 0)
    inner = [at for at in range(1, length) if place + at in breaks.possible]
    for begin, end in itertools.pairwise([0, *inner, length]):
        start, stop = (word.start + duration * at // length for at in (begin, end))
        gap = "" if begin else word.gap
        is_phrase_start = place + begin in breaks.preferred
        yield piece_of(word.text[begin:end], gap, start, stop, is_phrase_start=is_phrase_start)


def filled(pieces: Sequence[Piece], chars: int) -> list[Sequence[Piece]]:
    """Fill lines from the left."""
    bounds = [*_line_starts(pieces, chars), len(pieces)]
    return [pieces[begin:end] for begin, end in itertools.pairwise(bounds)]


def _line_starts(pieces: Sequence[Piece], chars: int) -> Iterator[int]:
    """Yield the index of the first piece of each line, filling lines from the left."""
    room = -1
    for at, piece in enumerate(pieces):
        room -= piece.gap_columns + piece.columns
        if at == 0 or room < 0:
            yield at
            room = chars - piece.columns


def balanced(pieces: Sequence[Piece], shape: Shape) -> tuple[str, ...]:
    """Lay pieces out in the minimum number of lines, with about the same length."""
    number = sum(1 for _ in _line_starts(pieces, shape.chars))
    if number == 1:
        return (line_of(pieces),)
    bounds = (0, *_ends_of_lines(pieces, shape, min(number, len(pieces))))
    return tuple(line_of(pieces[begin:end]) for begin, end in itertools.pairwise(bounds))


def _ends_of_lines(pieces: Sequence[Piece], shape: Shape, number: int) -> tuple[int, ...]:
    """Return the ends of a number of lines with the lowest cost."""
    length = len(pieces)
    places = [0, *itertools.accumulate(piece.columns + piece.gap_columns for piece in pieces)]
    starts = [place + piece.gap_columns for place, piece in zip(places, pieces, strict=False)]
    torn = [*map(shape.cost_of_break, pieces, pieces[1:]), 0.0]

    def cost(begin: int, end: int) -> float:
        columns_of_line = places[end] - starts[begin]
        empty = 1 - columns_of_line / shape.chars
        # A line that is too long has the highest cost, unless it is a single word.
        return empty * empty + torn[end - 1] if empty >= 0 else 1e6 * (columns_of_line - shape.chars)

    # For each piece, the lowest cost of the lines from there on, and their ends.
    best: dict[int, tuple[float, tuple[int, ...]]] = {
        begin: (cost(begin, length), (length,)) for begin in range(number - 1, length)
    }
    for rest in range(number - 1, 0, -1):
        begins = range(rest - 1, length - number + rest) if rest > 1 else range(1)
        best = {
            begin: min(
                (cost(begin, end) + best[end][0], (end, *best[end][1]))
                for end in range(begin + 1, length - number + rest + 1)
            )
            for begin in begins
        }
    return best[0][1]
