"""
Many waits share few looks, and each hears in time: against a model of the service, in a time that jumps.

The time is that of trio's `MockClock`, so nothing here takes the seconds that it speaks of.
"""

from __future__ import annotations

import contextvars
import datetime as dt
import gc
import itertools
import math
import random
import statistics
import sys
import types
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

import anyio
import anyio.lowlevel
import attrs
import httpx
import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

import aai_async as aai
from aai_async._api import endpoints
from aai_async._client import pipeline_of
from aai_async._jobs import watched_job, watcher
from aai_async._jobs.job_matching import SubmitClaim
from aai_async._jobs.list_scanner import ListScanner
from aai_async._jobs.poller import Poller
from aai_async._jobs.reconciliation import ListLookup

KEY = "0123456789abcdef0123456789abcdef"

CHANCE = random.Random(1)  # noqa: S311 - nothing secret is made of it

LATENCY = 0.02
"""Seconds that each request takes."""

UPLOAD = "https://cdn.example.com/upload/1"


@attrs.define
class Job:
    """A job that takes some time, and is not always shown as it is."""

    id: str
    created: float
    takes: float
    fails: bool = False
    is_listed: bool = True
    is_stale: bool = False
    """Whether the list shows it at work for ever."""

    @property
    def ends(self) -> float:
        return self.created + self.takes

    def status(self, now: float) -> str:
        if now < self.ends:
            return "processing"
        return "error" if self.fails else "completed"


Fault = Callable[[], Awaitable[httpx.Response]]


class Service(httpx.AsyncBaseTransport):
    """As much of the service as a wait sees of it."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.looks = Counter[str]()
        """How often each job was asked for by its id."""
        self.pages: list[float] = []
        """When the list was asked for, each page."""
        self.list_takes = 0.0
        """Seconds that a page of the list takes besides."""
        self.list_fault: Fault | None = None
        self.fault: Fault | None = None

    def make(self, takes: float, **traits: bool) -> Job:
        job = Job(f"job-{len(self.jobs)}", anyio.current_time(), takes, **traits)
        self.jobs.append(job)
        return job

    @property
    def requests(self) -> int:
        return len(self.pages) + self.looks.total()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        is_list = name == "transcript"
        if is_list:
            self.pages.append(anyio.current_time())
        else:
            self.looks[name] += 1
        await anyio.sleep(LATENCY / 2)
        fault = self.fault or (self.list_fault if is_list else None)
        response = await fault() if fault else self._answer(request, name)
        await anyio.sleep(LATENCY / 2 + (self.list_takes if is_list else 0.0))
        return response

    def _answer(self, request: httpx.Request, name: str) -> httpx.Response:
        if name == "upload":
            return httpx.Response(200, json={"upload_url": UPLOAD})
        if request.method == "POST":
            made = self.jobs[-1]
            status = made.status(anyio.current_time())
            return httpx.Response(200, json={"id": made.id, "status": status, "audio_url": UPLOAD})
        if name == "transcript":
            return self._list(request.url.params)
        job = next((job for job in self.jobs if job.id == name), None)
        if job is None:
            return unknown()
        now = anyio.current_time()
        return httpx.Response(200, json={"id": job.id, "status": job.status(now), "error": None})

    def _list(self, query: httpx.QueryParams) -> httpx.Response:
        now, status, before_id = anyio.current_time(), query.get("status"), query.get("before_id")
        rows = [self._row(job, now) for job in reversed(self.jobs) if job.is_listed]
        if before_id is not None:
            rows = rows[[row["id"] for row in rows].index(before_id) + 1 :]
        rows = [row for row in rows if status is None or row["status"] == status]
        limit = int(query["limit"])
        page = rows[:limit]
        older = f"http://service/v2/transcript?before_id={page[-1]['id']}" if len(rows) > limit else None
        return httpx.Response(
            200, json={"page_details": {"limit": limit, "prev_url": older}, "transcripts": page}
        )

    @staticmethod
    def _row(job: Job, now: float) -> dict[str, str | None]:
        status = "processing" if job.is_stale else job.status(now)
        return {
            "id": job.id,
            "status": status,
            "created": moment(job.created),
            "completed": moment(job.ends) if status == "completed" else None,
            "audio_url": "https://example.com/call.mp3",
        }


def moment(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def unknown() -> httpx.Response:
    return httpx.Response(400, json={"error": "Transcript lookup error, transcript id not found"})


class Waits:
    """The waits of one client, and when each has ended."""

    def __init__(self, client: aai.Client, service: Service, events: list[aai.Event]) -> None:
        self.client = client
        self.service = service
        self.ended: dict[str, float] = {}
        self.errors: dict[str, aai.AAIError] = {}
        self.events = events

    async def wait(self, job: Job, name: str = "") -> None:
        try:
            await self.client.wait(job.id)
        except aai.AAIError as error:
            self.errors[name or job.id] = error
        self.ended[name or job.id] = anyio.current_time()

    async def all(self, jobs: Iterable[Job]) -> None:
        async with anyio.create_task_group() as tasks:
            for job in jobs:
                tasks.start_soon(self.wait, job)
                # Trio begins those of one moment in any order.
                await anyio.sleep(1e-4)

    def delay(self, job: Job) -> float:
        """Seconds from the end of a job until whoever waits for it has it."""
        return self.ended[job.id] - job.ends

    @property
    def delays(self) -> list[float]:
        return [self.delay(job) for job in self.service.jobs if job.id in self.ended]


Story = Callable[[Waits], Awaitable[None]]


def run(story: Story, polling: aai.Polling | None = None) -> Waits:
    """Let something happen in a time that jumps to where it is waited for."""

    async def begin() -> Waits:
        service, events = Service(), list[aai.Event]()
        http = lambda: httpx.AsyncClient(transport=service)  # noqa: E731 - it is made anew by and by
        async with aai.Client(
            KEY, base_url="http://127.0.0.1:9", http_client=http, polling=polling, on_event=events.append
        ) as client:
            waits = Waits(client, service, events)
            await story(waits)
        return waits

    clock = MockClock(autojump_threshold=0)
    return anyio.run(begin, backend="trio", backend_options={"clock": clock})


def checks(waits: Waits) -> float:
    """How many requests may go to compare the list with a job, which happens each ten seconds."""
    return 1 + max(waits.ended.values()) / 10


def of_jobs(*takes: float) -> Waits:
    """Wait for jobs that take so long, all at once."""

    async def story(waits: Waits) -> None:
        await waits.all([waits.service.make(each) for each in takes])

    return run(story)


# Who looks, and where.


@pytest.mark.parametrize("count", [1, 2, 3])
def test_up_to_three_waits_look_by_the_id(count: int) -> None:
    """The list would cost a request more than it saves."""
    waits = of_jobs(*[10.0] * count)
    assert waits.service.pages == []
    assert max(waits.delays) < 2.0
    assert all(3 < looks < 12 for looks in waits.service.looks.values())


@pytest.mark.parametrize("count", [4, 5, 20])
def test_four_waits_or_more_share_looks_into_the_list(count: int) -> None:
    """Each job is fetched once, when it is done, but for a few that the list is compared with."""
    waits = of_jobs(*[10.0] * count)
    assert count <= waits.service.looks.total() <= count + checks(waits)
    assert 5 < len(waits.service.pages) < 25
    assert max(waits.delays) < 1.5


def test_five_hundred_waits_cost_little_more_than_a_request_each() -> None:
    """And hear within half a second, on the mean."""

    async def story(waits: Waits) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(500):
                tasks.start_soon(waits.wait, waits.service.make(CHANCE.uniform(4.0, 6.0)))
                await anyio.sleep(0.01)

    waits = run(story)
    assert waits.errors == {}
    assert statistics.mean(waits.delays) <= 0.6
    # An end behind the newest page of completed jobs shows in the scan of the unfinished ones, each 3 s.
    assert max(waits.delays) < 3.5
    assert waits.service.looks.total() <= 510
    assert waits.service.requests <= 1.2 * 500


def test_jobs_that_all_end_at_once_are_all_fetched_at_once() -> None:
    """As fast as the places for requests allow."""
    waits = of_jobs(*[5.0] * 500)
    assert waits.errors == {}
    assert max(waits.delays) < 0.6 + 500 / 16 * 3 * LATENCY
    assert waits.service.requests <= 1.2 * 500


@pytest.mark.parametrize(("takes", "gap"), [(0.0, 2.0), (0.5, 2.0), (3.0, 3.0 + LATENCY + 1.0)])
def test_the_list_is_polled_an_interval_after_the_last_request(takes: float, gap: float) -> None:
    """However many wait. A slow one is left alone for half of the interval."""

    async def story(waits: Waits) -> None:
        waits.service.list_takes = takes
        await waits.all([waits.service.make(30.0) for _ in range(150)])

    pages = run(story, aai.Polling(min_list_interval=2.0)).service.pages
    gaps = [after - before for before, after in itertools.pairwise(pages)]
    assert min(gaps) == pytest.approx(gap)


@pytest.mark.parametrize("left", [1, 3, 6])
@pytest.mark.parametrize("later", [0.2, 0.5, 0.8, 1.1])
def test_the_last_jobs_of_many_are_seen_as_soon_as_the_others(later: float, left: int) -> None:
    """Jobs that were made together end together, so the list is polled as often as before."""
    waits = of_jobs(*[30.0] * 20, *[30.0 + later] * left)
    assert max(waits.delays) < 0.6
    assert waits.service.requests < 100


def test_several_waits_for_one_job_look_at_it_as_often_as_one() -> None:
    """Whoever looks tells the others."""

    async def story(waits: Waits) -> None:
        job = waits.service.make(10.0)
        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(waits.wait, job, f"wait {number}")

    waits = run(story)
    assert len(waits.ended) == 10
    assert waits.service.looks["job-0"] == of_jobs(10.0).service.looks["job-0"]
    assert max(waits.ended.values()) - min(waits.ended.values()) < 0.01


def test_several_waits_for_one_job_fetch_it_once_when_the_list_shows_it() -> None:
    """It may be a long transcript."""

    async def story(waits: Waits) -> None:
        jobs = [waits.service.make(10.0) for _ in range(4)]
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(waits.wait, jobs[number % 4], f"wait {number}")

    waits = run(story)
    assert len(waits.ended) == 20
    assert waits.service.looks.total() <= 4 + checks(waits)


def test_waits_for_jobs_that_are_done_end_with_the_first_look() -> None:
    """Whatever else is waited for."""

    async def story(waits: Waits) -> None:
        jobs = [waits.service.make(0.0) for _ in range(50)]
        jobs += [waits.service.make(60.0) for _ in range(50)]
        await waits.all(jobs)

    waits = run(story)
    assert max(waits.delays[:50]) < 2.0
    assert waits.service.looks.total() <= 100 + checks(waits)


# What may have ended before.


@pytest.mark.parametrize("is_listed", [True, False])
@pytest.mark.parametrize("count", [1, 3, 4, 50])
def test_a_job_that_has_ended_is_polled_at_once(count: int, is_listed: bool) -> None:
    """Whatever jobs take, and at the cost of one request each, and a page of the list for many."""

    async def story(waits: Waits) -> None:
        jobs = [waits.service.make(0.0, is_listed=is_listed) for _ in range(count)]
        await anyio.sleep(100.0)
        await waits.all(jobs)

    waits = run(story, aai.Polling(initial_delay=30.0))
    assert waits.errors == {}
    assert max(waits.ended.values()) - 100.0 < 0.1 + count / 16 * 2 * LATENCY
    assert waits.service.looks == {f"job-{number}": 1 for number in range(count)}
    assert len(waits.service.pages) <= (count >= 4)


def test_jobs_that_have_ended_are_found_at_once_behind_pages_of_others() -> None:
    """Those that are neither queued nor at work are polled by their ids."""

    async def story(waits: Waits) -> None:
        jobs = [waits.service.make(0.0) for _ in range(20)]
        for _ in range(1000):
            waits.service.make(CHANCE.choice([0.0, 1000.0]))
        await anyio.sleep(100.0)
        await waits.all(jobs)

    waits = run(story, aai.Polling(initial_delay=30.0))
    assert waits.errors == {}
    assert max(waits.ended.values()) - 100.0 < 1.0


@pytest.mark.parametrize("takes", [0.5, 10.0, 100.0])
@pytest.mark.parametrize("count", [1, 20])
def test_a_job_of_unknown_age_costs_no_more_than_a_new_one(count: int, takes: float) -> None:
    """Beside one poll of the list, where that is shared."""
    requests: dict[bool, int] = {}

    for is_known in (False, True):

        async def story(waits: Waits, is_known: bool = is_known) -> None:
            jobs = [waits.service.make(takes) for _ in range(count)]
            for job in jobs:
                if is_known:
                    pipeline_of(waits.client).registry.made(job.id, "https://example.com/call.mp3")
            await waits.all(jobs)

        requests[is_known] = run(story).service.requests
    assert requests[False] <= requests[True] + (count > 1) + (takes < 1.0)


def new_jobs(waits: Waits, takes: float, count: int = 1) -> list[Job]:
    """Jobs that the client has just submitted."""
    jobs = [waits.service.make(takes) for _ in range(count)]
    for job in jobs:
        pipeline_of(waits.client).registry.made(job.id, "https://example.com/call.mp3")
    return jobs


def test_a_single_new_job_that_ends_at_once_is_found_at_once() -> None:
    """One request fetches it."""

    async def story(waits: Waits) -> None:
        await waits.all(new_jobs(waits, 0.05))

    waits = run(story)
    assert max(waits.delays) < 0.1
    assert waits.service.requests == 1


@pytest.mark.parametrize("takes", [2.0, 5.0, 12.0, 100.0])
def test_an_early_look_at_a_single_job_costs_no_request(takes: float) -> None:
    """It is made in place of the first one of a job in a batch."""

    async def single(waits: Waits) -> None:
        await waits.all(new_jobs(waits, takes))

    async def of_a_batch(waits: Waits) -> None:
        (job,) = new_jobs(waits, takes)
        await pipeline_of(waits.client).wait(job.id)

    assert run(single).service.requests == run(of_a_batch).service.requests


def test_waits_that_share_the_list_do_not_look_early() -> None:
    """Their number of requests is that of before, also where all jobs end at once."""

    async def story(waits: Waits) -> None:
        await waits.all(new_jobs(waits, 0.05, count=20))

    waits = run(story)
    assert waits.service.pages[0] > 0.9
    assert waits.service.looks.total() == 20


def test_a_job_that_the_submit_shows_as_ended_is_fetched_at_once() -> None:
    """Whatever the schedule is."""

    async def story(waits: Waits) -> None:
        waits.service.make(0.0)
        await waits.client.transcribe(b"audio")
        waits.ended["job-0"] = anyio.current_time()

    waits = run(story, aai.Polling(initial_delay=600.0))
    assert waits.delays[0] < 0.1
    assert waits.service.looks["job-0"] == 1


def test_a_job_that_this_client_made_a_while_ago_is_polled_at_once() -> None:
    """If it should have ended by now."""

    async def story(waits: Waits) -> None:
        job = waits.service.make(20.0)
        pipeline_of(waits.client).registry.made(job.id, "https://example.com/call.mp3")
        await anyio.sleep(60.0)
        await waits.wait(job)

    waits = run(story, aai.Polling(initial_delay=5.0))
    assert waits.ended["job-0"] - 60.0 < 0.1
    assert waits.service.looks.total() == 1


def test_the_work_of_a_wait_does_not_grow_with_the_number_of_those_that_the_list_leaves_out() -> None:
    """It is counted in calls of functions, for time is another on each machine."""

    def calls_for_each(count: int) -> float:
        async def story(waits: Waits) -> None:
            with anyio.move_on_after(20.0):
                await waits.all([waits.service.make(1000.0, is_listed=False) for _ in range(count)])

        calls = 0

        def count_call(frame: types.FrameType, event: str, _: object) -> None:
            nonlocal calls
            calls += event == "call" and frame.f_globals["__name__"] in {
                watcher.__name__,
                watched_job.__name__,
            }

        sys.setprofile(count_call)
        try:
            run(story)
        finally:
            sys.setprofile(None)
        return calls / count

    assert calls_for_each(400) < 2 * calls_for_each(100)


# What the list does not show, or shows wrong.


def test_a_job_that_has_failed_is_found_among_others() -> None:
    """It is not among the completed ones."""

    async def story(waits: Waits) -> None:
        failing = [waits.service.make(5.0, fails=True) for _ in range(2)]
        await waits.all([*failing, *(waits.service.make(30.0) for _ in range(20))])

    waits = run(story)
    assert set(waits.errors) == {"job-0", "job-1"}
    assert all(isinstance(error, aai.TranscriptError) for error in waits.errors.values())
    assert max(waits.delays) < 2.5


def test_a_job_that_has_failed_is_found_in_a_list_of_many_pages() -> None:
    """Which is not always read to its end."""

    async def story(waits: Waits) -> None:
        failing = waits.service.make(20.0, fails=True)
        await waits.all([failing, *(waits.service.make(90.0) for _ in range(700))])

    waits = run(story)
    assert set(waits.errors) == {"job-0"}
    assert waits.delay(waits.service.jobs[0]) < 10.0
    assert max(waits.delays) < 5.0


def test_jobs_that_the_list_never_shows_are_found_by_their_ids() -> None:
    """Those of another project, or of long ago."""

    async def story(waits: Waits) -> None:
        hidden = [waits.service.make(12.0, is_listed=False) for _ in range(5)]
        await waits.all([*hidden, *(waits.service.make(12.0) for _ in range(20))])

    waits = run(story)
    assert waits.errors == {}
    assert max(waits.delays) < 3.0
    assert sum(waits.service.looks[f"job-{number}"] for number in range(5, 25)) <= 20 + checks(waits)
    assert all(waits.service.looks[f"job-{number}"] < 12 for number in range(5))


def test_a_list_that_shows_none_of_the_jobs_is_left_alone() -> None:
    """They are all looked at by their ids."""

    async def story(waits: Waits) -> None:
        await waits.all([waits.service.make(30.0, is_listed=False) for _ in range(20)])

    waits = run(story)
    assert waits.errors == {}
    assert max(waits.delays) < 4.0
    assert len(waits.service.pages) < 10


def test_jobs_behind_pages_of_others_are_found() -> None:
    """Somebody else with the same account makes a thousand of them."""

    async def story(waits: Waits) -> None:
        ours = [waits.service.make(20.0) for _ in range(20)]
        for _ in range(1000):
            waits.service.make(CHANCE.choice([0.0, 1000.0]))
        await waits.all(ours)

    waits = run(story)
    assert waits.errors == {}
    assert max(waits.delays) < 5.0
    assert waits.service.requests < 20 * 20


def test_an_id_that_nobody_knows_ends_its_own_wait_alone() -> None:
    """It is not in the list, and it is not there either."""

    async def story(waits: Waits) -> None:
        nobody = Job("nobody", 0.0, 0.0)
        await waits.all([nobody, *(waits.service.make(30.0) for _ in range(5))])

    waits = run(story)
    assert isinstance(waits.errors.pop("nobody"), aai.NotFoundError)
    assert waits.ended["nobody"] < 8.0
    assert waits.errors == {}


def test_a_list_that_is_stuck_is_noticed() -> None:
    """It shows as at work what has ended long ago."""

    async def story(waits: Waits) -> None:
        await waits.all([waits.service.make(15.0, is_stale=True) for _ in range(30)])

    waits = run(story)
    assert waits.errors == {}
    assert max(waits.delays) < 15.0
    assert waits.service.requests < 30 * 5


def test_a_job_whose_row_alone_is_stuck_is_found_when_others_are_gone() -> None:
    """Or when it is the one that has been waited for longest, which the list is compared with."""

    async def story(waits: Waits) -> None:
        stuck = waits.service.make(20.0, is_stale=True)
        await waits.all([stuck, *(waits.service.make(60.0) for _ in range(10)), waits.service.make(12.0)])

    waits = run(story)
    assert waits.errors == {}
    assert waits.delay(waits.service.jobs[0]) < 12.0


def test_a_list_that_runs_ahead_of_the_jobs_causes_no_storm() -> None:
    """It says that they are completed, and they say themselves that they are not."""

    async def story(waits: Waits) -> None:
        service = waits.service
        jobs = [service.make(0.0) for _ in range(10)]
        answer = service._answer

        def behind(request: httpx.Request, name: str) -> httpx.Response:
            if name == "transcript" or anyio.current_time() > 20.0:
                return answer(request, name)
            return httpx.Response(200, json={"id": name, "status": "processing"})

        service._answer = behind  # type: ignore[method-assign]
        await waits.all(jobs)

    waits = run(story)
    assert waits.errors == {}
    assert max(waits.ended.values()) < 25.0
    assert max(waits.service.looks.values()) < 50


# A service that fails.


async def refused_by(status: int) -> httpx.Response:
    return httpx.Response(status, json={"error": "No"})


async def broken() -> httpx.Response:
    raise httpx.ReadError("reset")


async def page_for_people() -> httpx.Response:
    return httpx.Response(200, html="<html>Sign in</html>")


async def nothing() -> httpx.Response:
    await anyio.sleep_forever()
    raise AssertionError


LIST_FAULTS: dict[str, Fault] = {
    "400": lambda: refused_by(400),
    "403": lambda: refused_by(403),
    "404": lambda: refused_by(404),
    "429": lambda: refused_by(429),
    "500": lambda: refused_by(500),
    "503": lambda: refused_by(503),
    "broken": broken,
    "page": page_for_people,
}


@pytest.mark.parametrize("fault", LIST_FAULTS)
def test_where_the_list_alone_fails_the_jobs_are_looked_at_by_their_ids(fault: str) -> None:
    """With little delay."""

    async def story(waits: Waits) -> None:
        waits.service.list_fault = LIST_FAULTS[fault]
        await waits.all([waits.service.make(30.0) for _ in range(20)])

    waits = run(story)
    assert waits.errors == {}
    assert max(waits.delays) < 5.0
    assert len(waits.service.pages) < 10


def test_where_the_list_alone_is_silent_the_jobs_are_looked_at_by_their_ids() -> None:
    """After the time that three requests have for their replies."""

    async def story(waits: Waits) -> None:
        waits.service.list_fault = nothing
        await waits.all([waits.service.make(30.0) for _ in range(20)])

    waits = run(story)
    assert waits.errors == {}
    assert max(waits.ended.values()) < 3 * aai.Timeouts().reply + 30.0


def test_a_list_that_fails_for_a_while_is_used_again() -> None:
    """A minute later."""

    async def story(waits: Waits) -> None:
        waits.service.list_fault = LIST_FAULTS["500"]
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(waits.wait, waits.service.make(300.0))
            await anyio.sleep(30.0)
            waits.service.list_fault = None

    waits = run(story)
    assert waits.errors == {}
    assert max(waits.delays) < 10.0
    late = [page for page in waits.service.pages if page > 100.0]
    assert len(late) > 10


def test_a_key_that_is_refused_ends_all_waits() -> None:
    """Each with the error of its own job."""

    async def story(waits: Waits) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(waits.wait, waits.service.make(300.0))
            await anyio.sleep(10.0)
            waits.service.fault = lambda: refused_by(401)

    waits = run(story)
    assert all(isinstance(error, aai.AccountError) for error in waits.errors.values())
    assert {name: error.transcript_id for name, error in waits.errors.items()} == {
        f"job-{number}": f"job-{number}" for number in range(20)
    }
    assert max(waits.ended.values()) < 20.0


@pytest.mark.parametrize("count", [1, 3, 4, 50])
@pytest.mark.parametrize("fault", ["503", "broken", "silent"])
def test_an_outage_ends_all_waits_when_the_time_for_it_is_over(count: int, fault: str) -> None:
    """With the ids, which can be waited for again."""

    async def story(waits: Waits) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(count):
                tasks.start_soon(waits.wait, waits.service.make(1e6))
            await anyio.sleep(10.0)
            waits.service.fault = nothing if fault == "silent" else LIST_FAULTS[fault]

    waits = run(story, aai.Polling(unreachable_after=300.0))
    assert len(waits.errors) == count
    for name, error in waits.errors.items():
        assert isinstance(error, aai.DeadlineError)
        assert "unreachable_after" in str(error)
        assert error.transcript_id == name
    assert min(waits.ended.values()) >= 310.0
    assert max(waits.ended.values()) <= 340.0 + (3 * aai.Timeouts().reply if fault == "silent" else 0)
    assert waits.service.requests < 60 * count


@pytest.mark.parametrize("count", [1, 3, 4, 50])
def test_an_outage_that_ends_in_time_ends_no_wait(count: int) -> None:
    """And what has ended meanwhile is found soon."""

    async def story(waits: Waits) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(count):
                tasks.start_soon(waits.wait, waits.service.make(60.0))
            await anyio.sleep(10.0)
            waits.service.fault = broken
            await anyio.sleep(190.0)
            waits.service.fault = None

    waits = run(story)
    assert waits.errors == {}
    assert max(waits.ended.values()) < 200.0 + 35.0


async def refused() -> httpx.Response:
    raise httpx.ConnectError("Connection refused")


@pytest.mark.parametrize("count", [1, 3, 4, 50])
def test_waits_emit_the_beginning_and_the_end_of_an_outage(count: int) -> None:
    """`Retrying` for each poll without a connection, and the status again after the first that succeeds."""
    began: list[int] = []

    async def story(waits: Waits) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(count):
                tasks.start_soon(waits.wait, waits.service.make(1000.0))
            await anyio.sleep(50.0)
            assert not any(isinstance(event, aai.Retrying) for event in waits.events)
            began.append(len(waits.events))
            waits.service.fault = refused
            await anyio.sleep(100.0)
            waits.service.fault = None
            began.append(len(waits.events))
            await anyio.sleep(100.0)
            began.append(len(waits.events))

    waits = run(story)
    failed, restored = waits.events[began[0] : began[1]], waits.events[began[1] : began[2]]
    assert failed
    for event in failed:
        assert isinstance(event, aai.Retrying)
        assert event.operation in {"get", "list"}
        assert isinstance(event.error, aai.ConnectError)
        assert event.delay >= 0
    assert [getattr(event, "status", None) for event in restored if isinstance(event, aai.StatusChanged)] == [
        "processing"
    ]
    assert not waits.errors


# Who leads, and who comes and goes.


def test_a_leader_that_is_cancelled_passes_the_lead_on() -> None:
    """The others hear as soon as they would have."""

    async def story(waits: Waits) -> None:
        async with anyio.create_task_group() as tasks, anyio.create_task_group() as leaders:
            jobs = [waits.service.make(20.0) for _ in range(13)]
            tasks.start_soon(waits.all, jobs[:3])
            await anyio.sleep(0.1)
            # With the fourth the list is looked into, and it is the first to know.
            leaders.start_soon(waits.wait, jobs[3])
            await anyio.sleep(0.1)
            tasks.start_soon(waits.all, jobs[4:])
            await anyio.sleep(7.1)
            leaders.cancel_scope.cancel()

    waits = run(story)
    assert len(waits.ended) == 12
    assert max(waits.delays) < 2.0
    # The first three are polled at once, before there is a fourth.
    assert waits.service.looks.total() <= 3 + 12 + checks(waits)


def test_a_poll_of_the_list_that_is_cancelled_is_made_by_the_next_leader_at_once() -> None:
    """It has shown nothing, so the others do not wait for the next one as if it had."""
    scope_of_call = contextvars.ContextVar[anyio.CancelScope]("scope")

    async def story(waits: Waits) -> None:
        async def wait(job: Job) -> None:
            with anyio.CancelScope() as scope:
                scope_of_call.set(scope)
                await waits.wait(job)

        async def never() -> httpx.Response:
            waits.service.list_fault = None
            scope_of_call.get().cancel()
            await anyio.sleep_forever()
            raise AssertionError

        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(wait, waits.service.make(100.0))
            await anyio.sleep(1.0)
            waits.service.list_fault = never

    waits = run(story, aai.Polling(min_list_interval=15.0))
    assert len(waits.ended) == 5
    first, cancelled, again = waits.service.pages[:3]
    assert cancelled - first >= 15.0
    assert again - cancelled < 1.5


def test_the_error_of_a_wait_is_freed_with_its_last_reference() -> None:
    """No frame of its own keeps it, so an outage of thousands of waits leaves nothing to the collector."""

    async def story(waits: Waits) -> None:
        jobs = [waits.service.make(1000.0) for _ in range(5)]

        async def outage() -> httpx.Response:
            return httpx.Response(503)

        waits.service.fault = outage
        await waits.all(jobs)

    gc.collect()
    gc.disable()
    try:
        waits = run(story, aai.Polling(unreachable_after=20.0))
        alive = [weakref.ref(error) for error in waits.errors.values()]
        assert len(alive) == 5
        waits.errors.clear()
        assert [error() for error in alive] == [None] * 5
    finally:
        gc.enable()


def test_waits_that_are_cancelled_one_after_the_other_hold_up_nobody() -> None:
    """Whoever of them leads, and whether it is looking just then."""

    async def story(waits: Waits) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waits.all, [waits.service.make(30.0) for _ in range(5)])
            for _ in range(60):
                with anyio.move_on_after(0.49):
                    await waits.wait(waits.service.make(1000.0))

    waits = run(story)
    assert len(waits.ended) == 5
    assert max(waits.delays) < 2.5


def test_those_who_relied_on_the_list_hear_in_time_when_too_few_are_left_for_it() -> None:
    """The last three are looked at by their ids again, all of them."""
    waits = of_jobs(600.0, 600.0, 10.0, 2.0)
    assert max(waits.delays) < 15.0
    assert waits.delay(waits.service.jobs[2]) < 5.0


def test_those_who_relied_on_the_list_hear_in_time_when_one_is_not_in_it() -> None:
    """The same, where it is the list that leaves one out."""

    async def story(waits: Waits) -> None:
        shown = [waits.service.make(each) for each in (600.0, 600.0, 20.0)]
        await waits.all([*shown, waits.service.make(600.0, is_listed=False)])

    waits = run(story)
    assert waits.delay(waits.service.jobs[2]) < 5.0


def test_those_who_relied_on_the_list_hear_in_time_when_others_are_cancelled() -> None:
    """Three are left, who look by themselves."""

    async def story(waits: Waits) -> None:
        jobs = [waits.service.make(each) for each in (600.0, 600.0, 20.0)]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waits.all, jobs)
            with anyio.move_on_after(5.0):
                await waits.all([waits.service.make(600.0) for _ in range(4)])

    waits = run(story)
    assert waits.delay(waits.service.jobs[2]) < 5.0


@pytest.mark.parametrize("limit", [100.0, 1000.0])
def test_each_wait_has_its_own_time(limit: float) -> None:
    """Whoever began later gives up later, also of the same job, and where the leader watches the clock."""

    async def story(waits: Waits) -> None:
        job = waits.service.make(1e6)
        others = [waits.service.make(1e6) for _ in range(5)]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waits.wait, job, "first")
            await anyio.sleep(30.0)
            tasks.start_soon(waits.wait, job, "second")
            await anyio.sleep(30.0)
            for other in others:
                tasks.start_soon(waits.wait, other)

    waits = run(story, aai.Polling(give_up_after=limit))
    assert all(isinstance(error, aai.DeadlineError) for error in waits.errors.values())
    assert waits.ended["first"] == pytest.approx(limit, abs=1.0)
    assert waits.ended["second"] == pytest.approx(limit + 30.0, abs=1.0)
    assert [waits.ended[f"job-{number}"] for number in range(1, 6)] == pytest.approx(
        [limit + 60.0] * 5, abs=1.0
    )
    assert "give_up_after" in str(waits.errors["first"])


@pytest.mark.parametrize("pace", [0.01, 5.0])
def test_a_wait_looks_a_last_time_at_its_deadline(pace: float) -> None:
    """The job may have ended since the look before, however long ago that was."""

    async def story(waits: Waits) -> None:
        await waits.wait(waits.service.make(1e6))

    waits = run(story, aai.Polling(pace=pace, give_up_after=100.0))
    assert isinstance(waits.errors["job-0"], aai.DeadlineError)
    assert 100.0 <= waits.ended["job-0"] <= 100.0 + 2 * LATENCY
    assert waits.service.looks["job-0"] >= 2


def test_a_wait_that_the_service_asks_for_is_not_counted_as_time_without_an_answer() -> None:
    """It has answered, after all: the 500 that follows is the first failure."""
    replies = [httpx.Response(429, headers={"retry-after": "20"}), httpx.Response(500)]

    async def story(waits: Waits) -> None:
        service = waits.service
        job = service.make(1.0)

        async def fault() -> httpx.Response:
            reply = replies.pop(0)
            service.fault = fault if replies else None
            return reply

        service.fault = fault
        await waits.wait(job)

    waits = run(story, aai.Polling(pace=0.1, max_delay=1.0, unreachable_after=10.0))
    assert (replies, waits.errors) == ([], {})
    assert waits.ended["job-0"] > 20.0


def test_a_wait_ends_in_time_while_another_wait_polls_its_job() -> None:
    """The poll of the later wait may last until the later deadline."""

    async def story(waits: Waits) -> None:
        service = waits.service
        job, answer = service.make(1e6), service.handle_async_request

        async def silently(request: httpx.Request) -> httpx.Response:
            if trio.lowlevel.current_task().name == "second" and anyio.current_time() > 60.0:
                await anyio.sleep_forever()
            return await answer(request)

        service.handle_async_request = silently  # type: ignore[method-assign]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waits.wait, job, "first", name="first")
            await anyio.sleep(30.0)
            tasks.start_soon(waits.wait, job, "second", name="second")

    waits = run(story, aai.Polling(give_up_after=100.0))
    assert all(isinstance(error, aai.DeadlineError) for error in waits.errors.values())
    assert 100.0 <= waits.ended["first"] <= 110.5
    assert 130.0 <= waits.ended["second"] <= 140.5


def test_a_wait_that_begins_after_an_outage_does_not_get_its_error() -> None:
    """Although another wait for the same job has not ended yet."""

    async def story(waits: Waits) -> None:
        job, waits.service.fault = waits.service.make(300.0), LIST_FAULTS["500"]

        async def twice(name: str) -> None:
            await waits.wait(job, f"{name}, during the outage")
            waits.service.fault = None
            await waits.wait(job, f"{name}, after it")

        async with anyio.create_task_group() as tasks:
            for name in ("one", "another"):
                tasks.start_soon(twice, name)
            tasks.start_soon(waits.all, [waits.service.make(30.0) for _ in range(5)])

    waits = run(story, aai.Polling(unreachable_after=60.0))
    assert {"one, during the outage", "another, during the outage"} <= set(waits.errors)
    assert not {"one, after it", "another, after it"} & set(waits.errors)


def test_a_poll_that_finds_the_result_ends_a_streak_of_failures() -> None:
    """Otherwise nobody learns from it that the service is reachable."""

    async def story(waits: Waits) -> None:
        job, sender = waits.service.make(0.0), pipeline_of(waits.client).sender
        one = Poller(sender, endpoints.get(job.id), aai.Polling())
        waits.service.fault = LIST_FAULTS["500"]
        assert await one.poll(math.inf, until=lambda _: True) is None
        assert one.has_failed
        waits.service.fault = None
        assert await one.poll(math.inf, until=lambda _: True) is not None
        assert not one.has_failed

    run(story)


def test_a_search_that_becomes_urgent_fetches_no_job_again() -> None:
    """The call is being cancelled, and has little time."""

    async def story(waits: Waits) -> None:
        job, pipeline = waits.service.make(0.0), pipeline_of(waits.client)
        search = ListLookup(
            sender=pipeline.sender,
            scanner=ListScanner(pipeline.sender, pipeline.registry.sent_at),
            registry=pipeline.registry,
            audio_url="https://example.com/call.mp3",
            claim=SubmitClaim(requested={}, began=lambda _: None),
            find_others=None,
        )
        await search.check(anyio.current_time(), most_pages=1)
        assert (len(waits.service.pages), waits.service.looks[job.id]) == (1, 1)
        await search.urgent().check(anyio.current_time(), most_pages=1)
        assert (len(waits.service.pages), waits.service.looks[job.id]) == (2, 1)

    run(story)


def test_a_job_that_was_given_up_can_be_waited_for_again() -> None:
    """While others go on."""

    async def story(waits: Waits) -> None:
        job = waits.service.make(150.0)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waits.all, [waits.service.make(90.0) for _ in range(5)])
            await waits.wait(job, "first")
            await waits.wait(job)

    waits = run(story, aai.Polling(give_up_after=100.0))
    assert set(waits.errors) == {"first"}
    assert waits.delay(waits.service.jobs[0]) < 7.0


def test_a_wait_that_comes_late_hears_as_soon_as_the_others() -> None:
    """It does not begin with the patience of those who have waited long."""

    async def story(waits: Waits) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(waits.wait, waits.service.make(1000.0))
            await anyio.sleep(900.0)
            for _ in range(4):
                tasks.start_soon(waits.wait, waits.service.make(3.0))

    waits = run(story)
    assert max(waits.delay(job) for job in waits.service.jobs[4:]) < 2.0


def test_a_list_longer_than_a_page_is_read_as_far_as_it_has_news() -> None:
    """Pages without any are not asked for each time."""

    async def story(waits: Waits) -> None:
        await waits.all([waits.service.make(CHANCE.uniform(5.0, 120.0)) for _ in range(900)])

    waits = run(story)
    assert waits.errors == {}
    assert statistics.mean(waits.delays) < 2.0
    assert max(waits.delays) < 8.0
    assert len(waits.service.pages) < 0.5 * 900


def test_a_list_longer_than_a_page_saves_looks_by_the_id() -> None:
    """Also for the last ones, which stand behind all that were submitted later and have ended."""

    async def story(waits: Waits) -> None:
        await waits.all([waits.service.make(CHANCE.uniform(5.0, 120.0)) for _ in range(900)])

    waits = run(story)
    assert waits.service.looks.total() <= 2 * 900


def test_a_long_job_behind_pages_of_short_ones_is_found_in_time() -> None:
    """Its row is far down in a list that is in the order of the submits."""

    async def story(waits: Waits) -> None:
        long = [waits.service.make(900.0 + 7.0 * number) for number in range(6)]
        for _ in range(250):
            waits.service.make(0.0)
        await waits.all(long)

    waits = run(story)
    assert max(waits.delays) < 1.2 * aai.Polling().gap(900.0)


def test_a_long_transcript_that_is_fetched_holds_up_nobody() -> None:
    """Another leads meanwhile."""

    async def story(waits: Waits) -> None:
        service = waits.service
        answer = service.handle_async_request

        async def slowly(request: httpx.Request) -> httpx.Response:
            response = await answer(request)
            if request.url.path.endswith("job-0") and b"completed" in response.content:
                await anyio.sleep(30.0)
            return response

        service.handle_async_request = slowly  # type: ignore[method-assign]
        await waits.all([service.make(each) for each in (5.0, *[10.0] * 8)])

    waits = run(story)
    assert max(waits.delays[1:]) < 2.0


def test_a_look_by_an_id_that_is_never_answered_holds_up_no_other_job() -> None:
    """Whatever it was for."""

    async def story(waits: Waits) -> None:
        service = waits.service
        answer = service.handle_async_request

        async def silently(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith("job-0"):
                await anyio.sleep_forever()
            return await answer(request)

        service.handle_async_request = silently  # type: ignore[method-assign]
        with anyio.move_on_after(600.0):
            await waits.all([service.make(10.0) for _ in range(9)])

    waits = run(story)
    assert max(waits.delays) < 5.0


def test_a_look_into_the_list_that_is_never_answered_holds_up_nobody_for_long() -> None:
    """What does not come within some seconds will not come; the next look may."""

    async def story(waits: Waits) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waits.all, [waits.service.make(10.0) for _ in range(9)])
            await anyio.sleep(5.0)
            waits.service.list_fault = nothing
            await anyio.sleep(2.0)
            waits.service.list_fault = None

    waits = run(story)
    assert max(waits.delays) < 30.0


def test_a_wait_that_is_cancelled_as_it_connects_deletes_its_job_if_it_should() -> None:
    """On trio, connecting is several tasks, and so is their cancellation."""
    deleted: list[str] = []

    async def story(waits: Waits) -> None:
        async def connecting(request: httpx.Request) -> httpx.Response:
            if request.method == "DELETE":
                deleted.append(request.url.path)
                return httpx.Response(200, json={"id": "job-0", "status": "completed"})
            async with trio.open_nursery() as attempts:
                attempts.start_soon(trio.sleep_forever)
                await trio.sleep_forever()
            raise AssertionError

        waits.service.handle_async_request = connecting  # type: ignore[method-assign]
        with anyio.move_on_after(5.0):
            await waits.client.wait("job-0", on_cancel="delete")

    run(story)
    assert deleted == ["/v2/transcript/job-0"]


seconds = st.integers(0, 1200).map(lambda tenths: tenths / 10)

jobs_of_all_kinds = st.lists(
    st.tuples(
        seconds,  # when it is begun to be waited for
        seconds,  # how long it takes
        st.sampled_from(["listed"] * 4 + ["hidden", "failing"]),
        st.none() | seconds,  # after what time the wait is cancelled
    ),
    min_size=1,
    max_size=9,
)


@given(jobs_of_all_kinds)
@example(
    [
        (118.6, 15.0, "listed", None),
        (101.9, 10.2, "hidden", None),
        (118.6, 15.0, "listed", None),
        (0.0, 25.6, "listed", None),
        (0.0, 52.5, "listed", None),
        (17.3, 62.0, "listed", None),
        (51.6, 69.5, "listed", None),
        (64.0, 51.7, "listed", None),
    ]
).via("a leader that sleeps until its own poll when others come")
@settings(max_examples=60, deadline=None)
def test_whoever_comes_and_goes_each_hears_in_time(
    plan: list[tuple[float, float, str, float | None]],
) -> None:
    """
    Little later than two looks are apart.

    But that of what is in no list this must be seen first, and that after long jobs long ones are expected.
    """

    async def story(waits: Waits) -> None:
        async def one(begin: float, takes: float, kind: str, patience: float | None) -> None:
            await anyio.sleep(begin)
            job = waits.service.make(takes, is_listed=kind != "hidden", fails=kind == "failing")
            with anyio.move_on_after(math.inf if patience is None else patience):
                await waits.wait(job)

        async with anyio.create_task_group() as tasks:
            for each in plan:
                tasks.start_soon(one, *each)

    waits = run(story)
    longest = max(job.takes for job in waits.service.jobs)
    for job in waits.service.jobs:
        expected = min(0.6 * longest, aai.Polling().max_delay)
        late = 3.0 + 1.5 * aai.Polling().gap(job.takes) + 6.0 * (not job.is_listed)
        if job.id in waits.ended:
            assert waits.delay(job) < late + max(0.0, expected - job.takes)
