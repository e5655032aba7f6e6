"""What the responses have shown: the time of the service's clock, and whether a proxy has mixed them up."""

from __future__ import annotations

import datetime as dt

import anyio

from aai_async._retry import parse_http_date

_DISTRUST = 60.0
"""Seconds in which no connection is used twice, after a response that did not belong to its request."""


class ResponseHistory:
    """The history of all requests that share the connections."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget all times, which are those of an earlier event loop."""
        self._dated: tuple[str, float] | None = None
        """The date of the latest response, and when it arrived by the clock of the event loop."""
        self._distrusted_until: float | None = None
        """Until when each connection is used only once."""

    def add_date(self, date: str | None) -> None:
        """Record the `Date` header of a response that has just arrived, if it has one."""
        if date is not None:
            self._dated = date, anyio.current_time()

    def add_mix_up(self) -> None:
        """Record that a response belonged to another request: a proxy may mix up the next ones too."""
        self._distrusted_until = anyio.current_time() + _DISTRUST

    @property
    def has_mix_up(self) -> bool:
        """Whether a response has belonged to another request lately."""
        return self._distrusted_until is not None and anyio.current_time() < self._distrusted_until

    @property
    def service_time(self) -> dt.datetime | None:
        """The time of the service's clock to a second; `None` before the first response with a date."""
        if self._dated is None:
            return None
        date, received_at = self._dated
        then = parse_http_date(date)
        return then and then + dt.timedelta(seconds=anyio.current_time() - received_at)
