"""A batch whose key, account or upload is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import faults
import pytest
from batches import GONE, Census, both_loops, check_each_has_its_job, recordings
from batches import connect as connect  # noqa: PLC0414 - a fixture
from fault_server import Exchange, FaultServer
from lanes import Connect
from verbs import URL

import aai_async as aai


async def test_a_key_that_is_refused_stops_a_batch(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """After as many requests as may be under way at once."""
    server.always("*", faults.status(401))
    async with (
        connect() as client,
        aai.transcribe_all(client, recordings(tmp_path, 60), max_uploads=4) as batch,
    ):
        with pytest.raises(
            aai.BatchAbortedError, match="The batch was aborted after 0 transcripts"
        ) as caught:
            await batch.collect()
    assert isinstance(caught.value.__cause__, aai.AccountError)
    assert 1 <= len(server.requests) <= 4
    assert server.service.jobs == []


async def test_a_key_that_is_revoked_stops_a_batch(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """What had finished was given, and what was under way is known by its id."""
    at_revocation: list[int] = []

    async def until_revoked(exchange: Exchange) -> None:
        if len(server.service.jobs) < 20:
            await exchange.answer()
            return
        await faults.status(401)(exchange)
        at_revocation.append(len(server.requests))

    server.service.looks_until_done = 3
    server.always("*", until_revoked)
    async with (
        connect() as client,
        aai.transcribe_all(client, recordings(tmp_path, 60), max_uploads=4) as batch,
    ):
        with pytest.raises(aai.BatchAbortedError) as caught:
            await batch.collect()
    assert isinstance(caught.value.__cause__, aai.AccountError)
    assert len(server.requests) - at_revocation[0] <= 4 + 16
    known = {outcome.transcript_id for outcome in caught.value.outcomes + caught.value.unfinished}
    assert {job.id for job in server.service.jobs} <= known
    assert batch.remaining == caught.value.unfinished


@pytest.mark.parametrize("status", [402, 403])
async def test_an_account_that_may_not_submit_stops_a_batch(
    server: FaultServer, connect: Connect, tmp_path: Path, status: int
) -> None:
    """The jobs that are made are waited for, and nothing more is sent."""
    drawn = 0

    async def until_spent(exchange: Exchange) -> None:
        await (exchange.answer() if len(server.service.jobs) < 10 else refuse(exchange))

    refuse = faults.status(status, body=b'{"error": "Your current account balance is negative."}')

    def counted() -> Iterator[Path]:
        nonlocal drawn
        for path in recordings(tmp_path, 60):
            drawn += 1
            yield path

    server.service.looks_until_done = 5
    server.always("POST /v2/transcript", until_spent)
    parting = aai.Timeouts(cancel_grace=0.5)
    async with (
        connect(timeouts=parting) as client,
        aai.transcribe_all(client, counted(), max_uploads=4) as batch,
    ):
        with pytest.raises(aai.BatchAbortedError, match="balance") as caught:
            await batch.collect()
    assert isinstance(caught.value.__cause__, aai.AccountError)
    assert caught.value.__cause__.status == status
    done = {outcome.transcript_id for outcome in caught.value.outcomes if outcome.transcript}
    assert done == {job.id for job in server.service.jobs}
    assert len(done) >= 10
    assert server.count("POST /v2/upload") <= drawn < 40
    assert server.count("POST /v2/transcript") < 40
    assert len(caught.value.outcomes) + len(caught.value.unfinished) == drawn
    assert {outcome.transcript_id for outcome in caught.value.unfinished} <= {None}


async def test_an_upload_that_is_gone_is_made_again(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Once, and the batch goes on."""
    paths = recordings(tmp_path, 10)
    server.on("POST /v2/transcript", faults.normal(), GONE)
    async with connect() as client, aai.transcribe_all(client, paths) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)
    assert server.count("POST /v2/upload") == 11
    assert sorted(outcome.attempts for outcome in outcomes) == [2] * 9 + [4]


@both_loops
async def test_an_upload_that_is_gone_twice_is_an_error_of_its_item(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It says nothing about the account, so the others are fine."""
    server.on("POST /v2/transcript", GONE, GONE)
    async with (
        connect() as client,
        aai.transcribe_all(client, recordings(tmp_path, 10), max_jobs=1, max_uploads=1) as batch,
    ):
        first, *others = await batch.collect()
    assert isinstance(first.error, aai.UploadGoneError)
    assert (first.stage, first.attempts, first.transcript_id) == ("uploaded", 4, None)
    assert all(outcome.transcript for outcome in others)
    assert len(server.service.jobs) == 9


@both_loops
async def test_the_url_that_the_service_cannot_use_is_not_submitted_again(
    server: FaultServer, connect: Connect
) -> None:
    """It is not ours to upload."""
    server.on("POST /v2/transcript", GONE)
    async with connect() as client, aai.transcribe_all(client, [URL]) as batch:
        (outcome,) = await batch.collect()
    assert isinstance(outcome.error, aai.UploadGoneError)
    assert server.count("POST *") == 1


@both_loops
async def test_uploads_that_are_made_again_are_no_more_at_once_than_others(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """The link is what it was."""
    census = Census(server)
    server.always("POST /v2/upload", census.of("uploads", 0.02))
    server.on("POST /v2/transcript", *[GONE] * 20)
    paths = recordings(tmp_path, 20)
    async with connect() as client, aai.transcribe_all(client, paths, max_uploads=1) as batch:
        await batch.collect()
    assert census.most["uploads"] == 1


@pytest.mark.parametrize("status", [400, 404, 405, 410, 501])
async def test_a_list_that_is_refused_holds_up_no_first_submit(
    server: FaultServer, connect: Connect, tmp_path: Path, status: int
) -> None:
    """It is read before that for the clock of the service alone, which a refusal shows too."""
    server.always("GET /v2/transcript", faults.status(status))
    urls = [f"https://example.com/{number}.mp3" for number in range(3)]
    async with connect() as client, aai.transcribe_all(client, urls, journal=tmp_path / "journal") as batch:
        outcomes = await batch.collect()
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert server.count("POST /v2/transcript") == 3


async def test_an_account_that_may_not_read_the_list_stops_a_batch(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """It may submit nothing either."""
    server.always("GET /v2/transcript", faults.status(402))
    async with connect() as client, aai.transcribe_all(client, [URL], journal=tmp_path / "journal") as batch:
        with pytest.raises(aai.BatchAbortedError):
            await batch.collect()
    assert server.count("POST /v2/transcript") == 0
