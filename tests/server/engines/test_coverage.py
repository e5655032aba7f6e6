"""Speech without words is found, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async.server.engines.coverage import PADDING, SHORTEST, without_words
from aai_async.server.engines.words import Piece


def word(start: float, end: float) -> Piece:
    return Piece(" word", start, end, 1.0)


def test_speech_with_words_is_complete() -> None:
    """Pauses of a sentence are shorter than a second of speech without a word."""
    words = [word(0.4, 1.0), word(1.8, 2.4), word(2.4, 3.5)]
    assert [*without_words([(0.0, 4.0)], words)] == []


def test_a_part_without_words_is_found() -> None:
    """In the middle and at the end, with its padding but clear of the words."""
    parts = [*without_words([(0.0, 10.0), (12.0, 15.0)], [word(0.4, 1.0), word(6.0, 7.0)])]
    assert parts == [pytest.approx((1.0, 6.0)), pytest.approx((7.0, 10.0)), (12.0, 15.0)]


def test_a_short_part_is_none() -> None:
    """A breath or a click that the detection takes for speech."""
    assert [*without_words([(5.0, 5.0 + SHORTEST + PADDING)], [])] == []


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 5)), max_size=10).map(
        lambda pairs: sorted((start, start + length) for start, length in pairs)
    )
)
def test_a_part_never_overlaps_a_word(times: list[tuple[float, float]]) -> None:
    """So that no word is recognised twice."""
    for start, end in without_words([(0.0, 60.0)], [word(*pair) for pair in times]):
        assert end - start >= SHORTEST
        assert all(last <= start + 1e-9 or first >= end - 1e-9 for first, last in times)
