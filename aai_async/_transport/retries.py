"""The retries of one call: whether it is sent again after a failure, when, and what that costs."""

from __future__ import annotations

from typing import Any

import anyio

from aai_async._api.endpoints import Call
from aai_async._errors import (
    AAIError,
    APIError,
    AttemptTimeoutError,
    RateLimitError,
    RequestState,
    RetryBudgetError,
)
from aai_async._retry import Budget, Retry
from aai_async._transport.pauses import Pauses


class CallRetries:
    """
    The failures of one call so far.

    Args:
        call: The call.
        host: The base URL to which it is sent.
        retry: The policy.
        budget: The retry budget of the client.
        pauses: The pauses of the client.
    """

    def __init__(self, call: Call[Any], host: str, retry: Retry, budget: Budget, pauses: Pauses) -> None:
        self._call = call
        self._host = host
        self._retry = retry
        self._budget = budget
        self._pauses = pauses
        self.attempt = 1
        """The number of the present attempt."""
        self.spent = 0.0
        """What all retries have cost."""
        self.cost = 0.0
        """What the latest one costs."""
        self._failures = 0
        self._refused_since: float | None = None

    def delay_after(self, error: AAIError) -> float | AAIError:
        """Return the seconds until the next attempt, or the error with which the call ends."""
        # The storage of a pre-signed URL has limits of its own, and no other call waits for them.
        if isinstance(error, RateLimitError) and self._call.url is None:
            return self._delay_after_limit(error)
        return self._delay_after_failure(error)

    def _delay_after_limit(self, error: RateLimitError) -> float | AAIError:
        """All calls pause, so it costs nothing: those that are refused together are no sign of an outage."""
        self.cost = 0.0
        now, stated = anyio.current_time(), error.retry_after or 0.0
        self._refused_since = now if self._refused_since is None else self._refused_since
        refused_for = now - self._refused_since
        can_wait = RequestState.REFUSED in self._call.repeat and stated <= self._retry.max_retry_after
        is_over = refused_for >= self._retry.longest_refusal or self._pauses.has_given_up(
            self._host, self._call.operation, self._retry
        )
        if can_wait and not is_over:
            return max(stated, self._pauses.time_left(self._host))
        if refused_for >= 1.0:
            text = str(error.args[0]).rstrip(".")
            error.args = (f"{text}. The rate limit has refused this request for {refused_for:.0f} seconds.",)
        return self.with_context(error)

    def _delay_after_failure(self, error: AAIError) -> float | AAIError:
        self._failures += 1
        retry_after = error.retry_after if isinstance(error, APIError) else None
        delay = self._retry.delay(
            error.verdict, self._failures, repeat=self._call.repeat, retry_after=retry_after
        )
        if delay is None:
            return self.with_context(error)
        cost = self._budget.spend(is_timeout=isinstance(error, AttemptTimeoutError))
        if cost is None:
            return self._over_budget(error)
        self.cost = cost
        self.spent += cost
        return delay

    def with_context(self, error: AAIError) -> AAIError:
        """Add the operation and the number of attempts to an error, and remove its traceback."""
        error.operation, error.attempts = self._call.operation, self.attempt
        # The frames of the HTTP library contain the request and its key.
        return error.with_traceback(None)

    def _over_budget(self, error: AAIError) -> AAIError:
        over_budget = RetryBudgetError(
            "Too many requests of this client have failed"
            f", so it retries none for now: see Retry(budget=...). The last error: {error.args[0]}",
            operation=self._call.operation,
            attempts=self.attempt,
            verdict=error.verdict,
        )
        over_budget.__cause__ = self.with_context(error)
        return over_budget
