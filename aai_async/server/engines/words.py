"""
From the pieces that Whisper reports to words: whole, in integer ms, one after another.

Whisper's pieces carry their own leading space, and their times now and then overlap, run backwards or
leave the file.
"""

from collections.abc import Iterable, Sequence

import attrs

from aai_async.server.engine import UNSPACED_LANGUAGES, RecognizedWord


@attrs.frozen
class Piece:
    """What Whisper calls a word."""

    text: str
    start: float
    """Seconds from the start of the file."""

    end: float
    """Seconds from the start of the file."""

    probability: float


def join_pieces(pieces: Iterable[Piece], language: str) -> list[Piece]:
    """
    Join the pieces of one segment into words, free of spaces.

    One would read ``ill -disposed`` and ``4 %`` otherwise. In a language without spaces each piece is a word.
    """
    groups: list[list[Piece]] = []
    for piece in pieces:
        if not groups or piece.text.startswith(" ") or language in UNSPACED_LANGUAGES:
            groups.append([])
        groups[-1].append(piece)
    return [word for word in map(_joined, groups) if word.text]


def _joined(group: Sequence[Piece]) -> Piece:
    # A piece may have a space inside too: a dash that was drawn to the word behind it.
    text = "".join("".join(piece.text for piece in group).split())
    probability = sum(piece.probability for piece in group) / len(group)
    return Piece(text, group[0].start, group[-1].end, probability)


def lay_out(words: Iterable[Piece], start: int, end: int) -> tuple[RecognizedWord, ...]:
    """Put words between two times in ms, in order, none reaching into the next."""
    placed: list[RecognizedWord] = []
    earliest = start
    for word in words:
        begins = min(max(round(word.start * 1000), earliest), end)
        # Each takes a millisecond at least, as long as there is one left.
        earliest = min(max(round(word.end * 1000), begins + 1), end)
        confidence = round(min(max(word.probability, 0.0), 1.0), 4)
        placed.append(RecognizedWord(text=word.text, start=begins, end=earliest, confidence=confidence))
    return tuple(placed)
