"""
Where notifications of the service wait for those who wait for a job.

In memory, for one process; another that implements `Notifications` may keep them anywhere.
"""

from __future__ import annotations

from typing import Protocol

import anyio

from aai_async._errors import ConfigError
from aai_async.webhook import Notification

_MOST_KEPT = 10_000
"""Notifications that are remembered, for who waits for their jobs later; the oldest are forgotten first."""


class Notifications(Protocol):
    """What tells that a notification of a job has come: `Inbox`, or one over a database of yours."""

    async def arrival(self, transcript_id: str) -> None:
        """
        Return when a notification of this job has come, also if it came before this was called.

        It is cancelled when the job is done. What it raises is logged, and the job is looked at without it.
        """
        ...


def check_notifications(notifications: object) -> None:
    """
    Make sure that they can be waited for.

    Raises:
        ConfigError: They cannot.
    """
    if notifications is not None and not callable(getattr(notifications, "arrival", None)):
        raise ConfigError(
            "notifications must be an aai.Inbox, or have its `async def arrival(transcript_id)`, unlike "
            f"{type(notifications).__name__}."
        )


class Inbox:
    """
    The notifications that have come to this process.

    Whoever receives them calls `put`, in the event loop in which the jobs are waited for.
    """

    def __init__(self) -> None:
        self._come = dict[str, None]()
        """Ids of which a notification has come; the last come last."""
        self._waiting = dict[str, set[anyio.Event]]()
        """What to set for those who wait for a job."""

    def put(self, notification: Notification) -> None:
        """Tell those who wait for the job, now or later."""
        transcript_id = notification.transcript_id
        self._come.pop(transcript_id, None)
        self._come[transcript_id] = None
        if len(self._come) > _MOST_KEPT:
            del self._come[next(iter(self._come))]
        for news in self._waiting.get(transcript_id, ()):
            news.set()

    async def arrival(self, transcript_id: str) -> None:
        """Return when a notification of this job has come, or if one has come before."""
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
