"""
Waiting for jobs: each call waits until its job has ended, and one of them polls the list for all.

Nothing runs in the background. One of the waiting calls is the leader: it polls the list when that is due,
and wakes the others. When it ends, another call leads. Jobs that the list does not show are polled by id.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Coroutine

import anyio
import attrs
from anyio.lowlevel import checkpoint

from aai_async._concurrency.background import run_in_background
from aai_async._errors import DeadlineError
from aai_async._events import StatusChanged, logger
from aai_async._jobs.duration_estimate import DurationEstimator
from aai_async._jobs.list_poller import ListPoller
from aai_async._jobs.outage_events import OutageEvents
from aai_async._jobs.poller import FINAL_POLL_GRACE, Poller, PollFailure, out_of_time
from aai_async._jobs.registry import JobRef
from aai_async._jobs.watched_job import Waiter, WatchedJob
from aai_async._models.transcript import Transcript
from aai_async._polling import Polling
from aai_async._transport import Sender
from aai_async._webhooks.inbox import NotificationSource

_LAG = 10.0
"""Seconds after a submit in which some servers of the service may not know the job yet."""

_SELDOM = 60.0
"""Seconds between two polls of a job whose notification is expected."""

_TOGETHER = 0.02
"""Seconds in which waits for jobs that may have ended begin together, and share one poll of the list."""

_LONGEST_NAP = 1.0
"""Seconds after which a leader checks whether new waiting calls need an earlier poll."""


_NEAR = 300.0
"""
Seconds before its deadline in which a call watches the clock itself.

Earlier, the leader watches it, which does so only between two polls of the list.
"""


class JobWatcher:
    """All waits of a client."""

    def __init__(self, sender: Sender, polling: Polling) -> None:
        self._sender = sender
        self._polling = polling
        self._watched = dict[str, WatchedJob]()
        self._awaited = dict[str, WatchedJob]()
        """The jobs whose state the list may show; each job adds and removes itself."""
        self._leader: Waiter | None = None
        self._durations = DurationEstimator()
        self._list = ListPoller(sender, polling, self._watched, self._awaited)
        self._outage = OutageEvents(sender)
        self._was_shared = False
        """Whether the waiting calls relied on the list when that was last checked."""

    def wait(
        self, job: JobRef, notifications: NotificationSource | None = None, *, is_single: bool = False
    ) -> Coroutine[object, object, Transcript]:
        """
        Wait until a job has ended, and return its transcript.

        Args:
            job: The job.
            notifications: Where its notification will arrive: until then, the job is rarely polled.
            is_single: Whether it is no job of a batch: if it is the only one, it is polled early, too.

        Raises:
            DeadlineError: It had not ended after `Polling(give_up_after=...)` seconds, plus at most ten, or
                no poll has succeeded for `Polling(unreachable_after=...)` seconds.
            AAIError: The service refuses the request.
        """
        # A coroutine less for each of thousands of jobs that are waited for.
        if notifications is None:
            return self._wait(job, is_announced=False, is_single=is_single)
        return self._wait_for_notification(job, notifications)

    async def _wait_for_notification(self, job: JobRef, notifications: NotificationSource) -> Transcript:
        # The listener starts when the call first waits, so the job is watched by then.
        async with run_in_background(functools.partial(self._listen, job.id, notifications)):
            return await self._wait(job, is_announced=True)

    async def _listen(self, transcript_id: str, notifications: NotificationSource) -> None:
        try:
            await notifications.wait_for(transcript_id)
        except Exception:  # noqa: BLE001 - the caller's own queue may raise anything; polling needs no queue
            fields = {"operation": "wait", "transcript_id": transcript_id}
            logger.exception("cannot wait for a notification, so %s is polled", transcript_id, extra=fields)
            self._expect_no_notification(transcript_id)
        else:
            self._expect_no_notification(transcript_id)
            if (watched := self._watched.get(transcript_id)) is not None:
                watched.poll_by_id()

    async def _wait(self, job: JobRef, *, is_announced: bool, is_single: bool = False) -> Transcript:
        watched = self._watched.get(job.id)
        if watched is None:
            is_early = is_single and not self._watched
            poller = self._new_poller(job, is_announced=is_announced, is_early=is_early)
            watched = WatchedJob(job, poller, self._awaited, is_announced=is_announced)
            self._watched[job.id] = watched
        if not is_announced:
            self._expect_no_notification(job.id)
        waiter = Waiter(watched, anyio.current_time() + self._polling.give_up_after)
        watched.enter(waiter)
        emitted: str | None = None
        try:
            while watched.transcript is None:
                await self._step(waiter)
                status = watched.status
                if status is not None and (self._outage.take_restored() or status != emitted):
                    emitted = status
                    self._sender.emit(StatusChanged(transcript_id=job.id, status=emitted))
            return watched.transcript
        finally:
            self._leave(waiter)

    def _expect_no_notification(self, transcript_id: str) -> None:
        """Poll a job as often as any other."""
        watched = self._watched.get(transcript_id)
        if watched is not None and watched.is_announced:
            watched.is_announced = False
            watched.poller = self._new_poller(watched.job, is_announced=False)
            watched.update_awaited()
            watched.notify()

    def _new_poller(self, job: JobRef, *, is_announced: bool, is_early: bool = False) -> Poller[Transcript]:
        polling = _seldom(self._polling) if is_announced else self._polling
        expected = None if is_announced else self._durations.estimate(job.size)
        poller = Poller(
            self._sender,
            job.poll,
            polling,
            new_until=job.known_since + _LAG,
            expected=expected,
            age=job.age,
            is_early=is_early,
        )
        if job.age == math.inf:
            # Waits that begin at the same time may share one poll of the list.
            poller.next_at += min(_TOGETHER, polling.initial_delay)
        return poller

    def _leave(self, waiter: Waiter) -> None:
        waiter.watched.leave(waiter)
        if not waiter.watched.waiters:
            del self._watched[waiter.watched.job.id]
        self._resign(waiter)
        self._notify_if_sharing_changed()

    def _notify_if_sharing_changed(self) -> None:
        """Wake the calls that relied on the list if it is no longer used, or the leader if it is used now."""
        was_shared, self._was_shared = self._was_shared, self._list.is_used
        if was_shared and not self._was_shared:
            self._notify_awaited()
        elif self._was_shared and not was_shared and self._leader is not None:
            # It may be asleep until its own poll by id.
            self._leader.watched.notify()

    def _notify_awaited(self) -> None:
        for watched in self._awaited.values():
            watched.notify()

    async def _step(self, waiter: Waiter) -> None:
        """Poll if that is due; otherwise wait until it is due, or until the state of the job changes."""
        watched = waiter.watched
        waiter.check()
        now = anyio.current_time()
        self._notify_if_sharing_changed()
        is_shared = watched.is_awaited and self._was_shared
        next_at = min(watched.next_poll_at(is_shared=is_shared), waiter.deadline)
        if now >= next_at:
            # Other tasks must run even if there is no delay between polls.
            await checkpoint()
            await self._poll_by_id(waiter)
        elif not is_shared or not self._is_leader(waiter):
            # The leader, another poll of the job or a notification wakes this call.
            waiter.is_left_to_leader = is_shared and next_at == waiter.deadline > now + _NEAR
            await watched.wait_for_change(math.inf if waiter.is_left_to_leader else next_at)
        elif now >= (list_at := self._list.next_at()):
            await self._poll_list(waiter)
        else:
            self._notify_near_deadlines(now)
            # Not until `list_at`, because new calls may need the list earlier, and do not wake the leader.
            await watched.wait_for_change(min(next_at, list_at, now + _LONGEST_NAP))

    def _notify_near_deadlines(self, now: float) -> None:
        """Wake the calls that will have to watch the clock before the leader checks it again."""
        for watched in self._awaited.values():
            for waiter in watched.waiters:
                if waiter.is_left_to_leader and waiter.deadline <= now + _NEAR:
                    waiter.is_left_to_leader = False
                    watched.notify()

    def _is_leader(self, waiter: Waiter) -> bool:
        """Return whether this call is the leader; it becomes the leader if there is none."""
        # A leader whose own job the list does not show any more only polls by its id.
        if self._leader is None or not self._leader.watched.is_awaited:
            self._leader = waiter
        return self._leader is waiter

    async def _poll_by_id(self, waiter: Waiter) -> None:
        """Poll a job by its id."""
        watched, deadline = waiter.watched, waiter.deadline
        # The response may be large, and the other calls must not wait for it.
        self._resign(waiter)
        if watched.is_being_polled:
            # One request serves all calls that wait for this job.
            await watched.wait_for_change(deadline + FINAL_POLL_GRACE)
            # The call that sent it may have a later deadline.
            if watched.is_being_polled and anyio.current_time() >= deadline + FINAL_POLL_GRACE:
                raise out_of_time(transcript_id=watched.job.id)
            return
        watched.is_being_polled = True
        due_at = watched.poller.next_at
        try:
            is_one_of_few = watched.is_awaited and self._list.has_few
            seen = await watched.poller.poll(deadline, until=watched.record_poll, is_one_of_few=is_one_of_few)
            is_done_unlisted = watched.apply_transcript(seen)
        finally:
            watched.is_being_polled = False
            watched.notify()
        poller = watched.poller
        delay = poller.next_at - anyio.current_time()
        self._outage.add(watched.job.poll.operation, poller.failure, poller.failures, max(delay, 0.0))
        if is_done_unlisted:
            self._list.record_end(watched.job.id)
        duration = watched.duration(due_at)
        if watched.transcript is not None and duration is not None:
            self._durations.add(duration, watched.job.size)

    def _resign(self, waiter: Waiter) -> None:
        if self._leader is waiter:
            others = (other for one in self._awaited.values() for other in one.waiters if other is not waiter)
            self._leader = next(others, None)
            if self._leader is not None:
                # The new leader may be asleep until a later time than the next poll of the list.
                self._leader.watched.notify()

    async def _poll_list(self, waiter: Waiter) -> None:
        try:
            failure = await self._list.poll(waiter.deadline)
        finally:
            self._notify_if_sharing_changed()
        if failure is not None:
            await self._handle_failure(waiter, failure)
        else:
            self._outage.add("list", None, 0, 0.0)

    async def _handle_failure(self, waiter: Waiter, failure: PollFailure) -> None:
        """Check whether only the list fails, or all polls; finally end all waits with an error."""
        try:
            self._list.record_failure(failure)
        except DeadlineError as error:
            # All these calls rely on the list, so none of them has polled by id meanwhile.
            for watched in self._awaited.values():
                watched.fail(error)
            return
        delay = max(self._list.next_at() - anyio.current_time(), 0.0)
        self._outage.add("list", failure, self._list.failures, delay)
        # If a poll by id succeeds, the service is reachable, and only the list fails.
        if self._list.has_failed_often:
            await self._poll_by_id(waiter)
            if not waiter.watched.poller.has_failed:
                self._list.turn_off()


def _seldom(polling: Polling) -> Polling:
    """Return a policy of rare polls, in case a notification is lost."""
    return attrs.evolve(
        polling,
        initial_delay=max(polling.initial_delay, _SELDOM / 2),
        pace=_SELDOM,
        max_delay=max(polling.max_delay, _SELDOM),
    )
