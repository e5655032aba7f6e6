"""A journal whose API key was replaced: it is continued with the new key if the service shows that it may."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sqlite3
import sys
from pathlib import Path

import anyio
import pytest
from fault_server import Exchange, FaultServer, Reply
from faults import status
from lanes import KEY, Connect, Lane, one_library_of_each_loop

import aai_async as aai

NEW_KEY = "fedcba9876543210fedcba9876543210"

NOT_FOUND = b'{"error": "Transcript lookup error, transcript id not found"}'

lane = one_library_of_each_loop


async def run(client: aai.Client, journal: aai.Journal | Path, *sources: bytes) -> list[aai.Outcome]:
    async with client, aai.transcribe_all(client, sources, journal=journal) as batch:
        return await batch.collect()


def renewed(server: FaultServer, key: str = NEW_KEY) -> aai.Client:
    return aai.Client(key, base_url=server.url, retry=aai.Retry(attempts=1))


def account(path: Path) -> tuple[str, bytes, str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM account").fetchone()  # type: ignore[no-any-return]


def aged(path: Path, age: dt.timedelta, *, clock_error: dt.timedelta = dt.timedelta()) -> None:
    """Let jobs be older, by the clock of the service; that of this machine was wrong."""
    submitted = dt.datetime.now(dt.UTC) - age
    local = (submitted + clock_error).isoformat()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE jobs SET submitting_at = ?, uploaded_at = ?, finished_at = ?",
            (submitted.isoformat(), local, local),
        )


async def test_a_new_key_is_adopted_once_it_has_shown_a_transcript_of_the_journal(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """One request; then the journal is of the new key, and no more of the old one."""
    await run(connect(), path, b"one", b"two")
    before = len(server.requests)
    outcomes = await run(renewed(server), aai.Journal(path, adopt_key=True), b"one", b"two")
    assert all(outcome.transcript for outcome in outcomes)
    assert [(one.method, one.path.rpartition("/")[0]) for one in server.requests[before:]] == [
        ("GET", "/v2/transcript")
    ]
    assert len(await run(renewed(server), path, b"one", b"two")) == 2
    with pytest.raises(aai.JournalError, match="adopt_key=True"):
        await run(connect(), path, b"one")
    assert len(server.service.jobs) == 2


async def test_a_new_key_is_adopted_by_a_transcript_that_was_deleted(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """The service shows what is left of it to the keys of the account alone; also behind unknown ones."""
    await run(connect(), path, b"one", b"two")
    async with connect() as client:
        await client.delete(server.service.jobs[0].id)
    server.on(f"GET /v2/transcript/{server.service.jobs[1].id}", status(400, body=NOT_FOUND))
    assert len(await run(renewed(server), aai.Journal(path, adopt_key=True), b"one", b"two")) == 2
    assert len(server.service.jobs) == 2


@pytest.mark.parametrize("days", [0, 2.9, None], ids=["new", "kept", "of-unknown-age"])
async def test_a_key_that_sees_none_of_the_latest_transcripts_is_not_adopted(
    server: FaultServer, connect: Connect, path: Path, days: float | None
) -> None:
    """It may be of another account, where everything would be paid for again; nothing is changed."""
    await run(connect(), path, b"one", b"two")
    if days is not None:
        aged(path, dt.timedelta(days=days))
    else:
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE jobs SET finished_at = NULL, submitting_at = NULL, uploaded_at = NULL")
    before, jobs = account(path), [job.id for job in server.service.jobs]
    server.on("GET /v2/transcript/*", *[status(400, body=NOT_FOUND)] * 2)
    with pytest.raises(aai.JournalError, match="this key has access to none of its latest") as caught:
        await run(renewed(server), aai.Journal(path, adopt_key=True), b"one")
    assert any(job in str(caught.value) for job in jobs)
    assert NEW_KEY not in str(caught.value)
    assert account(path) == before
    assert len(await run(connect(), path, b"one", b"two")) == 2
    assert len(server.service.jobs) == 2


@pytest.mark.parametrize("is_empty", [True, False], ids=["without-jobs", "expired"])
async def test_a_key_is_adopted_as_asked_where_nothing_can_be_proved(
    server: FaultServer, connect: Connect, path: Path, is_empty: bool
) -> None:
    """Transcripts of more than three days may have expired; what was kept of them is given."""
    await run(connect(), path, *([] if is_empty else [b"one"]))
    aged(path, dt.timedelta(days=3.1))
    server.on("GET /v2/transcript/*", status(400, body=NOT_FOUND))
    [outcome] = await run(renewed(server), aai.Journal(path, adopt_key=True), b"one")
    assert outcome.unwrap().text == "What was said."
    assert len(await run(renewed(server), path, b"one")) == 1
    assert len(server.service.jobs) == 1


@pytest.mark.parametrize(("days", "is_adopted"), [(0, False), (2.9, False), (3.1, True)])
@pytest.mark.parametrize("error", [-400, 400], ids=["slow", "fast"])
async def test_the_age_of_a_transcript_does_not_depend_on_the_clock_of_this_machine(
    server: FaultServer, connect: Connect, path: Path, days: float, is_adopted: bool, error: int
) -> None:
    """It was a year off as the batch ran: only times of the service are compared."""
    await run(connect(), path, b"one")
    aged(path, dt.timedelta(days=days), clock_error=dt.timedelta(days=error))
    server.on("GET /v2/transcript/*", status(400, body=NOT_FOUND))
    with contextlib.nullcontext() if is_adopted else pytest.raises(aai.JournalError, match="access to none"):
        await run(renewed(server), aai.Journal(path, adopt_key=True), b"one")
    assert len(server.service.jobs) == 1


async def test_a_key_is_not_adopted_where_the_service_gives_no_time(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """Nobody knows then how old the transcripts are."""
    await run(connect(), path, b"one")
    aged(path, dt.timedelta(days=30))
    reply = Reply.of(400, NOT_FOUND).without_header("Date").render()

    async def undated(exchange: Exchange) -> None:
        await exchange.send(reply)

    server.on("GET /v2/transcript/*", undated)
    with pytest.raises(aai.JournalError, match="access to none"):
        await run(renewed(server), aai.Journal(path, adopt_key=True), b"one")


async def test_a_key_that_the_service_does_not_take_is_not_adopted(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """Nor one about which it could not be asked; the journal is free afterwards."""
    await run(connect(), path, b"one")
    before = account(path)
    for number, kind in ((401, aai.AccountError), (500, aai.ServerError)):
        server.on("GET /v2/transcript/*", status(number))
        with pytest.raises(kind):
            await run(renewed(server), aai.Journal(path, adopt_key=True), b"one")
        assert account(path) == before
    assert len(await run(connect(), path, b"one")) == 1


async def test_the_journal_of_another_service_is_not_adopted(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """Its transcripts are unknown there; nothing is asked."""
    await run(connect(), path, b"one")
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE account SET service = 'https://api.eu.assemblyai.com'")
    before, requests = account(path), len(server.requests)
    with pytest.raises(aai.JournalError, match=r"belongs to https://api\.eu"):
        await run(renewed(server), aai.Journal(path, adopt_key=True), b"one")
    assert (account(path), len(server.requests)) == (before, requests)


async def test_the_command_adopts_a_key_where_that_is_asked_for(
    server: FaultServer, lane: Lane, tmp_path: Path
) -> None:
    """By a flag; without it, the error names it. Without a journal, it is a usage error."""
    (tmp_path / "call.wav").write_bytes(b"a recording")
    command = [sys.executable, "-m", "aai_async", "transcribe", str(tmp_path / "call.wav"), "--force"]

    async def transcribe(key: str, *flags: str) -> tuple[int, str]:
        environment = {**os.environ, "ASSEMBLYAI_API_KEY": key, "ASSEMBLYAI_BASE_URL": server.url}
        done = await anyio.run_process([*command, *flags], check=False, env=environment)
        return done.returncode, done.stderr.decode()

    folder = ("-o", str(tmp_path / "out"))
    assert (await transcribe(KEY, *folder))[0] == 0
    code, said = await transcribe(NEW_KEY, *folder)
    assert (code, "--adopt-key" in said) == (1, True)
    assert (await transcribe(NEW_KEY, *folder, "--adopt-key"))[0] == 0
    assert (await transcribe(NEW_KEY, *folder))[0] == 0
    assert (await transcribe(NEW_KEY, "--adopt-key"))[0] == 2
    assert len(server.service.jobs) == 1


async def test_the_same_key_and_a_new_journal_need_no_proof(
    server: FaultServer, connect: Connect, path: Path
) -> None:
    """The flag may stay in a script."""
    journal = aai.Journal(path, adopt_key=True)
    await run(connect(), journal, b"one")
    before, requests = account(path), len(server.requests)
    await run(connect(), journal, b"one")
    assert (account(path), len(server.requests)) == (before, requests)
