"""
When a failed request is retried, what a retry costs, and how long an attempt can take.

No clock, no I/O, no HTTP library: the loop that sends and sleeps is in `_http`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import math
import random
from collections.abc import Callable, Generator
from email.utils import parsedate_to_datetime
from typing import Any

import attrs

from aai_async._errors import ConfigError, RequestState

REPEATABLE = frozenset({RequestState.NOT_SENT, RequestState.REFUSED, RequestState.AMBIGUOUS})
"""The verdicts after which an idempotent request is retried: a poll, a replayable upload."""

EFFECTIVELY_ONCE = frozenset({RequestState.NOT_SENT, RequestState.REFUSED})
"""The verdicts after which a submit is retried, which creates and bills a job."""

NOT_SENT_ONLY = frozenset({RequestState.NOT_SENT})
"""The verdicts after which an upload is retried whose source can be read only once."""


_REFUSED_FOR_NOW = frozenset({408, 425, 429})
"""
Request Timeout, Too Early and Too Many Requests: the request was not processed and can be retried later.

Source: RFC 9110, 15.5.9; RFC 8470, 5.2; RFC 6585, 4.
"""


def verdict_of_status(status: int, *, says_why: bool) -> RequestState:
    """
    Return the verdict for a status other than 200.

    Args:
        status: The HTTP status.
        says_why: Whether the response has the service's own error text. After a 503 of the service nothing
            was processed; after a 503 of a proxy the request can have been processed.
    """
    if status in _REFUSED_FOR_NOW or (status == 503 and says_why):
        return RequestState.REFUSED
    if status >= 500 or 200 <= status < 300:
        return RequestState.AMBIGUOUS
    return RequestState.FATAL


def parse_retry_after(value: str | None, date: str | None = None) -> float | None:
    """
    Parse a `Retry-After` header into seconds. Invalid values, nan, infinity and past times count as absent.

    Args:
        value: A number of seconds or an HTTP date (RFC 9110, 10.2.3); the service documents whole seconds
            (https://www.assemblyai.com/docs/api-reference/overview).
        date: The `Date` header of the same response: the service's clock can differ from the local one.
    """
    try:
        seconds = float(value or "")
    except ValueError:
        then, now = parse_http_date(value), parse_http_date(date)
        if then is None or now is None:
            return None
        seconds = (then - now).total_seconds()
    return seconds if math.isfinite(seconds) and seconds > 0 else None


@functools.lru_cache(maxsize=8)  # many responses have the same one
def parse_http_date(value: str | None) -> dt.datetime | None:
    """Parse the date in an HTTP header, which is in UTC; `None` if it is invalid."""
    try:
        date = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date.replace(tzinfo=date.tzinfo or dt.UTC)


def _positive(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
        name = f"{type(instance).__name__}({field.name}=...)"
        raise ConfigError(f"{name} must be a number above 0, not {value!r}; float('inf') means no limit.")


def _whole(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        name = f"{type(instance).__name__}({field.name}=...)"
        raise ConfigError(f"{name} must be a whole number from 1, not {value!r}.")


def _count(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        name = f"{type(instance).__name__}({field.name}=...)"
        raise ConfigError(f"{name} must be a whole number from 0, not {value!r}.")


def _function(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if not callable(value):
        name = f"{type(instance).__name__}({field.name}=...)"
        raise ConfigError(f"{name} must be a function that returns a number, not {value!r}.")


@attrs.frozen(kw_only=True)
class Retry:
    """
    When a failed request is retried: exponential back-off with jitter; `Retry-After` is honoured and capped.

    Each kind of request defines the failures after which it is retried. For a submit that the service may
    have processed, the list of transcripts is searched first.
    """

    attempts: int = attrs.field(default=5, validator=_whole)
    """
    Maximum number of attempts, the first included. A submit whose response was lost, and whose job is not in
    the list, has two more attempts. `Client(on_ambiguous="raise")` turns these off. An attempt that a rate
    limit refused does not count, but 1 turns off these retries too.
    """

    initial_delay: float = attrs.field(default=0.5, validator=_positive)
    """Seconds before the second attempt, before jitter; doubled for each further attempt."""

    max_delay: float = attrs.field(default=20.0, validator=_positive)
    """Maximum seconds between two attempts, before jitter."""

    max_retry_after: float = attrs.field(default=300.0, validator=_positive)
    """
    With a `Retry-After` above this many seconds, the error is raised at once.

    The default is the length of the window in which the service counts the requests of an account. Refusals
    because of a rate limit are waited for as long as `attempts` with the longest pause between them would
    take: 20 minutes by default.
    """

    budget: float = attrs.field(default=100.0, validator=_positive)
    """
    Number of tokens that all calls of a client share for retries. A retry costs 5 tokens, or 10 after a
    timeout; they are returned if the call then succeeds. Each call that succeeds adds 1. During an outage,
    each call so sends about one request instead of `attempts`. Polls of `wait` are free, and so is a retry
    after a refusal because of a rate limit, for which all calls pause.
    """

    resubmits: int = attrs.field(default=1, validator=_count)
    """
    How often `Client.transcribe` and `transcribe_all` submit a recording again whose job failed for the
    service's own reasons ("Internal server error"), which the service recommends; failed jobs are not billed.
    A job that failed because of its recording is never submitted again. 0 turns this off.

    Source: https://www.assemblyai.com/docs/pre-recorded-audio/guides/retry-server-error
    """

    jitter: Callable[[], float] = attrs.field(
        default=random.random, repr=False, eq=False, validator=_function
    )
    """Returns a number in [0, 1) that spreads the retries of many clients; replace it in tests."""

    def delay(
        self,
        verdict: RequestState | None,
        attempt: int,
        *,
        repeat: frozenset[RequestState],
        retry_after: float | None = None,
    ) -> float | None:
        """
        Seconds to wait after failed attempt number `attempt`, or `None` to give up.

        Args:
            verdict: How far the attempt got.
            attempt: Number of attempts so far, this one included.
            repeat: The verdicts after which this request is retried.
            retry_after: The seconds in `Retry-After`.
        """
        if attempt >= self.attempts or verdict not in repeat:
            return None
        if retry_after is not None and retry_after > self.max_retry_after:
            return None
        return max(self.backoff(attempt - 1), retry_after or 0.0)

    @property
    def longest_refusal(self) -> float:
        """Seconds for which the refusals of a call because of a rate limit are waited for."""
        return (self.attempts - 1) * self.max_retry_after if self.attempts > 1 else 0.0

    def backoff(self, step: int) -> float:
        """Seconds of a step of the exponential back-off, counted from 0, with jitter."""
        # The exponent is bounded so that a policy with many attempts does not overflow a float.
        delay = min(self.max_delay, self.initial_delay * 2.0 ** min(step, 64))
        return delay * (0.5 + 0.5 * self.jitter())


class Budget:
    """The tokens left of `Retry.budget`. All calls of a client share them, as in botocore."""

    def __init__(self, size: float) -> None:
        self._size = self.left = size

    def spend(self, *, is_timeout: bool) -> float | None:
        """Take the cost of one more attempt and return it; `None` if too few tokens are left."""
        cost = 10.0 if is_timeout else 5.0
        if cost > self.left:
            return None
        self.left -= cost
        return cost

    @contextlib.contextmanager
    def given_back_unless_used(self, cost: float) -> Generator[None]:
        """Return the cost of an attempt if the wait before it is cancelled."""
        is_used = False
        try:
            yield
            is_used = True
        finally:
            if not is_used:
                self.left = min(self.left + cost, self._size)

    def succeed(self, spent: float) -> None:
        """Return what a successful call has spent, and one token more."""
        self.left = min(self.left + spent + 1.0, self._size)


@attrs.frozen(kw_only=True)
class Timeouts:
    """
    Time limits of a single attempt.

    The total time of an upload has no limit. An upload fails when it makes no progress.
    """

    connect: float = attrs.field(default=10.0, validator=_positive)
    """Seconds to open a connection, TLS included."""

    stall: float = attrs.field(default=60.0, validator=_positive)
    """Seconds to send one chunk, at most 256 KiB on a slow link, or to receive any data."""

    reply: float = attrs.field(default=90.0, validator=_positive)
    """
    Seconds from the last chunk sent to the complete response, or for each MiB of the response. After an
    upload, one second is added for each 32 KiB that the system may not have sent yet, at most 4 MiB.
    """

    cancel_grace: float = attrs.field(default=5.0, validator=_positive)
    """Seconds that a cancelled call can take to receive the id of a job that it has already submitted."""
