"""A service that says no is believed: what may pass is asked again, within bounds, and nothing else is."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import faults
import httpx
import httpx2
import pytest
from fault_server import Exchange, Fault, FaultServer
from hearing import Incidents
from httpx_aiohttp import AiohttpTransport
from lanes import Connect, Lane
from verbs import JOB, RECORDING, URL, VERBS, Verb

import aai_async as aai

ONCE = aai.Retry(attempts=1)


pytestmark = pytest.mark.usefixtures("known")

SUBMIT = Verb("POST /v2/transcript", lambda client, _: client.submit(URL))


def too_many(retry_after: str, **headers: str) -> Fault:
    return faults.status(429, headers={"Retry-After": retry_after, **headers})


# The service has failed.


@pytest.mark.parametrize("verb", VERBS)
async def test_a_call_outlasts_each_failure_of_the_service(
    server: FaultServer, connect: Connect, target: Path, verb: str
) -> None:
    """One request for each, and one that succeeds."""
    server.on(VERBS[verb].request, *map(faults.status, (500, 502, 503, 504)))
    async with connect(retry=aai.Retry(initial_delay=0.001)) as client:
        await VERBS[verb].call(client, target)
    assert server.count(VERBS[verb].request) == 5


async def test_a_failure_that_stays_is_raised_after_the_last_attempt(
    server: FaultServer, connect: Connect, target: Path
) -> None:
    """As what it was, with what may be known of it: a 503 of the service did nothing, one in between may."""
    failures = [
        (faults.status(500), 500, aai.RequestState.AMBIGUOUS),
        (faults.status(502), 502, aai.RequestState.AMBIGUOUS),
        (faults.status(503), 503, aai.RequestState.AMBIGUOUS),
        (faults.status(504), 504, aai.RequestState.AMBIGUOUS),
        (faults.reply_json({"error": "Overloaded"}, 503), 503, aai.RequestState.REFUSED),
        (faults.status(503, headers={"Retry-After": "0.01"}), 503, aai.RequestState.AMBIGUOUS),
    ]
    async with connect(retry=aai.Retry(attempts=2, initial_delay=0.001)) as client:
        for fault, status, verdict in failures:
            server.on(VERBS["upload"].request, fault, fault)
            with pytest.raises(aai.ServerError) as caught:
                await VERBS["upload"].call(client, target)
            error = caught.value
            assert (error.status, error.verdict, error.attempts) == (status, verdict, 2)
            assert error.operation == "upload"


# Too many requests.


async def test_a_rate_limit_holds_back_every_call_of_the_client(
    server: FaultServer, connect: Connect
) -> None:
    """For as long as the service asks for: it counts the requests of an account, not those of a call."""
    arrived: list[float] = []

    async def timed(exchange: Exchange) -> None:
        arrived.append(time.monotonic())
        await exchange.answer()

    server.on(f"GET {JOB}", too_many("0.3"))
    server.always("*", timed)
    events = Incidents()
    async with connect(on_event=events.hear) as client:
        began = time.monotonic()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.get, "known")
            with anyio.fail_after(60):
                while not events:
                    await anyio.sleep(0.001)
            for _ in range(3):
                tasks.start_soon(client.get, "known")
                tasks.start_soon(client.upload, RECORDING)
                tasks.start_soon(client.wait, "known")
                tasks.start_soon(client.submit, URL)
    assert events[0] == aai.Throttled(delay=0.3)
    # Of the three who wait for the same job, one has looked for all.
    assert len(arrived) == 11
    assert min(arrived) - began >= 0.3


@pytest.mark.parametrize("refused", ["429", "403"])
async def test_a_rate_limit_without_a_time_slows_a_batch_down(
    server: FaultServer, connect: Connect, refused: str
) -> None:
    """The refusals cost nothing of the retry budget, and each recording has its one job."""
    requests = 0

    async def limited(exchange: Exchange) -> None:
        nonlocal requests
        requests += 1
        # The service takes 20 requests, refuses 30, and so on.
        await (exchange.answer() if requests % 50 < 20 else FOR_NOW[refused](exchange))

    server.always("*", limited)
    made = len(server.service.jobs)
    retry = aai.Retry(initial_delay=0.01, max_delay=0.05, budget=1)
    async with (
        connect(retry=retry) as client,
        aai.transcribe_all(client, [b"%d" % n for n in range(40)]) as batch,
    ):
        outcomes = await batch.collect()
    assert [outcome.error for outcome in outcomes] == [None] * 40
    assert len({outcome.transcript_id for outcome in outcomes}) == len(server.service.jobs) - made == 40


async def test_a_submit_that_was_refused_waits_and_makes_one_job(
    server: FaultServer, connect: Connect
) -> None:
    """A rate limit has made none."""
    server.on("POST /v2/transcript", too_many("0.2"))
    began = time.monotonic()
    async with connect() as client:
        job = await client.submit(URL)
    assert time.monotonic() - began >= 0.2
    assert [made.id for made in server.service.jobs[1:]] == [job.id]


async def test_a_wait_of_hours_is_for_the_caller_to_decide_on(server: FaultServer, connect: Connect) -> None:
    """It is raised at once with its length, and no other call is held back."""
    server.on(f"GET {JOB}", too_many("86400"))
    events = Incidents()
    began = time.monotonic()
    async with connect(on_event=events.hear) as client:
        with pytest.raises(aai.RateLimitError) as caught:
            await client.get("known")
        await client.get("known")
        await client.upload(RECORDING)
    assert time.monotonic() - began < 60
    assert (caught.value.retry_after, caught.value.attempts) == (86400, 1)
    assert caught.value.verdict is aai.RequestState.REFUSED
    assert events == []


async def test_a_wait_that_is_put_off_beyond_its_end_ends_at_once(
    server: FaultServer, connect: Connect
) -> None:
    """With the id, by which it can be taken up again."""
    server.on(f"GET {JOB}", too_many("86400"))
    began = time.monotonic()
    async with connect() as client:
        with pytest.raises(aai.DeadlineError, match="429") as caught:
            await client.wait("known")
        assert (await client.wait("known")).status == "completed"
    assert time.monotonic() - began < 60
    assert caught.value.transcript_id == "known"


async def test_a_list_that_is_put_off_for_a_day_does_not_hold_up_the_jobs(
    server: FaultServer, connect: Connect
) -> None:
    """They are polled by their ids, and nobody asks for the list any more."""
    server.always("GET /v2/transcript", too_many("86400"))
    server.service.looks_until_done = 3
    with anyio.fail_after(60):
        async with connect() as client, aai.transcribe_all(client, [b"%d" % n for n in range(8)]) as batch:
            assert all(outcome.transcript for outcome in await batch.collect())
    assert server.count("GET /v2/transcript") == 1


async def test_a_time_to_wait_that_is_none_is_ignored(server: FaultServer, connect: Connect) -> None:
    """Junk, what is no number of seconds to wait, and a date that has passed by the service's own clock."""
    now, old = "Wed, 21 Oct 2099 07:28:00 GMT", "Wed, 21 Oct 2098 07:28:00 GMT"
    junk = ["junk", "nan", "inf", "-5", "0", "1e999", "12 seconds", "", "1, 2", "1" * 5000, "2026-11-24", now]
    events = Incidents()
    async with connect(on_event=events.hear) as client:
        for value in junk:
            server.on(f"GET {JOB}", too_many(value, Date=now))
            await client.get("known")
        server.on(f"GET {JOB}", too_many(old, Date=now))
        await client.get("known")
    assert sum(isinstance(event, aai.Retrying) for event in events) == len(junk) + 1
    assert all(isinstance(event, (aai.Retrying, aai.Throttled)) and event.delay < 0.1 for event in events)


async def test_a_date_to_wait_for_is_read_by_the_clock_of_the_service(
    server: FaultServer, connect: Connect
) -> None:
    """Which says in the same reply what time it is there."""
    now, then = "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:09 GMT"
    server.on(f"GET {JOB}", too_many(then, Date=now))
    events = Incidents()
    async with connect(on_event=events.hear, retry=ONCE) as client:
        with pytest.raises(aai.RateLimitError) as caught:
            await client.get("known")
    assert caught.value.retry_after == 9
    assert events == [aai.Throttled(delay=9)]


# No, for good.


async def test_a_key_that_is_refused_costs_one_request(
    server: FaultServer, connect: Connect, target: Path
) -> None:
    """The second would be refused, too."""
    server.always("*", faults.reply_json({"error": "Authentication error"}, 401))
    verbs = [*VERBS.values(), SUBMIT, Verb("*", lambda client, _: client.transcribe(RECORDING))]
    async with connect() as client:
        for count, verb in enumerate(verbs, 1):
            with pytest.raises(aai.AccountError, match="Check the API key") as caught:
                await verb.call(client, target)
            assert (caught.value.status, caught.value.attempts) == (401, 1)
            assert len(server.requests) == count


REFUSALS = {
    "json": b'{"error": "Your audio is \\u001b[31mred\\u0000\\nhttps://a.example/b?signature=abc"}',
    "text": b"Bad\x00 Request\x1b]0;title\x07",
    "html": b"<!doctype html><title>400</title>" + b"<p>no</p>" * 1000,
    "empty": b"",
    "bytes": bytes(range(256)),
    "list": b"[1, 2]",
    "long-json": b'{"error": "' + b"\\u202e" * 1_000_000 + b'"}',
    "huge": b"\x1b" * 10_000_000,
}


@pytest.mark.parametrize("verb", ["upload", "get", "submit"])
async def test_whatever_a_refusal_says_is_shown_short_and_harmless(
    server: FaultServer, connect: Connect, target: Path, verb: str
) -> None:
    """In at most 300 printable characters, without secret addresses, after one request."""
    asked = (VERBS | {"submit": SUBMIT})[verb]
    async with connect() as client:
        for count, body in enumerate(REFUSALS.values(), 1):
            server.on(asked.request, faults.status(400, body=body))
            with pytest.raises(aai.RejectedError) as caught:
                await asked.call(client, target)
            error = caught.value
            assert (error.status, error.verdict, error.attempts) == (400, aai.RequestState.FATAL, 1)
            assert len(error.reply) <= 300
            assert len(str(error)) < 500
            assert str(error).isprintable()
            assert "signature" not in str(error)
            assert server.count(asked.request) == count


@pytest.mark.parametrize("lingering", [True, False], ids=["lingering", "reset"])
async def test_an_upload_that_is_too_large_is_refused_early(
    server: FaultServer, connect: Connect, lingering: bool
) -> None:
    """The reply may be lost when the service does not read on, but then it is not sent for ever."""
    server.always("POST /v2/upload", faults.early_413(lingering=lingering))
    async with connect() as client:
        with pytest.raises((aai.RejectedError, aai.TransportError)) as caught:
            await client.upload(RECORDING * 30)
    with anyio.fail_after(60):
        # aiohttp lets go of a connection only when what it was about to send has been taken.
        while server.open_connections:
            await anyio.sleep(0.005)
    if isinstance(caught.value, aai.RejectedError):
        assert caught.value.status == 413
    assert isinstance(caught.value, aai.RejectedError) or not lingering
    assert server.count("POST /v2/upload") == caught.value.attempts <= 5
    assert caught.value.operation == "upload"


# Neither yes nor no.


@pytest.mark.parametrize("verb", [name for name in VERBS if name != "wait"])
async def test_a_success_that_is_not_documented_is_no_answer(
    server: FaultServer, connect: Connect, target: Path, verb: str
) -> None:
    """It is asked for again, since something in between may have answered."""
    async with connect(retry=aai.Retry(attempts=2, initial_delay=0.001)) as client:
        for status in (201, 204, 206, 226):
            before = server.count(VERBS[verb].request)
            server.on(VERBS[verb].request, faults.status(status), faults.status(status))
            with pytest.raises(aai.ProtocolError, match=str(status)) as caught:
                await VERBS[verb].call(client, target)
            assert (caught.value.verdict, caught.value.attempts) == (aai.RequestState.AMBIGUOUS, 2)
            assert server.count(VERBS[verb].request) == before + 2


async def test_a_wait_outlasts_a_success_that_is_not_documented(
    server: FaultServer, connect: Connect
) -> None:
    """A look that fails does not end it."""
    server.on(f"GET {JOB}", *map(faults.status, (201, 204, 206, 226)))
    async with connect() as client:
        assert (await client.wait("known")).status == "completed"
    assert server.count(f"GET {JOB}") == 5


@pytest.mark.parametrize("status", [201, 204, 206, 226])
@pytest.mark.usefixtures("quick_looks")
async def test_a_submit_with_an_answer_that_is_not_documented_makes_one_job(
    server: FaultServer, connect: Connect, status: int
) -> None:
    """It may have been carried out."""
    server.on("POST /v2/transcript", faults.status(status, processed=True))
    async with connect() as client:
        job = await client.submit(RECORDING)
    assert [made.id for made in server.service.jobs[1:]] == [job.id]


REDIRECTS = (300, 301, 302, 303, 304, 307, 308)


def following(lane: Lane) -> Callable[[], Any]:  # a client of one of two libraries
    """A factory of HTTP clients that follow redirects."""
    if lane.library == "httpx2":
        return lambda: httpx2.AsyncClient(follow_redirects=True, trust_env=False)
    if lane.library == "httpx":
        return lambda: httpx.AsyncClient(follow_redirects=True, trust_env=False)
    return lambda: httpx.AsyncClient(follow_redirects=True, transport=AiohttpTransport(trust_env=False))


@pytest.mark.parametrize("verb", [*VERBS, "submit"])
async def test_no_redirect_is_followed(
    server: FaultServer, connect: Connect, lane: Lane, target: Path, verb: str
) -> None:
    """Neither to another host nor to the same, whatever the HTTP client would do: the key stays here."""
    asked = (VERBS | {"submit": SUBMIT})[verb]
    with FaultServer() as other:
        async with connect(http_client=following(lane)) as client:
            for count, status in enumerate(REDIRECTS, 1):
                host = server if status == 301 else other
                server.on(asked.request, faults.redirect(f"{host.url}/elsewhere", status))
                with pytest.raises((aai.RejectedError, aai.ProtocolError), match=str(status)) as caught:
                    await asked.call(client, target)
                assert isinstance(caught.value, aai.ProtocolError) == (verb == "download")
                assert server.count(asked.request) == count
        assert (other.connections, other.requests) == (0, [])
    assert server.count("* /elsewhere") == 0


# Nothing but failures.


async def test_an_outage_is_not_made_worse_by_asking_again(server: FaultServer, connect: Connect) -> None:
    """All calls of a client share what it may spend on repetitions, and each ends with what went wrong."""
    server.always("*", faults.status(503))
    errors: list[aai.AAIError] = []

    async def get() -> None:
        with pytest.raises(aai.AAIError) as caught:
            await client.get("known")
        errors.append(caught.value)

    async with connect() as client, anyio.create_task_group() as tasks:
        for _ in range(40):
            tasks.start_soon(get)
    assert len(errors) == 40
    assert len(server.requests) <= 2.2 * 40
    assert sum(error.attempts for error in errors) == len(server.requests)
    for error in errors:
        assert isinstance(error, (aai.ServerError, aai.RetryBudgetError))
        assert isinstance(error, aai.ServerError) or isinstance(error.__cause__, aai.ServerError)


async def test_calls_that_succeed_pay_for_repetitions_again(server: FaultServer, connect: Connect) -> None:
    """One for each, where a repetition costs five."""
    server.on(f"GET {JOB}", *[faults.status(503)] * 2)
    async with connect(retry=aai.Retry(initial_delay=0.001, budget=5)) as client:
        with pytest.raises(aai.RetryBudgetError) as caught:
            await client.get("known")
        assert caught.value.attempts == 2
        for successes in (4, 5):
            for _ in range(successes):
                await client.list(limit=1).__aiter__().__anext__()
            server.on(f"GET {JOB}", faults.status(503))
            if successes == 4:
                with pytest.raises(aai.RetryBudgetError):
                    await client.get("known")
            else:
                await client.get("known")
    assert server.count(f"GET {JOB}") == 2 + 1 + 2


async def test_a_repetition_that_helps_costs_nothing(server: FaultServer, connect: Connect) -> None:
    """A service that fails now and then is not given up after a while."""
    async with connect(retry=aai.Retry(initial_delay=0.001, budget=5)) as client:
        for _ in range(5):
            server.on(f"GET {JOB}", faults.status(503))
            await client.get("known")


FOR_NOW = {
    "408": faults.status(408),
    "408-said": faults.reply_json({"error": "Request timed out"}, 408),
    "425": faults.status(425),
    "429": faults.status(429),
    "503": faults.reply_json({"error": "Overloaded"}, 503),
    "403": faults.reply_json({"error": "Rate limit exceeded"}, 403),
}
"""Replies that say that the request was not carried out, and may be later."""


@pytest.mark.parametrize("refused", FOR_NOW)
async def test_a_refusal_for_now_ends_no_call(
    server: FaultServer, connect: Connect, target: Path, refused: str
) -> None:
    """Each verb asks again, a paid job is waited for, and a submit makes one job without a search."""
    # At a pre-signed address, 403 is how the storage says that it has expired.
    verbs = [verb for name, verb in VERBS.items() if (name, refused) != ("download", "403")]
    async with connect(retry=aai.Retry(initial_delay=0.001)) as client:
        for verb in [*verbs, SUBMIT]:
            server.on(verb.request, FOR_NOW[refused], FOR_NOW[refused])
            before, made = server.count(verb.request), len(server.service.jobs)
            await verb.call(client, target)
            assert server.count(verb.request) == before + 3
            assert len(server.service.jobs) - made == (verb is SUBMIT)
            if verb is VERBS["delete"]:
                server.service.jobs[0].is_deleted = False


@pytest.mark.parametrize("refused", FOR_NOW)
async def test_a_refusal_for_now_does_not_turn_the_list_off(
    server: FaultServer, connect: Connect, refused: str
) -> None:
    """Jobs that are waited for together are not polled one by one because of it."""
    server.service.looks_until_done = 12
    server.on("GET /v2/transcript", FOR_NOW[refused])
    polling = aai.Polling(initial_delay=0.01, max_delay=0.05, min_list_interval=0.01)
    async with connect(retry=aai.Retry(attempts=1), polling=polling) as client:
        jobs = [await client.submit(URL) for _ in range(6)]
        async with anyio.create_task_group() as tasks:
            for job in jobs:
                tasks.start_soon(client.wait, job.id)
    assert server.count("GET /v2/transcript") > 6
    assert server.count("GET /v2/transcript/*") < 12


async def test_a_wait_goes_on_in_an_outage(server: FaultServer, connect: Connect) -> None:
    """Its looks come at their own pace, and cost no repetitions."""
    server.on(f"GET {JOB}", *[faults.status(503)] * 6)
    async with connect(retry=aai.Retry(budget=1)) as client:
        assert (await client.wait("known")).status == "completed"
    assert server.count(f"GET {JOB}") == 7
