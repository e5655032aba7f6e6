"""A job that is waited for: what is known of it, by the list or by its id, and whom to tell."""

from __future__ import annotations

import datetime as dt
import math

import anyio
import attrs

from aai_async._answers.listing import TranscriptListItem
from aai_async._answers.transcript import Transcript
from aai_async._errors import AAIError
from aai_async._look import Looks

_EXACT = 1.0
"""Seconds since its submit up to which a wait for a job tells how long it takes."""


class Watched:
    """A job that is waited for, by one or by several."""

    def __init__(
        self,
        transcript_id: str,
        size: int | None,
        age: float,
        *,
        is_announced: bool = False,
    ) -> None:
        self.id = transcript_id
        self.is_announced = is_announced
        """Whether a notification is to come when it is done, so that it is seldom looked at before."""
        self.looks: Looks[Transcript]
        """Those by its id; set by whoever makes it."""
        self.size = size
        self.waits: list[Wait] = []
        self._began = anyio.current_time()
        self._age = age
        """Seconds since it was made when the wait began; infinity where that is not known."""
        self.first_at = math.inf
        """When it is first looked at."""
        self.is_listed = True
        """Whether the list shows it, as far as is known."""
        self.is_doubted = False
        """Whether it is looked at by its id to find out whether the list is of now."""
        self.is_told_of = False
        """Whether a notification says that it has ended, so that it is looked at by its id."""
        self.status: str | None = None
        """How it stood when it was last seen."""
        self.is_over = False
        """Whether the list says that it has ended, so that it can be fetched."""
        self._took: float | None = None
        """Seconds that it took, where the list has told."""
        self.transcript: Transcript | None = None
        self.lost: AAIError | None = None
        """What ends all waits for it."""
        self.is_looked_at = False
        """Whether one of those who wait looks at it by its id just now."""
        self._news: anyio.Event | None = None

    @property
    def waited(self) -> float:
        """Seconds since the first began to wait for it."""
        return anyio.current_time() - self._began

    @property
    def is_awaited(self) -> bool:
        """Whether the list may tell something new of it."""
        return self.is_listed and not self.is_over and not self.is_announced

    @property
    def took(self) -> float | None:
        """Seconds that it took from its submit to its end, if it is known well enough to learn from."""
        if self._took is None and self._age <= _EXACT:
            return self.waited + self._age
        return self._took

    def next_at(self, *, is_shared: bool) -> float:
        """When it is to be looked at by its id, by those who wait for it."""
        is_left_to_list = is_shared and self.is_awaited and not self.looks.has_failed
        if is_left_to_list and not self.is_doubted and not self.is_told_of:
            return math.inf
        return self.looks.next_at

    async def news(self, until: float) -> None:
        """Wait until there is something new of it, or of who leads."""
        self._news = self._news or anyio.Event()
        with anyio.CancelScope(deadline=until):
            await self._news.wait()

    def tell(self) -> None:
        """Wake those who wait for it."""
        if self._news is not None:
            self._news.set()
            self._news = None

    def see(self, status: str | None) -> None:
        """Take how it stands, and wake those who tell of it."""
        if status is not None and status != self.status:
            self.status = status
            self.tell()

    def show(self, item: TranscriptListItem) -> bool:
        """Take from the list how it stands; tell whether it has ended and that was not known."""
        self.is_listed = True
        self.see(item.status)
        is_news = is_over(item) and not self.is_over
        if is_news:
            self.is_over, self.looks.next_at = True, anyio.current_time()
            self._took = _seconds_between(item.created, item.completed)
            self.tell()
        return is_news

    def hide(self) -> None:
        """The list does not show it."""
        self.is_listed = False
        self.looks.next_at = min(self.looks.next_at, anyio.current_time())
        self.tell()

    def doubt(self) -> None:
        """The list has just shown it as unfinished: look at it by its id, too."""
        self.is_doubted, self.looks.next_at = True, anyio.current_time()
        self.tell()

    def notify(self) -> None:
        """A notification says that it has ended: look at it by its id."""
        self.is_told_of, self.looks.next_at = True, anyio.current_time()
        self.tell()

    def show_by_id(self, seen: Transcript | None) -> bool:
        """Take what a look by its id has seen; tell whether the list was found to be wrong by it."""
        self.transcript = seen
        was_doubted, self.is_doubted, self.is_told_of = self.is_doubted, False, False
        if self.is_over and seen is None:
            # What the list says and the job does not is no news.
            self.is_listed = self.is_over = False
        return was_doubted and not self.is_over and seen is not None


def is_over(item: TranscriptListItem) -> bool:
    """Whether the list shows a job as ended, well or badly."""
    return item.status in {"completed", "error"}


def _seconds_between(created: dt.datetime | None, completed: dt.datetime | None) -> float | None:
    if created is None or completed is None or (created.tzinfo is None) != (completed.tzinfo is None):
        return None
    return (completed - created).total_seconds()


@attrs.frozen(eq=False)
class Wait:
    """One who waits."""

    watched: Watched
    deadline: float
