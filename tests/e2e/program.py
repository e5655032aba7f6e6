"""Runs a program that was written for the service, as it is, against the embedded server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio

from aai_async.server import LocalServer, ScriptedEngine

SCRIPTS = Path(__file__).parent / "scripts"
AUDIO = Path(__file__).parents[1] / "data" / "two_speakers.mp3"


async def printed(script: str) -> str:
    """
    Run a script with a recording as its argument, and return what it prints.

    In a process, because the vendor's SDK reads the environment once, keeps a process-wide client, and leaves
    its threads to the end of the process.
    """
    async with LocalServer(engine=ScriptedEngine("Hello there. How are you today?")) as server:
        environment = {
            **os.environ,
            "ASSEMBLYAI_API_KEY": server.key,
            "ASSEMBLYAI_BASE_URL": server.base_url,
            "NO_PROXY": "127.0.0.1",
        }
        interpreter = "node" if script.endswith(".mjs") else sys.executable
        command = [interpreter, str(SCRIPTS / script), str(AUDIO)]
        with anyio.fail_after(60):
            result = await anyio.run_process(command, check=False, env=environment)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.decode()
