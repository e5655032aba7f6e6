"""
Where notifications of the service wait for those who wait for a job.

In memory, for one process; another that implements `Notifications` may keep them anywhere.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

import anyio

from aai_async._errors import ConfigError
from aai_async.webhook import Notification

_MOST_UNREAD = 10_000
"""Notifications that are kept for jobs that nobody waits for yet; the oldest are forgotten first."""


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
        self._unread = dict[str, None]()
        self._waiting = Counter[str]()
        self._news = dict[str, anyio.Event]()

    def put(self, notification: Notification) -> None:
        """Tell those who wait for the job, now or soon."""
        news = self._news.pop(notification.transcript_id, None)
        if news is not None:
            news.set()
            return
        self._unread[notification.transcript_id] = None
        if len(self._unread) > _MOST_UNREAD:
            del self._unread[next(iter(self._unread))]

    async def arrival(self, transcript_id: str) -> None:
        """Return when a notification of this job has come; one that came before counts once."""
        if transcript_id in self._unread:
            del self._unread[transcript_id]
            return
        news = self._news.setdefault(transcript_id, anyio.Event())
        self._waiting[transcript_id] += 1
        try:
            await news.wait()
        finally:
            self._waiting[transcript_id] -= 1
            if not self._waiting[transcript_id]:
                del self._waiting[transcript_id]
                if self._news.get(transcript_id) is news:
                    del self._news[transcript_id]
