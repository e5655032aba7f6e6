"""What a batch reports of its items."""

from __future__ import annotations

import hashlib
from pathlib import Path

import anyio
import anyio.lowlevel
import attrs
import faults
import pytest
from batches import GONE, Audios, OwnError, both_loops, check_each_has_its_job, recordings
from batches import connect as connect  # noqa: PLC0414 - a fixture
from blockbuster import blockbuster_ctx
from fault_server import Exchange, FaultServer
from hearing import Incidents
from lanes import LANES, Connect, Lane
from verbs import URL

import aai_async as aai


async def test_an_outcome_says_what_became_of_its_item(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Where it stood, what was given, how far it came, and what it has cost."""
    (path,) = recordings(tmp_path, 1)
    server.on("POST /v2/upload", faults.status(503))
    async with connect() as client, aai.transcribe_all(client, [path], max_uploads=1) as batch:
        (outcome,) = await batch.collect()
    (job,) = server.service.jobs
    assert outcome == aai.Outcome(
        index=0,
        source=path,
        stage="finished",
        attempts=3,
        transcript_id=job.id,
        upload_url=job.audio_url,
        transcript=outcome.transcript,
        # Of `{}`, as no option was given.
        options_digest=hashlib.sha256(b"{}").hexdigest(),
    )
    assert outcome.unwrap() is outcome.transcript
    assert outcome.unwrap().text == "What was said."
    assert "What was said" not in repr(outcome)
    assert job.audio_url not in repr(outcome)


def test_an_outcome_without_a_transcript_says_what_went_wrong() -> None:
    """Or that nothing has come of it yet, with the id."""
    error = aai.SourceError("It is empty.")
    with pytest.raises(aai.SourceError) as caught:
        aai.Outcome(index=0, source="a.wav", stage="pending", error=error).unwrap()
    assert caught.value is error
    with pytest.raises(aai.AAIError, match="The outcome has no transcript") as unfinished:
        aai.Outcome(index=0, source="a.wav", stage="submitted", transcript_id="one").unwrap()
    assert unfinished.value.transcript_id == "one"


def test_an_outcome_shows_of_bytes_no_more_than_their_beginning() -> None:
    """They may be millions."""
    assert len(repr(aai.Outcome(index=0, source=b"x" * 10**6, stage="pending"))) < 400


def test_a_summary_is_one_line() -> None:
    """Of what was done, and what it took."""
    summary = aai.Summary(
        completed=3,
        failed=1,
        unfinished=2,
        resumed=3,
        duplicates=2,
        audio_seconds=5400.0,
        elapsed=61.2,
        retries=4,
    )
    assert (summary.total, summary.audio_hours) == (6, 1.5)
    assert str(summary) == (
        "3 of 6 completed, 1 failed, 2 unfinished, 1 of them known already, 2 of them duplicates of others; "
        "1.50 hours of audio in 61 s, 4 retries"
    )
    assert str(aai.Summary(completed=2)) == "2 of 2 completed, 0 failed; 0 s of audio in 0 s, 0 retries"


@both_loops
async def test_a_batch_counts_what_it_has_done(server: FaultServer, connect: Connect, tmp_path: Path) -> None:
    """While it goes on, and when it is over; then the clock stands still."""
    one, other, third = recordings(tmp_path, 3)
    server.on("POST /v2/upload", faults.status(503), faults.status(503))
    sources = [one, other, third, one, tmp_path / "missing.wav"]

    async def with_duration(exchange: Exchange) -> None:
        await exchange.read_body()
        reply = exchange.process()
        await exchange.send(reply.with_body(reply.body[:-1] + b', "audio_duration": 1800}').render())

    server.always("GET /v2/transcript/*", with_duration)
    async with connect() as client, aai.transcribe_all(client, sources, max_jobs=5) as batch:
        assert batch.summary.total == 0
        await batch.collect()
        summary = batch.summary
        await anyio.sleep(0.02)
        assert batch.summary == summary
    assert batch.summary == summary
    assert 0 < summary.elapsed < 60
    assert attrs.evolve(summary, elapsed=0.0) == aai.Summary(
        completed=4, failed=1, resumed=1, duplicates=1, audio_seconds=4 * 1800.0, retries=2
    )


@both_loops
async def test_a_batch_that_is_left_counts_what_was_not_done(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Nothing of it is completed or failed."""
    server.service.looks_until_done = 10**9
    async with connect() as client:
        async with aai.transcribe_all(client, recordings(tmp_path, 5)) as batch:
            with anyio.fail_after(60):
                while len(server.service.jobs) < 5:
                    await anyio.sleep(0.01)
            assert batch.summary.unfinished == 5
    assert batch.summary.unfinished == len(batch.remaining) == 5


@both_loops
async def test_events_tell_to_which_item_they_happened(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """Both listeners, that of the batch and that of the client, get the index of the item."""
    of_batch, of_client = Incidents(), Incidents()
    server.on("POST /v2/upload", faults.normal(), faults.status(503))
    async with connect(on_event=of_client.hear) as client:
        async with aai.transcribe_all(
            client, recordings(tmp_path, 3), max_uploads=1, on_event=of_batch.hear
        ) as batch:
            outcomes = await batch.collect()
    submitted = {event.index: event.transcript_id for event in of_batch if isinstance(event, aai.Submitted)}
    assert submitted == {outcome.index: outcome.transcript_id for outcome in outcomes}
    retried = [(event.index, event.operation) for event in of_batch if isinstance(event, aai.Retrying)]
    assert retried == [(1, "upload")]
    assert of_client == of_batch
    assert len(of_batch) == 4


@both_loops
async def test_a_listener_that_fails_harms_no_item(
    server: FaultServer, connect: Connect, tmp_path: Path
) -> None:
    """What it raises is logged."""

    def fail(_: aai.Event) -> None:
        raise OwnError

    paths = recordings(tmp_path, 3)
    async with connect() as client, aai.transcribe_all(client, paths, on_event=fail) as batch:
        outcomes = await batch.collect()
    check_each_has_its_job(server, outcomes, paths)


@both_loops
async def test_a_batch_that_is_left_tells_of_the_jobs_that_go_on(
    server: FaultServer, connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log, for whoever does not ask for what remains."""
    server.service.looks_until_done = 10**9
    async with connect() as client:
        async with aai.transcribe_all(client, recordings(tmp_path, 3)) as batch:
            with anyio.fail_after(60):
                while len(server.service.jobs) < 3:
                    await anyio.sleep(0.01)
            await anyio.sleep(0.1)
    ids = ", ".join(str(outcome.transcript_id) for outcome in batch.remaining)
    assert "a batch has ended, and jobs continue (3): " in caplog.text
    assert all(name in caplog.text for name in ids.split(", "))


class TestBlocking:
    """What watches for calls that block knows asyncio only."""

    @pytest.fixture(params=[lane for lane in LANES if lane.backend == "asyncio"], ids=lambda lane: lane.name)
    def lane(self, request: pytest.FixtureRequest) -> Lane:
        return request.param  # type: ignore[no-any-return]

    async def test_a_batch_makes_no_blocking_call(
        self, server: FaultServer, connect: Connect, tmp_path: Path, quick_looks: None
    ) -> None:
        """Neither where files are told from others, nor in its journal, nor where things go wrong."""
        paths = recordings(tmp_path, 12)
        (tmp_path / "link.wav").symlink_to(paths[0])
        sources: Audios = [*paths, tmp_path / "link.wav", tmp_path / "missing.wav", b"bytes", URL]
        server.on("POST /v2/upload", faults.status(503), faults.reset_after_body())
        server.on("POST /v2/transcript", faults.reset_after_body(processed=True), GONE)
        journal = tmp_path / "calls.db"
        with blockbuster_ctx():
            async with connect() as client:
                for _ in range(2):
                    async with aai.transcribe_all(
                        client, iter(sources), journal=journal, dedupe_by_content=True
                    ) as batch:
                        outcomes = await batch.collect()
        assert [outcome.index for outcome in outcomes if outcome.error] == [13]
        assert len(server.service.jobs) == 14
