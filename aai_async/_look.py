"""
Looking at one thing again and again until what was asked for is there.

It knows when to look, what a look that failed means and when to give up; what is looked at is a `Call`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio

from aai_async._endpoints import Call
from aai_async._errors import (
    AAIError,
    APIError,
    DeadlineError,
    NotFoundError,
    ProtocolError,
    TransportError,
    Verdict,
)
from aai_async._events import logger
from aai_async._http import HTTP
from aai_async._polling import Polling

T = TypeVar("T")

LAST_LOOK = 10.0
"""Seconds that a look may take beyond the deadline of its wait."""


class Missed:
    """A look that failed in a way that may pass."""

    def __init__(self, error: AAIError | None = None) -> None:
        self.asked_for = (error.retry_after if isinstance(error, APIError) else None) or 0.0
        self.why = f" The last look failed: {error.args[0]}" if error else ""


class Streak:
    """The looks that have failed in a row, and since when."""

    def __init__(self, polling: Polling) -> None:
        self._polling = polling
        self.length = 0
        self._since = 0.0
        self._asked_for = 0.0

    def end(self) -> None:
        """A look has succeeded."""
        self.length, self._asked_for = 0, 0.0

    def add(self, missed: Missed) -> None:
        """
        One more has failed.

        Raises:
            DeadlineError: None has succeeded for `Polling(lost_after=...)` seconds.
        """
        now = anyio.current_time()
        self._since = self._since if self.length else now
        self.length += 1
        self._asked_for = missed.asked_for
        if self.length > 1 and now - self._since >= self._polling.lost_after:
            raise DeadlineError(
                "No look has succeeded in the time of Polling(lost_after=...): wait for it again."
                f"{missed.why}"
            )
        # What the service has asked to wait for is no failure of it.
        self._since += missed.asked_for

    def delay(self, usual: float) -> float:
        """Seconds to the next look, where without a failure it would be so many."""
        return max(self._polling.after_failures(usual, self.length), self._asked_for)


class Looks(Generic[T]):
    """
    All the looks at one thing: when the next is due, and what the last has seen.

    Args:
        http: What looks.
        call: What is looked at.
        polling: When.
        until: Whether it is there.
        is_new: Whether it was made so lately that the service may not know of it everywhere.
        expected: How many seconds it is thought to take, where something is known.
        age: Seconds since it was begun; infinity if it may have ended, so that it is polled at once.
    """

    def __init__(
        self,
        http: HTTP,
        call: Call[T],
        polling: Polling,
        *,
        until: Callable[[T], bool],
        is_new: Callable[[], bool] = lambda: False,
        expected: float | None = None,
        age: float = 0.0,
    ) -> None:
        self._http = http
        self._call = call
        self._until = until
        self._is_new = is_new
        self._polling = polling
        self._expected = expected
        self._delays = polling.delays(expected, age=age)
        self._streak = Streak(polling)
        self.next_at = anyio.current_time() + next(self._delays)
        """When the next look is due, by the clock of the event loop."""

    @property
    def has_failed(self) -> bool:
        """Whether the last look failed."""
        return self._streak.length > 0

    def restart(self) -> None:
        """Go on as if it was begun now: it was just seen at work."""
        self._delays = self._polling.delays(self._expected)
        self.next_at = anyio.current_time() + next(self._delays)

    async def look(self, deadline: float) -> T | None:
        """
        Look, and give what is seen if it is what was waited for.

        Raises:
            DeadlineError: It is not there at the deadline, or none has succeeded for a long time.
            AAIError: The service refuses to show it.
        """
        # The last look happens at the deadline, so it gets a little time beyond it.
        seen = await look_once(self._http, self._call, deadline + LAST_LOOK, self._is_new)
        usual = next(self._delays)
        if isinstance(seen, Missed):
            self._streak.add(seen)
        elif self._until(seen):
            return seen
        else:
            self._streak.end()
        now = anyio.current_time()
        asked_for = seen.asked_for if isinstance(seen, Missed) else 0.0
        if now + asked_for >= deadline:
            raise _out_of_time(seen)
        self.next_at = now + self._streak.delay(usual)
        return None


async def look_until(http: HTTP, call: Call[T], polling: Polling, *, until: Callable[[T], bool]) -> T:
    """
    Look until what is seen is what was waited for. A look that fails does not end the wait.

    Raises:
        DeadlineError: It was not there after `Polling(give_up_after=...)` seconds, and ten more at the most,
            or no look has succeeded for `Polling(lost_after=...)` seconds.
        AAIError: The service refuses to show it.
    """
    looks = Looks(http, call, polling, until=until, age=math.inf)
    deadline = anyio.current_time() + polling.give_up_after
    while True:
        await anyio.sleep_until(min(looks.next_at, deadline))
        seen = await looks.look(deadline)
        if seen is not None:
            return seen


async def look_once(
    http: HTTP, call: Call[T], until: float, is_new: Callable[[], bool] = lambda: False
) -> T | Missed:
    """
    Look once, until some time at the latest; a failure that may pass is given back.

    Raises:
        AAIError: The service refuses to show it.
    """
    with anyio.CancelScope(deadline=until):
        try:
            return await http.look(call)
        except (TransportError, APIError, ProtocolError) as error:
            may_pass = is_new() if isinstance(error, NotFoundError) else error.verdict is not Verdict.FATAL
            if not may_pass:
                raise
            logger.info("a look at %s failed (%s)", call.path, type(error).__name__)
            return Missed(error)
    return Missed()


def _out_of_time(seen: object) -> DeadlineError:
    why = seen.why if isinstance(seen, Missed) else ""
    return DeadlineError(
        f"It was not ready in the time of Polling(give_up_after=...): wait for it again.{why}"
    )
