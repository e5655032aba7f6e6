"""
Converts the pieces that Whisper reports to whole words with ordered times in integer ms.

Whisper's pieces include their leading space, and their times sometimes overlap, run backwards or exceed the
file.
"""

from collections.abc import Iterable, Sequence

import attrs

from aai_async.server.engine import UNSPACED_LANGUAGES, RecognizedWord


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

    This avoids ``ill -disposed`` and ``4 %``. In a language without spaces each piece is a word.
    """
    groups: list[list[Piece]] = []
    for piece in pieces:
        if not groups or piece.text.startswith(" ") or language in UNSPACED_LANGUAGES:
            groups.append([])
        groups[-1].append(piece)
    return [word for word in map(_joined, groups) if word.text]


def _joined(group: Sequence[Piece]) -> Piece:
    # A piece may also contain a space, such as a dash joined to the following word.
    text = "".join("".join(piece.text for piece in group).split())
    probability = sum(piece.probability for piece in group) / len(group)
    return Piece(text, group[0].start, group[-1].end, probability)


def lay_out(words: Iterable[Piece], start: int, end: int) -> tuple[RecognizedWord, ...]:
    """Return the words in order between two times in ms, without overlaps."""
    placed: list[RecognizedWord] = []
    earliest = start
    for word in words:
        begins = min(max(round(word.start * 1000), earliest), end)
        # Each word takes at least a millisecond, unless the end is reached.
        earliest = min(max(round(word.end * 1000), begins + 1), end)
        confidence = round(min(max(word.probability, 0.0), 1.0), 4)
        placed.append(RecognizedWord(text=word.text, start=begins, end=earliest, confidence=confidence))
    return tuple(placed)
