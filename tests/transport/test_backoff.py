"""How many requests follow a refusal because of a rate limit, and when."""

from __future__ import annotations

import math

import aai_async as aai
from aai_async._transport.backoff import RateLimitBackoff

RETRY = aai.Retry(initial_delay=1.0, max_delay=8.0, jitter=lambda: 1.0)


def sent_at_once(backoff: RateLimitBackoff, now: float) -> int:
    """Send as many requests at a moment as it lets through; return how many."""
    count = 0
    while backoff.time_left(now) <= 0 and count < 1_000:
        backoff.add(now)
        count += 1
    return count


def refused(backoff: RateLimitBackoff, now: float) -> float:
    """Refuse a request that was sent just before; return the seconds of the pause."""
    pause = backoff.refuse(now, now - 0.01)
    backoff.paused_until = now + pause
    return pause


def test_before_a_refusal_nothing_is_restrained() -> None:
    """Nor by requests that are accepted."""
    backoff = RateLimitBackoff(RETRY)
    assert not backoff.accept(1.0)
    assert backoff.time_left(1.0) == -math.inf
    assert sent_at_once(backoff, 1.0) == 1_000


def test_a_pause_is_doubled_for_each_refusal_that_follows_it() -> None:
    """Up to the longest."""
    backoff, now, pauses = RateLimitBackoff(RETRY), 1.0, list[float]()
    for _ in range(6):
        pauses.append(refused(backoff, now))
        assert backoff.time_left(now) == pauses[-1]
        now += pauses[-1] + 0.5
    assert pauses == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_requests_that_are_refused_together_cause_one_pause() -> None:
    """They were sent before the first refusal arrived."""
    backoff = RateLimitBackoff(RETRY)
    assert [backoff.refuse(1.0 + late, 0.99) for late in (0.0, 0.1, 0.2)] == [1.0, 0.0, 0.0]


def test_one_request_is_sent_after_a_pause_until_it_is_answered() -> None:
    """If it is not, another one follows after the time of the next pause."""
    backoff = RateLimitBackoff(RETRY)
    refused(backoff, 1.0)
    assert sent_at_once(backoff, 1.9) == 0
    assert sent_at_once(backoff, 2.0) == 1
    assert sent_at_once(backoff, 3.9) == 0
    assert sent_at_once(backoff, 4.0) == 1


def test_each_request_that_is_accepted_allows_two() -> None:
    """So all may be sent after a few round trips."""
    backoff = RateLimitBackoff(RETRY)
    refused(backoff, 1.0)
    sent = [sent_at_once(backoff, 2.0)]
    for trip in range(1, 5):
        at = 2.0 + trip / 8
        assert all(backoff.accept(at - 0.125) for _ in range(sent[-1]))
        sent.append(sent_at_once(backoff, at))
    assert sent == [1, 2, 4, 8, 1_000]


def test_a_request_that_was_sent_before_the_pause_shows_nothing() -> None:
    """It was accepted before the limit was used up."""
    backoff = RateLimitBackoff(RETRY)
    refused(backoff, 1.0)
    assert not backoff.accept(0.5)
    assert sent_at_once(backoff, 2.0) == 1


def test_each_request_that_is_accepted_halves_the_next_pause() -> None:
    """A limit that lets one request through now and then is not probed more and more rarely."""
    backoff, now = RateLimitBackoff(RETRY), 1.0
    for _ in range(3):
        now += refused(backoff, now) + 0.1
    backoff.accept(now)
    assert refused(backoff, now + 0.1) == 4.0
