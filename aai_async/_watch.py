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
    ProtocolError,
    RateLimitError,
    ServerError,
    TransportError,
)
from aai_async._http import HTTP
from aai_async._polling import Polling

T = TypeVar("T")

_LAST_LOOK = 10.0
"""Seconds that a look may take beyond the deadline of its wait."""


async def watch(http: HTTP, call: Call[T], polling: Polling, *, until: Callable[[T], bool]) -> T:
    """
    Look until what is seen is what was waited for. A look that fails does not end the wait.

    Raises:
        DeadlineError: It was not after `Polling(give_up_after=...)` seconds, and ten more at the most.
        AAIError: The service refuses to show it.
    """
    delays = polling.delays()
    deadline = anyio.current_time() + polling.give_up_after
    asked_for = 0.0
    while True:
        left = max(deadline - anyio.current_time(), 0.0)
        await anyio.sleep(min(max(next(delays), asked_for), left))
        # The last look happens at the deadline, so it gets a little time beyond it.
        seen = await _look(http, call, deadline + _LAST_LOOK)
        if seen is not None and not isinstance(seen, AAIError) and until(seen):
            return seen
        asked_for = (seen.retry_after if isinstance(seen, APIError) else None) or 0.0
        if anyio.current_time() + asked_for >= deadline:
            raise _out_of_time(seen)


async def _look(http: HTTP, call: Call[T], until: float) -> T | AAIError | None:
    """Look once; a failure that may pass is given back, and `None` when the time was over."""
    with anyio.CancelScope(deadline=until):
        try:
            return await http.perform(call)
        except (TransportError, ServerError, RateLimitError, ProtocolError) as error:
            return error
    return None


def _out_of_time(seen: object) -> DeadlineError:
    last = f" The last look failed: {seen.args[0]}" if isinstance(seen, AAIError) else ""
    return DeadlineError(
        f"It was not ready in the time of Polling(give_up_after=...): wait for it again.{last}"
    )
