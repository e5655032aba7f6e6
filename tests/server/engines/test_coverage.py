"""Speech without words is found, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async.server.engines.coverage import (
    PADDING,
    SHORTEST,
    lost,
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


def test_speech_without_words_is_stated_with_its_length() -> None:
    (warning,) = warnings_about([(20.0, 22.0), (4.0, 7.0)])  # of two channels
    assert warning.startswith("For 5.0 s there is sound like speech in which no words were recognised")
    assert "the first at 4.0 s" in warning


def test_nothing_is_stated_where_all_speech_has_words() -> None:
    assert [*warnings_about([])] == []


def said(text: str) -> list[Piece]:
    """Words with their times, such as `he:1.0-1.2`."""
    found: list[Piece] = []
    for one in text.split():
        word, _, times = one.rpartition(":")
        start, end = times.split("-")
        found.append(Piece(f" {word}", float(start), float(end), 0.9))
    return found


@pytest.mark.parametrize(
    ("language", "speech", "words", "expected"),
    [
        # "Ma non mi è stato possibile trovare la persona" is under the last word before "an ill-disposed".
        (
            "Italian",
            [(8.6, 13.0), (13.0, 16.3)],
            "He:9.5-10.3 was:10.3-10.4 not:10.4-13.8 an:13.9-14.4 ill:14.4-14.8 disposed:14.8-16.0",
            [(11.45, 13.8)],
        ),
        # "Digitare il proprio numero di operatore" is under "turned", and before "He" there is more of it.
        (
            "Italian",
            [(4.7, 6.7), (6.7, 11.3), (11.3, 14.7)],
            "operator:5.0-5.8 logged:5.8-6.2 in.:6.2-6.6 He:7.9-8.5 turned:8.5-12.0 sharply:12.0-14.4",
            [(6.7, 7.8), (9.85, 12.0)],
        ),
        # A sentence that the detection begins late, before the first word of the next one.
        (
            "Russian",
            [(0.3, 4.2), (5.0, 7.0), (7.0, 10.3)],
            "and:0.3-0.9 you:0.9-2.0 always:2.0-3.9 He:6.8-7.4 turned:7.4-7.7 sharply:7.7-8.5 and:8.5-9.9",
            [(5.4, 6.7)],
        ),
        # The detection cuts its parts within the sentence, so that neither has a second of it.
        (
            "German",
            [(6.3, 9.6), (9.6, 11.6), (11.6, 14.4)],
            "make:6.7-7.6 sure:7.6-8.6 himself.:8.6-9.2 And:11.2-11.7 you:11.7-14.3",
            [(9.3, 11.1), (12.75, 14.3)],
        ),
        # A word that lasts beyond its part is longer than it takes to say it in both parts together.
        (
            "German",
            [(9.8, 12.0), (12.0, 15.0), (15.2, 17.4)],
            "Hamburg:10.2-10.9 Airport.:10.9-11.8 And:12.4-13.0 you:13.0-15.6 always:15.8-17.0",
            [(14.05, 15.0), (15.2, 15.6)],
        ),
    ],
)
def test_speech_that_no_word_covers_is_lost(
    language: str, speech: list[tuple[float, float]], words: str, expected: list[tuple[float, float]]
) -> None:
    """As Whisper base transcribed English recordings with a sentence in another language."""
    assert [*lost(speech, said(words))] == [pytest.approx(span) for span in expected], language


@pytest.mark.parametrize(
    "words",
    [
        "Sorry,:0.4-1.0 the:1.88-2.0 number:2.0-3.6",  # the detection keeps pauses of up to 0.8 s
        "La:0.4-1.92 USB:1.92-3.3",  # the longest in 1,900 words: drawn out, and spelt out
        "$1,250,000:0.4-3.6",
        "请注意安全:0.4-3.3",
    ],
)
def test_slow_words_and_pauses_cover_their_speech(words: str) -> None:
    assert [*lost([(0.0, 2.0), (2.03, 4.0)], said(words))] == []


def test_times_out_of_order_lose_nothing() -> None:
    """Whisper's words of two parts may overlap."""
    words = said("one:0.4-1.4 three:2.2-3.4 two:1.3-2.4")
    assert [*lost([(0.0, 4.0)], words)] == []


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
