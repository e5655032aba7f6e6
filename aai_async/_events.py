"""
What there is to tell while a call is at work, to the log and to whoever asked for it with `on_event`.

Neither is ever given the key, a body, or what was said in a recording; an address is shown without its query.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeAlias

import attrs

from aai_async._errors import AAIError, without_query

logger = logging.getLogger("aai_async")
"""One line for each attempt at DEBUG, for each repetition at INFO, for what was left behind at WARNING."""

logger.addHandler(logging.NullHandler())


@attrs.frozen(kw_only=True)
class Retrying:
    """A request failed and is sent again."""

    operation: str
    """Which: `upload`, `submit`, `get` …"""

    attempt: int
    """How many times it was sent so far."""

    delay: float
    """Seconds until it is sent again; none for a submit that was looked for in the list and did not show."""

    error: AAIError
    """What it failed with."""


@attrs.frozen(kw_only=True)
class Throttled:
    """The service has asked the whole client to wait (429 with `Retry-After`)."""

    delay: float
    """Seconds until the next request of the client is sent."""


@attrs.frozen(kw_only=True)
class Submitted:
    """A job was made, which is billed."""

    transcript_id: str
    """What `Client.wait` takes."""

    upload_url: str = attrs.field(repr=without_query)
    """What was submitted."""


Event: TypeAlias = Retrying | Throttled | Submitted

OnEvent: TypeAlias = Callable[[Event], None]
"""Called in the event loop, between two steps of a call: it must not block. What it raises is logged."""


def tell(on_event: OnEvent | None, event: Event) -> None:
    """Let the caller know; what its function raises is logged, for no job must be lost to it."""
    if on_event is None:
        return
    try:
        on_event(event)
    except Exception:
        logger.exception("on_event failed on %s", type(event).__name__)
