"""The polling schedule is a value: its numbers are checked without a clock."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async import ConfigError, Polling


def looks(polling: Polling, count: int, expected: float | None = None, age: float = 0.0) -> list[float]:
    """When the first looks happen, in seconds after the wait began, which is the submit without an age."""
    return list(itertools.accumulate(itertools.islice(polling.delays(expected, age=age), count)))


def test_the_first_look_comes_after_a_second() -> None:
    """A short clip is done by then."""
    assert looks(Polling(), 1) == [1.0]


def test_gaps_grow_with_the_root_of_the_time_waited() -> None:
    """A job that took long will take long."""
    at = looks(Polling(), 20)
    gaps = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert gaps == pytest.approx([0.5 * math.sqrt(earlier) for earlier in at[:-1]])


def test_no_gap_is_longer_than_the_ceiling() -> None:
    """A job of ten hours is still seen within half a minute."""
    assert max(itertools.islice(Polling().delays(), 2000)) == 30.0


def test_an_expected_length_puts_the_first_look_off_but_not_all_the_way() -> None:
    """A prediction twice too high must not cost much."""
    assert looks(Polling(), 1, expected=20.0) == [12.0]


def test_a_prediction_never_makes_the_first_look_earlier_than_without_one() -> None:
    """A prediction of nothing is no reason for a storm."""
    assert looks(Polling(), 1, expected=0.0) == [1.0]


def test_a_job_of_unknown_age_is_polled_at_once() -> None:
    """It may have ended long ago, also where a job of this client would take long."""
    assert looks(Polling(), 1, age=math.inf) == [0.0]
    assert looks(Polling(), 1, expected=60.0, age=math.inf) == [0.0]


def early_looks(polling: Polling, count: int, expected: float | None = None, age: float = 0.0) -> list[float]:
    """When the first looks of a single wait happen."""
    delays = polling.delays(expected, age=age, is_early=True)
    return list(itertools.accumulate(itertools.islice(delays, count)))


def test_a_single_wait_looks_early_once_in_place_of_the_first_look() -> None:
    """From the second look on, both schedules are the same."""
    assert early_looks(Polling(), 3)[0] == pytest.approx(0.08)
    assert early_looks(Polling(), 20)[1:] == pytest.approx(looks(Polling(), 20)[1:])


@pytest.mark.parametrize(
    ("polling", "expected", "age"),
    [
        (Polling(), 1.0, 0.0),
        (Polling(), 20.0, 0.0),
        (Polling(), None, 0.5),
        (Polling(), None, math.inf),
        (Polling(initial_delay=0.05), None, 0.0),
    ],
    ids=["a second is expected", "more is expected", "a while ago", "unknown age", "asked for sooner"],
)
def test_a_look_that_would_be_of_no_use_is_not_made_early(
    polling: Polling, expected: float | None, age: float
) -> None:
    """The schedule is that of any other wait."""
    assert early_looks(polling, 20, expected, age) == looks(polling, 20, expected, age)


@given(st.floats(0, 10), st.floats(0.01, 5), st.floats(0.01, 60), st.none() | st.floats(0, 100))
def test_an_early_look_costs_a_longer_job_nothing(
    first: float, pace: float, ceiling: float, expected: float | None
) -> None:
    """The second look comes as late as without it, unless the longest gap is shorter than that."""
    polling = Polling(initial_delay=first, pace=pace, max_delay=ceiling)
    usual, early = looks(polling, 2, expected), early_looks(polling, 2, expected)
    assert early[1] == pytest.approx(usual[1]) or early[1] >= max(first, ceiling)


@given(st.floats(0, 10), st.floats(0.01, 5), st.floats(0.01, 60), st.none() | st.floats(0, 100))
def test_a_job_of_unknown_age_that_is_at_work_costs_no_more_polls(
    first: float, pace: float, ceiling: float, expected: float | None
) -> None:
    """The poll at once stands for the first of a new job, and the later ones come no sooner."""
    polling = Polling(initial_delay=first, pace=pace, max_delay=ceiling)
    new, unknown = (looks(polling, 20, expected, age) for age in (0.0, math.inf))
    limit = max(first, ceiling)
    for ends in (limit, 2 * limit, 5 * limit):
        # Where the longest gap is shorter than the first two together, one more is needed for that.
        cut = unknown[1] < new[1]
        assert sum(at < ends for at in unknown) <= sum(at < ends for at in new) + cut


def test_a_job_that_was_submitted_a_while_ago_is_polled_as_one_that_was_waited_for() -> None:
    """The schedule counts from the submit; what is due by then is polled at once, once."""
    assert looks(Polling(), 1, expected=20.0, age=5.0) == [7.0]
    assert looks(Polling(), 2, expected=20.0, age=100.0) == [0.0, 5.0]


def test_it_needs_fewer_looks_than_a_fixed_interval_of_three_seconds_on_a_long_job() -> None:
    """Ten minutes cost 200 looks at the usual three seconds."""
    assert sum(1 for at in looks(Polling(), 300) if at <= 600) < 110


@given(st.floats(0, 10), st.floats(0.01, 5), st.floats(0.01, 60))
def test_every_gap_is_positive_once_waiting_has_begun(first: float, pace: float, ceiling: float) -> None:
    """No schedule with a pace becomes a busy loop."""
    gaps = list(itertools.islice(Polling(initial_delay=first, pace=pace, max_delay=ceiling).delays(), 50))
    assert all(0 < gap <= ceiling for gap in gaps[1:])


@pytest.mark.parametrize("field", ["initial_delay", "pace", "max_delay", "give_up_after"])
def test_a_negative_number_of_seconds_is_refused(field: str) -> None:
    """The error names the field."""
    with pytest.raises(ConfigError, match=field):
        Polling(**{field: -1.0})
