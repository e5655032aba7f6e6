"""
What there is to tell while a call is at work, to the log and to whoever asked for it with `on_event`.

Neither is ever given the key, a body, or what was said in a recording; an address is shown without its query.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

import attrs

from aai_async._errors import AAIError, ConfigError, without_secrets

logger = logging.getLogger("aai_async")
"""
One line for each attempt at DEBUG, for each repetition at INFO, for what was left behind at WARNING.

It has no handler that hides them: where logging is not configured, Python writes warnings to standard error.
"""


@attrs.frozen(kw_only=True)
class _Happening:
    index: int | None = None
    """Which item of a batch it happened to, where it is a batch that is told."""


@attrs.frozen(kw_only=True)
class Retrying(_Happening):
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
class Throttled(_Happening):
    """The service has asked the whole client to wait (429 with `Retry-After`)."""

    delay: float
    """Seconds until the next request of the client is sent."""


@attrs.frozen(kw_only=True)
class Uploading(_Happening):
    """A piece of a recording is handed to the connection; from the start again after `Retrying`."""

    sent: int
    """Bytes of it that were handed over, with this piece."""

    size: int | None
    """Bytes of it in all; `None` of a stream."""


@attrs.frozen(kw_only=True)
class Submitted(_Happening):
    """A job was made, which is billed."""

    transcript_id: str
    """What `Client.wait` takes."""

    upload_url: str = attrs.field(repr=without_secrets)
    """What was submitted."""


@attrs.frozen(kw_only=True)
class StatusChanged(_Happening):
    """A look has shown a job in another state than the look before, while it is waited for."""

    transcript_id: str
    """The job."""

    status: str
    """`"queued"`, `"processing"`, `"completed"` or `"error"`; the service may add words."""


Event: TypeAlias = Uploading | Submitted | StatusChanged | Retrying | Throttled

OnEvent: TypeAlias = Callable[[Event], None]
"""Called in the event loop, between two steps of a call: it must not block. What it raises is logged."""


def check_listener(on_event: object) -> None:
    """
    Make sure that it can be called between two steps.

    Raises:
        ConfigError: It is no function, or one that would have to be awaited.
    """
    if on_event is not None and (not callable(on_event) or inspect.iscoroutinefunction(on_event)):
        raise ConfigError(f"on_event must be a function that is not awaited, not {on_event!r}.")


_listener = ContextVar[OnEvent | None]("_listener", default=None)


@contextmanager
def heard_by(listener: OnEvent) -> Generator[None]:
    """Let one more be told of what happens in the block, and in the tasks that it starts."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(on_event: OnEvent | None, event: Event) -> None:
    """Let those who asked know."""
    inform(on_event, event)
    inform(_listener.get(), event)


def inform(listener: OnEvent | None, event: Event) -> None:
    """Let one know; what its function raises is logged, for no job must be lost to it."""
    try:
        if listener is not None:
            listener(event)
    except Exception:
        logger.exception("on_event failed on %s", type(event).__name__)
