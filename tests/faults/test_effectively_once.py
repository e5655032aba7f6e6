"""A submit makes one job, whatever becomes of its answer."""

from __future__ import annotations

import math
from typing import Any

import anyio
import faults
import pytest
from fault_server import Fault, FaultServer
from lanes import Connect

import aai_async as aai
from aai_async import _submission

URL = "https://example.com/call.mp3"

AMBIGUOUS: dict[str, Any] = {
    "reset": faults.reset_after_body,
    "closed": faults.close,
    "500": lambda *, processed: faults.status(500, processed=processed),
    "502": lambda *, processed: faults.status(502, processed=processed),
    "503": lambda *, processed: faults.status(503, processed=processed),
    "504": lambda *, processed: faults.status(504, processed=processed),
    "page": faults.html,
}


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits between looks, a fiftieth as long."""
    monkeypatch.setattr(_submission, "_LOOKS", tuple(wait / 50 for wait in _submission._LOOKS))


@pytest.mark.parametrize("processed", [True, False], ids=["made", "not-made"])
@pytest.mark.parametrize("ending", AMBIGUOUS)
async def test_an_upload_whose_answer_was_lost_makes_one_job(
    server: FaultServer, connect: Connect, ending: str, processed: bool
) -> None:
    """It is looked for in the list, and sent again only if it does not show there."""
    server.on("POST /v2/transcript", AMBIGUOUS[ending](processed=processed))
    async with connect() as client:
        job = await client.submit(b"a recording")
    assert [made.id for made in server.service.jobs] == [job.id]
    assert server.count("POST /v2/transcript") == (1 if processed else 2)


@pytest.mark.parametrize(
    "fault",
    [faults.reset_in_reply_head(), faults.reset_in_reply_body(), faults.cut_body(), faults.bad_chunking()],
    ids=["head", "body", "cut", "chunking"],
)
async def test_an_answer_that_breaks_off_makes_one_job(
    server: FaultServer, connect: Connect, fault: Fault
) -> None:
    """It was made when the answer began."""
    server.on("POST /v2/transcript", fault)
    async with connect() as client:
        job = await client.submit(b"a recording")
    assert [made.id for made in server.service.jobs] == [job.id]


@pytest.mark.parametrize("processed", [True, False], ids=["made", "not-made"])
async def test_a_submit_that_is_never_answered_makes_one_job(
    server: FaultServer, connect: Connect, processed: bool
) -> None:
    """The attempt ends by its own clock."""
    server.on("POST /v2/transcript", faults.hang(processed=processed))
    async with connect(timeouts=aai.Timeouts(reply=0.3)) as client:
        job = await client.submit(b"a recording")
    assert [made.id for made in server.service.jobs] == [job.id]


async def test_a_list_that_lags_still_shows_the_job_in_time(server: FaultServer, connect: Connect) -> None:
    """It is looked at again and again for a quarter of a minute; here for a fiftieth of it."""
    server.service.listing_lag = 0.12
    server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
    async with connect() as client:
        job = await client.submit(b"a recording")
    assert [made.id for made in server.service.jobs] == [job.id]


async def test_a_list_that_never_shows_the_job_costs_a_second_one(
    server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one risk that is left, which `on_ambiguous="raise"` does not take."""
    monkeypatch.setattr(_submission, "_LOOKS", (0.01,))
    server.service.listing_lag = math.inf
    server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
    async with connect() as client:
        await client.submit(b"a recording")
    assert len(server.service.jobs) == 2


async def test_at_most_three_submits_are_sent(
    server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then whoever called has to know."""
    monkeypatch.setattr(_submission, "_LOOKS", (0.01,))
    server.always("POST /v2/transcript", faults.reset_after_body())
    async with connect() as client:
        with pytest.raises(aai.AmbiguousSubmitError, match="its answer was lost") as caught:
            await client.submit(b"a recording")
    assert server.count("POST /v2/transcript") == 3
    assert caught.value.upload_url in server.service.uploads


async def test_a_submit_is_not_looked_for_where_that_was_not_asked_for(
    server: FaultServer, connect: Connect
) -> None:
    """At most once, strictly."""
    server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
    async with connect(on_ambiguous="raise") as client:
        with pytest.raises(aai.AmbiguousSubmitError) as caught:
            await client.submit(b"a recording")
    assert server.count("GET /v2/transcript") == 0
    assert caught.value.candidates == ()


async def test_a_list_that_cannot_be_read_decides_nothing(server: FaultServer, connect: Connect) -> None:
    """What is not seen may be there."""
    server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
    server.always("GET /v2/transcript", faults.status(500))
    async with connect() as client:
        with pytest.raises(aai.AmbiguousSubmitError):
            await client.submit(b"a recording")
    assert len(server.service.jobs) == 1


async def test_a_url_of_the_caller_is_found_by_what_was_asked_for(
    server: FaultServer, connect: Connect
) -> None:
    """The same address may have been submitted before, with other options or an hour ago."""
    async with connect() as other, connect() as client:
        await other.submit(URL, aai.Options(speaker_labels=True))
        server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
        job = await client.submit(URL, aai.Options(language_code="de"))
    assert job.language_code == "de"
    assert len(server.service.jobs) == 2


async def test_a_url_of_the_caller_that_is_not_found_is_not_submitted_again(
    server: FaultServer, connect: Connect
) -> None:
    """The service may write it in another way in its list."""
    server.on("POST /v2/transcript", faults.reset_after_body())
    async with connect() as client:
        with pytest.raises(aai.AmbiguousSubmitError) as caught:
            await client.submit(URL)
    assert server.count("POST /v2/transcript") == 1
    assert (caught.value.candidates, caught.value.upload_url) == ((), URL)


async def test_a_url_that_somebody_else_submits_too_is_given_as_candidates(
    server: FaultServer, connect: Connect
) -> None:
    """Which is whose cannot be told."""
    server.on("POST /v2/transcript", faults.normal(), faults.reset_after_body(processed=True))
    async with connect() as other, connect() as client:
        await other.submit(URL)
        with pytest.raises(aai.AmbiguousSubmitError, match="One of these may be it") as caught:
            await client.submit(URL)
    assert set(caught.value.candidates) == {job.id for job in server.service.jobs}


async def test_the_same_url_submitted_twice_at_once_gives_two_jobs(
    server: FaultServer, connect: Connect
) -> None:
    """What a client has made itself is not taken for what it has lost."""
    server.on("POST /v2/transcript", faults.normal(), faults.reset_after_body(processed=True))
    jobs: list[aai.Transcript] = []

    async def submit() -> None:
        jobs.append(await client.submit(URL))

    async with connect() as client, anyio.create_task_group() as tasks:
        tasks.start_soon(submit)
        tasks.start_soon(submit)
    assert {job.id for job in jobs} == {job.id for job in server.service.jobs}
    assert len(jobs) == 2


async def test_an_upload_that_was_submitted_before_proves_nothing(
    server: FaultServer, connect: Connect
) -> None:
    """It may be submitted twice on purpose, with other options."""
    async with connect() as client:
        upload_url = await client.upload(b"a recording")
        first = await client.submit(upload_url, aai.Options(language_code="en"))
        server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
        second = await client.submit(upload_url, aai.Options(language_code="de"))
    assert (first.language_code, second.language_code) == ("en", "de")
    assert len(server.service.jobs) == 2


async def test_the_job_is_found_behind_pages_of_others(
    server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever submits hundreds at once has many that are newer."""
    server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
    monkeypatch.setattr(_submission, "_LOOKS", (0.5,))
    async with connect() as client, connect() as others:
        async with anyio.create_task_group() as tasks:
            found: list[Any] = []

            async def submit() -> None:
                found.append(await client.submit(b"a recording"))

            tasks.start_soon(submit)
            with anyio.fail_after(5):
                while not server.service.jobs:
                    await anyio.sleep(0.01)
            for _ in range(250):
                await others.submit(URL)
    assert found[0].id == server.service.jobs[0].id
    assert server.count("GET /v2/transcript") == 2


async def test_the_key_goes_to_no_address_that_the_list_names(server: FaultServer, connect: Connect) -> None:
    """Of the address of the next page only the id is taken."""
    with FaultServer() as evil:
        page = {
            "page_details": {"prev_url": f"{evil.url}/v2/transcript?before_id=x", "limit": 200},
            "transcripts": [{"id": "x", "status": "queued", "audio_url": "https://example.com/other"}],
        }
        server.always("GET /v2/transcript", faults.reply_json(page))
        server.on("POST /v2/transcript", faults.reset_after_body())
        async with connect() as client:
            with pytest.raises(aai.AmbiguousSubmitError):
                await client.submit(URL)
        assert evil.requests == []
    pages = [request for request in server.requests if request.path == "/v2/transcript"]
    assert len(pages) <= 1 + len(_submission._LOOKS) * _submission._PAGES


async def test_a_submit_that_was_refused_for_now_is_sent_again(server: FaultServer, connect: Connect) -> None:
    """Neither has made a job."""
    error = b'{"error": "Try again"}'
    server.on("POST /v2/transcript", faults.status(429), faults.status(503, body=error))
    async with connect() as client:
        await client.submit(b"a recording")
    assert len(server.service.jobs) == 1
    assert server.count("GET /v2/transcript") == 0
