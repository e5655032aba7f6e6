"""A recording that is refused before its upload is in the journal, and a later batch goes on normally."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Any

import anyio
import pytest
from fault_server import FaultServer
from lanes import Connect, one_library_of_each_loop

import aai_async as aai

pytestmark = pytest.mark.usefixtures("quick_looks")

lane = one_library_of_each_loop


async def run(client: aai.Client, sources: Any, path: Path, **settings: Any) -> list[aai.Outcome]:
    with anyio.fail_after(60):
        async with aai.transcribe_all(client, sources, journal=path, **settings) as batch:
            outcomes = await batch.collect()
    summary = batch.summary
    assert summary.failed == len([one for one in outcomes if one.error is not None])
    return outcomes


async def counts(path: Path) -> tuple[int, int, int]:
    async with aai.Journal.open(path) as journal:
        summary = await journal.summary()
    return summary.completed, summary.failed, summary.unfinished


def rows(path: Path) -> list[tuple[str, str, str | None]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT source, state, error FROM jobs ORDER BY id").fetchall()


def _missing(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _too_large(path: Path) -> None:
    os.truncate(path, 2_200_000_001)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [_missing, _empty, _too_large, _folder])
@pytest.mark.parametrize("by_content", [False, True], ids=["by-path", "by-content"])
async def test_a_recording_that_cannot_be_sent_has_one_row_until_it_can(
    server: FaultServer, connect: Connect, path: Path, recording: Path, spoil: Any, by_content: bool
) -> None:
    """It counts as failed, with the reason, after each batch; mended, it is transcribed in that row."""
    other = recording.with_name("other.wav")
    other.write_bytes(b"another recording")
    spoil(recording)
    async with connect() as client:
        for name in (recording, os.path.relpath(recording)):
            _, refused = await run(client, [other, name], path, dedupe_by_content=by_content)
            assert isinstance(refused.error, aai.SourceError)
            assert await counts(path) == (1, 1, 0)
        [error] = [error for source, _, error in rows(path) if source == str(recording)]
        assert error is not None
        assert error in str(refused.error)
        if recording.is_dir():
            recording.rmdir()
        recording.write_bytes(b"a recording")
        outcomes = await run(client, [other, recording], path, dedupe_by_content=by_content)
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert sorted(rows(path)) == [(str(recording), "done", None), (str(other), "done", None)]
    assert len(server.service.jobs) == 2


async def test_a_refused_recording_takes_nothing_from_an_earlier_version_that_is_done(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """The file goes and comes back: its transcript comes from the journal, and the refusal is forgotten."""
    kept = recording.with_name("kept.wav")
    async with connect() as client:
        [first] = await run(client, [recording], path)
        recording.rename(kept)
        for _ in range(2):
            await run(client, [recording], path)
            assert await counts(path) == (1, 1, 0)
        kept.rename(recording)
        [again] = await run(client, [recording], path)
    assert again.unwrap().id == first.unwrap().id
    assert await counts(path) == (1, 0, 0)
    assert len(server.service.jobs) == 1


async def test_a_refused_recording_whose_job_exists_is_waited_for_when_it_is_back(
    server: FaultServer, connect: Connect, path: Path, recording: Path
) -> None:
    """The reason is in the row of the job, which keeps its id."""
    server.service.looks_until_done = 10**6
    kept = recording.with_name("kept.wav")
    async with connect() as client:
        async with aai.transcribe_all(client, [recording], journal=path) as batch:
            with anyio.fail_after(60):
                while not server.service.jobs or rows(path)[0][1] != "submitted":
                    await anyio.sleep(0.01)
            batch.stop()
        recording.rename(kept)
        await run(client, [recording], path)
        [(_, state, error)] = rows(path)
        assert state == "submitted"
        assert error is not None
        assert "No such file" in error
        assert await counts(path) == (0, 1, 0)
        server.service.looks_until_done = 1
        kept.rename(recording)
        [outcome] = await run(client, [recording], path)
    assert outcome.unwrap().id == server.service.jobs[0].id
    assert await counts(path) == (1, 0, 0)
    assert len(server.service.jobs) == 1


async def test_whatever_can_be_recognised_again_has_a_row_for_its_refusal(
    server: FaultServer, connect: Connect, path: Path, tmp_path: Path
) -> None:
    """A key, bytes, a text that is no source, and each set of options; a stream without a key has none."""

    async def silence() -> Any:
        yield b""

    keyed = aai.Item(tmp_path / "gone.wav", key="call 1")
    german = aai.Options(language_code="de")
    refused: list[Any] = [keyed, b"", "ftp://user:secret@a.example/x.mp3", "gone.wav", ("gone.wav", german)]
    async with connect() as client:
        for _ in range(2):
            outcomes = await run(client, [*refused, silence()], path)
            assert all(isinstance(outcome.error, aai.SourceError) for outcome in outcomes)
            assert await counts(path) == (0, len(refused), 0)
        assert "secret" not in str(rows(path))
        [outcome] = await run(client, [aai.Item(b"found again", key="call 1")], path)
        assert outcome.unwrap().text == "What was said."
    assert await counts(path) == (1, len(refused) - 1, 0)


async def test_a_failed_recording_is_unfinished_again_as_soon_as_it_gets_on(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """Its old error does not stand beside a job that is at work."""
    address = "https://media.test/call.mp3"
    server.service.fault_of = lambda _: "It failed."
    async with connect() as client:
        await run(client, [address], path)
        assert await counts(path) == (0, 1, 0)
        server.service.fault_of = lambda _: None
        server.service.looks_until_done = 10**6
        async with aai.transcribe_all(client, [address], journal=path):
            with anyio.fail_after(60):
                while rows(path)[0][1] != "submitted":
                    await anyio.sleep(0.01)
            assert await counts(path) == (0, 0, 1)
