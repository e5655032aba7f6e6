"""The pauses after refusals because of a rate limit, which all requests to a host respect."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from aai_async._events import Event, Throttled, logger
from aai_async._retry import Retry
from aai_async._transport.backoff import RateLimitBackoff
from aai_async._transport.quota import Quota

_STREAK = 2.0
"""Refusals follow one another if at most this many times `max_retry_after` is between them."""


class Pauses:
    """
    When the next request to each host may be sent.

    Args:
        retry: The policy of the client. A `Retry-After` above `max_retry_after`, of hours, causes no pause:
            it ends the call with an error instead, so that the caller can decide.
        emit: Receives a `Throttled` for each pause.
    """

    def __init__(self, retry: Retry, emit: Callable[[Event], None]) -> None:
        self._retry = retry
        self._emit = emit
        self._backoffs = dict[str, RateLimitBackoff]()
        self._quotas = dict[str, Quota]()
        self._streaks = dict[tuple[str, str], tuple[float, float]]()
        """When the first and the last request of an operation was refused, since one was accepted."""
        self._eased: anyio.Event | None = None
        """Set when more requests may be sent than before; `None` if no request waits."""

    async def wait(self, host: str, *, is_for_many: bool = False) -> bool:
        """
        Wait until a request to a host may be sent, and return whether it had to wait.

        A pause may be extended meanwhile.

        Args:
            host: The host.
            is_for_many: Whether it is one of those for which a part of the rate limit is kept.
        """
        has_waited = False
        while (left := self._time_left(host, is_for_many=is_for_many)) > 0:
            has_waited = True
            if self._eased is None:
                self._eased = anyio.Event()
            with anyio.move_on_after(left):
                await self._eased.wait()
        return has_waited

    def time_left(self, host: str) -> float:
        """Return the seconds of the pause that are left."""
        backoff = self._backoffs.get(host)
        return 0.0 if backoff is None else max(backoff.time_left(anyio.current_time()), 0.0)

    def _time_left(self, host: str, *, is_for_many: bool) -> float:
        now = anyio.current_time()
        backoff, quota = self._backoffs.get(host), self._quotas.get(host)
        left = 0.0 if backoff is None else backoff.time_left(now)
        if is_for_many or quota is None or left > 0:
            return left
        opens_at = quota.opens_at(now)
        return opens_at - now if opens_at <= now + self._retry.max_retry_after else 0.0

    def add(self, host: str) -> None:
        """Count a request that is about to be sent."""
        now = anyio.current_time()
        if (quota := self._quotas.get(host)) is None:
            quota = self._quotas[host] = Quota(now)
        quota.add(now)
        if (backoff := self._backoffs.get(host)) is not None:
            backoff.add(now)

    def refuse(self, host: str, operation: str, *, sent_at: float, retry_after: float | None) -> None:
        """Pause all calls, because the service limits the requests of an account and not those of a call."""
        now, stated = anyio.current_time(), retry_after or 0.0
        if stated > self._retry.max_retry_after:
            return
        since, last = self._streaks.get((host, operation), (now, now))
        # A refusal long after the one before is another matter: no such request was sent meanwhile.
        is_new = now - last > _STREAK * self._retry.max_retry_after
        self._streaks[host, operation] = (now if is_new else since, now)
        if self.has_given_up(host, operation, self._retry):
            # Its calls end one after the other, and none waits for a pause any more.
            self._backoffs.pop(host, None)
            self._wake()
            return
        if stated and (quota := self._quotas.get(host)) is not None:
            quota.refuse(now, stated)
        self.start(host, max(self._backoff(host).refuse(now, sent_at), stated))

    def start(self, host: str, seconds: float) -> None:
        """Send no request to a host for some seconds."""
        now, backoff = anyio.current_time(), self._backoff(host)
        before, until = backoff.paused_until, now + seconds
        if seconds <= 0 or until <= before:
            return
        backoff.paused_until = until
        # Concurrent requests are refused too, each a moment later: they do not emit an event each.
        if until > before + 0.1:
            logger.info("throttled: no request for %.1f s", seconds)
            self._emit(Throttled(delay=seconds))

    def accept(self, host: str, operation: str, *, sent_at: float) -> None:
        """Record that the service has not refused a request because of a rate limit."""
        self._streaks.pop((host, operation), None)
        backoff = self._backoffs.get(host)
        if backoff is not None and backoff.accept(sent_at):
            self._wake()

    def has_given_up(self, host: str, operation: str, retry: Retry) -> bool:
        """Return whether all requests of an operation have been refused for longer than a policy waits."""
        since, last = self._streaks.get((host, operation), (0.0, 0.0))
        return 0 < retry.longest_refusal <= last - since

    def end_all(self) -> None:
        """Forget all pauses and limits: the times are those of an earlier event loop."""
        self._backoffs.clear()
        self._quotas.clear()
        self._streaks.clear()
        self._eased = None

    def _backoff(self, host: str) -> RateLimitBackoff:
        if (backoff := self._backoffs.get(host)) is None:
            backoff = self._backoffs[host] = RateLimitBackoff(self._retry)
        return backoff

    def _wake(self) -> None:
        if self._eased is not None:
            self._eased.set()
            self._eased = None
