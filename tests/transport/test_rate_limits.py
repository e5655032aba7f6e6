"""
A batch under the rate limit of an account: what is polled meanwhile, and what waits.

The time is that of trio's `MockClock`, so nothing here takes the seconds that it speaks of.
"""

from __future__ import annotations

import itertools
import statistics

import anyio
import httpx
import pytest
from limited_service import KEY, STEADY, TAKES, Service, run_in_virtual_time, transcribed

import aai_async as aai


def longest_gap(times: list[float]) -> float:
    return max(later - earlier for earlier, later in itertools.pairwise(times))


def test_polls_of_the_list_do_not_queue_behind_fetches() -> None:
    """A hundred transcripts are fetched, four seconds each, and other jobs end meanwhile."""
    service = Service(fetch=4.0)
    outcomes = transcribed(service, 100)
    assert all(outcome.transcript for outcome in outcomes)
    assert longest_gap(service.polls) < 2.0


def test_ends_are_seen_in_a_window_that_other_requests_would_use_up() -> None:
    """Only in the first window, whose limit is not known yet, they are seen late."""
    service = Service(limit=200)
    outcomes = transcribed(service, 450)
    assert all(outcome.transcript for outcome in outcomes)
    assert len(service.made) == 450
    ends = {job_id: service.made[int(job_id[4:])] + TAKES for job_id in service.seen}
    late = [service.seen[job_id] - end for job_id, end in ends.items() if end > service.window]
    assert len(late) > 200
    assert statistics.mean(late) < 0.7
    assert max(late) < 3.0
    # What is kept for polls costs no further window.
    assert service.polls[-1] < 5 * service.window


def test_only_the_last_second_of_a_later_window_tries_for_more() -> None:
    """A refusal then holds back polls for a second."""
    service = Service(limit=667)
    outcomes = transcribed(service, 1500)
    assert all(outcome.transcript for outcome in outcomes)
    later = [time for time in service.refused if time > service.window]
    assert later
    assert min(time % service.window for time in later) > service.window - 1.0
    # A batch of 1,500 needs 3,000 requests, and polls.
    assert service.ended < 5 * service.window


@pytest.mark.parametrize(("uploads", "windows"), [(False, 6), (True, 9)])
def test_a_batch_that_needs_many_windows_loses_nothing(uploads: bool, windows: int) -> None:
    """
    450 recordings, for an account of 150 requests in five minutes.

    Each recording needs two requests, or three with its upload, so `windows` are full. What is polled besides
    goes into another one, and its first second is the end.
    """
    service = Service(limit=150, window=300.0)
    outcomes = transcribed(service, 450, uploads=uploads)
    assert [outcome.error for outcome in outcomes] == [None] * 450
    assert len({outcome.transcript_id for outcome in outcomes}) == len(service.made) == 450
    assert service.ended < windows * service.window + 2.0
    # Those that are in flight when a window is used up, and the first one after each pause.
    assert len(service.refused) < 64


def test_a_single_wait_is_not_held_back_by_other_requests() -> None:
    """Its polls are as few as those of the list."""
    service = Service(limit=200)

    async def story() -> None:
        async with (
            httpx.AsyncClient(transport=service) as http,
            aai.Client(KEY, http_client=http, retry=STEADY) as client,
            anyio.create_task_group() as tasks,
        ):
            first = (await client.submit("https://example.com/1.mp3")).id
            async with anyio.create_task_group() as gets:
                for _ in range(200):
                    gets.start_soon(client.get, first)
            job = (await client.submit("https://example.com/2.mp3")).id
            for _ in range(300):
                tasks.start_soon(client.get, first)
            await client.wait(job)
            service.ended = anyio.current_time()
            tasks.cancel_scope.cancel()

    run_in_virtual_time(story)
    assert service.refused
    assert service.ended < service.made[1] + TAKES + 2.0


def test_requests_that_are_refused_together_do_not_use_up_the_retry_budget() -> None:
    """All of them wait for the same pause, and none of them fails."""
    sent = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal sent
        sent += 1
        number = sent
        await request.aread()
        await anyio.sleep(1.0)
        if number <= 32:
            return httpx.Response(429, headers={"retry-after": "5"}, json={"error": "Too Many Requests"})
        if request.method == "POST":
            return httpx.Response(200, json={"upload_url": f"https://cdn.assemblyai.com/upload/{number}"})
        return httpx.Response(200, json={"id": "known", "status": "completed", "text": "words"})

    async def story() -> None:
        transport = httpx.MockTransport(answer)
        async with (
            httpx.AsyncClient(transport=transport) as http,
            aai.Client(KEY, http_client=http, retry=STEADY) as client,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(16):
                tasks.start_soon(client.get, "known")
                tasks.start_soon(client.upload, b"a recording")

    run_in_virtual_time(story)
    assert sent == 64
