"""`search` lists each phrase once, also those without a match."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from aai_async.server import LocalServer, ScriptedEngine

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def anyio_backend() -> str:
    """The command runs in a process of its own, on asyncio."""
    return "asyncio"


@pytest.fixture
async def account() -> AsyncIterator[dict[str, str]]:
    async with LocalServer(engine=ScriptedEngine("In C: a café, a दिन."), key=KEY) as server:
        yield {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}


async def run(*arguments: str, **environment: str) -> str:
    command = [sys.executable, "-m", "aai_async", *arguments]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **environment}
    return (await anyio.run_process(command, env=environment)).stdout.decode()


async def test_a_phrase_without_a_match_is_listed_unless_it_is_one_of_the_matches(
    account: dict[str, str], tmp_path: Path
) -> None:
    """Signs and vowel signs count; case, the encoding of accents and the end of a sentence do not."""
    recording = tmp_path / "a.mp3"
    recording.write_text("a recording")
    await run("transcribe", str(recording), **account)
    transcript_id = (await run("list", **account)).split()[0]
    phrases = [
        "c",
        "C.",
        "C++",
        "C#",
        "C++",
        "cafe\u0301",
        "CAFÉ",
        "cafe",
        "दिन",
        "दीन",
        "दान",
        "Dog",
        "dog!",
    ]
    counts = (await run("search", transcript_id, *phrases, **account)).splitlines()
    assert [line for line in counts if line.endswith(": 0")] == [
        f"{phrase}: 0" for phrase in ("C++", "C#", "cafe", "दीन", "दान", "Dog")
    ]
    assert {"c: 1", "दिन: 1"} <= {*counts}
