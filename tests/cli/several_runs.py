"""The command, run several times into one folder, and a service that hears what is in a file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from aai_async.server import LocalServer, ScriptedEngine
from aai_async.server.engine import SpeechRequest

KEY = "0123456789abcdef0123456789abcdef"


class Service:
    """An embedded server that hears what is in a file, and the command that asks it."""

    def __init__(self, folder: Path) -> None:
        self.answer: Callable[[SpeechRequest], str] = lambda request: Path(request.audio).read_text()
        self.engine = ScriptedEngine(self._answer)
        self.url = ""
        self.folder = folder

    def _answer(self, request: SpeechRequest) -> str:
        return self.answer(request)

    def make(self, *names: str) -> None:
        for name in names:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(f"This is {name}")

    async def run(self, *arguments: str, audio: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        return await self.command("transcribe", *arguments, "-o", "out", audio=audio)

    async def command(
        self, *arguments: str, audio: bytes | None = None, folder: str = "."
    ) -> subprocess.CompletedProcess[bytes]:
        environment = os.environ | {"ASSEMBLYAI_API_KEY": KEY, "ASSEMBLYAI_BASE_URL": self.url}
        return await anyio.run_process(
            [sys.executable, "-m", "aai_async", *arguments],
            check=False,
            env=environment,
            cwd=self.folder / folder,
            input=audio or b"",
        )

    @property
    def jobs(self) -> int:
        return len(self.engine.requests)

    @property
    def results(self) -> dict[str, str]:
        """What is said in each file."""
        out = self.folder / "out"
        return {path.relative_to(out).as_posix(): path.read_text().strip() for path in out.rglob("*.txt")}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    service = Service(tmp_path)
    async with LocalServer(engine=service.engine, key=KEY) as server:
        service.url = server.base_url
        yield service
