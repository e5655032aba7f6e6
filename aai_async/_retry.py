"""
When to send a failed request again, what that may cost, and how long an attempt may take.

No clock, no I/O, no HTTP library: the loop that asks and sleeps is in `_http`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import random
from collections.abc import Callable, Generator
from email.utils import parsedate_to_datetime
from typing import Any

import attrs

from aai_async._errors import ConfigError, Verdict

REPEATABLE = frozenset({Verdict.NOT_SENT, Verdict.REFUSED, Verdict.AMBIGUOUS})
"""What a request that may be carried out twice is sent again for: a look, a replayable upload."""

EFFECTIVELY_ONCE = frozenset({Verdict.NOT_SENT, Verdict.REFUSED})
"""What a request that makes and bills a job is sent again for."""

NOT_SENT_ONLY = frozenset({Verdict.NOT_SENT})
"""What an upload that can be read only once is sent again for."""


_REFUSED_FOR_NOW = frozenset({408, 425, 429})
"""
Request Timeout, Too Early and Too Many Requests: the request was not carried out, and may be later.

Source: RFC 9110, 15.5.9; RFC 8470, 5.2; RFC 6585, 4.
"""


def verdict_of_status(status: int, *, says_why: bool) -> Verdict:
    """
    Tell what a status other than 200 means.

    Args:
        status: The HTTP status.
        says_why: Whether the reply carries the service's own error text: a 503 of the service did nothing,
            one of a proxy in between may have.
    """
    if status in _REFUSED_FOR_NOW or (status == 503 and says_why):
        return Verdict.REFUSED
    if status >= 500 or 200 <= status < 300:
        return Verdict.AMBIGUOUS
    return Verdict.FATAL


def parse_retry_after(value: str | None, date: str | None = None) -> float | None:
    """
    Read a `Retry-After` header in seconds; junk, nan, infinity and whatever is not after now count as absent.

    Args:
        value: A number of seconds or an HTTP date (RFC 9110, 10.2.3); the service documents whole seconds
            (https://www.assemblyai.com/docs/api-reference/overview).
        date: The `Date` header of the same reply: now by the service's clock, which ours may not agree with.
    """
    try:
        seconds = float(value or "")
    except ValueError:
        then, now = parse_http_date(value), parse_http_date(date)
        if then is None or now is None:
            return None
        seconds = (then - now).total_seconds()
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def parse_http_date(value: str | None) -> dt.datetime | None:
    """Read a date of an HTTP header, which is in UTC; `None` of anything else."""
    try:
        date = parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date.replace(tzinfo=date.tzinfo or dt.UTC)


def _positive(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
        name = f"{type(instance).__name__}({field.name}=...)"
        raise ConfigError(f"{name} must be a number above 0, not {value!r}; float('inf') is without limit.")


def _whole(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        name = f"{type(instance).__name__}({field.name}=...)"
        raise ConfigError(f"{name} must be a whole number from 1, not {value!r}.")


def _function(instance: object, field: attrs.Attribute[Any], value: object) -> None:
    if not callable(value):
        name = f"{type(instance).__name__}({field.name}=...)"
        raise ConfigError(f"{name} must be a function that gives a number, not {value!r}.")


@attrs.frozen(kw_only=True)
class Retry:
    """
    When to send a failed request again: exponential back-off with jitter, `Retry-After` honoured and capped.

    Which failures a request may be repeated for is the request's own
    knowledge; a submit that may have been carried out, for one, is looked for first.
    """

    attempts: int = attrs.field(default=5, validator=_whole)
    """
    How many times a request is sent at the most, the first included. A submit whose answer was lost, and that
    the list does not show, has another two: `Client(on_ambiguous="raise")` is without them.
    """

    first: float = attrs.field(default=0.5, validator=_positive)
    """Seconds before the second attempt, before jitter; doubled each time."""

    ceiling: float = attrs.field(default=20.0, validator=_positive)
    """Most seconds between two attempts, before jitter."""

    retry_after_ceiling: float = attrs.field(default=60.0, validator=_positive)
    """A `Retry-After` above this many seconds is not waited for but raised at once."""

    budget: float = attrs.field(default=100.0, validator=_positive)
    """
    How many tokens all calls of a client have together for repeating requests: each repetition costs 5, or
    10 after a timeout, and gives them back if the call succeeds after it; each call that succeeds gives 1.
    An outage so costs about one request for each call, and not `attempts`. Looks of `wait` are free.
    """

    jitter: Callable[[], float] = attrs.field(
        default=random.random, repr=False, eq=False, validator=_function
    )
    """A number in [0, 1) that spreads the waits of many clients; replace it in tests."""

    def delay(
        self,
        verdict: Verdict | None,
        attempt: int,
        *,
        repeat: frozenset[Verdict],
        retry_after: float | None = None,
    ) -> float | None:
        """
        Seconds to wait after failed attempt number `attempt`, or `None`: give up.

        Args:
            verdict: How far the attempt got.
            attempt: How many attempts have been made, this one included.
            repeat: The verdicts after which this request may be sent again.
            retry_after: Seconds that the service asked for.
        """
        if attempt >= self.attempts or verdict not in repeat:
            return None
        if retry_after is not None and retry_after > self.retry_after_ceiling:
            return None
        # The exponent is bounded so that a very patient policy does not overflow a float.
        step = min(self.ceiling, self.first * 2.0 ** min(attempt - 1, 64))
        return max(step * (0.5 + 0.5 * self.jitter()), retry_after or 0.0)


class Budget:
    """What is left of `Retry.budget`; the limit is shared by the calls of a client, as botocore has it."""

    def __init__(self, size: float) -> None:
        self._size = self.left = size

    def spend(self, *, is_timeout: bool) -> float | None:
        """Take what one more attempt costs, and tell how much; `None` if that is not left."""
        cost = 10.0 if is_timeout else 5.0
        if cost > self.left:
            return None
        self.left -= cost
        return cost

    @contextlib.contextmanager
    def given_back_unless_used(self, cost: float) -> Generator[None]:
        """Give back what was taken for an attempt, if the wait before it is cancelled."""
        is_used = False
        try:
            yield
            is_used = True
        finally:
            if not is_used:
                self.left = min(self.left + cost, self._size)

    def succeed(self, spent: float) -> None:
        """Give back what a call has spent that came to a good end, and one more."""
        self.left = min(self.left + spent + 1.0, self._size)


@attrs.frozen(kw_only=True)
class Timeouts:
    """
    How long a single attempt may stand still.

    There is no limit on the length of an upload: it dies when nothing moves, not when it takes long.
    """

    connect: float = attrs.field(default=10.0, validator=_positive)
    """Seconds to make a connection, TLS included."""

    stall: float = attrs.field(default=60.0, validator=_positive)
    """Seconds to send a piece, of 256 KiB at most on a slow link, or to receive anything."""

    reply: float = attrs.field(default=90.0, validator=_positive)
    """
    Seconds from the last piece to the whole reply, or for each mebibyte of it: no drip lasts. After an upload
    there is one more for each 32 KiB that the system may not have sent yet, of 4 MiB at the most.
    """

    parting: float = attrs.field(default=5.0, validator=_positive)
    """Seconds that a cancelled call may take to learn the id of a job that it has already sent for."""
