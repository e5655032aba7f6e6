"""Submits of an earlier batch that may have been sent: few of them, and looked for together."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import pytest
from fault_server import Exchange, FaultServer, Job
from faults import hang, normal, status
from lanes import Connect, one_library_of_each_loop

import aai_async as aai
from aai_async._api import endpoints
from aai_async._jobs import submission

pytestmark = pytest.mark.usefixtures("quick_looks")

MANY = 80

lane = one_library_of_each_loop


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages of the list that are read to look for jobs, and not to wait for them."""
    pages: list[str] = []
    recent_page = endpoints.recent_page

    def noted(before_id: str | None) -> Any:
        pages.append(before_id or "first")
        return recent_page(before_id)

    monkeypatch.setattr(endpoints, "recent_page", noted)
    return pages


async def collected(client: aai.Client, sources: list[Any], path: Path, **settings: Any) -> list[aai.Outcome]:
    """Do a batch from its beginning to its end."""
    with anyio.fail_after(60):
        async with aai.transcribe_all(client, sources, journal=path, **settings) as batch:
            return await batch.collect()


def ask(path: Path, statement: str, *values: object) -> list[Any]:
    """Ask or change what is in a journal."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def states(path: Path) -> Counter[str]:
    return Counter(state for (state,) in ask(path, "SELECT state FROM jobs"))


def put_in_doubt(server: FaultServer, path: Path, *, is_made: bool) -> None:
    """Leave a journal as a kill does that comes after each submit was sent, and before its answer."""
    ask(path, "UPDATE jobs SET state = 'submitting', transcript_id = NULL, finished_at = NULL")
    ask(path, "DELETE FROM results")
    if not is_made:
        server.service.jobs.clear()


KINDS: dict[str, list[Any]] = {
    "recordings": [b"recording %d" % number for number in range(MANY)],
    "addresses": [f"https://example.com/{number}.mp3" for number in range(MANY)],
}


@pytest.mark.parametrize("crowd", [0, 150], ids=["alone", "among-others"])
@pytest.mark.parametrize("kind", KINDS)
async def test_hundreds_of_rows_in_doubt_are_found_with_a_handful_of_requests(
    server: FaultServer, connect: Connect, path: Path, pages: list[str], kind: str, crowd: int
) -> None:
    """Of the list, as many pages as their jobs fill."""
    async with connect() as client:
        await collected(client, KINDS[kind], path)
    put_in_doubt(server, path, is_made=True)
    now = dt.datetime.now(dt.UTC)
    server.service.jobs += [
        Job(f"other-{one}", "https://a.com/other", {}, now, -math.inf) for one in range(crowd)
    ]
    async with connect() as client:
        outcomes = await collected(client, KINDS[kind], path)
    assert [outcome.unwrap().text for outcome in outcomes] == ["What was said."] * MANY
    assert len(server.service.jobs) == MANY + crowd
    assert 0 < len(pages) <= 8


async def test_rows_in_doubt_that_no_job_was_made_of_are_submitted_again_after_a_handful_of_requests(
    server: FaultServer, connect: Connect, path: Path, pages: list[str]
) -> None:
    """The list may lag behind, so it is read several times, for all of them at once."""
    sources = KINDS["recordings"]
    async with connect() as client:
        await collected(client, sources, path)
    put_in_doubt(server, path, is_made=False)
    async with connect() as client:
        outcomes = await collected(client, sources, path)
    assert [outcome.unwrap().text for outcome in outcomes] == ["What was said."] * MANY
    assert len(server.service.jobs) == MANY
    # On a slow machine one reading may serve several that were due.
    assert 2 <= len(pages) <= 5 * len(submission._CHECK_DELAYS)


async def test_each_search_for_a_row_in_doubt_is_announced(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """Before the list is read, with how long that may take."""
    sources = [b"recording 0", b"recording 1"]
    events: list[aai.Event] = []
    async with connect() as client:
        await collected(client, sources, path)
    put_in_doubt(server, path, is_made=True)
    async with connect() as client:
        await collected(client, sources, path, on_event=events.append)
    for index in range(2):
        searching, submitted = [event for event in events if event.index == index][:2]
        assert isinstance(searching, aai.Searching)
        assert 0 < searching.seconds <= sum(submission._CHECK_DELAYS)
        assert isinstance(submitted, aai.Submitted)


async def test_a_row_is_in_doubt_only_once_its_submit_is_sent(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """Those that wait for a connection have made nothing, and the next batch needs not look for them."""
    server.always("POST /v2/transcript", hang())
    sources = [b"recording %d" % number for number in range(60)]
    async with connect(timeouts=aai.Timeouts(cancel_grace=0.1)) as client:
        async with aai.transcribe_all(client, sources, journal=path):
            with anyio.fail_after(60):
                while server.count("POST /v2/upload") < 60 or sum(states(path).values()) < 60:
                    await anyio.sleep(0.01)
                while states(path)["pending"]:
                    await anyio.sleep(0.01)
            counts = states(path)
            sent = server.count("POST /v2/transcript")
    assert 0 < counts["submitting"] <= 16
    assert counts["uploaded"] == 60 - counts["submitting"]
    assert sent <= 16


async def test_a_row_whose_submit_was_refused_for_now_is_in_no_doubt_until_it_is_sent_again(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """A kill in that time leaves nothing to be looked for."""
    server.on("POST /v2/transcript", status(429, headers={"Retry-After": "5"}))
    async with connect(timeouts=aai.Timeouts(cancel_grace=0.1)) as client:
        async with aai.transcribe_all(client, [b"a recording"], journal=path):
            with anyio.fail_after(60):
                while server.count("POST /v2/transcript") < 1:
                    await anyio.sleep(0.01)
                while states(path) != {"uploaded": 1}:
                    await anyio.sleep(0.01)


async def test_a_row_whose_answer_was_lost_stays_in_doubt_when_its_next_submit_is_refused(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """The job that may have been made then is looked for by the next batch."""

    async def lost(exchange: Exchange) -> None:
        await exchange.read_body()
        exchange.process()
        server.service.jobs[-1].listed_from = math.inf
        exchange.reset()

    server.on("POST /v2/transcript", lost, status(400, body=b'{"error": "no"}'))
    async with connect() as client:
        [outcome] = await collected(client, [b"a recording"], path)
    assert isinstance(outcome.error, aai.AmbiguousSubmitError)
    assert outcome.stage == "submitting"
    assert states(path) == {"submitting": 1}
    server.service.jobs[0].listed_from = -math.inf
    async with connect() as client:
        [outcome] = await collected(client, [b"a recording"], path)
    assert outcome.unwrap().id == server.service.jobs[0].id
    assert len(server.service.jobs) == 1


async def test_a_row_in_doubt_is_called_neither_uploaded_nor_submitted(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """In the journal, and in the outcome of a batch that ends during the search."""
    async with connect() as client:
        await collected(client, [b"a recording"], path)
    put_in_doubt(server, path, is_made=False)
    async with aai.Journal.open(path) as journal:
        [outcome] = [outcome async for outcome in journal.outcomes()]
    assert (outcome.stage, outcome.transcript_id, outcome.error) == ("submitting", None, None)
    server.always("GET /v2/transcript", hang())
    async with connect(timeouts=aai.Timeouts(cancel_grace=0.1)) as client:
        async with aai.transcribe_all(client, [b"a recording"], journal=path) as batch:
            with anyio.fail_after(60):
                while not server.count("GET /v2/transcript"):
                    await anyio.sleep(0.01)
    assert [outcome.stage for outcome in batch.remaining] == ["submitting"]


async def test_searches_at_the_same_time_share_the_pages_of_the_list(
    server: FaultServer, connect: Connect
) -> None:
    """Also those of calls whose answers were lost just now."""

    async def lost(exchange: Exchange) -> None:
        await exchange.read_body()
        exchange.process()
        exchange.reset()

    server.on("POST /v2/transcript", *[lost] * 30, normal())
    async with connect() as client, anyio.create_task_group() as tasks:
        for number in range(30):
            tasks.start_soon(client.submit, b"recording %d" % number)
    assert len(server.service.jobs) == 30
    assert server.count("GET /v2/transcript") < 30
