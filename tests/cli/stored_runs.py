"""The command with recordings or results in object storage, and the service that it asks."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import anyio
import pytest
from buckets import KEY_ID, SECRET

from aai_async.testing import ScriptedServer


@pytest.fixture
def service() -> Iterator[ScriptedServer]:
    with ScriptedServer() as service:
        yield service


async def run(service: ScriptedServer, *arguments: str) -> tuple[int, str, str]:
    """Run the command, which shows no secret, and return its exit status and what it writes."""
    account = {"ASSEMBLYAI_API_KEY": service.key, "ASSEMBLYAI_BASE_URL": service.base_url}
    command = [sys.executable, "-m", "aai_async", *arguments]
    result = await anyio.run_process(command, check=False, env={**os.environ, **account})
    shown = result.stdout.decode(), result.stderr.decode()
    assert not [text for text in (KEY_ID, SECRET, "Traceback") if text in "".join(shown)]
    return result.returncode, *shown
