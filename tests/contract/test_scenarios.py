"""The embedded server serves what users do, in process and over a real port, and answers as described."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from description import check_response, schema
from differences import BEYOND, NULL_IN_A_TOMBSTONE, UNDESCRIBED
from scenarios import SCENARIOS, Scenario, Stage

import aai_async as aai
from aai_async.server import EngineError, LocalServer, ScriptedEngine, SpeechRequest
from aai_async.server.app import open_app
from aai_async.server.engines.scripted import Answer

KEY = "0123456789abcdef0123456789abcdef"
BEYOND_DESCRIPTION = {*BEYOND["Transcript"], *BEYOND["Sentences"], *UNDESCRIBED}
POLLING = aai.Polling(initial_delay=0.01, pace=0, max_delay=0.01)


async def hear(request: SpeechRequest) -> Answer:
    """What stands in the upload was said; in what is no text, a telephone number."""
    try:
        said = await anyio.Path(request.audio).read_text()
    except UnicodeDecodeError:
        return "My number is 415-555-0132. Bye."
    if said == "SLOW":
        await anyio.sleep(1.0)
    return EngineError("Audio duration is too short.") if said == "TOO SHORT" else said


class Comparison:
    """Compares each answer with the description, without what is known to be beyond it."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    async def __call__(self, response: httpx.Response) -> None:
        await response.aread()
        # What is fetched without a key has no description, and neither has audio that is not ready.
        if response.request.url.path.startswith("/v2/") and response.status_code != 202:
            try:
                check_response(self._described(response))
            except AssertionError as error:
                # Not here, where it would be taken for a broken connection.
                self.complaints.append(str(error))

    def _described(self, response: httpx.Response) -> httpx.Response:
        if response.headers["content-type"] != "application/json":
            return response
        document = {name: value for name, value in response.json().items() if name not in BEYOND_DESCRIPTION}
        if document.get("text") == "Deleted by user.":
            document = {name: value for name, value in document.items() if name not in NULL_IN_A_TOMBSTONE}
        if options := document.get("language_detection_options"):
            for name in BEYOND["LanguageDetectionOptions"]:
                options.pop(name, None)
        return httpx.Response(response.status_code, json=document, request=response.request)


@contextlib.asynccontextmanager
async def in_process(folder: Path, comparison: Comparison) -> AsyncIterator[aai.Client]:
    """A client of the application itself, without a port."""
    async with open_app(ScriptedEngine(hear), key=KEY, directory=folder / "server") as app:
        transport = httpx.ASGITransport(app)
        hooks: dict[str, Any] = {"response": [comparison]}
        async with (
            httpx.AsyncClient(transport=transport, event_hooks=hooks) as http,
            aai.Client(KEY, base_url="http://127.0.0.1", http_client=http, polling=POLLING) as client,
        ):
            yield client


@contextlib.asynccontextmanager
async def over_a_port(folder: Path, comparison: Comparison) -> AsyncIterator[aai.Client]:
    """A client of a server that listens."""
    async with (
        LocalServer(engine=ScriptedEngine(hear), key=KEY, directory=folder / "server") as server,
        httpx.AsyncClient(event_hooks={"response": [comparison]}) as http,
        aai.Client(KEY, base_url=server.base_url, http_client=http, polling=POLLING) as client,
    ):
        yield client


@pytest.mark.parametrize("transport", [in_process, over_a_port])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_scenario(scenario: Scenario, transport: Any, tmp_path: Path) -> None:
    """Each name says what is promised."""
    comparison = Comparison()
    with anyio.fail_after(30):
        async with transport(tmp_path, comparison) as client:
            await scenario(Stage(client, tmp_path))
    assert comparison.complaints == []


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_another_key_is_refused(tmp_path: Path) -> None:
    """By every endpoint, with the service's own words."""
    async with over_a_port(tmp_path, Comparison()) as client:
        url = client._pipeline.sender.base_urls.api
        async with aai.Client("another-key", base_url=url) as stranger:
            for ask in (stranger.upload(b"x"), stranger.get("a"), stranger.sentences("a")):
                with pytest.raises(aai.AccountError, match="API token missing/invalid"):
                    await ask


def test_what_a_webhook_is_told_is_what_is_described(sample: Any) -> None:
    """The scenario above compares what comes with this."""
    described = set(schema("TranscriptReadyNotification")["properties"])
    assert (
        set(json.loads(sample("webhook.transcript-ready.json"))) == described == {"transcript_id", "status"}
    )
