"""
Runs the handlers of notifications: each notification once, in the background if the handler takes long.

It uses no web framework: a route passes a verified notification and learns whether it was handled.
"""

from __future__ import annotations

import contextlib
import inspect
import math
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeAlias

import anyio
import attrs
from anyio.abc import TaskGroup

from aai_async._errors import ConfigError, NotFoundError
from aai_async._events import logger
from aai_async.webhook import AnyNotification, Notification, RedactedAudioNotification

OnNotification: TypeAlias = Callable[[Notification], object | Awaitable[object]]
"""A plain or async function, called when a transcript is done. If it raises, the service calls again."""

OnRedactedAudio: TypeAlias = Callable[[RedactedAudioNotification], object | Awaitable[object]]
"""A function like `OnNotification`, called when a redacted recording is ready."""

_KEPT = 10_000
"""Maximum number of notifications that are remembered, so that none is handled twice."""


class NotificationDispatcher:
    """Handles notifications with the user's functions while an application runs."""

    def __init__(
        self, on_event: OnNotification, on_redacted_audio: OnRedactedAudio | None, patience: float
    ) -> None:
        self._on_event = on_event
        self._on_redacted_audio = on_redacted_audio
        self._patience = patience
        self._tasks: TaskGroup | None = None
        self._errands = OrderedDict[tuple[str, str], _Delivery]()

    @contextlib.asynccontextmanager
    async def open(self, _: object) -> AsyncGenerator[None]:
        """Run while the application runs. Handlers are cancelled `patience` seconds after its end."""
        if self._tasks is not None:
            # The application includes the router twice.
            yield
            return
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            self._errands.clear()
            try:
                yield
            finally:
                self._tasks = None
                tasks.cancel_scope.deadline = anyio.current_time() + self._patience

    async def handle(self, notification: AnyNotification) -> bool:
        """Handle a notification, and return whether it has been handled."""
        if self._tasks is None:
            raise ConfigError(
                "The webhook cannot work, because the lifespan of its router has not started. Include the "
                "router in the application before it starts, and run the application with its lifespan."
            )
        key = _key(notification)
        errand = self._errands.get(key)
        if errand is None or errand.is_in_vain:
            errand = self._errands[key] = _Delivery(is_second=errand is not None and errand.found_nothing)
            self._tasks.start_soon(self._run, notification, errand)
            if len(self._errands) > _KEPT:
                self._errands.popitem(last=False)
        with anyio.move_on_after(self._patience):
            await errand.over.wait()
        return errand.is_done

    async def _run(self, notification: AnyNotification, errand: _Delivery) -> None:
        try:
            errand.is_done = await self._attempt(notification, errand)
        finally:
            errand.over.set()

    async def _attempt(self, notification: AnyNotification, errand: _Delivery) -> bool:
        try:
            result = self._begin(notification)
            if inspect.isawaitable(result):
                await result
        except NotFoundError:
            errand.found_nothing = True
            logger.warning(
                "a notification is about a job that does not exist: %r",
                notification,
                extra=_log_fields(notification),
            )
            # A new job may not be visible on all servers of the service yet, so only the second time counts.
            return errand.is_second
        except anyio.get_cancelled_exc_class():
            if anyio.current_effective_deadline() == -math.inf:
                raise
            # The handler was not cancelled: it awaited a task of its own that was cancelled.
            _log_failure(notification)
            return False
        except Exception:  # noqa: BLE001 - any error of the user's function; the service calls again
            _log_failure(notification)
            return False
        return True

    def _begin(self, notification: AnyNotification) -> object:
        if isinstance(notification, Notification):
            return self._on_event(notification)
        return self._on_redacted_audio and self._on_redacted_audio(notification)


def _log_failure(notification: AnyNotification) -> None:
    fields = _log_fields(notification)
    logger.exception("a notification could not be handled: %r", notification, extra=fields)


def _log_fields(notification: AnyNotification) -> dict[str, str | None]:
    # The notification of redacted audio has no id.
    transcript_id = notification.transcript_id if isinstance(notification, Notification) else None
    return {"operation": "webhook", "transcript_id": transcript_id}


@attrs.define
class _Delivery:
    """The state of handling one notification."""

    is_second: bool
    """Whether an earlier attempt found that the job does not exist."""
    over: anyio.Event = attrs.field(factory=anyio.Event)
    is_done: bool = False
    found_nothing: bool = False
    """Whether the handler found that the job does not exist."""

    @property
    def is_in_vain(self) -> bool:
        """Whether it is over without having been handled."""
        return self.over.is_set() and not self.is_done


def _key(notification: AnyNotification) -> tuple[str, str]:
    if isinstance(notification, Notification):
        return notification.transcript_id, notification.status
    return notification.redacted_audio_url, notification.status
