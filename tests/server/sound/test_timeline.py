"""Frames are placed by their timestamps, and a wrong timestamp moves nothing."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async.server.sound.timeline import LONGEST_GAP, TOLERANCE, Timeline

FRAME = 0.02


def placed(
    timestamps: list[float | None], *, start: float = 0.0, trusted_until: float = math.inf
) -> list[float]:
    """Where frames of 20 ms with these timestamps start."""
    timeline = Timeline(start=start, trusted_until=trusted_until)
    return [
        timeline.place(timestamp, FRAME, following) for timestamp, following in pairwise([*timestamps, None])
    ]


def frames(start: float, count: int) -> list[float | None]:
    return [start + number * FRAME for number in range(count)]


def test_a_late_start_is_kept() -> None:
    """MP4 and Matroska start at 0, whatever comes first (ISO/IEC 14496-12, 8.6.6; RFC 9559, 11.2)."""
    assert placed(frames(6.0, 3)) == pytest.approx([6.0, 6.02, 6.04])


def test_the_start_of_a_clock_is_subtracted() -> None:
    """An MPEG clock starts anywhere (ISO/IEC 13818-1, 2.4.2)."""
    assert placed(frames(95_000.0, 2), start=94_999.0) == pytest.approx([1.0, 1.02])


def test_a_gap_is_silence() -> None:
    """As a player plays it: the sound after the gap is not moved."""
    assert placed(frames(0, 2) + frames(5.0, 2)) == pytest.approx([0, 0.02, 5.0, 5.02])


def test_jitter_is_no_gap() -> None:
    """Timestamps of DVD recordings differ by 32 ms to both sides, and the sound is continuous."""
    jittering = [
        time and time + (0.032 if number % 3 else -0.032) for number, time in enumerate(frames(1.0, 9))
    ]
    assert [b - a for a, b in pairwise(placed(jittering))] == pytest.approx([FRAME] * 8)


def test_small_gaps_do_not_add_up() -> None:
    """Many gaps of some ms each: never more than the tolerance away from the timestamps."""
    times: list[float | None] = [number * (FRAME + 0.01) for number in range(200)]
    assert all(abs(a - (b or 0)) <= TOLERANCE + 1e-9 for a, b in zip(placed(times), times, strict=True))


def test_a_clock_that_restarts_goes_on() -> None:
    """Joined recordings follow one another: nothing overlaps, nothing is lost."""
    assert placed(frames(0, 3) + frames(0, 3)) == pytest.approx([0, 0.02, 0.04, 0.06, 0.08, 0.1])


@pytest.mark.parametrize("wrong", [0.0, 3600.0])
def test_one_wrong_timestamp_moves_nothing(wrong: float) -> None:
    """The frame after it shows that it is wrong."""
    times = frames(10.0, 5)
    times[2] = wrong
    assert placed(times) == pytest.approx(frames(10.0, 5))


def test_a_clock_that_returns_is_the_first_one() -> None:
    """After some frames with a wrong clock, the times are again those of the file."""
    times = frames(10.0, 4) + frames(2.0, 4) + frames(10.16, 4)
    assert placed(times) == pytest.approx(frames(10.0, 12))


@pytest.mark.parametrize(
    ("trusted_until", "start"), [(math.inf, 1000.0), (1000.0, 1000.0), (-math.inf, 0.02)]
)
def test_a_long_jump_is_a_gap_only_in_a_file_that_is_known_to_be_that_long(
    trusted_until: float, start: float
) -> None:
    """Otherwise it is the clock of another recording, as VLC takes it from 60 s on."""
    assert placed([0.0, *frames(1000.0, 2)], trusted_until=trusted_until)[1] == pytest.approx(start)
    assert LONGEST_GAP == 60


def test_frames_without_timestamps_follow() -> None:
    """Some decoders state the first of several frames only."""
    assert placed([3.0, None, None]) == pytest.approx([3.0, 3.02, 3.04])


def test_the_delay_of_an_encoder_lies_before_the_start() -> None:
    """It is negative, so that players leave it out; more than half a second is no delay."""
    assert placed(frames(-0.04, 3)) == pytest.approx([-0.04, -0.02, 0.0])
    assert placed(frames(-4.0, 2)) == pytest.approx([0.0, 0.02])


@given(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_no_frame_overlaps_another(timestamps: list[float | None]) -> None:
    """Whatever the timestamps."""
    times = placed(timestamps)
    assert all(later - earlier >= FRAME - 1e-6 for earlier, later in pairwise(times))
