"""A job that was paid for is not given up because looking at it failed: the next batch asks for it first."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import anyio
import pytest
from fault_server import Exchange, Fault, FaultServer
from faults import normal, reply_json, status
from lanes import Connect, one_library_of_each_loop

import aai_async as aai
from aai_async._jobs import watcher

pytestmark = pytest.mark.usefixtures("quick_looks")

NOT_FOUND = reply_json({"error": "Transcript lookup error, transcript id not found"}, 400)

lane = one_library_of_each_loop


async def run(client: aai.Client, path: Path, sources: Any = (b"a recording",)) -> list[aai.Outcome]:
    """Do a batch from its beginning to its end."""
    with anyio.fail_after(60):
        async with aai.transcribe_all(client, sources, journal=path) as batch:
            return await batch.collect()


def rows(path: Path) -> list[sqlite3.Row]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute("SELECT * FROM jobs").fetchall()


class Gone:
    """What the service says of each job."""

    fault: Fault = staticmethod(NOT_FOUND)


@pytest.fixture
def gone(server: FaultServer, connect: Connect, path: Path, monkeypatch: pytest.MonkeyPatch) -> Gone:
    """A service that says of each job that there is none, for longer than new jobs may be unknown."""
    monkeypatch.setattr(watcher, "_LAG", 0.05)
    gone = Gone()

    async def answer(exchange: Exchange) -> None:
        await gone.fault(exchange)

    server.always("GET /v2/transcript/*", answer)
    return gone


async def test_a_job_that_could_not_be_found_for_a_while_is_fetched_by_the_next_batch(
    server: FaultServer, connect: Connect, path: Path, gone: Gone
) -> None:
    """And not paid for again."""
    async with connect() as client:
        [outcome] = await run(client, path)
        assert isinstance(outcome.error, aai.NotFoundError)
        assert [(row["state"], row["transcript_id"]) for row in rows(path)] == [
            ("failed", server.service.jobs[0].id)
        ]
        gone.fault = normal()
        [outcome] = await run(client, path)
        assert outcome.unwrap().id == server.service.jobs[0].id
        assert outcome.attempts == 0
        [outcome] = await run(client, path)
    assert outcome.unwrap().id == server.service.jobs[0].id
    assert len(server.service.jobs) == 1
    assert [(row["state"], row["error"]) for row in rows(path)] == [("done", None)]


async def test_a_job_that_could_not_be_found_and_is_at_work_is_waited_for(
    server: FaultServer, connect: Connect, path: Path, gone: Gone
) -> None:
    """As if it had not been given up."""
    server.service.looks_until_done = 4
    async with connect() as client:
        await run(client, path)
        gone.fault = normal()
        [outcome] = await run(client, path)
    assert outcome.unwrap().id == server.service.jobs[0].id
    assert len(server.service.jobs) == 1


async def test_a_batch_that_is_left_while_it_waits_for_such_a_job_gives_it_to_the_next(
    server: FaultServer, connect: Connect, path: Path, gone: Gone
) -> None:
    """The journal has it as submitted again."""
    server.service.looks_until_done = 10**9
    async with connect() as client:
        await run(client, path)
        gone.fault = normal()
        async with aai.transcribe_all(client, [b"a recording"], journal=path):
            with anyio.fail_after(60):
                while [row["state"] for row in rows(path)] != ["submitted"]:
                    await anyio.sleep(0.01)
        server.service.looks_until_done = 1
        [outcome] = await run(client, path)
    assert outcome.unwrap().id == server.service.jobs[0].id
    assert len(server.service.jobs) == 1


async def test_a_job_that_is_still_not_there_is_asked_for_once_and_made_again(
    server: FaultServer, connect: Connect, path: Path, gone: Gone
) -> None:
    """By then the service has said twice, in two runs, that there is none."""
    async with connect() as client:
        await run(client, path)
        first = server.service.jobs[0].id
        asked = server.count(f"GET /v2/transcript/{first}")
        await run(client, path)
        assert server.count(f"GET /v2/transcript/{first}") == asked + 1
        gone.fault = normal()
        [outcome] = await run(client, path)
    assert outcome.unwrap().id == server.service.jobs[1].id
    assert len(server.service.jobs) == 2


@pytest.mark.parametrize("kind", ["404", "500", "401", "html"])
async def test_a_job_that_cannot_be_asked_for_is_not_made_again(
    server: FaultServer, connect: Connect, path: Path, gone: Gone, kind: str
) -> None:
    """Its id stays, for the batch after that."""
    async with connect(retry=aai.Retry(initial_delay=0.01, attempts=2)) as client:
        await run(client, path)
        gone.fault = reply_json(b"<html>", 200) if kind == "html" else status(int(kind))
        outcomes: list[aai.Outcome] = []
        with contextlib.suppress(aai.BatchAbortedError):
            outcomes = await run(client, path)
        assert all(outcome.transcript is None for outcome in outcomes)
        assert len(server.service.jobs) == 1
        gone.fault = normal()
        [outcome] = await run(client, path)
    assert outcome.unwrap().id == server.service.jobs[0].id
    assert len(server.service.jobs) == 1


async def test_a_job_that_has_failed_is_made_again(server: FaultServer, connect: Connect, path: Path) -> None:
    """It was the service's verdict, and stays so when it is asked for once more."""
    server.service.fault_of = lambda _: "No speech."
    async with connect() as client:
        [outcome] = await run(client, path)
        assert isinstance(outcome.error, aai.TranscriptError)
        server.service.fault_of = lambda _: None
        [outcome] = await run(client, path)
    assert outcome.unwrap().id == server.service.jobs[1].id
    assert len(server.service.jobs) == 2


async def test_a_job_that_was_given_up_and_is_deleted_is_made_again(
    server: FaultServer, connect: Connect, path: Path, gone: Gone
) -> None:
    """There is nothing left of it that could be fetched."""
    async with connect() as client:
        await run(client, path)
        gone.fault = normal()
        await client.delete(server.service.jobs[0].id)
        [outcome] = await run(client, path)
    assert outcome.unwrap().id == server.service.jobs[1].id


async def test_many_jobs_that_were_given_up_are_all_fetched(
    server: FaultServer, connect: Connect, path: Path, gone: Gone
) -> None:
    """Addresses as well as recordings."""
    sources = [*(b"recording %d" % number for number in range(10)), "https://example.com/a.mp3"]
    async with connect() as client:
        await run(client, path, sources)
        gone.fault = normal()
        outcomes = await run(client, path, sources)
    assert {outcome.unwrap().id for outcome in outcomes} == {job.id for job in server.service.jobs}
    assert len(server.service.jobs) == 11
