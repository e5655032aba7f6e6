"""
Many waits, few requests: one look into the list serves all jobs that a client waits for.

Nothing runs in the background. One of those who wait leads: it looks into the list when that is due, and
tells the others; when it leaves, another leads. What the list does not show is looked at by its id.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator

import anyio
import attrs

from aai_async import _endpoints
from aai_async._answers.listing import TranscriptListItem, TranscriptPage
from aai_async._answers.transcript import Transcript
from aai_async._errors import AAIError, DeadlineError
from aai_async._events import logger
from aai_async._forecast import Forecast
from aai_async._http import HTTP
from aai_async._look import Looks, Missed, Streak, look_once
from aai_async._memory import Memory
from aai_async._polling import Polling

_SHARED_FROM = 4
"""
Jobs from which the list is cheaper than each by its id: looking twice as often serves four times as many, and
each then costs one more request, which fetches it.
"""

_PAGE = 200
"""Jobs that the service shows in one page of the list, at the most."""

_DEEP_EACH = 8
"""Of so many looks into a list longer than a page, one goes to the bottom and sees the failed jobs, too."""

_LAG = 10.0
"""Seconds after a submit in which the service may not know everywhere of the job."""

_LIST_LAG = 3.0
"""Seconds after which a job that the list does not show is looked at by its id."""

_MISSES = 3
"""Looks into the list that fail in a row until it is asked whether the list alone fails."""

_LIST_OFF = 60.0
"""Seconds for which a list that alone fails is left alone."""

_CHECK_EACH = 10.0
"""Seconds after which the list is compared with the job that has been waited for longest: it may be stale."""

_EXACT = 1.0
"""Seconds since its submit up to which a wait for a job tells how long it takes."""

_LEAST_GAP = 0.001
"""Seconds, where the caller wants none between looks."""

_LONGEST_NAP = 1.0
"""Seconds after which a leader looks whether more have come who want to know sooner."""


class _Watched:
    """A job that is waited for, by one or by several."""

    def __init__(self, transcript_id: str, looks: Looks[Transcript], size: int | None, age: float) -> None:
        self.id = transcript_id
        self.looks = looks
        self.size = size
        self.waits: list[_Wait] = []
        self._began = anyio.current_time()
        self._age = age
        """Seconds since it was made when the wait began; infinity where that is not known."""
        self.first_at = looks.next_at
        self.is_listed = True
        """Whether the list shows it, as far as is known."""
        self.is_over = False
        """Whether the list says that it has ended, so that it can be fetched."""
        self._took: float | None = None
        """Seconds that it took, where the list has told."""
        self.transcript: Transcript | None = None
        self.lost: AAIError | None = None
        """What ends all waits for it."""
        self.turn = anyio.Lock()
        self._news = anyio.Event()

    @property
    def waited(self) -> float:
        """Seconds since the first began to wait for it."""
        return anyio.current_time() - self._began

    @property
    def is_awaited(self) -> bool:
        """Whether the list may tell something new of it."""
        return self.is_listed and not self.is_over

    @property
    def took(self) -> float | None:
        """Seconds that it took from its submit to its end, if it is known well enough to learn from."""
        if self._took is None and self._age <= _EXACT:
            return self.waited + self._age
        return self._took

    def next_at(self, *, is_shared: bool) -> float:
        """When it is to be looked at by its id, by those who wait for it."""
        if is_shared and self.is_awaited and not self.looks.has_failed:
            return math.inf
        return self.looks.next_at

    async def news(self, until: float) -> None:
        """Wait until there is something new of it, or of who leads."""
        with anyio.CancelScope(deadline=until):
            await self._news.wait()

    def tell(self) -> None:
        """Wake those who wait for it."""
        news, self._news = self._news, anyio.Event()
        news.set()

    def show(self, item: TranscriptListItem) -> bool:
        """Take from the list how it stands; tell whether it has ended and that was not known."""
        self.is_listed = True
        is_news = item.status in {"completed", "error"} and not self.is_over
        if is_news:
            self.is_over, self.looks.next_at = True, anyio.current_time()
            if item.created and item.completed:
                self._took = (item.completed - item.created).total_seconds()
            self.tell()
        return is_news

    def hide(self) -> None:
        """The list does not show it."""
        self.is_listed = False
        self.looks.next_at = min(self.looks.next_at, anyio.current_time() + _LONGEST_NAP)
        self.tell()

    def show_by_id(self, seen: Transcript | None) -> None:
        """Take what a look by its id has seen."""
        self.transcript = seen
        if self.is_over and seen is None:
            # What the list says and the job does not is no news.
            self.is_listed = self.is_over = False


@attrs.frozen(eq=False)
class _Wait:
    """One who waits."""

    watched: _Watched
    deadline: float


class Watcher:
    """All the waits of a client."""

    def __init__(self, http: HTTP, polling: Polling, memory: Memory) -> None:
        self._http = http
        self._polling = polling
        self._memory = memory
        self._watched = dict[str, _Watched]()
        self._leader: _Wait | None = None
        self._forecast = Forecast()
        self._streak = Streak(polling)
        self._list_at = -math.inf
        """When the list was last looked into."""
        self._list_off_until = -math.inf
        self._check_at = -math.inf
        self._pages = 1
        """How many pages it took to find all jobs, the last time that all were looked for."""
        self._since_deep = 0

    async def wait(self, transcript_id: str) -> Transcript:
        """
        Wait until a job has ended, and give its transcript.

        Raises:
            DeadlineError: It had not ended after `Polling(give_up_after=...)` seconds, and ten more at the
                most, or no look has succeeded for `Polling(lost_after=...)`.
            AAIError: The service refuses to show it.
        """
        watched = self._watched.get(_endpoints.checked_id(transcript_id))
        if watched is None:
            watched = self._watched[transcript_id] = self._new(transcript_id)
        wait = _Wait(watched, anyio.current_time() + self._polling.give_up_after)
        watched.waits.append(wait)
        try:
            while watched.transcript is None:
                await self._step(wait)
            return watched.transcript
        finally:
            self._leave(wait)

    def _new(self, transcript_id: str) -> _Watched:
        size = self._memory.size(transcript_id)
        looks = Looks(
            self._http,
            _endpoints.get(transcript_id),
            self._polling,
            until=lambda seen: seen.is_done,
            is_new=lambda: self._memory.age(transcript_id) < _LAG,
            expected=self._forecast.expect(size),
        )
        return _Watched(transcript_id, looks, size, self._memory.age(transcript_id))

    def _leave(self, wait: _Wait) -> None:
        was_shared = self._is_shared
        wait.watched.waits.remove(wait)
        if not wait.watched.waits:
            del self._watched[wait.watched.id]
        self._resign(wait)
        if was_shared and not self._is_shared:
            # Those who relied on the list look by themselves again.
            self._tell_all()

    @property
    def _awaited(self) -> Iterator[_Watched]:
        return (one for one in self._watched.values() if one.is_awaited)

    @property
    def _is_shared(self) -> bool:
        """Whether the list is looked into for those whom it shows."""
        if anyio.current_time() < self._list_off_until or len(self._watched) < _SHARED_FROM:
            return False
        return len(list(itertools.islice(self._awaited, _SHARED_FROM))) == _SHARED_FROM

    async def _step(self, wait: _Wait) -> None:
        """Sleep until there is something to do, or do it."""
        watched = wait.watched
        if watched.lost is not None:
            # A copy, for each who waits has a context of its own to add.
            raise copy.copy(watched.lost)
        now = anyio.current_time()
        is_shared = watched.is_awaited and self._is_shared
        next_at = min(watched.next_at(is_shared=is_shared), wait.deadline)
        if now >= next_at:
            await self._look(wait)
        elif not is_shared or not self._leads(wait):
            await watched.news(next_at)
        elif now >= (list_at := self._next_list_at()):
            await self._look_into_list(wait)
        else:
            await watched.news(min(next_at, list_at, now + _LONGEST_NAP))

    def _leads(self, wait: _Wait) -> bool:
        """Whether this one leads, as it does where nobody else does."""
        if self._leader is None or not self._leader.watched.is_awaited:
            self._leader = wait
        return self._leader is wait

    async def _look(self, wait: _Wait) -> None:
        """Look at a job by its id."""
        # It may be a long answer, and the others are not to wait for that.
        self._resign(wait)
        await self._look_at(wait.watched, wait.deadline)

    async def _look_at(self, watched: _Watched, deadline: float) -> None:
        due_at = watched.looks.next_at
        async with watched.turn:
            if watched.transcript is not None or watched.looks.next_at != due_at:
                # Another who waits for it has looked meanwhile.
                return
            watched.show_by_id(await watched.looks.look(deadline))
        if watched.transcript is not None:
            if watched.took is not None:
                self._forecast.learn(watched.took, watched.size)
            watched.tell()

    def _resign(self, wait: _Wait) -> None:
        if self._leader is wait:
            others = (other for one in self._awaited for other in one.waits if other is not wait)
            self._leader = next(others, None)
            if self._leader is not None:
                self._leader.watched.tell()

    def _next_list_at(self) -> float:
        """
        When the next look into the list is due.

        Each job wants looks of some density; the best density of looks that serve all is the root of the sum
        of their squares, for the square is the hazard that is looked for.
        """
        now = anyio.current_time()
        density, first_at = 0.0, math.inf
        for watched in self._awaited:
            if now >= watched.first_at:
                density += max(self._polling.gap(watched.waited), _LEAST_GAP) ** -2.0
            else:
                first_at = min(first_at, watched.first_at)
        if not density:
            return self._streak_at(max(first_at, self._list_at + self._polling.floor))
        gap = max(density**-0.5, self._polling.floor)
        return self._streak_at(self._list_at + gap)

    def _streak_at(self, usual: float) -> float:
        if not self._streak.length:
            return usual
        return self._list_at + self._streak.delay(max(usual - self._list_at, self._polling.floor))

    async def _look_into_list(self, wait: _Wait) -> None:
        try:
            missed = await self._walk(wait.deadline)
        except AAIError as error:
            logger.info("the list cannot be looked into (%s)", type(error).__name__)
            self._turn_list_off(math.inf)
            return
        finally:
            self._list_at = anyio.current_time()
        if missed is not None:
            await self._fail(wait, missed)
            return
        self._streak.end()
        if self._since_deep == 0 and self._list_at >= self._check_at:
            self._check_at = self._list_at + _CHECK_EACH
            await self._check(wait.deadline)

    async def _check(self, deadline: float) -> None:
        """Compare the list that was just seen with a job."""
        oldest = next(self._awaited, None)
        if oldest is None:
            return
        try:
            await self._look_at(oldest, deadline)
        except AAIError as error:
            oldest.lost = error
            oldest.tell()
        if oldest.transcript is not None:
            logger.info("the list lags behind the jobs, so they are looked at by their ids")
            self._turn_list_off(_LIST_OFF)

    async def _fail(self, wait: _Wait, missed: Missed) -> None:
        """Find out whether the list alone fails, or all; in the end, give up for all."""
        try:
            self._streak.add(missed)
        except DeadlineError as error:
            self._streak.end()
            for watched in self._awaited:
                watched.lost = error
            self._tell_all()
            return
        if self._streak.length >= _MISSES:
            await self._look(wait)
            if not wait.watched.looks.has_failed:
                self._turn_list_off(_LIST_OFF)

    def _turn_list_off(self, seconds: float) -> None:
        self._list_off_until = anyio.current_time() + seconds
        self._streak.end()
        self._tell_all()

    def _tell_all(self) -> None:
        for watched in self._watched.values():
            watched.tell()

    async def _walk(self, deadline: float) -> Missed | None:
        """
        Look into the list; from its top for what is completed, or now and then to the bottom for everything.

        Raises:
            AAIError: It is not shown at all.
        """
        is_deep = self._pages == 1 or self._since_deep >= _DEEP_EACH - 1
        self._since_deep = 0 if is_deep else self._since_deep + 1
        unseen = {one.id: one for one in self._awaited}
        most, pages = 2 + len(unseen) // _PAGE, 0
        before_id: str | None = None
        while pages < most:
            pages += 1
            status = None if is_deep else "completed"
            page = await look_once(
                self._http, _endpoints.page(limit=_PAGE, status=status, before_id=before_id), deadline
            )
            if isinstance(page, Missed):
                return page
            news = self._show(page, unseen)
            before_id = page.page_details.older_than
            is_enough = not unseen if is_deep else 2 * news < len(page.transcripts)
            if is_enough or before_id is None:
                break
        if is_deep:
            self._pages = pages
            for watched in unseen.values():
                # Those that were made a moment ago may come up later.
                if watched.waited >= _LIST_LAG:
                    watched.hide()
        return None

    def _show(self, page: TranscriptPage, unseen: dict[str, _Watched]) -> int:
        """Take from a page what it says of those who are waited for; give how many have ended by it."""
        news = 0
        for item in page.transcripts:
            unseen.pop(item.id, None)
            watched = self._watched.get(item.id)
            news += watched is not None and watched.show(item)
        return news
