"""
Polling of the list of transcripts, which shows the state of all awaited jobs in a few requests.

One of the waiting calls runs it, see `watcher`. It fetches as few pages as it can: the newest page shows all
jobs of a small batch, and of a large batch the completed and the unfinished jobs are fetched in turn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import anyio
import msgspec

from aai_async._api import endpoints
from aai_async._errors import AAIError, DeadlineError
from aai_async._events import logger
from aai_async._jobs.poller import FailureStreak, PollFailure, poll_once
from aai_async._jobs.watched_job import WatchedJob, is_over
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

_LIST_LAG = 3.0
"""Seconds of waiting after which a job that the list does not show is polled by its id."""

_MISSES = 3
"""Consecutive failed polls of the list before a job is polled by its id, to check if only the list fails."""

_LOG_FIELDS = {"operation": "list"}

_LIST_OFF = 60.0
"""Seconds without polls of the list after it failed while polls by id worked."""

_CHECK_EACH = 10.0
"""Seconds between two comparisons of the list, which may be stale, with the job awaited for longest."""

_LEAST_GAP = 0.001
"""Minimum number of seconds in the computation of the rate, where the caller wants none between polls."""


class _PageResult(msgspec.Struct, frozen=True):
    """The result of one page of the list."""

    changed: int
    """Number of awaited jobs that the page newly shows as ended."""
    rows: int
    older_than: str | None
    """Cursor of the next page; `None` after the last."""


class ListPoller:
    """The polls of the list of transcripts, which shows the state of the awaited jobs."""

    def __init__(
        self,
        sender: Sender,
        polling: Polling,
        watched: Mapping[str, WatchedJob],
        awaited: Mapping[str, WatchedJob],
    ) -> None:
        self._sender = sender
        self._polling = polling
        self._watched = watched
        self._awaited = awaited
        """The jobs whose state the list may show; each job adds and removes itself."""
        self._streak = FailureStreak(polling)
        self._polled_at = -math.inf
        self._ends = 0.0
        """Number of ends that the list has shown; each poll halves what earlier ones have added."""
        self._seconds = 0.0
        """The seconds that all awaited jobs together have run meanwhile, halved likewise."""
        self._off_until: float | None = None
        self._check_at: float | None = None
        self._ended = dict[str, float]()
        """When polls by id showed the end of jobs that the list had just shown as unfinished."""
        self._is_long = False
        """Whether the awaited jobs do not fit into one page of the list."""
        self._scanned_at = -math.inf
        """When the list was last searched for all jobs."""

    @property
    def is_used(self) -> bool:
        """Whether the list is polled for the jobs that it shows: for several, and for those that are left."""
        awaited = self._awaited
        if not awaited or (self.has_few and not all(one.was_shown for one in awaited.values())):
            return False
        return self._off_until is None or anyio.current_time() >= self._off_until

    @property
    def has_few(self) -> bool:
        """Whether so few jobs are awaited that the list is not worth its requests."""
        return len(self._awaited) < _SHARED_FROM

    @property
    def has_failed_often(self) -> bool:
        """Whether a poll by id must show if only the list fails, because several of its polls failed."""
        return self._streak.length >= _MISSES

    @property
    def failures(self) -> int:
        """Number of consecutive failed polls."""
        return self._streak.length

    def next_at(self) -> float:
        """
        Return when the next poll of the list is due.

        Each job needs a certain rate of polls. The best common rate is the root of the sum of the squares of
        all rates, because the square of a rate is proportional to the hazard of the job's end. That hazard is
        taken from the time waited, or from the latest polls if it was higher there: jobs that were made
        together end together.
        """
        now = anyio.current_time()
        ended_each = self._seconds / self._ends if self._ends else math.inf
        density, first_at, unchecked_at = 0.0, math.inf, math.inf
        for watched in self._awaited.values():
            if watched.is_unchecked:
                unchecked_at = min(unchecked_at, watched.poller.next_at)
            elif now >= watched.poller.first_at:
                gap = self._polling.gap(min(watched.waited(now), ended_each))
                density += max(gap, _LEAST_GAP) ** -2.0
            else:
                first_at = min(first_at, watched.poller.first_at)
        due_at = self._polled_at + density**-0.5 if density else first_at
        return self._after_failures(
            max(min(due_at, unchecked_at), self._polled_at + self._polling.min_list_interval)
        )

    def _after_failures(self, usual: float) -> float:
        if not self._streak.length:
            return usual
        return self._polled_at + self._streak.delay(
            max(usual - self._polled_at, self._polling.min_list_interval)
        )

    async def poll(self, deadline: float) -> PollFailure | None:
        """
        Poll the list, and return a failure that may be temporary.

        If the service refuses to show the list, it is not used for a while.
        """
        began = anyio.current_time()
        self._seconds, self._ends = self._seconds / 2, self._ends / 2
        ends = self._ends
        try:
            failure = await self._scan(deadline)
        except AAIError as error:
            logger.info("the list cannot be polled (%s)", type(error).__name__, extra=_LOG_FIELDS)
            self._polled_at = anyio.current_time()
            self.turn_off()
            return None
        # Not after a cancellation: the next leader would wait for the answer that this one has not received.
        before, self._polled_at = self._polled_at, anyio.current_time()
        if failure is not None:
            return failure
        if before > -math.inf:
            self._seconds += (began - before) * (len(self._awaited) + self._ends - ends)
        # The list shows the jobs as they were at the request. A slow service is left half of each interval.
        self._polled_at = max(began, self._polled_at - self._polling.min_list_interval / 2)
        self._streak.end()
        if self._scanned_at >= began:
            self._verify_oldest()
        return None

    def record_failure(self, failure: PollFailure) -> None:
        """
        Record that a poll of the list has failed.

        If the service asks to leave the list alone for long, the jobs are polled by their ids meanwhile.

        Raises:
            DeadlineError: No poll has succeeded for `Polling(unreachable_after=...)` seconds.
        """
        if failure.requested_delay > _LIST_OFF:
            logger.info("the list cannot be polled for %.0f s", failure.requested_delay, extra=_LOG_FIELDS)
            self.turn_off(failure.requested_delay)
            return
        try:
            self._streak.add(failure)
        except DeadlineError:
            self._streak.end()
            raise

    def record_end(self, transcript_id: str) -> None:
        """Record that a poll by id showed the end of a job that the list had just shown as unfinished."""
        # It may have ended after the poll of the list; the next page decides whether the list is stale.
        self._ended[transcript_id] = anyio.current_time()

    def turn_off(self, seconds: float = _LIST_OFF) -> None:
        """Do without the list for a while: the jobs are polled by their ids."""
        self._off_until = anyio.current_time() + seconds
        self._streak.end()
        # The calls have planned to wait for the list; awake, each plans its polls by id.
        for watched in self._awaited.values():
            watched.notify()

    def _verify_oldest(self) -> None:
        """Compare one job with the list from time to time, after the list was searched for all jobs."""
        # The complete scan has not contradicted the ends that were recorded before it.
        self._ended.clear()
        if self._check_at is None or self._polled_at >= self._check_at:
            oldest = next(iter(self._awaited.values()), None)
            # The first scan only schedules the check: a short wait needs none.
            if oldest is not None and self._check_at is not None:
                oldest.verify_by_id()
            self._check_at = self._polled_at + _CHECK_EACH

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
        """Fetch the newest completed jobs, and further pages while more than half of a page is new."""
        before_id: str | None = None
        for _ in range(_most_pages(unseen)):
            seen = await self._poll_page(unseen, deadline, "completed", before_id)
            if isinstance(seen, PollFailure):
                return seen
            before_id = seen.older_than
            if 2 * seen.changed <= seen.rows or before_id is None:
                break
        for watched in unseen.values():
            # The next scan of the unfinished jobs shows their state.
            watched.is_unchecked = False
        return None

    async def _scan_unfinished(self, unseen: dict[str, WatchedJob], deadline: float) -> PollFailure | None:
        """Fetch all queued and processing jobs: the others have ended, or are not in the list."""
        # Half a page, so that a batch of about one page does not alternate between the two ways.
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
        requested_at = anyio.current_time()
        call = endpoints.page(limit=_PAGE, status=status, before_id=before_id, is_for_many=True)
        page = await poll_once(self._sender, call, min(deadline, requested_at + _LONGEST_POLL))
        if isinstance(page, PollFailure):
            return page
        changed = 0
        for item in page.transcripts:
            unseen.pop(item.id, None)
            watched = self._watched.get(item.id)
            changed += watched is not None and watched.apply_list_item(item)
        shown = (item.id for item in page.transcripts if not is_over(item))
        if any(self._ended.get(transcript_id, math.inf) < requested_at for transcript_id in shown):
            logger.info("the list is stale, so the jobs are polled by their ids", extra=_LOG_FIELDS)
            self.turn_off()
        self._ends += changed
        return _PageResult(changed, len(page.transcripts), page.page_details.older_than)

    def _mark_unlisted(self, unseen: dict[str, WatchedJob]) -> None:
        """Record that the list was searched for all jobs and did not contain these."""
        self._scanned_at = now = anyio.current_time()
        for watched in unseen.values():
            # Jobs that were created just now may appear in the list later.
            if watched.waited(now) >= _LIST_LAG:
                watched.mark_unlisted()
            elif watched.is_unchecked:
                watched.poll_by_id()


def _most_pages(awaited: dict[str, WatchedJob]) -> int:
    return 2 + len(awaited) // _PAGE
