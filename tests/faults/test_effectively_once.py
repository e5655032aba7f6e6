"""A submit makes one job, whatever becomes of its answer."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import threading
from typing import Any

import anyio
import faults
import pytest
from fault_server import Exchange, Fault, FaultServer
from lanes import Connect

import aai_async as aai
from aai_async._jobs import submission

URL = "https://example.com/call.mp3"

pytestmark = pytest.mark.usefixtures("quick_looks")

AMBIGUOUS: dict[str, Any] = {
    "reset": faults.reset_after_body,
    "closed": faults.close,
    "500": lambda *, processed: faults.status(500, processed=processed),
    "502": lambda *, processed: faults.status(502, processed=processed),
    "503": lambda *, processed: faults.status(503, processed=processed),
    "504": lambda *, processed: faults.status(504, processed=processed),
    "page": faults.html,
}


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
    monkeypatch.setattr(submission, "_CHECK_DELAYS", (0.01,))
    server.service.listing_lag = math.inf
    server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
    async with connect() as client:
        await client.submit(b"a recording")
    assert len(server.service.jobs) == 2


async def test_at_most_three_submits_are_sent(
    server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then whoever called has to know."""
    monkeypatch.setattr(submission, "_CHECK_DELAYS", (0.01,))
    server.always("POST /v2/transcript", faults.reset_after_body())
    async with connect() as client:
        with pytest.raises(aai.AmbiguousSubmitError, match="its response was lost") as caught:
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
        with pytest.raises(aai.AmbiguousSubmitError, match="It may be one of these") as caught:
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


async def crowded_out(exchange: Exchange) -> None:
    await exchange.read_body()
    exchange.process()
    [job] = exchange.service.jobs
    others = (dataclasses.replace(job, id=f"other-{number}", audio_url=URL) for number in range(250))
    exchange.service.jobs.extend(others)
    exchange.reset()


async def test_the_job_is_found_behind_pages_of_others(server: FaultServer, connect: Connect) -> None:
    """Whoever submits hundreds at once has many that are newer."""
    server.on("POST /v2/transcript", crowded_out)
    async with connect() as client:
        found = await client.submit(b"a recording")
    assert found.id == server.service.jobs[0].id
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
    assert len(pages) <= 1 + len(submission._CHECK_DELAYS) * submission._PAGES


async def test_a_submit_that_was_refused_for_now_is_sent_again(server: FaultServer, connect: Connect) -> None:
    """Neither has made a job."""
    error = b'{"error": "Try again"}'
    server.on("POST /v2/transcript", faults.status(429), faults.status(503, body=error))
    async with connect() as client:
        await client.submit(b"a recording")
    assert len(server.service.jobs) == 1
    assert server.count("GET /v2/transcript") == 0


PROXIES = {
    "bare": faults.status(503, processed=True),
    "message": faults.status(503, body=b'{"message": "Service Unavailable"}', processed=True),
    "retry-after": faults.status(503, headers={"retry-after": "0.01"}, processed=True),
}


@pytest.mark.parametrize("proxy", PROXIES)
async def test_an_outage_that_a_proxy_tells_of_is_no_proof_that_nothing_was_done(
    server: FaultServer, connect: Connect, proxy: str
) -> None:
    """However late the list shows the job; only the service's own error says so."""
    server.service.listing_lag = 0.12
    server.on("POST /v2/transcript", PROXIES[proxy])
    async with connect() as client:
        job = await client.submit(b"a recording")
    assert [made.id for made in server.service.jobs] == [job.id]


async def test_the_job_of_another_submit_of_the_same_upload_is_not_taken(
    server: FaultServer, connect: Connect
) -> None:
    """One is lost and not made, while the other has other options and is answered."""
    server.on("POST /v2/transcript", faults.reset_after_body())
    async with connect() as client:
        upload_url = await client.upload(b"a recording")
        endings: list[object] = []

        async def submit_german() -> None:
            try:
                endings.append(await client.submit(upload_url, aai.Options(language_code="de")))
            except aai.AmbiguousSubmitError as error:
                endings.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(submit_german)
            with anyio.fail_after(60):
                while not server.count("POST /v2/transcript"):
                    await anyio.sleep(0.001)
            english = await client.submit(upload_url, aai.Options(language_code="en"))
    assert [made.id for made in server.service.jobs] == [english.id]
    assert isinstance(endings[0], aai.AmbiguousSubmitError)


async def late(exchange: Exchange) -> None:
    await exchange.read_body()
    reply = exchange.process()
    await asyncio.sleep(0.2)
    await exchange.send(reply.render())


async def test_the_job_of_another_submit_that_is_under_way_is_not_taken(
    server: FaultServer, connect: Connect
) -> None:
    """The list shows it before its own call has heard of it."""
    server.on("POST /v2/transcript", late, faults.reset_after_body())
    endings: list[str] = []

    async def submit() -> None:
        try:
            endings.append((await client.submit(URL)).id)
        except aai.AmbiguousSubmitError:
            endings.append("in doubt")

    async with connect() as client, anyio.create_task_group() as tasks:
        tasks.start_soon(submit)
        with anyio.fail_after(60):
            while not server.service.jobs:
                await anyio.sleep(0.001)
        tasks.start_soon(submit)
    assert sorted(endings) == sorted([server.service.jobs[0].id, "in doubt"])


async def test_the_job_of_another_submit_that_ends_amid_the_search_is_not_taken(
    server: FaultServer, connect: Connect
) -> None:
    """When the list was read, nobody had heard whose it is; when it has been compared, its own call has."""
    endings: list[str] = []
    is_compared = threading.Event()

    async def answered_when_it_is_compared(exchange: Exchange) -> None:
        await exchange.read_body()
        reply = exchange.process()
        while not is_compared.is_set():
            await asyncio.sleep(0.001)
        await exchange.send(reply.render())

    async def compared_when_the_other_has_ended(exchange: Exchange) -> None:
        is_compared.set()
        while not endings:
            await asyncio.sleep(0.001)
        await exchange.send(exchange.process().render())

    server.on("POST /v2/transcript", answered_when_it_is_compared, faults.reset_after_body())
    server.on("GET /v2/transcript/*", compared_when_the_other_has_ended)

    async def submit() -> None:
        try:
            endings.append((await client.submit(URL)).id)
        except aai.AmbiguousSubmitError:
            endings.append("in doubt")

    async with connect() as client, anyio.create_task_group() as tasks:
        tasks.start_soon(submit)
        with anyio.fail_after(60):
            while not server.service.jobs:
                await anyio.sleep(0.001)
        tasks.start_soon(submit)
    assert endings == [server.service.jobs[0].id, "in doubt"]


async def test_a_list_that_is_too_long_to_be_read_to_the_job_decides_nothing(
    server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not reached is not absent."""
    monkeypatch.setattr(submission, "_PAGES", 1)
    monkeypatch.setattr(submission, "_CHECK_DELAYS", (0.01,))

    async def crowded(exchange: Exchange) -> None:
        details = {"limit": 200, "prev_url": f"{server.url}/v2/transcript?before_id=older"}
        rows = [{"id": "x", "status": "queued", "audio_url": "https://example.com/other"}]
        await faults.reply_json({"page_details": details, "transcripts": rows})(exchange)

    server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
    server.always("GET /v2/transcript", crowded)
    async with connect() as client:
        with pytest.raises(aai.AmbiguousSubmitError) as caught:
            await client.submit(b"a recording")
    assert "not read to where the job would have to be" in str(caught.value.__cause__)
    assert len(server.service.jobs) == 1


async def test_a_job_that_was_found_is_given_also_where_it_is_not_known_yet(
    server: FaultServer, connect: Connect
) -> None:
    """The list and the job itself need not agree at once."""
    server.on("POST /v2/transcript", faults.reset_after_body(processed=True))
    unknown = faults.reply_json({"error": "Transcript lookup error, transcript id not found"}, 400)
    server.on("GET /v2/transcript/*", unknown, unknown)
    async with connect() as client:
        transcript = await client.transcribe(b"a recording")
    assert [made.id for made in server.service.jobs] == [transcript.id]
    assert transcript.status == "completed"


async def test_a_refusal_after_a_lost_answer_leaves_the_doubt_and_is_its_cause(
    server: FaultServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever acts on a refused key finds it there, and all that was sent is counted."""
    monkeypatch.setattr(submission, "_CHECK_DELAYS", (0.01,))
    server.on("POST /v2/transcript", faults.reset_after_body(), faults.status(401))
    async with connect() as client:
        with pytest.raises(aai.AmbiguousSubmitError, match="its response was lost") as caught:
            await client.submit(b"a recording")
    assert isinstance(caught.value.__cause__, aai.AccountError)
    assert (caught.value.attempts, caught.value.verdict) == (2, aai.RequestState.AMBIGUOUS)
