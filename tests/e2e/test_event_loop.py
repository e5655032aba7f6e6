"""Nothing of ours blocks the event loop: neither the client's nor the embedded server's."""

from __future__ import annotations

from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from scoring import RECORDING

import aai_async as aai
from aai_async.server import LocalServer, ScriptedEngine


@pytest.fixture
def anyio_backend() -> str:
    """What watches for blocking calls knows asyncio only."""
    return "asyncio"


async def test_a_transcription_makes_no_blocking_call(tmp_path: Path) -> None:
    """Files, the database, locks and waits are touched in threads only."""
    polling = aai.Polling(initial_delay=0.01, max_delay=0.01)
    engine = ScriptedEngine("What was said.")
    with blockbuster_ctx():
        async with (
            LocalServer(engine=engine, directory=tmp_path) as server,
            aai.Client(server.key, base_url=server.base_url, polling=polling) as client,
        ):
            transcript = await client.transcribe(RECORDING, aai.Options(speaker_labels=True))
            await client.delete(transcript.id)
    assert transcript.text == "What was said."
