r"""
A pytest plugin: a local server with the service's API, and the results, delays and faults that a test sets.

    async def test_a_call_is_transcribed(aai_server, aai_client):
        aai_server.hears("A: Hello there.\nB: Hi.")
        aai_server.fault("GET /v2/transcript/*", status=502)
        async with aai_client:
            transcript = await aai_client.transcribe(b"a recording", aai.Options(speaker_labels=True))
        assert transcript.speakers == ("A", "B")
        assert aai_server.count("POST /v2/transcript") == 1

It requires the extra `testing`, but neither a network nor weights, and works on asyncio and trio.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

import aai_async as aai
from aai_async.testing.received import ReceivedRequest
from aai_async.testing.scripted_server import ScriptedServer
from aai_async.testing.webhook_delivery import ApplicationClient

__all__ = ["ApplicationClient", "ReceivedRequest", "ScriptedServer", "aai_client", "aai_server"]


@pytest.fixture
def aai_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """
    Serve a `ScriptedServer` on a loopback port, for one test.

    The fixture sets ASSEMBLYAI_BASE_URL and ASSEMBLYAI_API_KEY, so each `Client()` in the tested code uses
    this server. A fault that affected no request fails the test.
    """
    with ScriptedServer() as server:
        monkeypatch.setenv("ASSEMBLYAI_BASE_URL", server.base_url)
        monkeypatch.setenv("ASSEMBLYAI_API_KEY", server.key)
        yield server


@pytest.fixture
def aai_client(aai_server: ScriptedServer) -> aai.Client:
    """Create a client of `aai_server` with very short waits; open it with `async with aai_client:`."""
    return aai_server.client()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Check the faults of `aai_server` within the test, so that an unused one is its failure."""
    server: object = getattr(item, "funcargs", {}).get("aai_server")
    try:
        result = yield
    except BaseException:
        if isinstance(server, ScriptedServer):
            # The test failed for a reason of its own, which a second report would hide.
            server.drop_faults()
        raise
    if isinstance(server, ScriptedServer):
        server.assert_faults_used()
    return result
