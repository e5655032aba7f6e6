"""A job that failed for the service's own reasons is submitted again once; for reasons of its file, never."""

from __future__ import annotations

import contextlib
import io
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import faults
import pytest
from fault_server import FaultServer
from lanes import Connect, one_library_of_each_loop

import aai_async as aai

pytestmark = pytest.mark.usefixtures("quick_looks")

OWN = "Internal server error. Please retry your request. If the error persists, please contact support."
OLD = "Server error, developers have been alerted"
FILE = "Download error to https://a.example/x.mp3, 500 Server Error: Internal Server Error for url: https://a.example"

lane = one_library_of_each_loop


def failing(server: FaultServer, *reasons: str) -> None:
    """Let the first jobs fail for these reasons."""
    left = list(reasons)
    server.service.fault_of = lambda _: left.pop(0) if left else None


async def run(
    client: aai.Client, sources: Any, journal: Path | None, **settings: Any
) -> tuple[list[aai.Outcome], aai.Summary]:
    with anyio.fail_after(60):
        async with aai.transcribe_all(client, sources, journal=journal, **settings) as batch:
            return await batch.collect(), batch.summary


def rows(path: Path) -> list[tuple[str, str, str | None]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT state, transcript_id, error FROM jobs ORDER BY id").fetchall()


async def _read_once(content: bytes) -> AsyncIterator[bytes]:
    yield content


Make = Callable[[Path], Any]

SOURCES: dict[str, Make] = {
    "file": lambda path: path,
    "url": lambda _: "https://media.test/call.mp3",
    "bytes": lambda _: b"a recording",
    "stream": lambda _: _read_once(b"a recording"),
    "open file": lambda path: io.BytesIO(path.read_bytes()),
}


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("reason", [OWN, OLD])
async def test_a_call_submits_a_job_again_that_failed_at_the_service(
    server: FaultServer, connect: Connect, recording: Path, kind: str, reason: str
) -> None:
    """Without another upload, so it works for a stream too; an event names the failure."""
    failing(server, reason)
    events: list[aai.Event] = []
    job = aai.JobHandle()
    async with connect(on_event=events.append) as client:
        transcript = await client.transcribe(SOURCES[kind](recording), job=job)
    first, second = server.service.jobs
    assert (transcript.id, job.transcript_id) == (second.id, second.id)
    assert first.audio_url == second.audio_url
    [retrying] = [event for event in events if isinstance(event, aai.Retrying)]
    assert retrying.operation == "transcribe"
    assert retrying.error.transcript_id == first.id
    assert retrying.error.is_transient


@pytest.mark.parametrize(
    ("reasons", "resubmits", "jobs"),
    [((OWN, OWN, OWN), 1, 2), ((OWN, OWN, OWN), 2, 3), ((OWN,), 0, 1), ((FILE,), 1, 1)],
    ids=["bounded", "more", "off", "fault of the file"],
)
@pytest.mark.parametrize("is_batch", [False, True], ids=["call", "batch"])
async def test_no_job_is_submitted_again_without_end_or_need(
    server: FaultServer,
    connect: Connect,
    recording: Path,
    reasons: Any,
    resubmits: int,
    jobs: int,
    is_batch: bool,
) -> None:
    """The error is that of the last job, and says whether trying again later can help."""
    failing(server, *reasons)
    async with connect(retry=aai.Retry(resubmits=resubmits)) as client:
        if is_batch:
            [outcome], _ = await run(client, [recording], None)
            error = outcome.error
        else:
            with pytest.raises(aai.TranscriptError) as caught:
                await client.transcribe(recording)
            error = caught.value
    assert isinstance(error, aai.TranscriptError)
    assert error.transcript_id == server.service.jobs[-1].id
    assert error.is_transient is (reasons[0] is OWN)
    assert len(server.service.jobs) == jobs


@pytest.mark.parametrize("has_journal", [False, True], ids=["no-journal", "journal"])
@pytest.mark.parametrize("kind", ["file", "url", "bytes"])
async def test_a_batch_submits_a_job_again_that_failed_at_the_service(
    server: FaultServer, connect: Connect, path: Path, recording: Path, kind: str, has_journal: bool
) -> None:
    """In the same row, and for its duplicates too; the next batch has the result."""
    failing(server, OWN)
    source, journal = SOURCES[kind](recording), path if has_journal else None
    async with connect() as client:
        outcomes, summary = await run(client, [source, source], journal)
        assert [outcome.unwrap().id for outcome in outcomes] == [server.service.jobs[1].id] * 2
        assert (summary.completed, summary.failed, summary.retries) == (2, 0, 1)
        if has_journal:
            assert rows(path) == [("done", server.service.jobs[1].id, None)]
            [again], _ = await run(client, [source], path)
            assert again.unwrap().id == server.service.jobs[1].id
    assert len(server.service.jobs) == 2


async def test_a_stream_of_a_batch_is_not_submitted_again(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """It cannot be read again; its item has the error of its job, and the journal the id."""
    failing(server, OWN)
    async with connect() as client:
        [outcome], _ = await run(client, [aai.Item(_read_once(b"a recording"), key="call 1")], path)
    assert isinstance(outcome.error, aai.TranscriptError)
    assert [row[:2] for row in rows(path)] == [("failed", server.service.jobs[0].id)]


async def test_an_answer_that_is_lost_as_a_job_is_submitted_again_makes_one_more_job(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """The job that has failed is not taken for it."""
    failing(server, OWN)
    server.on("POST /v2/transcript", faults.normal(), faults.reset_after_body(processed=True))
    async with connect() as client:
        [outcome], _ = await run(client, [recording], path)
        failing(server, OWN)
        server.on("POST /v2/transcript", faults.normal(), faults.reset_after_body(processed=True))
        transcript = await client.transcribe(b"another recording")
    assert outcome.unwrap().id == server.service.jobs[1].id
    assert transcript.id == server.service.jobs[3].id
    assert len(server.service.jobs) == 4


async def test_an_account_that_is_refused_meanwhile_ends_the_batch_and_keeps_the_job(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """The next batch goes on where this one had to stop."""
    failing(server, OWN)
    server.on("POST /v2/transcript", faults.normal(), faults.status(402))
    async with connect() as client:
        with pytest.raises(aai.BatchAbortedError) as caught:
            await run(client, [recording], path)
        assert not caught.value.is_transient
        [outcome], _ = await run(client, [recording], path)
    assert outcome.unwrap().id == server.service.jobs[1].id
    assert len(server.service.jobs) == 2


@pytest.mark.parametrize(
    ("error", "is_transient"),
    [
        (aai.ConnectError("refused"), True),
        (aai.DeadlineError("late"), True),
        (aai.ServerError("down", status=503, reply=""), True),
        (aai.RateLimitError("slow down", status=429, reply=""), True),
        (aai.AccountError("no credit", status=402, reply=""), False),
        (aai.RejectedError("bad", status=400, reply=""), False),
        (aai.SourceError("missing"), False),
        (aai.FileChangedError("changed"), True),
        (aai.OptionsError("wrong"), False),
        (aai.JournalFullError("full"), True),
        (aai.AmbiguousSubmitError("lost"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_says_whether_trying_again_can_help(error: aai.AAIError, is_transient: bool) -> None:
    assert error.is_transient is is_transient
    aborted = aai.BatchAbortedError("It was aborted.")
    aborted.__cause__ = error
    assert aborted.is_transient is is_transient
