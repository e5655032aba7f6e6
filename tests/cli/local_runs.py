"""The command with recordings that are texts, and an embedded server that hears these."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from aai_async.server import LocalServer, ScriptedEngine
from aai_async.server.engine import SpeechRequest

KEY = "0123456789abcdef0123456789abcdef"


def heard(request: SpeechRequest) -> str:
    return f"Secret of {Path(request.audio).read_text()} in {request.language_code}."


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalServer]:
    monkeypatch.chdir(tmp_path)
    async with LocalServer(engine=ScriptedEngine(heard), key=KEY) as server:
        yield server


async def run(server: LocalServer, *arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "aai_async", *arguments]
    environment = {**os.environ, "ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": server.base_url}
    done = await anyio.run_process(command, check=False, env=environment, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def transcribe(server: LocalServer, *names: str, flags: str = "", formats: str = "txt,json") -> None:
    """Transcribe recordings with results in `out`; those that do not exist are made."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        if not Path(name).exists():
            Path(name).write_text(name)
    status, _, err = await run(server, "transcribe", *names, "-o", "out", "-f", formats, *flags.split())
    assert status == 0, err
