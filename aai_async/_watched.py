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
        awaited: dict[str, Watched],
        *,
        is_announced: bool = False,
    ) -> None:
        self.id = transcript_id
        self._all_awaited = awaited
        """Those of which the list may tell something new, which this enters and leaves by itself."""
        self.is_announced = is_announced
        """Whether a notification is to come when it is done, so that it is seldom looked at before."""
        self.looks: Looks[Transcript]
        """Those by its id; set by whoever makes it."""
        self.size = size
        self.waits: list[Wait] = []
        self._began = anyio.current_time()
        self.age = age
        """Seconds since it was made when the wait began; infinity where that is not known."""
        self.first_at = math.inf
        """When it may end: the list is polled for it from then on."""
        self.is_unchecked = age == math.inf
        """Whether it may have ended before the wait began, and nothing was seen of it yet."""
        self.is_listed = True
        """Whether the list shows it, as far as is known."""
        self._is_at_work = False
        """Whether its id has shown it as unfinished, and the list has not shown it since."""
        self.is_doubted = False
        """Whether it is looked at by its id to find out whether the list is of now."""
        self.is_due = False
        """Whether it is polled by its id, whatever the list says: it may have ended."""
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
        return self.id in self._all_awaited

    def update_awaited(self) -> None:
        """Enter or leave those of which the list may tell something new."""
        if self.waits and self.is_listed and not self.is_over and not self.is_announced:
            self._all_awaited.setdefault(self.id, self)
        else:
            self._all_awaited.pop(self.id, None)

    def enter(self, wait: Wait) -> None:
        """One more waits for it."""
        self.waits.append(wait)
        self.update_awaited()

    def leave(self, wait: Wait) -> None:
        """One waits for it no longer."""
        self.waits.remove(wait)
        self.update_awaited()

    @property
    def took(self) -> float | None:
        """Seconds that it took from its submit to its end, if it is known well enough to learn from."""
        if self._took is None and self.age <= _EXACT:
            return self.waited + self.age
        return self._took

    def next_at(self, *, is_shared: bool) -> float:
        """When it is to be looked at by its id, by those who wait for it."""
        is_left_to_list = is_shared and self.is_awaited and not self.looks.has_failed
        if is_left_to_list and not self.is_doubted and not self.is_due:
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
        self.is_listed, self._is_at_work = True, False
        self.see(item.status)
        is_news = is_over(item) and not self.is_over
        if is_news:
            self.is_over, self.looks.next_at = True, anyio.current_time()
            self._took = _seconds_between(item.created, item.completed)
            self.tell()
        self._check()
        self.update_awaited()
        return is_news

    def hide(self) -> None:
        """The list does not show it."""
        self.is_listed = False
        if self._is_at_work and not self.looks.has_failed:
            self.looks.restart()
        else:
            self.looks.next_at = min(self.looks.next_at, anyio.current_time())
        self.update_awaited()
        self.tell()

    def _check(self) -> None:
        """The list shows whether it had ended before the wait began: no poll by its id is needed."""
        if self.is_unchecked:
            self.is_unchecked = False
            if not self.is_over:
                self.looks.restart()

    def doubt(self) -> None:
        """The list has just shown it as unfinished: look at it by its id, too."""
        self.is_doubted, self.looks.next_at = True, anyio.current_time()
        self.tell()

    def poll_by_id(self) -> None:
        """It may have ended: poll it by its id, at once."""
        self.is_due, self.looks.next_at = True, anyio.current_time()
        self.tell()

    def show_by_id(self, seen: Transcript | None) -> bool:
        """Take what a look by its id has seen; tell whether the list was found to be wrong by it."""
        self.transcript = seen
        was_doubted, self.is_doubted, self.is_due = self.is_doubted, False, False
        if self.is_over and seen is None:
            # What the list says and the job does not is no news.
            self.is_listed = self.is_over = False
        self.is_unchecked, self._is_at_work = False, seen is None
        self.update_awaited()
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
