"""
Shared polling: one poll of the list serves all jobs that a client waits for.

Nothing runs in the background. One of the waiting calls is the leader: it polls the list when that is due,
and wakes the others. When it ends, another call leads. Jobs that the list does not show are polled by id.
"""

from __future__ import annotations

import copy
import math

import anyio
import attrs
from anyio.lowlevel import checkpoint

from aai_async._api import endpoints
from aai_async._errors import AAIError, DeadlineError
from aai_async._events import OnEvent, StatusChanged, emit, logger
from aai_async._jobs.duration_estimate import DurationEstimator
from aai_async._jobs.poller import FINAL_POLL_GRACE, FailureStreak, Poller, PollFailure, poll_once
from aai_async._jobs.registry import JobRegistry
from aai_async._jobs.watched_job import Waiter, WatchedJob, is_over
from aai_async._models.transcript import Transcript
from aai_async._polling import Polling
from aai_async._transport import Sender

_SHARED_FROM = 4
"""
Minimum number of jobs for polling the list, which is then cheaper than polling each by its id: twice the
polls serve four times the jobs, and each job then costs one more request, which fetches it.
"""

_PAGE = 200
"""Maximum number of jobs in one page of the list."""

_SCAN_EACH = 3.0
"""Seconds between two requests for all queued and processing jobs, if those are more than a page."""

_LONGEST_POLL = 10.0
"""Timeout in seconds for a page of the list: all waiting calls are blocked meanwhile."""

_LAG = 10.0
"""Seconds after a submit in which some servers of the service may not know the job yet."""

_LIST_LAG = 3.0
"""Seconds of waiting after which a job that the list does not show is polled by its id."""

_MISSES = 3
"""Consecutive failed polls of the list before a job is polled by its id, to check if only the list fails."""

_LIST_OFF = 60.0
"""Seconds without polls of the list after it failed while polls by id worked."""

_SELDOM = 60.0
"""Seconds between two polls of a job whose notification is expected."""

_CHECK_EACH = 10.0
"""Seconds between two comparisons of the list, which may be stale, with the job awaited for longest."""

_LEAST_GAP = 0.001
"""Minimum number of seconds in the computation of the rate, where the caller wants none between polls."""

_TOGETHER = 0.02
"""Seconds in which waits for jobs that may have ended begin together, and share one poll of the list."""

_LONGEST_NAP = 1.0
"""Seconds after which a leader checks whether new waiting calls need an earlier poll."""


@attrs.frozen
class _PageResult:
    """The result of one page of the list."""

    changed: int
    """Number of awaited jobs that the page newly shows as ended."""
    rows: int
    older_than: str | None
    """Cursor of the next page; `None` after the last."""


class JobWatcher:
    """All waits of a client."""

    def __init__(
        self, sender: Sender, polling: Polling, registry: JobRegistry, on_event: OnEvent | None = None
    ) -> None:
        self._on_event = on_event
        self._sender = sender
        self._polling = polling
        self._registry = registry
        self._watched = dict[str, WatchedJob]()
        self._awaited = dict[str, WatchedJob]()
        """The jobs that the list may have news of; each job adds and removes itself."""
        self._leader: Waiter | None = None
        self._forecast = DurationEstimator()
        self._streak = FailureStreak(polling)
        self._list_at = -math.inf
        """When the list was last polled."""
        self._list_off_until = -math.inf
        self._check_at: float | None = None
        self._ended = dict[str, float]()
        """When polls by id showed the end of jobs that the list had just shown as unfinished."""
        self._was_shared = False
        """Whether the waiting calls relied on the list when that was last checked."""
        self._is_long = False
        """Whether the awaited jobs do not fit into one page of the list."""
        self._scanned_at = -math.inf
        """When the list was last searched for all jobs."""

    async def wait(self, transcript_id: str, *, is_announced: bool = False) -> Transcript:
        """
        Wait until a job has ended, and return its transcript.

        Args:
            transcript_id: The job.
            is_announced: Whether `notify` will be called when it may have ended, so that it is rarely polled
                before.

        Raises:
            DeadlineError: It had not ended after `Polling(give_up_after=...)` seconds, plus at most ten, or
                no poll has succeeded for `Polling(unreachable_after=...)` seconds.
            AAIError: The service refuses the request.
        """
        watched = self._watched.get(endpoints.checked_id(transcript_id))
        if watched is None:
            watched = self._watched[transcript_id] = self._new(transcript_id, is_announced=is_announced)
        if not is_announced:
            self.expect_no_notification(transcript_id)
        wait = Waiter(watched, anyio.current_time() + self._polling.give_up_after)
        watched.enter(wait)
        told: str | None = None
        try:
            while watched.transcript is None:
                await self._step(wait)
                if watched.status is not None and watched.status != told:
                    told = watched.status
                    emit(self._on_event, StatusChanged(transcript_id=transcript_id, status=told))
            return watched.transcript
        finally:
            self._leave(wait)

    def notify(self, transcript_id: str) -> None:
        """Poll a job at once, because it may have ended, and then as often as any other."""
        self.expect_no_notification(transcript_id)
        if (watched := self._watched.get(transcript_id)) is not None:
            watched.poll_by_id()

    def expect_no_notification(self, transcript_id: str) -> None:
        """Poll a job as often as any other."""
        watched = self._watched.get(transcript_id)
        if watched is not None and watched.is_announced:
            watched.is_announced = False
            self._plan(watched)
            watched.update_awaited()
            watched.notify()

    def _new(self, transcript_id: str, *, is_announced: bool) -> WatchedJob:
        self._registry.fetched(transcript_id)
        size, age = self._registry.size(transcript_id), self._registry.age(transcript_id)
        watched = WatchedJob(transcript_id, size, age, self._awaited, is_announced=is_announced)
        self._plan(watched)
        return watched

    def _plan(self, watched: WatchedJob) -> None:
        """Schedule the polls by its id."""

        def is_done(seen: Transcript) -> bool:
            watched.set_status(seen.status)
            return seen.is_done

        polling = _seldom(self._polling) if watched.is_announced else self._polling
        expected = None if watched.is_announced else self._forecast.estimate(watched.size)
        watched.poller = Poller(
            self._sender,
            endpoints.get(watched.id),
            polling,
            until=is_done,
            is_new=lambda: self._registry.known_for(watched.id) < _LAG,
            expected=expected,
            age=watched.age,
        )
        if watched.age < math.inf:
            watched.first_at = watched.poller.next_at
        else:
            watched.first_at = anyio.current_time() + next(polling.delays(expected))
            # Waits that begin at the same time may share one poll of the list.
            watched.poller.next_at += min(_TOGETHER, polling.initial_delay)

    def _leave(self, wait: Waiter) -> None:
        wait.watched.leave(wait)
        if not wait.watched.waiters:
            del self._watched[wait.watched.id]
        self._resign(wait)
        self._notify_if_no_longer_shared()

    def _notify_if_no_longer_shared(self) -> None:
        """Wake the calls that relied on the list if it is not used any more; they poll by id again."""
        was_shared, self._was_shared = self._was_shared, self._is_shared
        if was_shared and not self._was_shared:
            self._notify_awaited()

    @property
    def _is_shared(self) -> bool:
        """Whether the list is polled for the jobs that it shows."""
        return len(self._awaited) >= _SHARED_FROM and anyio.current_time() >= self._list_off_until

    async def _step(self, wait: Waiter) -> None:
        """Poll if that is due; otherwise wait until it is due, or until there is news."""
        watched = wait.watched
        if watched.error is not None:
            # A copy, because each waiting call adds its own context.
            raise copy.copy(watched.error)
        now = anyio.current_time()
        self._notify_if_no_longer_shared()
        is_shared = watched.is_awaited and self._was_shared
        next_at = min(watched.next_poll_at(is_shared=is_shared), wait.deadline)
        if now >= next_at:
            # Other tasks must run even if there is no delay between polls.
            await checkpoint()
            await self._poll_by_id(wait)
        elif not is_shared or not self._is_leader(wait):
            await watched.wait_for_change(next_at)
        elif now >= (list_at := self._next_list_at()):
            await self._poll_list(wait)
        else:
            await watched.wait_for_change(min(next_at, list_at, now + _LONGEST_NAP))

    def _is_leader(self, wait: Waiter) -> bool:
        """Return whether this call is the leader; it becomes the leader if there is none."""
        if self._leader is None or not self._leader.watched.is_awaited:
            self._leader = wait
        return self._leader is wait

    async def _poll_by_id(self, wait: Waiter) -> None:
        """Poll a job by its id."""
        watched, deadline = wait.watched, wait.deadline
        # The response may be large, and the other calls must not wait for it.
        self._resign(wait)
        if watched.is_being_polled:
            await watched.wait_for_change(deadline + FINAL_POLL_GRACE)
            return
        watched.is_being_polled = True
        try:
            is_done_unlisted = watched.apply_transcript(await watched.poller.poll(deadline))
        finally:
            watched.is_being_polled = False
            watched.notify()
        if is_done_unlisted:
            # It may have ended after the poll of the list; the next page decides whether the list is stale.
            self._ended[watched.id] = anyio.current_time()
        if watched.transcript is not None and watched.duration is not None:
            self._forecast.add(watched.duration, watched.size)

    def _resign(self, wait: Waiter) -> None:
        if self._leader is wait:
            others = (other for one in self._awaited.values() for other in one.waiters if other is not wait)
            self._leader = next(others, None)
            if self._leader is not None:
                self._leader.watched.notify()

    def _next_list_at(self) -> float:
        """
        Return when the next poll of the list is due.

        Each job needs a certain rate of polls. The best common rate is the root of the sum of the squares of
        all rates, because the square of a rate is proportional to the hazard of the job's end.
        """
        now = anyio.current_time()
        density, first_at, unchecked_at = 0.0, math.inf, math.inf
        for watched in self._awaited.values():
            if watched.is_unchecked:
                unchecked_at = min(unchecked_at, watched.poller.next_at)
            elif now >= watched.first_at:
                density += max(self._polling.gap(watched.waited), _LEAST_GAP) ** -2.0
            else:
                first_at = min(first_at, watched.first_at)
        due_at = self._list_at + density**-0.5 if density else first_at
        return self._streak_at(
            max(min(due_at, unchecked_at), self._list_at + self._polling.min_list_interval)
        )

    def _streak_at(self, usual: float) -> float:
        if not self._streak.length:
            return usual
        return self._list_at + self._streak.delay(max(usual - self._list_at, self._polling.min_list_interval))

    async def _poll_list(self, wait: Waiter) -> None:
        began = anyio.current_time()
        try:
            failure = await self._scan(wait.deadline)
        except AAIError as error:
            logger.info("the list cannot be polled (%s)", type(error).__name__)
            self._turn_list_off()
            return
        finally:
            self._list_at = anyio.current_time()
            self._notify_if_no_longer_shared()
        if failure is not None:
            await self._handle_failure(wait, failure)
            return
        self._streak.end()
        if self._scanned_at >= began:
            self._verify_oldest()

    def _verify_oldest(self) -> None:
        """Compare one job with the list from time to time, after the list was searched for all jobs."""
        self._ended.clear()
        if self._check_at is None or self._list_at >= self._check_at:
            oldest = next(iter(self._awaited.values()), None)
            if oldest is not None and self._check_at is not None:
                oldest.verify_by_id()
            self._check_at = self._list_at + _CHECK_EACH

    async def _handle_failure(self, wait: Waiter, failure: PollFailure) -> None:
        """Check whether only the list fails, or all polls; finally end all waits with an error."""
        try:
            self._streak.add(failure)
        except DeadlineError as error:
            self._streak.end()
            for watched in self._awaited.values():
                watched.error = error
            self._notify_awaited()
            return
        if self._streak.length >= _MISSES:
            await self._poll_by_id(wait)
            if not wait.watched.poller.has_failed:
                self._turn_list_off()

    def _turn_list_off(self) -> None:
        self._list_off_until = anyio.current_time() + _LIST_OFF
        self._streak.end()
        self._notify_awaited()

    def _notify_awaited(self) -> None:
        """Wake the calls that may rely on the list."""
        for watched in self._awaited.values():
            watched.notify()

    async def _scan(self, deadline: float) -> PollFailure | None:
        """
        Poll the list, with the fewest requests that show the most.

        Raises:
            AAIError: The service refuses to show the list.
        """
        unseen = dict(self._awaited)
        if not self._is_long:
            seen = await self._poll_page(unseen, deadline)
            if isinstance(seen, PollFailure):
                return seen
            self._is_long = bool(unseen) and seen.older_than is not None
            if not self._is_long:
                self._mark_unlisted(unseen)
                return None
        if anyio.current_time() - self._scanned_at < _SCAN_EACH:
            return await self._scan_completed(unseen, deadline)
        return await self._scan_unfinished(unseen, deadline)

    async def _scan_completed(self, unseen: dict[str, WatchedJob], deadline: float) -> PollFailure | None:
        """Fetch the newest completed jobs, and further pages while more than half of a page is news."""
        before_id: str | None = None
        for _ in range(_most_pages(unseen)):
            seen = await self._poll_page(unseen, deadline, "completed", before_id)
            if isinstance(seen, PollFailure):
                return seen
            before_id = seen.older_than
            if 2 * seen.changed <= seen.rows or before_id is None:
                break
        for watched in unseen.values():
            # The next sweep shows their state.
            watched.is_unchecked = False
        return None

    async def _scan_unfinished(self, unseen: dict[str, WatchedJob], deadline: float) -> PollFailure | None:
        """Fetch all queued and processing jobs: the others have ended, or are not in the list."""
        self._is_long = len(unseen) > _PAGE // 2
        most = _most_pages(unseen)
        # In the order of a job's statuses, so that a job that changes its status meanwhile is not missed.
        for status in ("queued", "processing"):
            before_id: str | None = None
            for _ in range(most):
                seen = await self._poll_page(unseen, deadline, status, before_id)
                if isinstance(seen, PollFailure):
                    return seen
                before_id = seen.older_than
                if before_id is None:
                    break
        self._mark_unlisted(unseen)
        return None

    async def _poll_page(
        self,
        unseen: dict[str, WatchedJob],
        deadline: float,
        status: str | None = None,
        before_id: str | None = None,
    ) -> _PageResult | PollFailure:
        """Request a page, and record what it shows about the awaited jobs."""
        asked_at = anyio.current_time()
        call = endpoints.page(limit=_PAGE, status=status, before_id=before_id)
        page = await poll_once(self._sender, call, min(deadline, asked_at + _LONGEST_POLL))
        if isinstance(page, PollFailure):
            return page
        news = 0
        for item in page.transcripts:
            unseen.pop(item.id, None)
            watched = self._watched.get(item.id)
            news += watched is not None and watched.apply_list_item(item)
        shown = (item.id for item in page.transcripts if not is_over(item))
        if any(self._ended.get(transcript_id, math.inf) < asked_at for transcript_id in shown):
            logger.info("the list is stale, so the jobs are polled by their ids")
            self._turn_list_off()
        return _PageResult(news, len(page.transcripts), page.page_details.older_than)

    def _mark_unlisted(self, unseen: dict[str, WatchedJob]) -> None:
        """Record that the list was searched for all jobs and did not contain these."""
        self._scanned_at = anyio.current_time()
        for watched in unseen.values():
            # Jobs that were created just now may appear in the list later.
            if watched.waited >= _LIST_LAG:
                watched.mark_unlisted()
            elif watched.is_unchecked:
                watched.poll_by_id()


def _seldom(polling: Polling) -> Polling:
    """Return a policy of rare polls, in case a notification is lost."""
    return attrs.evolve(
        polling,
        initial_delay=max(polling.initial_delay, _SELDOM / 2),
        pace=_SELDOM,
        max_delay=max(polling.max_delay, _SELDOM),
    )


def _most_pages(awaited: dict[str, WatchedJob]) -> int:
    return 2 + len(awaited) // _PAGE
