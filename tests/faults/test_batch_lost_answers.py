"""A batch whose submits lose their answers."""

from __future__ import annotations

from pathlib import Path

import faults
from batches import both_loops, check_each_has_its_job, recordings
from batches import connect as connect  # noqa: PLC0414 - a fixture
from fault_server import Exchange, FaultServer
from lanes import Connect

import aai_async as aai


@both_loops
async def test_answers_that_are_lost_are_found_in_a_list_that_lags(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """By a second and a half, of all items."""
    paths = recordings(tmp_path, 6)
    server.service.listing_lag = 1.5
    server.on("POST /v2/transcript", *[faults.reset_after_body(processed=True)] * 6)
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)
    assert server.count("POST /v2/transcript") == 6


@both_loops
async def test_a_batch_whose_jobs_are_never_listed_is_looked_at_by_ids(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Where no answer is lost the list is no more than a saving."""
    paths = recordings(tmp_path, 12)
    server.service.listing_lag = float("inf")
    server.service.looks_until_done = 3
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)


@both_loops
async def test_a_batch_finds_its_jobs_behind_pages_of_others(
    server: FaultServer, connect: Connect, tmp_path: Path, quick_looks: None
) -> None:
    """Those whose answers were lost, and those that it waits for."""
    paths = recordings(tmp_path, 10)

    async def crowded(exchange: Exchange) -> None:
        await exchange.read_body()
        exchange.process()
        others = [b'{"audio_url": "https://example.com/other"}'] * 60
        for body in others:
            exchange.service._submit(body)
        exchange.reset()

    server.on("POST /v2/transcript", *[crowded] * 10)
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    del server.service.jobs[:]  # of which most are not ours
    assert [outcome.error for outcome in outcomes] == [None] * 10
    assert len({outcome.transcript_id for outcome in outcomes}) == 10
    assert server.count("POST /v2/transcript") == 10
