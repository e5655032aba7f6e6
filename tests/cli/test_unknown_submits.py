"""What the command shows of a recording whose submit may have been sent when an earlier run was killed."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from aai_async.server import LocalServer, ScriptedEngine

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


@pytest.fixture
async def account() -> AsyncIterator[dict[str, str]]:
    async with LocalServer(engine=ScriptedEngine("What was said."), key=KEY) as server:
        yield {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}


async def run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "aai_async", *arguments]
    result = await anyio.run_process(command, check=False, env=os.environ | environment, cwd=folder)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


@pytest.fixture
async def killed(account: dict[str, str], tmp_path: Path) -> Path:
    """A folder with the journal of a run that was killed after its submit was sent, before the response."""
    (tmp_path / "a.mp3").write_text("a recording")
    status, _, err = await run(tmp_path, "transcribe", "a.mp3", "--journal", "j.db", **account)
    assert status == 0, err
    change(tmp_path, "UPDATE jobs SET state = 'submitting', transcript_id = NULL, finished_at = NULL")
    change(tmp_path, "DELETE FROM results")
    return tmp_path


def change(folder: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "j.db", isolation_level=None)) as connection:
        connection.execute(statement)


async def test_status_states_that_a_submit_may_have_been_sent(killed: Path) -> None:
    """In its line, in its counts and in the JSON."""
    status, out, err = await run(killed, "status", "j.db")
    assert (status, out.split()) == (5, ["submitting", "-", "a.mp3"])
    assert err.splitlines() == [
        "0 of 1 completed, 0 failed, 1 recording unfinished.",
        "1 recording may have been submitted: the next run finds that out before it submits anything.",
    ]
    _, out, _ = await run(killed, "status", "j.db", "--json")
    assert json.loads(out)["stage"] == "submitting"


async def test_a_run_shows_that_it_searches_for_the_job(killed: Path, account: dict[str, str]) -> None:
    """As a line, and as JSON."""
    command = ["transcribe", "a.mp3", "--journal", "j.db", "--jsonl"]
    status, out, err = await run(killed, *command, **account)
    assert (status, "a.mp3: searching the list of transcripts for its job, for up to" in err) == (0, True)
    first, second, *_ = map(json.loads, out.splitlines())
    assert (first["type"], second["type"]) == ("searching", "submitted")
    assert first["seconds"] > 0


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
async def test_a_terminal_shows_the_search_and_how_long_it_may_take(
    killed: Path, account: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the row of the recording, and below the table; Ctrl-C does not call it unsubmitted."""
    from terminal import Terminal  # noqa: PLC0415 - POSIX only

    # Of an upload that the service does not list, so that the search lasts.
    change(killed, "UPDATE jobs SET upload_url = 'https://example.com/lost'")
    monkeypatch.chdir(killed)

    def scenario() -> tuple[int, str]:
        with Terminal("transcribe", "a.mp3", "--journal", "j.db", **account) as terminal:
            terminal.wait_for("searching", "a.mp3: searching the list of transcripts for its job, for up to")
            terminal.interrupt()
            return terminal.end(), terminal.shown

    status, shown = await to_thread.run_sync(scenario)
    assert status == 130, shown
    assert "Interrupted: dropping 1 recording whose job is searched for." in shown
    assert "1 recording not finished" in shown
