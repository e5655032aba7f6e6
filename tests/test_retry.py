"""The retry policy is a value: every decision of it is checked without a clock."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aai_async._errors import ConfigError, RequestState
from aai_async._retry import (
    EFFECTIVELY_ONCE,
    NOT_SENT_ONLY,
    REPEATABLE,
    Budget,
    Retry,
    Timeouts,
    parse_retry_after,
    verdict_of_status,
)

STEADY = Retry(jitter=lambda: 1.0)


def test_the_longest_wait_that_the_service_asks_for_is_kept() -> None:
    """It counts requests in windows of five minutes, so a refusal may be for as long as that."""
    refused = RequestState.REFUSED
    assert Retry().delay(refused, 1, repeat=frozenset({refused}), retry_after=300.0) == 300.0
    assert Retry().delay(refused, 1, repeat=frozenset({refused}), retry_after=301.0) is None


@pytest.mark.parametrize(
    ("status", "says_why", "verdict"),
    [
        (204, False, RequestState.AMBIGUOUS),
        (302, False, RequestState.FATAL),
        (400, True, RequestState.FATAL),
        (401, True, RequestState.FATAL),
        (408, False, RequestState.REFUSED),
        (409, True, RequestState.FATAL),
        (413, False, RequestState.FATAL),
        (425, False, RequestState.REFUSED),
        (429, False, RequestState.REFUSED),
        (500, True, RequestState.AMBIGUOUS),
        (502, False, RequestState.AMBIGUOUS),
        (503, False, RequestState.AMBIGUOUS),
        (503, True, RequestState.REFUSED),
        (504, True, RequestState.AMBIGUOUS),
    ],
)
def test_a_status_tells_whether_the_request_may_have_been_carried_out(
    status: int, says_why: bool, verdict: RequestState
) -> None:
    """A 503 of the service itself did nothing; one of a proxy, or a 500, may have."""
    assert verdict_of_status(status, says_why=says_why) is verdict


def test_the_back_off_doubles_up_to_its_ceiling() -> None:
    """Half a second, one, two … and never more than twenty."""
    delays = [
        Retry(attempts=9, jitter=lambda: 1.0).delay(RequestState.NOT_SENT, n, repeat=REPEATABLE)
        for n in range(1, 9)
    ]
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]


def test_jitter_takes_away_at_most_half() -> None:
    """A client never hammers because it drew a small number."""
    assert Retry(jitter=lambda: 0.0).delay(RequestState.NOT_SENT, 1, repeat=REPEATABLE) == 0.25


def test_it_gives_up_after_the_last_attempt() -> None:
    """Five attempts are four waits."""
    assert STEADY.delay(RequestState.REFUSED, 4, repeat=REPEATABLE) is not None
    assert STEADY.delay(RequestState.REFUSED, 5, repeat=REPEATABLE) is None


@pytest.mark.parametrize("verdict", RequestState)
def test_a_billed_request_is_never_repeated_when_it_may_have_been_carried_out(verdict: RequestState) -> None:
    """A second submit is a second bill."""
    repeated = STEADY.delay(verdict, 1, repeat=EFFECTIVELY_ONCE) is not None
    assert repeated is (verdict in {RequestState.NOT_SENT, RequestState.REFUSED})


@pytest.mark.parametrize("verdict", RequestState)
def test_a_stream_that_has_been_read_is_never_repeated(verdict: RequestState) -> None:
    """There is nothing left to send."""
    assert (STEADY.delay(verdict, 1, repeat=NOT_SENT_ONLY) is not None) is (verdict is RequestState.NOT_SENT)


def test_retry_after_is_waited_for_in_full() -> None:
    """The service knows best, so jitter does not shorten it."""
    assert STEADY.delay(RequestState.REFUSED, 1, repeat=REPEATABLE, retry_after=7.0) == 7.0


def test_a_very_long_retry_after_is_not_waited_for() -> None:
    """Whoever called may have a better use for a day."""
    assert STEADY.delay(RequestState.REFUSED, 1, repeat=REPEATABLE, retry_after=86400.0) is None


@pytest.mark.parametrize(
    "value", [None, "", "soon", "nan", "inf", "-5", "0", "1e999", "Wed, 21 Oct 2015 07:28:00 GMT"]
)
def test_junk_in_retry_after_counts_as_absent(value: str | None) -> None:
    """It is a header: anything may stand in it."""
    assert parse_retry_after(value) is None


@given(st.text())
def test_retry_after_is_a_positive_number_of_seconds_or_absent(value: str) -> None:
    """No input raises."""
    seconds = parse_retry_after(value)
    assert seconds is None or 0 < seconds < float("inf")


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_every_wait_is_finite_and_within_the_ceiling(attempt: int, jitter: float) -> None:
    """However patient the policy, it neither overflows nor waits longer than it says."""
    delay = Retry(attempts=10_001, jitter=lambda: jitter).delay(
        RequestState.NOT_SENT, attempt, repeat=REPEATABLE
    )
    assert delay is not None
    assert 0.25 <= delay <= 20.0


@pytest.mark.parametrize("kind", [Retry, Timeouts])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), "5", None])
def test_a_policy_of_nothing_is_refused(kind: type[Retry | Timeouts], value: Any) -> None:
    """The error names the field."""
    for field in attrs.fields(kind):
        if field.name not in {"jitter", "resubmits"}:
            said = rf"{kind.__name__}\({field.name}=\.\.\.\) must be a (number above 0|whole number from 1)"
            with pytest.raises(ConfigError, match=said):
                kind(**{field.name: value})


HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"


@given(st.integers(10**7, 10**11), st.integers(-(10**6), 10**6))
def test_a_date_in_retry_after_is_measured_by_the_date_of_the_reply(timestamp: int, seconds: int) -> None:
    """Our own clock may be days off, and is not asked."""
    now = dt.datetime.fromtimestamp(timestamp, dt.UTC)
    then = now + dt.timedelta(seconds=seconds)
    waited = parse_retry_after(then.strftime(HTTP_DATE), now.strftime(HTTP_DATE))
    assert waited == (seconds if seconds > 0 else None)
    assert parse_retry_after(then.strftime(HTTP_DATE)) is None


@given(st.text() | st.none(), st.text() | st.none())
def test_whatever_stands_in_both_headers_is_a_wait_or_none(value: str | None, date: str | None) -> None:
    """No input raises."""
    seconds = parse_retry_after(value, date)
    assert seconds is None or 0 < seconds < float("inf")


@given(st.floats(1, 1000), st.lists(st.sampled_from(["fails", "times out", "helps", "is cancelled"])))
def test_a_budget_is_never_overdrawn_and_never_overfull(size: float, steps: list[str]) -> None:
    """Whatever its calls come to."""
    budget = Budget(size)
    for step in steps:
        before = budget.left
        cost = budget.spend(is_timeout=step == "times out")
        if cost is None:
            assert budget.left == before < 10
        elif step == "helps":
            budget.succeed(cost)
            assert budget.left == min(before + 1, size)
        elif step == "is cancelled":
            with contextlib.suppress(TimeoutError), budget.given_back_unless_used(cost):
                raise TimeoutError
            assert budget.left == pytest.approx(before)
        assert 0 <= budget.left <= size


@pytest.mark.parametrize("value", [-1, 1.0, True, "1", None])
def test_a_number_of_resubmits_may_be_zero_and_nothing_else_than_whole(value: Any) -> None:
    """Zero turns them off."""
    assert Retry(resubmits=0).resubmits == 0
    with pytest.raises(ConfigError, match=r"Retry\(resubmits=\.\.\.\) must be a whole number from 0"):
        Retry(resubmits=value)
