"""The turns of a voice in a conversation: where another voice takes over. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar

_SHORTEST_GAP = 200
"""ms of silence of a speaker in which another can take the turn."""


class Timed(Protocol):
    """A word with its times, in ms."""

    @property
    def start(self) -> int:
        """Its start."""
        ...

    @property
    def end(self) -> int:
        """Its end."""
        ...


T = TypeVar("T", bound=Timed)


def middles(words: Sequence[Timed]) -> list[int]:
    """Return the middles of the words of a voice, in ascending order."""
    return sorted((word.start + word.end) // 2 for word in words)


def turns(words: Sequence[T], others: Sequence[Sequence[int]]) -> Iterator[list[T]]:
    """
    Part the words of a voice where another one takes the turn.

    Args:
        words: The words of the voice, in the order in which they are spoken.
        others: For each other voice, the middles of its words.
    """
    turn: list[T] = []
    for word in words:
        if turn and _is_interrupted(turn[-1].end, word.start, others):
            yield turn
            turn = []
        turn.append(word)
    yield turn


def _is_interrupted(end: int, start: int, others: Sequence[Sequence[int]]) -> bool:
    if start - end < _SHORTEST_GAP:
        return False
    return any(bisect_left(times, end) < bisect_right(times, start) for times in others)
