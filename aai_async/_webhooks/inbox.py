"""
An inbox for notifications of the service, which ends waits for jobs early.

`Inbox` is in memory, for one process. Another implementation of `NotificationSource` can store them
elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import anyio

from aai_async._errors import ConfigError

if TYPE_CHECKING:
    from aai_async.webhook import Notification

_MOST_KEPT = 10_000
"""Maximum number of notifications that are kept for later waits; the oldest are dropped first."""


class NotificationSource(Protocol):
    """The interface for notifications of jobs: `Inbox`, or your own implementation with a database."""

    async def wait_for(self, transcript_id: str) -> None:
        """
        Return when a notification for this job has arrived, even if it arrived before the call.

        The call is cancelled when the job is done. If it raises, the error is logged and the job is polled.
        """
        ...


def check_notifications(notifications: object) -> None:
    """
    Check that an object implements `NotificationSource`.

    Raises:
        ConfigError: It does not.
    """
    if notifications is not None and not callable(getattr(notifications, "wait_for", None)):
        raise ConfigError(
            "notifications must be an aai.Inbox or an object with `async def wait_for(transcript_id)`, not "
            f"{type(notifications).__name__}."
        )


class Inbox:
    """
    The notifications that this process has received.

    Call `put` from the webhook handler, in the event loop that waits for the jobs.
    """

    def __init__(self) -> None:
        self._come = dict[str, None]()
        """The ids with a notification; the latest is last."""
        self._waiting = dict[str, set[anyio.Event]]()
        """The events of the waits for each job."""

    def put(self, notification: Notification) -> None:
        """Wake the current and later waits for the job."""
        transcript_id = notification.transcript_id
        self._come.pop(transcript_id, None)
        self._come[transcript_id] = None
        if len(self._come) > _MOST_KEPT:
            del self._come[next(iter(self._come))]
        for news in self._waiting.get(transcript_id, ()):
            news.set()

    async def wait_for(self, transcript_id: str) -> None:
        """Return when a notification for this job has arrived, or at once if one arrived before."""
        if transcript_id in self._come:
            return
        news, waiting = anyio.Event(), self._waiting.setdefault(transcript_id, set())
        waiting.add(news)
        try:
            await news.wait()
        finally:
            waiting.remove(news)
            if not waiting:
                del self._waiting[transcript_id]
