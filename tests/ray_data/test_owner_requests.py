"""The HTTP client of the owner on Ray, without a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from httpx_aiohttp import AiohttpTransport

import aai_async as aai
from aai_async._io.remote_source import RemoteSource
from aai_async._io.source_factory import source_from
from aai_async.ray import _actor
from aai_async.ray._actor import JournalOwnerActor, Terms
from aai_async.testing import ScriptedServer


class NoMetrics:
    """In place of Ray's, which need a cluster."""

    def __init__(self, _: str) -> None:
        pass

    def show(self, _: object) -> None:
        pass


def test_the_requests_of_the_owner_go_over_aiohttp_and_past_a_proxy(
    aai_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All of them; a proxy of the environment, behind which there is nobody, is not asked."""
    sent: list[str] = []
    send = AiohttpTransport.handle_async_request

    async def counted(transport: Any, request: httpx.Request) -> httpx.Response:
        sent.append(request.method)
        return await send(transport, request)

    monkeypatch.setattr(AiohttpTransport, "handle_async_request", counted)
    monkeypatch.setattr(_actor, "Metrics", NoMetrics)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    aai_server.hears("Hello.")
    terms = Terms(
        journal=tmp_path / "run7.db",
        keep_results=True,
        adopt_key=False,
        max_jobs=20,
        base_url=aai_server.base_url,
        api_key=aai_server.key,
    )

    async def run() -> None:
        actor = JournalOwnerActor(terms)
        source = source_from("https://recordings.test/1.mp3")
        await source.open()
        found = await actor.transcribe([await RemoteSource.of(source)], aai.Options())
        assert isinstance(found, list), found
        assert found[0].body, found[0]
        await actor.close()

    anyio.run(run)
    assert sent.count("POST") == 1
    assert len(sent) == len(aai_server.requests)
