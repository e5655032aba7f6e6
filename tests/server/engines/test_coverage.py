"""Speech without words is found, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async.server.engines.coverage import (
    PADDING,
    SHORTEST,
    warnings_about,
    with_found,
    without_words,
)
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


def test_a_word_of_many_seconds_covers_two_of_them() -> None:
    """Whisper let "dialed." last six seconds, of which five were a sentence in Italian."""
    parts = [*without_words([(0.0, 10.0)], [word(0.4, 1.0), word(1.0, 9.5)])]
    assert parts == [pytest.approx((3.0, 10.0))]


def test_a_word_ends_before_those_that_were_found_in_its_time() -> None:
    words = with_found([word(0.4, 1.0), word(1.0, 9.5), word(9.6, 10.0)], [word(5.0, 5.5), word(5.5, 6.0)])
    times = [(one.start, one.end) for one in words]
    assert times == [(0.4, 1.0), (1.0, 5.0), (5.0, 5.5), (5.5, 6.0), (9.6, 10.0)]


def test_speech_without_words_is_stated_with_its_length_without_padding() -> None:
    (warning,) = warnings_about([(20.0, 22.8), (4.0, 7.8)])  # of two channels
    assert warning.startswith("For 5.0 s there is sound like speech in which no words were recognised")
    assert f"the first at {4.0 + PADDING} s" in warning


def test_nothing_is_stated_where_all_speech_has_words() -> None:
    assert [*warnings_about([])] == []


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 2)), max_size=10).map(
        lambda pairs: sorted((start, start + length) for start, length in pairs)
    )
)
def test_a_part_never_overlaps_a_word(times: list[tuple[float, float]]) -> None:
    """So that no word is recognised twice."""
    for start, end in without_words([(0.0, 60.0)], [word(*pair) for pair in times]):
        assert end - start >= SHORTEST
        assert all(last <= start + 1e-9 or first >= end - 1e-9 for first, last in times)
