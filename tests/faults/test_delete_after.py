"""With `delete_after`, a transcript is deleted at the service once it is kept here, and never before."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Any

import anyio
import faults
import pytest
from fault_server import Exchange, FaultServer
from lanes import Connect, one_library_of_each_loop

import aai_async as aai
from aai_async._batch import deletions as batch_deletions
from aai_async._journal.deletions import deleted as record_deletion
from aai_async._journal.schema import SCHEMA

pytestmark = pytest.mark.usefixtures("quick_looks")

lane = one_library_of_each_loop


async def run(
    client: aai.Client, sources: Any, path: Path | aai.Journal, **settings: Any
) -> tuple[list[Any], aai.Summary]:
    with anyio.fail_after(60):
        async with aai.transcribe_all(client, sources, journal=path, **settings) as batch:
            return await batch.collect(), batch.summary


def deletions(path: Path) -> list[str | None]:
    """What the journal has recorded about each row."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        return [row[0] for row in connection.execute("SELECT deletion FROM jobs ORDER BY id")]


async def test_a_transcript_is_deleted_when_the_next_outcome_is_asked_for(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """Until then the caller may be writing it; afterwards the journal has the text."""
    async with (
        connect() as client,
        aai.transcribe_all(client, [b"0", b"1"], journal=path, delete_after=True) as batch,
    ):
        with anyio.fail_after(60):
            async for outcome in batch:
                (job,) = [one for one in server.service.jobs if one.id == outcome.transcript_id]
                assert not job.is_deleted
                assert outcome.unwrap().text == "What was said."
            assert [one async for one in batch] == []
    assert all(job.is_deleted for job in server.service.jobs)
    assert deletions(path) == ["done", "done"]
    assert batch.summary.undeleted == 0
    async with aai.Journal.open(path) as journal:
        assert [one.unwrap().text async for one in journal.outcomes()] == ["What was said."] * 2


async def test_a_deleted_transcript_comes_from_the_journal_in_the_next_batch(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """And is not deleted again."""
    async with connect() as client:
        await run(client, [b"0"], path, delete_after=True)
        before = len(server.requests)
        [outcome], summary = await run(client, [b"0"], path, delete_after=True)
    assert outcome.unwrap().text == "What was said."
    assert (len(server.requests), summary.resumed, summary.undeleted) == (before, 1, 0)


async def test_a_deletion_that_fails_loses_nothing_and_is_tried_again_by_the_next_batch(
    server: FaultServer, connect: Connect, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is reported; the next batch needs no recordings for it."""
    async with connect(retry=aai.Retry(attempts=1)) as client:
        server.on("DELETE *", faults.status(500))
        [outcome], summary = await run(client, [b"0"], path, delete_after=True)
        assert outcome.unwrap().text == "What was said."
        assert (summary.undeleted, deletions(path)) == (1, ["due"])
        assert "not deleted at the service yet" in str(summary)
        assert "deletion of transcript" in caplog.text
        await run(client, [], path)
        assert not server.service.jobs[0].is_deleted
        _, summary = await run(client, [], path, delete_after=True)
    assert (server.service.jobs[0].is_deleted, summary.undeleted, deletions(path)) == (True, 0, ["done"])


class Endless:
    """Sources without an end, as those of a watch."""

    def __init__(self, *sources: bytes) -> None:
        self._sources = list(sources)

    def __aiter__(self) -> Endless:
        return self

    async def __anext__(self) -> bytes:
        if not self._sources:
            await anyio.sleep_forever()
        return self._sources.pop()


async def leave_one_due(client: aai.Client, path: Path) -> None:
    """Transcribe a recording in a batch that ends before it has deleted the transcript."""
    async with aai.transcribe_all(client, [b"0"], journal=path, delete_after=True) as batch:
        with anyio.fail_after(60):
            await anext(batch)
    assert deletions(path) == ["due"]


async def test_a_batch_without_an_end_begins_with_what_an_earlier_one_has_left(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """A watch may go on for weeks."""
    async with connect() as client:
        await leave_one_due(client, path)
        with anyio.fail_after(60):
            async with aai.transcribe_all(client, Endless(), journal=path, delete_after=True) as batch:
                assert batch.summary.undeleted == 1
                while batch.summary.undeleted:
                    await anyio.sleep(0.01)
    assert (server.service.jobs[0].is_deleted, deletions(path)) == (True, ["done"])


async def test_a_deletion_that_fails_is_tried_again_while_the_batch_goes_on(
    server: FaultServer, connect: Connect, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that was left because there was no connection."""
    monkeypatch.setattr(batch_deletions, "_RETRY_INTERVAL", 0.05)
    server.on("DELETE *", faults.close())
    async with connect(retry=aai.Retry(attempts=1)) as client:
        batch = aai.transcribe_all(client, Endless(b"0", b"1"), journal=path, delete_after=True)
        with anyio.fail_after(60):
            async with batch, anyio.create_task_group() as tasks:
                tasks.start_soon(batch.collect)
                while batch.summary.completed < 2 or batch.summary.undeleted:
                    await anyio.sleep(0.01)
                tasks.cancel_scope.cancel()
    assert all(job.is_deleted for job in server.service.jobs)
    assert deletions(path) == ["done", "done"]


@pytest.mark.parametrize("was_deleted", [False, True])
async def test_what_a_killed_batch_has_not_deleted_the_next_one_does(
    server: FaultServer, connect: Connect, path: Path, was_deleted: bool
) -> None:
    """Whether the kill came before the request, or before the journal recorded its reply."""
    async with connect() as client:
        await leave_one_due(client, path)
        if was_deleted:
            await client.delete(server.service.jobs[0].id)
        [outcome], summary = await run(client, [b"0"], path, delete_after=True)
    assert outcome.unwrap().text == "What was said."
    assert (server.service.jobs[0].is_deleted, summary.undeleted, deletions(path)) == (True, 0, ["done"])


async def test_a_transcript_of_an_earlier_batch_is_stored_before_it_is_deleted(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """Also if that one kept no results."""
    async with connect() as client:
        await run(client, [b"0"], aai.Journal(path, keep_results=False))
        [outcome], _ = await run(client, [b"0"], path, delete_after=True)
        assert server.service.jobs[0].is_deleted
        [again], _ = await run(client, [b"0"], path)
    assert outcome.unwrap().text == again.unwrap().text == "What was said."


def test_a_deletion_is_recorded_without_a_search_of_the_whole_journal() -> None:
    """Otherwise the deletions of a long batch take a time that grows with the square of its length."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        record_deletion(connection, 1, "transcript")
        connection.set_trace_callback(None)
        changes = [one for one in statements if one.startswith("UPDATE")]
        (plan,) = connection.execute(f"EXPLAIN QUERY PLAN {changes[0]}").fetchall()
    assert "PRIMARY KEY" in plan[-1]


async def test_a_batch_that_is_left_early_states_what_is_not_deleted(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """After its end nothing more is sent, and there are no more outcomes."""
    async with connect() as client:
        batch = aai.transcribe_all(client, [b"0"], journal=path, delete_after=True)
        with anyio.fail_after(60):
            async with batch:
                await anext(batch)
            assert (batch.summary.undeleted, deletions(path)) == (1, ["due"])
            assert await batch.collect() == []
    assert not server.service.jobs[0].is_deleted


async def test_an_end_that_is_cancelled_amid_a_deletion_can_be_waited_for_again(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """The deletion goes on meanwhile."""
    is_asked, may_answer = threading.Event(), threading.Event()

    async def held(exchange: Exchange) -> None:
        is_asked.set()
        while not may_answer.is_set():
            await asyncio.sleep(0.01)
        await exchange.answer()

    server.on("DELETE *", held)
    async with connect() as client:
        batch = aai.transcribe_all(client, [b"0"], journal=path, delete_after=True)
        with anyio.fail_after(60):
            async with batch:
                await anext(batch)
                with anyio.CancelScope() as waiting:
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(batch.collect)
                        while not is_asked.is_set():
                            await anyio.sleep(0.01)
                        # By then, the end waits for the deletion.
                        await anyio.sleep(0.2)
                        waiting.cancel()
                may_answer.set()
                assert await batch.collect() == []
    assert (server.service.jobs[0].is_deleted, batch.summary.undeleted) == (True, 0)


async def test_a_row_that_was_started_again_is_deleted_again(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """It has another transcript than the one that is deleted."""
    server.service.fault_of = lambda _: "Not a recording."
    async with connect() as client:
        await run(client, [b"0"], path)
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE jobs SET deletion = 'done'")
        server.service.fault_of = lambda _: None
        [outcome], _ = await run(client, [b"0"], path, delete_after=True)
    assert outcome.unwrap().text == "What was said."
    assert (server.service.jobs[-1].is_deleted, deletions(path)) == (True, ["done"])


async def test_a_job_that_failed_is_not_deleted(server: FaultServer, connect: Connect, path: Path) -> None:
    """It has no text."""
    server.service.fault_of = lambda _: "Not a recording."
    async with connect() as client:
        [outcome], _ = await run(client, [b"0"], path, delete_after=True)
    assert outcome.error is not None
    assert (server.service.jobs[0].is_deleted, deletions(path)) == (False, [None])


async def test_without_a_journal_that_keeps_results_nothing_is_deleted(connect: Connect, path: Path) -> None:
    """It is refused: nothing would have the text afterwards."""
    async with connect() as client:
        for journal in (None, aai.Journal(path, keep_results=False)):
            with pytest.raises(aai.ConfigError, match="delete_after needs a journal that keeps results"):
                aai.transcribe_all(client, [b"0"], journal=journal, delete_after=True)
