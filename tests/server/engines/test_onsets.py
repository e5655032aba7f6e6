"""The first word of a part of the speech begins where it sounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async.server.diarization.filterbank import Floats
from aai_async.server.engines.onsets import from_onsets
from aai_async.server.engines.words import Piece
from aai_async.server.sound.decoding import RATE


def word(start: float, end: float) -> Piece:
    return Piece("word", start, end, 1.0)


def sounding(seconds: float, first: float, last: float, noise: float = 0.0) -> Floats:
    """A tone within silence, or within noise of a share of its amplitude."""
    sound = np.random.default_rng(0).uniform(-noise, noise, int(seconds * RATE)).astype(np.float32)
    times = np.arange(int(first * RATE), int(last * RATE)) / RATE
    sound[int(first * RATE) : int(last * RATE)] = np.cos(2 * np.pi * 300 * times)
    return sound


def starts(words: list[Piece], speech: list[tuple[float, float]], sound: Floats) -> list[float]:
    return [one.start for one in from_onsets(words, speech, sound)]


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_first_word_begins_behind_the_padding(noise: float) -> None:
    """Whisper base reported "and" of a recording at 6.03 s, 0.39 s before it, in each container."""
    sound = sounding(9.0, 6.42, 7.4, noise)
    found = starts([word(6.03, 6.53), word(6.53, 6.69)], [(6.02, 8.0)], sound)
    assert found == pytest.approx([6.37, 6.53], abs=0.01)


def test_each_part_has_a_first_word() -> None:
    sound = sounding(9.0, 1.4, 2.0) + sounding(9.0, 6.3, 7.0)
    found = starts([word(1.05, 2.0), word(6.0, 7.0)], [(1.0, 2.4), (6.0, 7.4)], sound)
    assert found == pytest.approx([1.35, 6.25], abs=0.01)


def test_a_word_that_sounds_from_the_start_stays() -> None:
    """Where the detection begins late, or in noise."""
    assert starts([word(1.0, 2.0)], [(1.0, 2.4)], sounding(3.0, 0.9, 2.0)) == [1.0]
    assert starts([word(1.0, 2.0)], [(1.0, 2.4)], sounding(3.0, 1.4, 2.0, noise=0.1)) == pytest.approx([1.0])


def test_a_word_within_a_part_stays() -> None:
    assert starts([word(1.5, 2.0)], [(1.0, 2.4)], sounding(3.0, 1.9, 2.0)) == [1.5]


@given(st.floats(-0.5, 3.5), st.floats(0.0, 2.0), st.floats(0.0, 3.0), st.sampled_from([0.0, 0.01, 0.5]))
def test_a_word_loses_no_more_than_the_padding(
    start: float, length: float, onset: float, noise: float
) -> None:
    """Also one outside of the sound, or without length."""
    sound = sounding(3.0, min(onset, 2.9), 3.0, noise)
    (found,) = from_onsets([word(start, start + length)], [(max(start, 0.0), 3.0)], sound)
    assert start <= found.start <= start + min(0.4, length)
    assert found.end == start + length
