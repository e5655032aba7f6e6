"""A word is in the part of the speech in which it sounds, and not in the silence of another one."""

from __future__ import annotations

import numpy as np
import pytest

from aai_async.server.diarization.filterbank import Floats
from aai_async.server.engines.seams import in_own_part
from aai_async.server.engines.words import Piece

RATE = 16_000

SPEECH = [(0.5, 2.5), (6.0, 8.0), (8.0, 9.0)]
"""Whisper receives 3.5 s less, without the pause from 2.5 s to 6 s."""


def recording(*sounds: tuple[float, float]) -> Floats:
    """Ten seconds with the little noise that a codec leaves, and with sounds."""
    samples = np.full(10 * RATE, 0.001, np.float32)
    for start, end in sounds:
        samples[round(start * RATE) : round(end * RATE)] = 0.5
    return samples


def times(word: tuple[float, float], samples: Floats) -> tuple[float, float]:
    """The times that a word of a recording gets."""
    (found,) = in_own_part([Piece("Please", *word, probability=0.9)], SPEECH, samples)
    assert found.text == "Please"
    return found.start, found.end


def test_a_word_in_the_silence_before_a_pause_moves_to_its_sound_behind_it() -> None:
    # For Whisper, the word is from 0.3 s before the seam to 0.25 s behind it, which is 6.25 s.
    samples = recording((1.0, 2.1), (6.05, 6.25))
    assert times((2.2, 2.75), samples) == (6.0, 6.25)


def test_a_word_in_the_silence_behind_a_pause_moves_to_its_sound_before_it() -> None:
    # For Whisper, the word is from 0.5 s before the seam, which is 2.0 s, to 0.6 s behind it.
    samples = recording((1.0, 1.6), (2.05, 2.25), (7.0, 7.5))
    assert times((5.5, 6.6), samples) == pytest.approx((2.05, 2.25), abs=0.001)


@pytest.mark.parametrize(
    "word",
    [(7.5, 8.5), (6.1, 6.9), (8.5, 9.5), (0.2, 0.9), (9.5, 9.9)],
    ids=["over-touching-parts", "inside", "last", "first", "outside"],
)
def test_a_word_with_its_sound_in_its_part_keeps_its_times(word: tuple[float, float]) -> None:
    assert times(word, recording((0.5, 2.2), (6.0, 9.0))) == word


def test_a_word_does_not_begin_before_the_pause_in_front_of_it() -> None:
    """Whisper base let a sentence begin 1.2 s early, where the last word of the one before it ended."""
    samples = recording((0.5, 2.1), (6.4, 7.6))
    assert times((2.0, 2.95), samples) == pytest.approx((6.0, 6.45))
    assert times((5.6, 6.7), samples) == (6.0, 6.7)


def test_a_pause_may_have_no_gap_between_its_parts() -> None:
    """The padding of the two parts meets in a short pause."""
    assert times((7.5, 8.5), recording((6.4, 7.7), (8.3, 8.8))) == (8.0, 8.5)


def test_a_word_that_ends_in_the_silence_behind_a_pause_ends_before_the_pause() -> None:
    assert times((1.7, 2.7), recording((0.5, 2.1), (6.4, 7.6))) == (1.7, 2.5)


def test_a_word_without_any_sound_stays_in_its_part() -> None:
    assert times((2.2, 2.75), np.zeros(10 * RATE, np.float32)) == (2.2, 2.5)
