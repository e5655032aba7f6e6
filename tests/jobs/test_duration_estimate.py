"""What a job is thought to take, learned from those before it: numbers alone, without a clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async._jobs.duration_estimate import _LEAST_PER_BYTE, DurationEstimator

seconds = st.floats(0.01, 1e5)
sizes = st.integers(1, 10**10)


def learned(*jobs: tuple[float, int | None]) -> DurationEstimator:
    forecast = DurationEstimator()
    for took, size in jobs:
        forecast.add(took, size)
    return forecast


def test_nothing_is_expected_of_a_job_of_which_nothing_is_known() -> None:
    """No idea is better than a guess."""
    assert DurationEstimator().estimate(None) is None


def test_a_large_recording_is_expected_to_take_the_least_that_one_has_ever_taken() -> None:
    """It is uncompressed, for all that is known."""
    assert DurationEstimator().estimate(630_000_000) == pytest.approx(31.5)


def test_a_job_is_expected_to_take_what_the_one_before_it_has() -> None:
    """Also where its size is not known."""
    assert learned((20.0, None)).estimate(None) == pytest.approx(20.0)


def test_a_job_of_half_the_size_is_expected_to_take_half_as_long() -> None:
    """The time for each byte is what is learned."""
    assert learned((20.0, 1_000_000)).estimate(500_000) == pytest.approx(10.0)


def test_a_job_of_twice_the_size_is_not_expected_to_take_longer_than_those_before() -> None:
    """A look too early costs a request, one too late costs time."""
    assert learned((20.0, 1_000_000)).estimate(2_000_000) == pytest.approx(20.0)


def test_an_outlier_moves_what_is_expected_by_little() -> None:
    """Times are skewed, so that it is their logarithms of which there is a mean."""
    assert learned(*[(10.0, None)] * 20, (1000.0, None)).estimate(None) == pytest.approx(10.0 * 100.0**0.2)


def test_a_service_that_slows_down_is_noticed_within_a_dozen_jobs() -> None:
    """What was long ago counts for little."""
    expected = learned(*[(5.0, None)] * 100, *[(50.0, None)] * 12).estimate(None)
    assert expected is not None
    assert 40 < expected < 50


@pytest.mark.parametrize("took", [0.0, -1.0])
def test_a_job_that_took_no_time_teaches_nothing(took: float) -> None:
    """A clock was set, or two differ."""
    assert learned((took, 1000)).estimate(None) is None


@given(st.lists(st.tuples(seconds, st.none() | sizes), min_size=1, max_size=30), st.none() | sizes)
def test_what_is_expected_is_never_more_than_the_longest_so_far(
    jobs: list[tuple[float, int | None]], size: int | None
) -> None:
    """Nor nothing."""
    expected = learned(*jobs).estimate(size)
    assert expected is not None
    assert 0 < expected <= max(took for took, _ in jobs) * (1 + 1e-9)


@given(sizes, sizes)
def test_a_larger_recording_is_never_expected_to_be_done_sooner(one: int, other: int) -> None:
    """Before anything was learned, and after."""
    for forecast in (DurationEstimator(), learned((20.0, 1_000_000))):
        smaller, larger = (forecast.estimate(size) for size in sorted((one, other)))
        assert smaller is not None
        assert larger is not None
        assert smaller <= larger
    assert DurationEstimator().estimate(one) == pytest.approx(one * _LEAST_PER_BYTE)
