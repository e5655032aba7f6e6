"""A row that no later batch can find again does not stay unfinished in the journal for ever."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from fault_server import Exchange, Fault, FaultServer
from faults import normal, status
from lanes import Connect, one_library_of_each_loop

import aai_async as aai

pytestmark = pytest.mark.usefixtures("quick_looks")

lane = one_library_of_each_loop


async def run(client: aai.Client, sources: Any, path: Path, **settings: Any) -> list[aai.Outcome]:
    """Do a batch to its end, or until it is given up."""
    with anyio.fail_after(60), contextlib.suppress(aai.BatchAbortedError):
        async with aai.transcribe_all(client, sources, journal=path, **settings) as batch:
            return await batch.collect()
    return []


def rows(path: Path) -> list[tuple[str, str | None]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT state, transcript_id FROM jobs ORDER BY id").fetchall()


def copied(path: Path, to: Path) -> None:
    """Give to another file what a kill would leave of a journal in this moment."""
    with (
        contextlib.closing(sqlite3.connect(path)) as connection,
        contextlib.closing(sqlite3.connect(to)) as copy,
    ):
        connection.backup(copy)


def edited_during(recording: Path) -> Fault:
    """The file grows while it is uploaded."""

    async def fault(exchange: Exchange) -> None:
        recording.write_bytes(b"a recording that goes on")
        await status(503)(exchange)

    return fault


@pytest.mark.parametrize("by_content", [False, True], ids=["by-path", "by-content"])
async def test_a_file_that_changes_while_it_is_uploaded_leaves_no_row(
    server: FaultServer, connect: Connect, path: Path, recording: Path, by_content: bool
) -> None:
    """Its error is told, and the next batch has the new version alone."""
    server.on("POST /v2/upload", edited_during(recording))
    async with connect() as client:
        [outcome] = await run(client, [recording], path, dedupe_by_content=by_content)
        assert isinstance(outcome.error, aai.FileChangedError)
        assert rows(path) == []
        [outcome] = await run(client, [recording], path, dedupe_by_content=by_content)
    assert outcome.unwrap().text == "What was said."
    async with aai.Journal.open(path) as journal:
        summary = await journal.summary()
    assert (summary.completed, summary.total) == (1, 1)


@pytest.mark.parametrize("stage", ["pending", "uploaded"])
@pytest.mark.parametrize("name", ["path", "link", "relative"])
async def test_a_file_that_is_edited_between_batches_leaves_no_row_that_is_not_paid_for(
    server: FaultServer, connect: Connect, path: Path, recording: Path, stage: str, name: str
) -> None:
    """By whatever name it comes."""
    link = recording.with_name("link.wav")
    link.symlink_to(recording)
    server.on("POST /v2/upload" if stage == "pending" else "POST /v2/transcript", status(402))
    async with connect() as client:
        await run(client, [recording], path)
        assert [state for state, _ in rows(path)] == [stage]
        recording.write_bytes(b"a recording that goes on")
        source = {"path": recording, "link": link, "relative": os.path.relpath(recording)}[name]
        [outcome] = await run(client, [source], path)
    assert rows(path) == [("done", outcome.unwrap().id)]
    assert len(server.service.jobs) == 1


async def test_rows_of_other_options_and_of_other_files_stay(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """They are found again by their own."""
    other = recording.with_name("other.wav")
    other.write_bytes(b"another recording")
    german = aai.Options(language_code="de")
    server.on("POST /v2/upload", *[status(402)] * 3)
    async with connect() as client:
        for source in (recording, (recording, german), other):
            await run(client, [source], path)
        recording.write_bytes(b"a recording that goes on")
        await run(client, [recording], path)
        assert [state for state, _ in rows(path)] == ["pending", "pending", "done"]
        await run(client, [(recording, german), other], path)
    assert {state for state, _ in rows(path)} == {"done"}
    assert len(rows(path)) == 3


async def test_rows_with_a_key_stay_whatever_becomes_of_their_files(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """Two keys of one file are two recordings."""
    server.on("POST /v2/upload", edited_during(recording), normal())
    items = [aai.Item(recording, key="a"), aai.Item(recording, key="b")]
    async with connect() as client:
        [outcome] = await run(client, items[:1], path)
        assert isinstance(outcome.error, aai.FileChangedError)
        assert [state for state, _ in rows(path)] == ["pending"]
        await run(client, items, path)
    assert [state for state, _ in rows(path)] == ["done", "done"]


async def test_a_job_of_a_former_version_is_told_as_such_and_fetched_if_the_file_changes_back(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """It was paid for, so its id stays."""
    left = path.with_name("left.db")
    before = recording.stat()

    async def killed(exchange: Exchange) -> None:
        copied(path, left)
        await exchange.answer()

    server.on("GET /v2/transcript/*", killed)
    async with connect() as client:
        await run(client, [recording], path)
        assert [state for state, _ in rows(left)] == ["submitted"]
        recording.write_bytes(b"another recording")
        await run(client, [recording], left)
        async with aai.Journal.open(left) as journal:
            first, second = [outcome async for outcome in journal.outcomes()]
            assert (await journal.summary()).unfinished == 0
        assert (first.stage, first.transcript_id) == ("finished", server.service.jobs[0].id)
        assert "earlier content" in str(first.error)
        assert second.unwrap().id == server.service.jobs[1].id
        recording.write_bytes(b"a recording")
        os.utime(recording, ns=(before.st_atime_ns, before.st_mtime_ns))
        [outcome] = await run(client, [recording], left)
    assert outcome.unwrap().id == server.service.jobs[0].id
    assert len(server.service.jobs) == 2


@pytest.mark.parametrize("is_made", [True, False], ids=["made", "not-made"])
async def test_a_job_in_doubt_of_a_former_version_is_looked_for_if_the_file_changes_back(
    server: FaultServer, connect: Connect, path: Path, recording: Path, is_made: bool
) -> None:
    """And is not paid for again."""
    left = path.with_name("left.db")
    before = recording.stat()

    async def killed(exchange: Exchange) -> None:
        await exchange.read_body()
        if is_made:
            exchange.process()
        copied(path, left)
        await status(402)(exchange)

    server.on("POST /v2/transcript", killed)
    async with connect() as client:
        await run(client, [recording], path)
        recording.write_bytes(b"another recording")
        await run(client, [recording], left)
        recording.write_bytes(b"a recording")
        os.utime(recording, ns=(before.st_atime_ns, before.st_mtime_ns))
        [outcome] = await run(client, [recording], left)
    assert outcome.unwrap().text == "What was said."
    assert len(server.service.jobs) == 2


@pytest.mark.parametrize("moment", ["POST /v2/upload", "POST /v2/transcript"])
async def test_a_stream_that_is_not_submitted_leaves_no_row(
    server: FaultServer, connect: Connect, path: Path, moment: str
) -> None:
    """Nothing recognises it in the next batch; whether its batch ends, or is killed."""
    left = path.with_name("left.db")

    async def stream() -> AsyncIterator[bytes]:
        yield b"a recording"

    async def refused(exchange: Exchange) -> None:
        copied(path, left)
        await status(400)(exchange)

    server.on(moment, refused)
    async with connect() as client:
        [outcome] = await run(client, [stream()], path)
        assert isinstance(outcome.error, aai.RejectedError)
        assert rows(path) == []
        assert len(rows(left)) == 1
        await run(client, [], left)
    assert [state for state, _ in rows(left)] in ([], ["submitting"])


async def test_a_stream_that_was_submitted_keeps_its_row(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """With the id of its job."""

    async def stream() -> AsyncIterator[bytes]:
        yield b"a recording"

    async with connect() as client:
        [outcome] = await run(client, [stream()], path)
        await run(client, [], path)
    assert rows(path) == [("done", outcome.transcript_id)]


async def test_a_number_of_a_row_is_used_once_in_a_batch(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """A recording that comes after one whose row is given up is not taken for that."""
    server.on("POST /v2/upload", edited_during(recording))
    async with connect() as client:
        outcomes = await run(client, [recording, b"another recording", b"a third"], path, max_jobs=1)
    assert [outcome.duplicate_of for outcome in outcomes] == [None, None, None]
    assert isinstance(outcomes[0].error, aai.FileChangedError)
    assert [outcome.unwrap().text for outcome in outcomes[1:]] == ["What was said."] * 2


async def test_a_moved_file_that_is_at_work_is_not_given_up_for_the_one_in_its_former_place(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """In one batch, where contents are compared."""
    server.on("POST /v2/transcript", status(402))
    async with connect() as client:
        await run(client, [recording], path, dedupe_by_content=True)
    moved = recording.rename(recording.with_name("moved.wav"))
    recording.write_bytes(b"another recording")
    began = server.count("GET /v2/transcript")

    async def until_both_are_known(exchange: Exchange) -> None:
        # It asks for the time of the service, while the other one is found in the journal.
        while len(rows(path)) < 2:
            await asyncio.sleep(0.005)
        await exchange.answer()

    async def sources() -> AsyncIterator[Path]:
        yield moved
        while server.count("GET /v2/transcript") == began:
            await anyio.sleep(0.005)
        yield recording

    server.on("GET /v2/transcript", until_both_are_known)
    async with connect() as client:
        outcomes = await run(client, sources(), path, dedupe_by_content=True)
        assert [outcome.unwrap().text for outcome in outcomes] == ["What was said."] * 2
        await run(client, [moved, recording], path, dedupe_by_content=True)
    assert len(server.service.jobs) == len(server.service.uploads) == 2
    assert [state for state, _ in rows(path)] == ["done", "done"]
