"""
Where notifications are handled: each once, and in the background where it takes long.

It knows no web framework: a route gives it what it has read and believed, and is told whether that is done.
"""

from __future__ import annotations

import contextlib
import inspect
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
"""Called when a transcript is done, plain or async; what it raises makes the service call again."""

OnRedactedAudio: TypeAlias = Callable[[RedactedAudioNotification], object | Awaitable[object]]
"""Called when a masked recording is there; the rest is the same."""

_KEPT = 10_000
"""Notifications that are remembered, so that none is handled twice."""


class Desk:
    """Handle notifications with a function of the user's, while an application runs."""

    def __init__(
        self, on_event: OnNotification, on_redacted_audio: OnRedactedAudio | None, patience: float
    ) -> None:
        self._on_event = on_event
        self._on_redacted_audio = on_redacted_audio
        self._patience = patience
        self._tasks: TaskGroup | None = None
        self._errands = OrderedDict[tuple[str, str], _Errand]()

    @contextlib.asynccontextmanager
    async def open(self, _: object) -> AsyncGenerator[None]:
        """Work while the application runs; what is not done `patience` after its end is cancelled."""
        async with anyio.create_task_group() as self._tasks:
            try:
                yield
            finally:
                self._tasks.cancel_scope.deadline = anyio.current_time() + self._patience
        self._tasks = None

    async def handle(self, notification: AnyNotification) -> bool:
        """Handle a notification, and tell whether that has been done."""
        if self._tasks is None:
            raise ConfigError(
                "The webhook cannot work: the lifespan of its router has not begun. Include the router into "
                "the application before it starts, and run the application with its lifespan."
            )
        key = _key(notification)
        errand = self._errands.get(key)
        if errand is None:
            errand = self._errands[key] = _Errand()
            self._tasks.start_soon(self._run, key, notification, errand)
            if len(self._errands) > _KEPT:
                self._errands.popitem(last=False)
        with anyio.move_on_after(self._patience):
            await errand.over.wait()
        return errand.is_done

    async def _run(self, key: tuple[str, str], notification: AnyNotification, errand: _Errand) -> None:
        try:
            result = self._begin(notification)
            if inspect.isawaitable(result):
                await result
            errand.is_done = True
        except NotFoundError:
            logger.warning("a notification of a job that is not ours was passed over: %r", notification)
            errand.is_done = True
        except Exception:  # noqa: BLE001 - of the caller's function; the service calls again
            logger.exception("a notification could not be handled: %r", notification)
            self._errands.pop(key, None)
        errand.over.set()

    def _begin(self, notification: AnyNotification) -> object:
        if isinstance(notification, Notification):
            return self._on_event(notification)
        return self._on_redacted_audio and self._on_redacted_audio(notification)


@attrs.define
class _Errand:
    """What is done with one notification."""

    over: anyio.Event = attrs.field(factory=anyio.Event)
    is_done: bool = False


def _key(notification: AnyNotification) -> tuple[str, str]:
    if isinstance(notification, Notification):
        return notification.transcript_id, notification.status
    return notification.redacted_audio_url, notification.status
