"""
The events of a call in progress, for the log and for `on_event`.

They never contain the API key, a body or transcribed text. URLs are shown without their query.
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
Logs each attempt at DEBUG, each retry at INFO, and jobs that go on after the call at WARNING.

It has no null handler: where logging is not configured, Python writes warnings to standard error.
"""


@attrs.frozen(kw_only=True)
class _Happening:
    index: int | None = None
    """The index of the batch item, if the event belongs to a batch."""


@attrs.frozen(kw_only=True)
class Retrying(_Happening):
    """A request failed and will be sent again."""

    operation: str
    """The operation: `upload`, `submit`, `get` …"""

    attempt: int
    """Number of attempts so far."""

    delay: float
    """Seconds until the next attempt; 0 for a submit that the search of the list did not find."""

    error: AAIError
    """The error of the last attempt."""


@attrs.frozen(kw_only=True)
class Throttled(_Happening):
    """The service asks the client to wait (429 with `Retry-After`); all requests of the client pause."""

    delay: float
    """Seconds until the client sends its next request."""


@attrs.frozen(kw_only=True)
class Uploading(_Happening):
    """A chunk of a recording is passed to the connection; after `Retrying` it starts again at 0."""

    sent: int
    """Bytes passed so far, this chunk included."""

    size: int | None
    """Size of the recording in bytes; `None` for a stream of unknown size."""


@attrs.frozen(kw_only=True)
class Submitted(_Happening):
    """A job was created, which is billed."""

    transcript_id: str
    """The id of the job, for `Client.wait`."""

    upload_url: str = attrs.field(repr=without_secrets)
    """The URL that was submitted."""


@attrs.frozen(kw_only=True)
class StatusChanged(_Happening):
    """A poll found a job in a new state while a call waits for it."""

    transcript_id: str
    """The id of the job."""

    status: str
    """`"queued"`, `"processing"`, `"completed"` or `"error"`; the service may add values."""


Event: TypeAlias = Uploading | Submitted | StatusChanged | Retrying | Throttled

OnEvent: TypeAlias = Callable[[Event], None]
"""Called in the event loop, so it must not block. Exceptions that it raises are logged."""


def check_listener(on_event: object) -> None:
    """
    Check that a listener is a plain function.

    Raises:
        ConfigError: It is not callable, or it is a coroutine function.
    """
    if on_event is not None and (not callable(on_event) or inspect.iscoroutinefunction(on_event)):
        raise ConfigError(f"on_event must be a function that is not async, not {on_event!r}.")


_listener = ContextVar[OnEvent | None]("_listener", default=None)


@contextmanager
def listening(listener: OnEvent) -> Generator[None]:
    """Add a listener for the events of the block and of the tasks that it starts."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def emit(on_event: OnEvent | None, event: Event) -> None:
    """Emit an event to the listener of the client and to that of the current context."""
    call_listener(on_event, event)
    call_listener(_listener.get(), event)


def call_listener(listener: OnEvent | None, event: Event) -> None:
    """Call one listener. Its exceptions are logged, so that they cannot end a job."""
    try:
        if listener is not None:
            listener(event)
    except Exception:
        logger.exception("on_event failed on %s", type(event).__name__)
