"""The pauses that the service asks for with `Retry-After`, which all requests to a host respect."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from aai_async._events import Event, Throttled, logger
from aai_async._transport.quota import Quota


class Pauses:
    """
    When the next request to each host may be sent.

    Args:
        longest: Maximum seconds of a pause. A longer one, of hours, is left out: it ends the call with an
            error instead, so that the caller can decide.
        emit: Receives a `Throttled` for each pause.
    """

    def __init__(self, longest: float, emit: Callable[[Event], None]) -> None:
        self._longest = longest
        self._emit = emit
        self._ends = dict[str, float]()
        self._quotas = dict[str, Quota]()

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
            await anyio.sleep(left)
        return has_waited

    def _time_left(self, host: str, *, is_for_many: bool) -> float:
        now = anyio.current_time()
        paused_until, quota = self._ends.get(host, now), self._quotas.get(host)
        if is_for_many or quota is None or paused_until > now:
            return paused_until - now
        opens_at = quota.opens_at(now)
        return opens_at - now if opens_at <= now + self._longest else 0.0

    def add(self, host: str) -> None:
        """Count a request that is about to be sent."""
        now = anyio.current_time()
        if (quota := self._quotas.get(host)) is None:
            quota = self._quotas[host] = Quota(now)
        quota.add(now)

    def start(self, host: str, seconds: float) -> None:
        """Pause all calls, because the service limits the requests of an account and not those of a call."""
        if not 0 < seconds <= self._longest:
            return
        now, before = anyio.current_time(), self._ends.get(host, 0.0)
        if (quota := self._quotas.get(host)) is not None:
            quota.refuse(now, seconds)
        if now + seconds <= before:
            return
        self._ends[host] = now + seconds
        # Concurrent requests are refused too, each a moment later: they do not emit an event each.
        if now + seconds > before + 0.1:
            logger.info("throttled: no request for %.1f s", seconds)
            self._emit(Throttled(delay=seconds))

    def end_all(self) -> None:
        """Forget all pauses and limits: the times are those of an earlier event loop."""
        self._ends.clear()
        self._quotas.clear()
