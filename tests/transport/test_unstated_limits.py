"""
A rate limit that does not state when it accepts the next request, or that never accepts one.

The time is that of trio's `MockClock`, so nothing here takes the seconds that it speaks of.
"""

from __future__ import annotations

import math
from typing import Any

import anyio
import httpx
import pytest
from limited_service import KEY, STEADY, Refusal, Service, run_in_virtual_time, transcribed

import aai_async as aai

UNSTATED: dict[str, Refusal] = {
    "429": lambda _: httpx.Response(429, json={"error": "Too Many Requests"}),
    "403": lambda _: httpx.Response(403, json={"error": "Request rate limit exceeded"}),
    "of a proxy": lambda _: httpx.Response(429, html="<html>Slow down</html>"),
    "too short": lambda _: httpx.Response(429, headers={"retry-after": "0.01"}),
}
"""Refusals that do not state when the next request is accepted, or a time that is too short."""


@pytest.mark.parametrize("refusal", UNSTATED.values(), ids=UNSTATED)
def test_a_batch_slows_down_where_no_time_is_stated(refusal: Refusal) -> None:
    """Each recording gets its one job, and few requests are refused in each window."""
    service = Service(limit=100, window=3.0, refusal=refusal)
    outcomes = transcribed(service, 150)
    assert [outcome.error for outcome in outcomes] == [None] * 150
    assert len({outcome.transcript_id for outcome in outcomes}) == len(service.made) == 150
    # Those in flight at first, and a few in each window.
    assert 0 < len(service.refused) < 16 + 5 * service.ended / service.window
    # What takes three windows without pauses.
    assert service.ended < 6 * service.window


def test_a_batch_needs_no_time_to_be_stated_to_come_through_many_windows() -> None:
    """450 recordings, for an account of 150 requests in five minutes; one in 20 seconds is a probe."""
    service = Service(limit=150, window=300.0, refusal=UNSTATED["429"])
    outcomes = transcribed(service, 450)
    assert [outcome.error for outcome in outcomes] == [None] * 450
    assert len({outcome.transcript_id for outcome in outcomes}) == len(service.made) == 450
    assert service.ended < 6.2 * service.window
    assert len(service.refused) < 16 + 6 * 30


def test_a_refusal_without_a_time_teaches_no_limit() -> None:
    """The next requests are as many as the service takes."""
    service = Service(limit=150)

    def freed(left: float) -> httpx.Response:
        service.limit = math.inf
        return UNSTATED["429"](left)

    service.refusal = freed
    # Of such pauses, a limit is learned if they are stated.
    outcomes = transcribed(service, 300, retry=aai.Retry(initial_delay=8.0, jitter=lambda: 0.5))
    assert all(outcome.transcript for outcome in outcomes)
    held_back = sum(time > 6.5 for time in service.made)
    assert held_back == 0


def test_a_limit_of_requests_that_trickle_is_outlasted() -> None:
    """A bucket that gets one token each second, and a service that always asks for a second."""
    tokens, filled, refused = 20.0, 0.0, 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal tokens, filled, refused
        now = anyio.current_time()
        tokens, filled = min(20.0, tokens + now - filled), now
        if tokens < 1.0:
            refused += 1
            return httpx.Response(429, headers={"retry-after": "1"})
        tokens -= 1.0
        await request.aread()
        return httpx.Response(200, json={"id": "known", "status": "completed", "text": "words"})

    async def story() -> None:
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http,
            aai.Client(KEY, http_client=http, retry=STEADY) as client,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(200):
                tasks.start_soon(client.get, "known")

    run_in_virtual_time(story)
    assert refused < 200


class Refusing(httpx.AsyncBaseTransport):
    """A service whose rate limit refuses each request of a kind."""

    def __init__(self, path: str = "") -> None:
        self.path = path
        self.service = Service()
        self.refused: list[float] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith(self.path):
            self.refused.append(anyio.current_time())
            return httpx.Response(429)
        return await self.service.handle_async_request(request)


async def calls_of(transport: Refusing, calls: int, **settings: Any) -> list[aai.AAIError]:
    """Upload some recordings, all at once; return the errors."""
    errors: list[aai.AAIError] = []

    async def upload(client: aai.Client) -> None:
        with pytest.raises(aai.AAIError) as caught:
            await client.upload(b"a recording")
        errors.append(caught.value)

    async with (
        httpx.AsyncClient(transport=transport) as http,
        aai.Client(KEY, http_client=http, retry=aai.Retry(jitter=lambda: 0.5, **settings)) as client,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(calls):
            tasks.start_soon(upload, client)
    return errors


def test_a_rate_limit_that_never_ends_is_an_error_after_twenty_minutes() -> None:
    """Of each call, with few requests."""
    transport = Refusing("/upload")

    async def story() -> None:
        errors = await calls_of(transport, 300)
        assert [type(error) for error in errors] == [aai.RateLimitError] * 300
        assert 1200.0 <= anyio.current_time() < 1200.0 + 20.0

    run_in_virtual_time(story)
    # Those in flight at first, a probe in at most twenty seconds, and one request for each call at the end.
    assert len(transport.refused) < 16 + 1200 / 10 + 300


def test_the_error_of_a_rate_limit_states_how_long_it_was_waited_for() -> None:
    """With the number of attempts."""
    transport = Refusing("/upload")

    async def story() -> None:
        [error] = await calls_of(transport, 1)
        assert "(empty). The rate limit has refused this request for 12" in str(error)
        assert error.attempts == len(transport.refused)

    run_in_virtual_time(story)


def test_a_rate_limit_of_one_kind_of_requests_does_not_hold_a_batch_for_ever() -> None:
    """Uploads are accepted, and submits are not."""
    transport = Refusing("/transcript")

    async def story() -> None:
        async with (
            httpx.AsyncClient(transport=transport) as http,
            aai.Client(KEY, http_client=http, retry=STEADY) as client,
            aai.transcribe_all(client, [b"recording %d" % number for number in range(300)]) as batch,
        ):
            outcomes = await batch.collect()
        assert {type(outcome.error) for outcome in outcomes} == {aai.RateLimitError}
        assert anyio.current_time() < 1300.0

    run_in_virtual_time(story)
    assert transport.service.made == []


def test_a_call_waits_again_after_the_service_has_accepted_another() -> None:
    """A limit that was given up may end later."""
    transport = Refusing("/upload")

    async def story() -> None:
        async with (
            httpx.AsyncClient(transport=transport) as http,
            aai.Client(KEY, http_client=http, retry=aai.Retry(max_retry_after=10.0)) as client,
        ):
            attempts: list[int] = []
            for path in ("/upload", "/upload", "/other", "/upload"):
                transport.path = path
                try:
                    await client.upload(b"a recording")
                except aai.RateLimitError as error:
                    attempts.append(error.attempts)
            first, second, third = attempts
            assert first > 1
            assert second == 1
            assert third > 1

    run_in_virtual_time(story)


def test_a_call_waits_again_long_after_a_limit_was_given_up() -> None:
    """Nothing was sent meanwhile, so nothing is known of the limit."""
    transport = Refusing("/upload")

    async def story() -> None:
        attempts: list[int] = []
        async with (
            httpx.AsyncClient(transport=transport) as http,
            aai.Client(KEY, http_client=http, retry=aai.Retry(max_retry_after=10.0)) as client,
        ):
            for idle in (0.0, 15.0, 25.0):
                await anyio.sleep(idle)
                with pytest.raises(aai.RateLimitError) as caught:
                    await client.upload(b"a recording")
                attempts.append(caught.value.attempts)
        assert [count > 1 for count in attempts] == [True, False, True]

    run_in_virtual_time(story)


def test_a_policy_of_one_attempt_retries_no_refusal() -> None:
    """Nor is the limit given up for the calls of others."""
    transport = Refusing("/upload")

    async def story() -> None:
        errors = await calls_of(transport, 3, attempts=1)
        assert [error.attempts for error in errors] == [1, 1, 1]

    run_in_virtual_time(story)
    assert len(transport.refused) == 3


def test_a_call_that_waits_for_a_rate_limit_can_be_cancelled() -> None:
    """Its own deadline ends it at once."""
    transport = Refusing("/upload")

    async def story() -> None:
        with anyio.move_on_after(100.0) as scope:
            await calls_of(transport, 20)
        assert scope.cancelled_caught
        assert anyio.current_time() == pytest.approx(100.0)

    run_in_virtual_time(story)


def test_a_stop_creates_no_job_for_a_submit_that_waits_for_a_rate_limit() -> None:
    """Only what is being sent is finished."""
    service = Service(limit=20, window=900.0, refusal=lambda _: httpx.Response(429))

    async def story() -> None:
        async with (
            httpx.AsyncClient(transport=service) as http,
            aai.Client(KEY, http_client=http, retry=STEADY) as client,
            aai.transcribe_all(client, [f"https://example.com/{n}.mp3" for n in range(200)]) as batch,
        ):
            await anyio.sleep(5)
            made = len(service.made)
            batch.stop(drops_unsubmitted=True)
            outcomes = await batch.collect()
            assert len(service.made) <= made + 16
            assert len(outcomes) + len(batch.remaining) == 200

    run_in_virtual_time(story)
