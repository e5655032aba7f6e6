"""A job that has ended is polled at once by whoever waits for it, however long it may have been over."""

from __future__ import annotations

import threading
from pathlib import Path

import anyio
import faults
import pytest
from fault_server import Exchange, FaultServer, Job
from lanes import LANES, Connect

import aai_async as aai

pytestmark = pytest.mark.parametrize("lane", LANES[:2], ids=lambda lane: lane.name)

PATIENT = aai.Polling(initial_delay=600.0)

WEBHOOK = aai.Options(webhook_url="https://example.com/hook")


async def test_a_job_that_has_ended_is_fetched_at_once(
    server: FaultServer, connect: Connect, known: Job
) -> None:
    """As `aai-async get --wait` does, one after the other."""
    async with connect(polling=PATIENT) as client:
        with anyio.fail_after(30):
            for _ in range(5):
                await client.wait(known.id)
    assert server.count("GET *") == 5


async def test_a_masked_recording_that_is_ready_is_fetched_at_once(
    server: FaultServer, connect: Connect, known: Job, target: Path
) -> None:
    """It is asked for when the transcript is there, and was made with it."""
    async with connect(polling=PATIENT) as client:
        with anyio.fail_after(30):
            await client.save_redacted_audio(known.id, target)
    assert target.exists()


@pytest.mark.parametrize("options", [aai.Options(), WEBHOOK], ids=["polled", "notified"])
async def test_a_batch_that_is_taken_up_fetches_at_once_what_has_ended(
    server: FaultServer, connect: Connect, tmp_path: Path, options: aai.Options
) -> None:
    """Also where its notifications have gone to the batch before it."""
    journal, sources, submitted = tmp_path / "calls.db", [b"1", b"2", b"3", b"4", b"5"], 0

    def hear(event: aai.Event) -> None:
        nonlocal submitted
        submitted += isinstance(event, aai.Submitted)

    async with connect(polling=PATIENT) as client:
        async with aai.transcribe_all(client, sources, options, journal=journal, on_event=hear):
            with anyio.fail_after(30):
                while submitted < len(sources):
                    await anyio.sleep(0.01)
    async with connect(polling=PATIENT) as client:
        batch = aai.transcribe_all(client, sources, options, journal=journal, notifications=aai.Inbox())
        with anyio.fail_after(30):
            async with batch:
                outcomes = await batch.collect()
    assert [outcome.transcript is not None for outcome in outcomes] == [True] * len(sources)
    assert len(server.service.jobs) == len(sources)


async def test_a_job_that_is_found_again_is_fetched_at_once(
    server: FaultServer, connect: Connect, tmp_path: Path, quick_looks: None
) -> None:
    """The answer of its submit was lost to an earlier batch."""
    is_hidden, journal = threading.Event(), tmp_path / "calls.db"

    async def unless_hidden(exchange: Exchange) -> None:
        await (faults.hang()(exchange) if is_hidden.is_set() else exchange.answer())

    is_hidden.set()
    server.on("POST /v2/transcript", faults.hang(processed=True))
    server.always("GET *", unless_hidden)
    async with connect(polling=PATIENT, timeouts=aai.Timeouts(cancel_grace=0.1)) as client:
        async with aai.transcribe_all(client, [b"1"], journal=journal):
            with anyio.fail_after(30):
                while not server.service.jobs:
                    await anyio.sleep(0.01)
    is_hidden.clear()
    async with (
        connect(polling=PATIENT) as client,
        aai.transcribe_all(client, [b"1"], journal=journal) as batch,
    ):
        with anyio.fail_after(30):
            (outcome,) = await batch.collect()
    assert outcome.transcript
    assert len(server.service.jobs) == 1
