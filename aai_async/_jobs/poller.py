"""
Polling of one resource until it is ready.

This module decides when to poll, how to treat a failed poll, and when to give up. A `Call` is polled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio
import msgspec

from aai_async._api.endpoints import Call
from aai_async._errors import (
    AAIError,
    APIError,
    DeadlineError,
    NotFoundError,
    ProtocolError,
    RequestState,
    TransportError,
    about,
)
from aai_async._events import logger
from aai_async._polling import Polling
from aai_async._transport import Sender

T = TypeVar("T")

FINAL_POLL_GRACE = 10.0
"""Seconds that a poll may take beyond the deadline of its wait."""


class PollFailure:
    """A poll that failed for a reason that may be temporary."""

    def __init__(self, error: AAIError | None = None) -> None:
        self.error = error
        self.requested_delay = (error.retry_after if isinstance(error, APIError) else None) or 0.0
        self.why = f" The last poll failed: {error.args[0]}" if error else ""


class FailureStreak:
    """The number of consecutive failed polls, and the time of the first."""

    def __init__(self, polling: Polling) -> None:
        self._polling = polling
        self.length = 0
        self._since = 0.0
        self._requested_delay = 0.0

    def end(self) -> None:
        """Record that a poll has succeeded."""
        self.length, self._requested_delay = 0, 0.0

    def add(self, failure: PollFailure) -> None:
        """
        Record that a poll has failed.

        Raises:
            DeadlineError: No poll has succeeded for `Polling(unreachable_after=...)` seconds.
        """
        now = anyio.current_time()
        self._since = self._since if self.length else now
        self.length += 1
        self._requested_delay = failure.requested_delay
        if self.length > 1 and now - self._since >= self._polling.unreachable_after:
            raise DeadlineError(
                "No poll has succeeded within Polling(unreachable_after=...). Wait for the result again."
                f"{failure.why}"
            )
        # A wait that the service has asked for does not count as time without a response.
        self._since += failure.requested_delay

    def delay(self, usual: float) -> float:
        """Return the seconds to the next poll; `usual` is the delay without failures."""
        return max(self._polling.after_failures(usual, self.length), self._requested_delay)


class Poller(Generic[T]):
    """
    The polls of one resource: when the next is due, and whether the last has failed.

    Args:
        sender: Sends the requests.
        call: The request.
        polling: The delays between polls.
        new_until: When all servers of the service know the resource: until then, a response that it does not
            exist counts as a failure that may be temporary.
        expected: Expected duration in seconds, if known.
        age: Seconds since the work began; infinity if it may have ended, so that it is polled at once.
        is_early: Whether a new resource is polled almost at once, in case the work is short.
    """

    def __init__(
        self,
        sender: Sender,
        call: Call[T],
        polling: Polling,
        *,
        new_until: float = -math.inf,
        expected: float | None = None,
        age: float = 0.0,
        is_early: bool = False,
    ) -> None:
        self._sender = sender
        self._call = call
        self._new_until = new_until
        self._polling = polling
        self._expected = expected
        self._delays = polling.delays(expected, age=age, is_early=is_early)
        self._streak = FailureStreak(polling)
        self.failure: PollFailure | None = None
        """The failure of the last poll; `None` if it succeeded."""
        now = anyio.current_time()
        self.next_at = now + next(self._delays)
        """When the next poll is due, by the clock of the event loop."""
        usual = polling.delays(expected, age=0.0 if age == math.inf else age)
        self.first_at = now + next(usual)
        """When the work may end at the earliest, unless it has ended before the first poll."""

    @property
    def failures(self) -> int:
        """Number of consecutive failed polls."""
        return self._streak.length

    @property
    def has_failed(self) -> bool:
        """Whether the last poll failed."""
        return self._streak.length > 0

    def restart(self) -> None:
        """Restart the delays as if the work began now, because it was just seen unfinished."""
        self._delays = self._polling.delays(self._expected)
        self.next_at = anyio.current_time() + next(self._delays)

    async def poll(
        self, deadline: float, *, until: Callable[[T], bool], is_one_of_few: bool = False
    ) -> T | None:
        """
        Poll once, and return the response if `until` accepts it.

        Args:
            deadline: When the wait ends.
            until: Whether a response is the last one.
            is_one_of_few: Whether so few resources are polled that none of the polls queues behind other
                requests.

        Raises:
            DeadlineError: It was not ready at the deadline, or no poll has succeeded for too long.
            AAIError: The service refuses the request.
        """
        with about(transcript_id=self._call.transcript_id):
            call = msgspec.structs.replace(self._call, is_for_many=True) if is_one_of_few else self._call
            return await self._poll(call, deadline, until)

    async def _poll(self, call: Call[T], deadline: float, until: Callable[[T], bool]) -> T | None:
        # The last poll happens at the deadline, so it gets a little time beyond it.
        seen = await poll_once(self._sender, call, deadline + FINAL_POLL_GRACE, self._new_until)
        usual = next(self._delays)
        self.failure = seen if isinstance(seen, PollFailure) else None
        if isinstance(seen, PollFailure):
            self._streak.add(seen)
        else:
            self._streak.end()
            if until(seen):
                return seen
        now = anyio.current_time()
        requested_delay = seen.requested_delay if isinstance(seen, PollFailure) else 0.0
        if now + requested_delay >= deadline:
            raise out_of_time(seen.why if isinstance(seen, PollFailure) else "")
        self.next_at = now + self._streak.delay(usual)
        return None


async def poll_until(sender: Sender, call: Call[T], polling: Polling, *, until: Callable[[T], bool]) -> T:
    """
    Poll until `until` accepts a response. A failed poll does not end the wait.

    Raises:
        DeadlineError: It was not ready after `Polling(give_up_after=...)` seconds, plus at most ten, or no
            poll has succeeded for `Polling(unreachable_after=...)` seconds.
        AAIError: The service refuses the request.
    """
    poller = Poller(sender, call, polling, age=math.inf)
    deadline = anyio.current_time() + polling.give_up_after
    while True:
        await anyio.sleep_until(min(poller.next_at, deadline))
        seen = await poller.poll(deadline, until=until)
        if seen is not None:
            return seen


async def poll_once(
    sender: Sender, call: Call[T], until: float, new_until: float = -math.inf
) -> T | PollFailure:
    """
    Poll once, with a deadline. A failure that may be temporary is returned.

    Raises:
        AAIError: The service refuses the request.
    """
    with anyio.CancelScope(deadline=until):
        try:
            return await sender.send_once(call)
        except (TransportError, APIError, ProtocolError) as error:
            if isinstance(error, NotFoundError):
                is_temporary = anyio.current_time() < new_until
            else:
                is_temporary = error.verdict is not RequestState.FATAL
            if not is_temporary:
                raise
            fields = {"operation": call.operation, "transcript_id": call.transcript_id}
            logger.info("a poll of %s failed (%s)", call.path, type(error).__name__, extra=fields)
            return PollFailure(error)
    return PollFailure()


def out_of_time(why: str = "", *, transcript_id: str | None = None) -> DeadlineError:
    """Return the error of a wait whose time is over; `why` is a sentence about the last poll."""
    return DeadlineError(
        f"The result was not ready within Polling(give_up_after=...). Wait for it again.{why}",
        transcript_id=transcript_id,
    )
