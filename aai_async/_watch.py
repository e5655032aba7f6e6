"""
Looking again and again until what was asked for is there.

It knows when to look and when to give up; what is looked at is a `Call`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio

from aai_async._endpoints import Call
from aai_async._errors import (
    AAIError,
    APIError,
    DeadlineError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServerError,
    TransportError,
    Verdict,
)
from aai_async._events import logger
from aai_async._http import HTTP
from aai_async._polling import Polling

T = TypeVar("T")

_LAST_LOOK = 10.0
"""Seconds that a look may take beyond the deadline of its wait."""


async def watch(
    http: HTTP,
    call: Call[T],
    polling: Polling,
    *,
    until: Callable[[T], bool],
    is_new: Callable[[], bool] = lambda: False,
) -> T:
    """
    Look until what is seen is what was waited for. A look that fails does not end the wait.

    Args:
        http: What looks.
        call: What is looked at.
        polling: When.
        until: Whether it is there.
        is_new: Whether it was made so lately that the service may not know of it everywhere.

    Raises:
        DeadlineError: It was not there after `Polling(give_up_after=...)` seconds, and ten more at the most,
            or no look has succeeded for `Polling(lost_after=...)` seconds.
        AAIError: The service refuses to show it.
    """
    delays = polling.delays()
    deadline = anyio.current_time() + polling.give_up_after
    failing_since, failures, asked_for = 0.0, 0, 0.0
    while True:
        left = max(deadline - anyio.current_time(), 0.0)
        delay = polling.after_failures(next(delays), failures)
        await anyio.sleep(min(max(delay, asked_for), left))
        # The last look happens at the deadline, so it gets a little time beyond it.
        seen = await _look(http, call, deadline + _LAST_LOOK, is_new)
        now = anyio.current_time()
        if isinstance(seen, _Missed):
            failures, asked_for = failures + 1, seen.asked_for
            failing_since = now if failures == 1 else failing_since
            if failures > 1 and now - failing_since >= polling.lost_after:
                raise _lost(seen)
            # What the service has asked to wait for is no failure of it.
            failing_since += asked_for
        elif until(seen):
            return seen
        else:
            failures, asked_for = 0, 0.0
        if now + asked_for >= deadline:
            raise _out_of_time(seen)


class _Missed:
    """A look that failed in a way that may pass."""

    def __init__(self, error: AAIError | None = None) -> None:
        self.asked_for = (error.retry_after if isinstance(error, APIError) else None) or 0.0
        self.why = f" The last look failed: {error.args[0]}" if error else ""


async def _look(http: HTTP, call: Call[T], until: float, is_new: Callable[[], bool]) -> T | _Missed:
    with anyio.CancelScope(deadline=until):
        try:
            return await http.look(call)
        except (TransportError, ServerError, RateLimitError, ProtocolError, NotFoundError) as error:
            may_pass = is_new() if isinstance(error, NotFoundError) else error.verdict is not Verdict.FATAL
            if not may_pass:
                raise
            logger.info("a look at %s failed (%s)", call.path, type(error).__name__)
            return _Missed(error)
    return _Missed()


def _out_of_time(seen: object) -> DeadlineError:
    why = seen.why if isinstance(seen, _Missed) else ""
    return DeadlineError(
        f"It was not ready in the time of Polling(give_up_after=...): wait for it again.{why}"
    )


def _lost(missed: _Missed) -> DeadlineError:
    return DeadlineError(
        f"No look has succeeded in the time of Polling(lost_after=...): wait for it again.{missed.why}"
    )
