"""`transcribe --delete-after` and `delete --from` delete at the service what is kept here."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
import typer

import aai_async as aai
from aai_async._cli.flag_values import age, ago
from aai_async.server import LocalServer, ScriptedEngine

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


class Service:
    """An embedded server, and the command that asks it."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self.url = url

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        environment = os.environ | {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": self.url}
        command = [sys.executable, "-m", "aai_async", *arguments]
        result = await anyio.run_process(command, check=False, env=environment, cwd=self._folder)
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    async def texts(self) -> list[str | None]:
        """What the service has of each transcript."""
        async with aai.Client(KEY, base_url=self.url) as client:
            ids = [one.id async for one in client.list()]
            return [(await client.get(one)).text for one in ids]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    for name in ("a.mp3", "b.mp3"):
        (tmp_path / name).write_bytes(name.encode())
    async with LocalServer(engine=ScriptedEngine("What was said."), key=KEY) as server:
        yield Service(tmp_path, server.base_url)


async def test_a_run_deletes_at_the_service_what_it_has_written(service: Service, tmp_path: Path) -> None:
    """The result files and the journal have it; a rerun does what an earlier one has left."""
    status, _, err = await service.run("transcribe", "a.mp3", "b.mp3", "-o", "out", "--delete-after")
    assert (status, err.count("not deleted")) == (0, 0)
    assert await service.texts() == ["Deleted by user."] * 2
    assert (tmp_path / "out/a.mp3.txt").read_text() == "What was said.\n"
    status, out, _ = await service.run("export", "out", "-o", "more")
    assert (status, len(out.splitlines())) == (0, 2)


async def test_a_rerun_deletes_what_was_left_although_all_results_exist(
    service: Service, tmp_path: Path
) -> None:
    """As after a kill between the result and the deletion."""
    await service.run("transcribe", "a.mp3", "-o", "out")
    with contextlib.closing(sqlite3.connect(tmp_path / "out/.aai-async.db")) as connection, connection:
        connection.execute("UPDATE jobs SET deletion = 'due'")
    assert "1 transcript not deleted at the service yet" in (await service.run("status", "out"))[2]
    status, _, _ = await service.run("transcribe", "a.mp3", "-o", "out", "--delete-after")
    assert (status, await service.texts()) == (0, ["Deleted by user."])
    assert "not deleted" not in (await service.run("status", "out"))[2]


async def test_forgetting_names_only_transcripts_that_the_service_still_has(service: Service) -> None:
    """The journal knows which of them it has deleted."""
    await service.run("transcribe", "a.mp3", "-o", "out", "--delete-after")
    await service.run("transcribe", "b.mp3", "-o", "out")
    _, deleted, note = await service.run("forget", "out", "a.mp3", "--yes")
    assert deleted.split()[-1] == "a.mp3"
    assert "The service keeps" not in note
    _, kept, note = await service.run("forget", "out", "b.mp3", "--yes")
    assert f"`aai-async delete {kept.split()[0]}`" in note


async def test_a_run_that_skips_results_reports_that_their_transcripts_stay(service: Service) -> None:
    """As of a run without the flag; `delete --from` deletes them, and then nothing is reported."""
    await service.run("transcribe", "a.mp3", "b.mp3", "-o", "out")
    rerun = ("transcribe", "a.mp3", "b.mp3", "-o", "out", "--delete-after")
    status, _, err = await service.run(*rerun)
    assert (status, await service.texts()) == (0, ["What was said."] * 2)
    assert "2 transcripts of earlier runs not deleted at the service" in err
    assert "`aai-async delete --from out/.aai-async.db`" in err
    await service.run("delete", "--from", "out", "--yes")
    assert "not deleted" not in (await service.run(*rerun))[2]


async def test_what_a_journal_knows_is_deleted_by_its_age(service: Service, tmp_path: Path) -> None:
    """Once: the journal records it, and keeps the text."""
    await service.run("transcribe", "a.mp3", "b.mp3", "-o", "out")
    with contextlib.closing(sqlite3.connect(tmp_path / "out/.aai-async.db")) as connection, connection:
        old = (dt.datetime.now(dt.UTC) - dt.timedelta(days=31)).isoformat(timespec="seconds")
        connection.execute("UPDATE jobs SET finished_at = ? WHERE source = 'a.mp3'", (old,))
    status, out, err = await service.run("delete", "--from", "out", "--older-than", "30d", "--yes")
    assert (status, len(out.splitlines())) == (0, 1)
    assert "It keeps the ids, the status and the length" in err
    assert sorted(map(str, await service.texts())) == ["Deleted by user.", "What was said."]
    status, out, err = await service.run("delete", "--from", "out", "--older-than", "30d", "--yes")
    assert (status, out, "nothing to delete" in err) == (0, "", True)
    assert len((await service.run("delete", "--from", "out", "--yes"))[1].splitlines()) == 1
    assert (await service.run("export", "out"))[1].count("What was said.") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["delete", "--yes"], "Give the ids of transcripts, or a journal with --from"),
        (["delete", "x", "--from", "j.db", "--yes"], "Give the ids of transcripts, or a journal with --from"),
        (["delete", "x", "--older-than", "1d", "--yes"], "--older-than is for --from"),
        (["transcribe", "a.mp3", "--delete-after"], "--delete-after needs a journal"),
        (["transcribe", "a.mp3", "-o", "out", "--no-journal", "--delete-after"], "--delete-after needs a"),
        (["transcribe", "a.mp3", "-o", "out", "--local", "--delete-after"], "--local keeps nothing"),
    ],
)
async def test_what_cannot_be_deleted_is_an_error_of_usage(
    service: Service, arguments: list[str], message: str
) -> None:
    """And nothing is sent."""
    status, _, err = await service.run(*arguments)
    assert (status, message in " ".join(err.replace("│", "").split())) == (2, True)
    assert await service.texts() == []


async def test_a_journal_that_does_not_exist_is_not_created(service: Service, tmp_path: Path) -> None:
    """A misspelt name is an error."""
    status, _, err = await service.run("delete", "--from", "typo.db", "--yes")
    assert (status, "There is no journal" in err) == (1, True)
    assert not (tmp_path / "typo.db").exists()


def test_an_age_is_a_number_of_hours_days_or_weeks() -> None:
    """Anything else is refused."""
    now = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
    assert [now - ago(one, now) for one in ("12h", "30d", "2w")] == [
        dt.timedelta(hours=12),
        dt.timedelta(days=30),
        dt.timedelta(weeks=2),
    ]
    for given in ("30", "d", "-1d", "1.5d", "1y", "999999d"):
        with pytest.raises(typer.BadParameter, match="is no age such as 30d"):
            age(given)
