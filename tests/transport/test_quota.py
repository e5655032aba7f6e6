"""What is learned of a limit from a refusal: how many requests a window takes, and what is kept for polls."""

from __future__ import annotations

import math

import pytest

from aai_async._transport.quota import Quota


def used_up(requests: int = 667, *, seconds: float = 6.0, pause: float = 4.0) -> Quota:
    """Return a quota of which all requests of the first window were sent, and one too many."""
    quota = Quota(0.0)
    for _ in range(requests + 1):
        quota.add(seconds)
    quota.refuse(seconds, pause)
    return quota


def sent_in_window(quota: Quota, at: float) -> int:
    """Send as many requests at a moment as it lets through; return how many."""
    count = 0
    while quota.opens_at(at) <= at and count < 10_000:
        quota.add(at)
        count += 1
    return count


def test_before_a_refusal_nothing_is_held_back() -> None:
    """Nothing is known of the limit."""
    quota = Quota(0.0)
    for _ in range(5_000):
        quota.add(0.0)
    assert quota.opens_at(0.0) == 0.0


def test_a_part_of_each_later_window_is_kept_until_its_end() -> None:
    """Three requests for each second that is left, and a few more."""
    quota = used_up()
    assert sent_in_window(quota, 10.0) == 667 - 3 * 10 - 8
    assert quota.opens_at(10.0) == 19.0
    # Less of it is needed as the window ends.
    assert quota.opens_at(15.0) == 15.0


def test_those_that_were_refused_together_do_not_count_as_taken() -> None:
    """They were sent before the first refusal arrived."""
    quota = used_up(690)
    for _ in range(23):
        quota.refuse(6.1, 4.0)
    assert sent_in_window(quota, 10.0) == 667 - 3 * 10 - 8


def test_the_last_second_of_a_window_tries_for_more() -> None:
    """Others of the account may have used the limit before."""
    quota = used_up()
    before = sent_in_window(quota, 10.0)
    tried = sent_in_window(quota, 19.0)
    assert before + tried == math.ceil(667 * 1.05)
    assert quota.opens_at(19.0) == 20.0
    # The service may count those that were tried in this window.
    assert sent_in_window(quota, 20.0) == before + tried - tried - 3 * 10 - 8
    assert sent_in_window(quota, 29.0) == math.ceil((before + tried) * 1.05) - (before - 3 * 10 - 8)


def test_a_refusal_in_the_last_second_shows_the_limit() -> None:
    """However short the pause is."""
    quota = used_up()
    for _ in range(691):
        quota.add(19.5)
    quota.refuse(19.5, 1.0)
    assert sent_in_window(quota, 20.5) == 690 - 3 * 10 - 8
    assert quota.opens_at(20.5) == 29.5


def test_a_window_has_whole_seconds() -> None:
    """The service rounds up what is left of it, so it seems to be longer."""
    quota = used_up(seconds=6.7, pause=4.0)
    assert sent_in_window(quota, 10.7) == 667 - 3 * 10 - 8
    assert quota.opens_at(10.7) == 19.7


def test_a_window_that_begins_late_stays_known() -> None:
    """The one before has not ended when the first requests are sent."""
    quota = used_up()
    for _ in range(16):
        quota.add(10.1)
    for _ in range(16):
        quota.refuse(10.2, 1.0)
    assert sent_in_window(quota, 11.2) == 667 - 15 - 3 * 10 - 8
    assert quota.opens_at(11.2) == 20.2


def test_what_was_tried_explains_a_refusal() -> None:
    """The service has counted it in the next window, whose limit is the same."""
    quota = used_up()
    sent_in_window(quota, 10.0)
    tried = sent_in_window(quota, 19.9)
    allowed = 667 - 3 * 10 - 8 + tried
    for _ in range(allowed - tried + 1):
        quota.add(20.0)
    quota.refuse(20.1, 9.0)
    assert sent_in_window(quota, 29.1) == allowed - 3 * 10 - 8


def test_a_window_that_was_not_needed_ends_all_restraint() -> None:
    """Requests have become rarer."""
    quota = used_up()
    quota.add(12.0)
    assert quota.opens_at(21.0) == 21.0
    assert sent_in_window(quota, 21.0) == 10_000


@pytest.mark.parametrize(
    ("requests", "seconds", "pause"),
    [(50, 6.0, 4.0), (667, 6.0, 1.0), (667, 400.0, 4.0), (667, 290.0, 2.0)],
    ids=["few requests", "a short pause", "a long time", "a slow beginning"],
)
def test_a_refusal_that_shows_no_window_teaches_nothing(requests: int, seconds: float, pause: float) -> None:
    """A gateway refuses one too, for reasons of its own."""
    quota = used_up(requests, seconds=seconds, pause=pause)
    assert sent_in_window(quota, seconds + pause) == 10_000


def test_a_small_window_is_kept_by_half_at_most() -> None:
    """The work must go on."""
    quota = used_up(102, seconds=1.0, pause=15.5)
    assert sent_in_window(quota, 16.5) == 51
    assert math.isfinite(quota.opens_at(16.5))


def test_a_limit_that_others_have_used_up_shows_no_window() -> None:
    """All requests in flight are refused. A window of none would be waited for again and again."""
    quota = used_up(200, seconds=1.0, pause=19.0)
    for _ in range(200):
        quota.refuse(1.1, 19.0)
    assert sent_in_window(quota, 20.0) == 10_000
