"""The command shows what a run and a journal have cost, with the date and the source of the prices."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from aai_async.server import LocalServer, Recognition, RecognizedWord, ScriptedEngine

KEY = "0123456789abcdef0123456789abcdef"
AUDIO = Path(__file__).parents[1] / "data" / "two_speakers.mp3"
PRICES = """
date = 2026-11-01
source = "https://example.com/prices"
currency = "USD"
[models]
default = 36000
scripted = 36000
"""


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


@pytest.fixture
async def account(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    (tmp_path / "call.mp3").write_bytes(AUDIO.read_bytes())
    (tmp_path / "prices.toml").write_text(PRICES)
    async with LocalServer(engine=ScriptedEngine("What was said."), key=KEY) as server:
        yield {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}


async def run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "aai_async", *arguments]
    result = await anyio.run_process(command, check=False, env=os.environ | environment, cwd=folder)
    return result.returncode, result.stderr.decode()


async def test_a_run_of_one_recording_shows_its_price(account: dict[str, str], tmp_path: Path) -> None:
    """And nothing if its result exists already."""
    prices = ["--prices", "prices.toml"]
    arguments = ["transcribe", "call.mp3", "-o", "out", *prices]
    status, err = await run(tmp_path, *arguments, **account)
    assert status == 0, err
    assert "1 of 1 completed, 0 failed" in err
    assert ", 20.00 USD" in err
    assert "prices of 2026-11-01" in err
    assert "https://example.com/prices" in err
    again, err = await run(tmp_path, *arguments, **account)
    assert (again, len(err.splitlines())) == (0, 1)


async def test_the_status_with_prices_shows_the_total(account: dict[str, str], tmp_path: Path) -> None:
    """Also without a label."""
    await run(tmp_path, "transcribe", "call.mp3", "-o", "out", **account)
    status, err = await run(tmp_path, "status", "out", "--prices", "prices.toml")
    total = err.splitlines()[-1]
    assert status == 0
    assert total.startswith("In total: 1 recording, 0.00056 hours, 20.00 USD; ")
    assert "prices of 2026-11-01" in total


@pytest.mark.parametrize("name", ["whisper-base", "scripted-2"])
async def test_the_status_counts_what_ran_on_this_machine_as_free(tmp_path: Path, name: str) -> None:
    """And what ran elsewhere as without a known price."""
    (tmp_path / "call.mp3").write_bytes(AUDIO.read_bytes())
    (tmp_path / "prices.toml").write_text(PRICES)
    words = (RecognizedWord(text="Said.", start=0, end=280, confidence=1.0),)
    said = Recognition(words=words, language_code="en", audio_duration=2.0, engine=name)
    async with LocalServer(engine=ScriptedEngine(said), key=KEY) as server:
        account = {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}
        await run(tmp_path, "transcribe", "call.mp3", "-o", "out", **account)
    _, err = await run(tmp_path, "status", "out", "--prices", "prices.toml")
    assert ", 0.00 USD" in err
    assert ("without a known price" in err) == (name == "scripted-2")


async def test_days_without_a_label_have_one_total(account: dict[str, str], tmp_path: Path) -> None:
    """A table of them would have no column for the value."""
    await run(tmp_path, "transcribe", "call.mp3", "-o", "out", **account)
    arguments = ["status", "out", "--prices", "prices.toml"]
    assert (await run(tmp_path, *arguments, "--before", "2020-01-01"))[1].startswith("In total: 0 recordings")
    status, err = await run(tmp_path, *arguments, "--since", "2020-01-01")
    assert (status, len(err.splitlines())) == (0, 1)
    assert err.startswith("In total: 1 recording, 0.00056 hours, 20.00 USD; ")
    assert (await run(tmp_path, *arguments, "--since", "2020-01-01", "--csv"))[0] == 2


async def test_a_price_of_less_than_a_cent_is_not_shown_as_nothing(
    account: dict[str, str], tmp_path: Path
) -> None:
    """Neither before a run nor after it."""
    (tmp_path / "low.toml").write_text(PRICES.replace("36000", "0.9"))
    arguments = ["transcribe", "call.mp3", "-o", "out", "--prices", "low.toml"]
    _, err = await run(tmp_path, *arguments, "--dry-run", **account)
    assert ", 0.0095 USD (prices of" in err
    await run(tmp_path, *arguments, **account)
    _, err = await run(tmp_path, "status", "out", "--prices", "low.toml")
    assert "0.00056 hours, 0.00050 USD; " in err


async def test_a_time_that_ends_before_it_begins_is_an_error_of_usage(
    account: dict[str, str], tmp_path: Path
) -> None:
    """Its totals would be empty."""
    await run(tmp_path, "transcribe", "call.mp3", "-o", "out", **account)
    days = ["--since", "2026-12-01", "--before", "2026-11-01"]
    status, err = await run(tmp_path, "status", "out", "--by", "team", *days)
    assert status == 2
    assert "--before 2026-11-01 must be a later day than --since 2026-12-01" in err
