"""The pauses that the service asks for with `Retry-After`, which all requests to a host respect."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from aai_async._events import Event, Throttled, logger


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

    async def wait(self, host: str) -> None:
        """Wait until requests to a host may be sent again; the pause may be extended meanwhile."""
        while (left := self._ends.get(host, 0.0) - anyio.current_time()) > 0:  # noqa: ASYNC110
            await anyio.sleep(left)

    def start(self, host: str, seconds: float) -> None:
        """Pause all calls, because the service limits the requests of an account and not those of a call."""
        now, before = anyio.current_time(), self._ends.get(host, 0.0)
        if not 0 < seconds <= self._longest or now + seconds <= before:
            return
        self._ends[host] = now + seconds
        # Concurrent requests are refused too, each a moment later: they do not emit an event each.
        if now + seconds > before + 0.1:
            logger.info("throttled: no request for %.1f s", seconds)
            self._emit(Throttled(delay=seconds))

    def end_all(self) -> None:
        """Forget all pauses: the times are those of an earlier event loop."""
        self._ends.clear()
