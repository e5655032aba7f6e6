"""What `--dry-run` says that a run would cost is what the run costs then."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from aai_async.server import LocalServer, ScriptedEngine
from aai_async.server.engine import EngineError, SpeechRequest

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


class Service:
    """An embedded server, and the command that asks it."""

    def __init__(self, folder: Path) -> None:
        self.engine = ScriptedEngine(self._answer)
        self.fails = False
        self.url = ""
        self._folder = folder

    def _answer(self, _: SpeechRequest) -> str | EngineError:
        return EngineError("Audio duration is too short.") if self.fails else "What was said."

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "aai_async", "transcribe", *arguments]
        environment = os.environ | {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": self.url}
        result = await anyio.run_process(command, check=False, env=environment, cwd=self._folder)
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    async def check(self, *arguments: str, jobs: int) -> str:
        """Run dry and then for good, and give what was said dry; both must come to so many jobs."""
        before = len(self.engine.requests)
        _, out, err = await self.run(*arguments, "--dry-run")
        assert len(self.engine.requests) == before
        said = re.search(r"^(?:at most )?(\d+) recordings?, ", err, re.MULTILINE)
        assert said is not None, err
        await self.run(*arguments)
        assert (len(out.splitlines()), int(said[1]), len(self.engine.requests) - before) == (jobs, jobs, jobs)
        return err


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    service = Service(tmp_path)
    for name in ("a.mp3", "b.mp3"):
        (tmp_path / name).write_bytes(name.encode())
    async with LocalServer(engine=service.engine, key=KEY) as server:
        service.url = server.base_url
        yield service


async def test_what_is_in_the_journal_costs_nothing_and_other_options_do(service: Service) -> None:
    """By the keys of the journal, and not by names."""
    order = ["a.mp3", "b.mp3", "--journal", "calls.db"]
    await service.check(*order, jobs=2)
    shown = await service.check(*order, jobs=0)
    assert "its transcript is in the journal" in shown
    assert "without options" in shown
    assert 'with {"punctuate":false}' in await service.check(*order, "--set", "punctuate=false", jobs=2)
    await service.check(*order, "-o", "out", jobs=0)
    await service.check(*order, "-o", "out", "--force", jobs=0)
    await service.check(*order, "-o", "out", "--no-journal", jobs=0)
    await service.check(*order, "-o", "out", "--no-journal", "--force", jobs=2)


async def test_a_job_that_failed_is_sent_again(service: Service) -> None:
    """And it is said why; nothing is uploaded again that was."""
    service.fails = True
    await service.check("a.mp3", "--journal", "calls.db", jobs=1)
    service.fails = False
    said = await service.check("a.mp3", "--journal", "calls.db", jobs=1)
    assert "its job is fetched first" in said
    assert "failed: The transcription failed: Audio duration is too short" in said


async def test_a_job_that_was_given_up_is_asked_for_before_another_is_made(
    service: Service, tmp_path: Path
) -> None:
    """It may have completed meanwhile, and then nothing is sent; otherwise the recording is sent again."""
    names = ["a.mp3", "b.mp3", "--journal", "calls.db"]
    await service.run(*names)
    with contextlib.closing(sqlite3.connect(tmp_path / "calls.db")) as connection, connection:
        connection.execute("UPDATE jobs SET state = 'failed', error = 'The wait has ended.'")
        connection.execute("DELETE FROM results")
        connection.execute("UPDATE jobs SET transcript_id = NULL WHERE source LIKE '%b.mp3'")
    _, _, err = await service.run(*names, "--dry-run")
    lines = dict(line.split(": ", 1) for line in err.splitlines() if ".mp3: " in line)
    assert "its job is fetched first" in lines["a.mp3"]
    assert "sent again, because it failed" in lines["b.mp3"]
    assert "fetched" not in lines["b.mp3"]
    assert re.search(r"^at most 2 recordings, ", err, re.MULTILINE)
    await service.run(*names)
    assert len(service.engine.requests) == 3


async def test_a_recording_that_was_changed_costs_again(service: Service, tmp_path: Path) -> None:
    await service.check("a.mp3", "-o", "out", jobs=1)
    (tmp_path / "a.mp3").write_bytes(b"another one")
    await service.check("a.mp3", "-o", "out", jobs=1)
    await service.check("a.mp3", "-o", "out", jobs=0)


async def test_what_is_the_same_costs_once(service: Service, tmp_path: Path) -> None:
    """A link always is; a copy where contents are compared."""
    (tmp_path / "copy.mp3").write_bytes(b"a.mp3")
    (tmp_path / "link.mp3").symlink_to("a.mp3")
    names = ["a.mp3", "link.mp3", "copy.mp3", "b.mp3"]
    assert "equal to a.mp3" in await service.check(*names, "--dedupe", jobs=2)
    await service.check(*names, jobs=3)


async def test_bad_names_are_refused_dry_as_well(service: Service, tmp_path: Path) -> None:
    """With the exit status of the run."""
    (tmp_path / "empty.mp3").touch()
    for flags in ([], ["--dry-run"]):
        status, _, err = await service.run("a.mp3", "typo.mp3", "empty.mp3", *flags)
        assert (status, "typo.mp3" in err, "empty.mp3" in err) == (2, True, True)
    await service.check("a.mp3", "typo.mp3", "--skip-bad", jobs=1)


async def test_a_journal_that_cannot_be_read_is_told_dry_as_well(service: Service, tmp_path: Path) -> None:
    """The run would refuse it."""
    (tmp_path / "calls.db").write_bytes(b"no journal" * 100)
    for flags in ([], ["--dry-run"]):
        status, _, err = await service.run("a.mp3", "--journal", "calls.db", *flags)
        assert (status, "calls.db" in err) == (1, True)


async def test_a_secret_of_the_options_is_not_shown(service: Service) -> None:
    """Neither that of a webhook's header nor what is in its address."""
    hook = "webhook_url=https://user:secret@host.example/hook?token=secret"
    flags = [
        "--set",
        hook,
        "--set",
        "webhook_auth_header_name=x",
        "--set",
        "webhook_auth_header_value=secret",
    ]
    status, out, err = await service.run("a.mp3", *flags, "--dry-run")
    assert status == 0
    assert "https://host.example/hook" in err
    assert "secret" not in out + err


PRICES = """
date = 2026-11-01
source = "https://example.com/prices"
currency = "USD"
[models]
universal-2 = 0.36
"""


def hour(path: Path) -> None:
    """Write a recording of an hour, with a header that states it."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(100)
        file.writeframes(bytes(360_000))


async def test_what_a_run_costs_is_said_dry(service: Service, tmp_path: Path) -> None:
    """By the prices of the user, with their date and source; what the journal has is told apart."""
    hour(tmp_path / "hour.wav")
    (tmp_path / "prices.toml").write_text(PRICES)
    names = ["a.mp3", "hour.wav", "--journal", "calls.db", "--model", "universal-2"]
    status, out, err = await service.run(*names, "--prices", "prices.toml", "--dry-run")
    assert status == 0
    assert "hour.wav  360 kB  1:00:00  0.36 USD  stdout" in out
    assert "1:00:00 of audio and 1 length unknown, at least 0.36 USD (prices of 2026-11-01" in err
    assert "https://example.com/prices" in err
    await service.run("a.mp3", *names[2:])
    _, out, err = await service.run(*names, "--prices", "prices.toml", "--dry-run", "--jsonl")
    plan = json.loads(out.splitlines()[-1])
    assert (plan["jobs"], plan["known"], plan["price"]) == (1, 1, 0.36)
    assert plan["prices"]["date"] == "2026-11-01"
    assert "1 recording in the journal already" in err


async def test_prices_that_cannot_be_used_are_an_error_of_usage(service: Service, tmp_path: Path) -> None:
    """Such as those without a date, or without the model that is requested."""
    (tmp_path / "prices.toml").write_text(PRICES.replace("date", "day"))
    status, _, err = await service.run("a.mp3", "--prices", "prices.toml")
    assert (status, "lacks date" in err) == (2, True)
    (tmp_path / "prices.toml").write_text(PRICES)
    status, _, err = await service.run("a.mp3", "--model", "new", "--prices", "prices.toml", "--dry-run")
    assert (status, "no price for the model 'new'" in err) == (2, True)
    assert service.engine.requests == []


async def test_a_run_stops_before_its_bound_and_a_higher_one_continues(
    service: Service, tmp_path: Path
) -> None:
    """It says what is left, and a bound of zero is an error of usage."""
    for name in ("one.wav", "two.wav"):
        hour(tmp_path / name)
    names = ["one.wav", "two.wav", "-o", "out"]
    status, out, err = await service.run(*names, "--max-hours", "1.5", "--dry-run")
    assert (status, out.count("one.wav"), out.count("two.wav")) == (0, 2, 0)
    assert "two.wav: left for a run with a higher bound" in err
    assert "1 recording left before --max-hours 1.5 is exceeded, 1:00:00 of audio" in err
    _, out, _ = await service.run(*names, "--max-hours", "1.5", "--dry-run", "--jsonl")
    assert '"creates_job":false,"is_left":true' in out
    assert '"left":1,"left_seconds":3600.0' in out
    assert service.engine.requests == []
    status, _, err = await service.run(*names, "--max-hours", "1.5")
    assert (status, len(service.engine.requests)) == (3, 1)
    assert "Stopped before --max-hours 1.5 was exceeded, with 1 recording left." in err
    assert "not finished" not in err
    status, _, _ = await service.run(*names, "--max-hours", "100")
    assert (status, len(service.engine.requests)) == (0, 2)
    for flags, message in (
        (["--max-hours", "0"], "0 is no bound"),
        (["--max-cost", "nan"], "nan is no bound"),
        (["--max-cost", "1"], "--max-cost needs prices"),
    ):
        status, _, err = await service.run(*names, "--force", *flags)
        assert (status, message in " ".join(err.split())) == (2, True)
    assert len(service.engine.requests) == 2
