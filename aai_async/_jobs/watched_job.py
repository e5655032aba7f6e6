"""A job with waiting calls: its state as seen in the list or by its id, and the calls to wake."""

from __future__ import annotations

import copy
import datetime as dt
import math

import anyio
import attrs

from aai_async._errors import AAIError
from aai_async._jobs.poller import Poller
from aai_async._jobs.registry import JobRef
from aai_async._models.page import TranscriptListItem
from aai_async._models.transcript import Transcript

_EXACT = 1.0
"""Maximum age in seconds of a job when its wait begins, and delay of a poll, to measure its duration."""


class WatchedJob:
    """A job that one or more calls wait for."""

    def __init__(
        self,
        job: JobRef,
        poller: Poller[Transcript],
        awaited: dict[str, WatchedJob],
        *,
        is_announced: bool = False,
    ) -> None:
        self.job = job
        self._all_awaited = awaited
        """The jobs whose state the list may show; each job adds and removes itself."""
        self.is_announced = is_announced
        """Whether a notification is expected at its end, so that it is rarely polled before."""
        self.poller = poller
        """The polls by its id."""
        self.waiters: list[Waiter] = []
        self._began = anyio.current_time()
        self.is_unchecked = job.age == math.inf
        """Whether it may have ended before the wait began, and was not seen yet."""
        self.is_listed = True
        """Whether the list contains it, as far as is known."""
        self.was_shown = False
        """Whether the list has contained it."""
        self._is_at_work = False
        """Whether a poll by its id has shown it unfinished, and the list has not contained it since."""
        self.is_being_verified = False
        """Whether it is polled by its id to check whether the list is current."""
        self.is_due = False
        """Whether it is polled by its id, whatever the list shows: it may have ended."""
        self.status: str | None = None
        """Its status when it was last seen."""
        self.is_over = False
        """Whether the list shows it as ended, so that it can be fetched."""
        self._duration: float | None = None
        """Its duration in seconds, if the list has shown it."""
        self.transcript: Transcript | None = None
        self.is_being_polled = False
        """Whether one of the waiting calls is polling it by its id now."""
        self._change: anyio.Event | None = None

    def waited(self, now: float) -> float:
        """Return the seconds since the first call began to wait for it."""
        return now - self._began

    @property
    def is_awaited(self) -> bool:
        """Whether the list may show its state."""
        return self.job.id in self._all_awaited

    def update_awaited(self) -> None:
        """Add it to the jobs whose state the list may show, or remove it."""
        if self.waiters and self.is_listed and not self.is_over and not self.is_announced:
            self._all_awaited.setdefault(self.job.id, self)
        else:
            self._all_awaited.pop(self.job.id, None)

    def enter(self, waiter: Waiter) -> None:
        """Add a waiting call."""
        self.waiters.append(waiter)
        self.update_awaited()

    def leave(self, waiter: Waiter) -> None:
        """Remove a waiting call."""
        self.waiters.remove(waiter)
        self.update_awaited()

    def duration(self, due_at: float) -> float | None:
        """
        Return the seconds from its submit to its end, if known exactly enough for the forecast.

        Args:
            due_at: When the poll was due that has shown its end. A rate limit may have held it back for long.
        """
        now = anyio.current_time()
        is_on_time = now - due_at <= max(_EXACT, self.waited(now) / 4)
        if self._duration is None and self.job.age <= _EXACT and is_on_time:
            return self.waited(now) + self.job.age
        return self._duration

    def next_poll_at(self, *, is_shared: bool) -> float:
        """Return when the waiting calls should poll it by its id."""
        is_left_to_list = is_shared and self.is_awaited and not self.poller.has_failed
        if is_left_to_list and not self.is_being_verified and not self.is_due:
            return math.inf
        return self.poller.next_at

    async def wait_for_change(self, until: float) -> None:
        """Wait until its state or the leader has changed, or until a time."""
        self._change = self._change or anyio.Event()
        if until == math.inf:
            # A scope with a timer would be half of what a waiting call costs the garbage collector.
            await self._change.wait()
            return
        with anyio.CancelScope(deadline=until):
            await self._change.wait()

    def notify(self) -> None:
        """Wake the waiting calls."""
        if self._change is not None:
            self._change.set()
            self._change = None

    def fail(self, error: AAIError) -> None:
        """End the current waits for it with an error; waits that begin later are not affected."""
        for waiter in self.waiters:
            # A copy, because each waiting call adds its own context.
            waiter.error = copy.copy(error)
            waiter.error.transcript_id = self.job.id
        self.notify()

    def set_status(self, status: str | None) -> None:
        """Record its status, and wake the waiting calls, which emit events."""
        if status is not None and status != self.status:
            self.status = status
            self.notify()

    def record_poll(self, seen: Transcript) -> bool:
        """Record the status that a poll by its id shows; return whether the job has ended."""
        self.set_status(seen.status)
        return seen.is_done

    def apply_list_item(self, item: TranscriptListItem) -> bool:
        """Record its state in the list; return whether it has newly ended."""
        self.is_listed, self.was_shown, self._is_at_work = True, True, False
        self.set_status(item.status)
        has_ended = is_over(item) and not self.is_over
        if has_ended:
            # The list does not contain the text, so the transcript is fetched at once.
            self.is_over, self.poller.next_at = True, anyio.current_time()
            self._duration = _seconds_between(item.created, item.completed)
            self.notify()
        self._mark_checked()
        self.update_awaited()
        return has_ended

    def mark_unlisted(self) -> None:
        """Record that the list does not contain it."""
        self.is_listed = False
        if not self._is_at_work or self.poller.has_failed:
            # Otherwise a poll by its id has shown it unfinished, and the next one has its time.
            self.poller.next_at = min(self.poller.next_at, anyio.current_time())
        self.update_awaited()
        self.notify()

    def _mark_checked(self) -> None:
        """Record that the list has shown its state at the start of the wait: no poll by its id is needed."""
        if self.is_unchecked:
            self.is_unchecked = False
            if not self.is_over:
                self.poller.restart()

    def verify_by_id(self) -> None:
        """Poll it by its id too, although the list has just shown it as unfinished."""
        self.is_being_verified, self.poller.next_at = True, anyio.current_time()
        self.notify()

    def poll_by_id(self) -> None:
        """Poll it by its id at once, because it may have ended."""
        self.is_due, self.poller.next_at = True, anyio.current_time()
        self.notify()

    def apply_transcript(self, seen: Transcript | None) -> bool:
        """Record the result of a poll by its id; return whether it proves that the list was wrong."""
        self.transcript = seen
        was_being_verified, self.is_being_verified, self.is_due = self.is_being_verified, False, False
        if self.is_over and seen is None:
            # The list showed an end that the job itself does not confirm.
            self.is_listed = self.is_over = False
        self.is_unchecked, self._is_at_work = False, seen is None
        self.update_awaited()
        return was_being_verified and not self.is_over and seen is not None


def is_over(item: TranscriptListItem) -> bool:
    """Return whether the list shows a job as ended, successfully or not."""
    return item.status in {"completed", "error"}


def _seconds_between(created: dt.datetime | None, completed: dt.datetime | None) -> float | None:
    if created is None or completed is None or (created.tzinfo is None) != (completed.tzinfo is None):
        return None
    return (completed - created).total_seconds()


@attrs.define(eq=False)
class Waiter:
    """A call that waits for a job."""

    watched: WatchedJob
    deadline: float
    is_left_to_leader: bool = attrs.field(default=False, init=False)
    """Whether the leader wakes it before its deadline, so that it waits without a timer."""
    error: AAIError | None = attrs.field(default=None, init=False)
    """The error that ends the call."""

    def check(self) -> None:
        """
        Raise the error that ends the call, if there is one.

        Raises:
            AAIError: That error. Nothing refers to it any more, because its frames refer to this object.
        """
        error, self.error = self.error, None
        try:
            if error is not None:
                raise error
        finally:
            del error
