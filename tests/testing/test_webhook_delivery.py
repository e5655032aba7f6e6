"""Notifications of webhooks reach an application of the test without a port."""

from __future__ import annotations

import anyio
import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import aai_async as aai
from aai_async.fastapi import webhook_router
from aai_async.server import LocalServer, ScriptedEngine
from aai_async.testing import ScriptedServer
from aai_async.webhook import Notification, WebhookSecret

URL = "https://example.com/calls/monday.mp3"
SECRET = "a-secret-of-mine-01"
CALLED = aai.Options(
    webhook_url="https://app.example.com/assemblyai/webhook",
    webhook_auth_header_name="x-webhook-secret",
    webhook_auth_header_value=SECRET,
)


def application(received: list[Notification], inbox: aai.Inbox | None = None) -> FastAPI:
    def put(notification: Notification) -> None:
        received.append(notification)
        if inbox is not None:
            inbox.put(notification)

    app = FastAPI()
    app.include_router(webhook_router(secret=WebhookSecret(SECRET), on_event=put), prefix="/assemblyai")
    return app


async def test_an_application_in_the_same_loop_is_notified() -> None:
    """At a URL of production, with its secret, and the waiting call ends by it."""
    received: list[Notification] = []
    inbox = aai.Inbox()
    app = application(received, inbox)
    async with (
        app.router.lifespan_context(app),
        ScriptedServer().in_process() as server,
        server.client() as client,
    ):
        server.webhooks(app=app)
        with anyio.fail_after(60):
            transcript = await client.transcribe(URL, CALLED, notifications=inbox)
    assert [(one.transcript_id, one.status) for one in received] == [(transcript.id, "completed")]


def test_an_application_of_a_test_client_is_notified() -> None:
    """Set before the server listens, and called from its thread."""
    received: list[Notification] = []
    server = ScriptedServer()
    with TestClient(application(received)) as browser:
        server.webhooks(client=browser)
        with server:
            sent = httpx.post(
                f"{server.base_url}/v2/transcript",
                json=CALLED.payload() | {"audio_url": URL},
                headers={"authorization": server.key},
            )
            while not received:
                httpx.get(f"{server.base_url}/v2/transcript", headers={"authorization": server.key})
    assert [one.transcript_id for one in received] == [sent.json()["id"]]


async def test_the_status_of_an_application_that_fails_is_kept() -> None:
    """As over a port: an exception is status 500, and a refusal is final."""

    async def failing(scope: object, receive: object, send: object) -> None:
        raise KeyError("mine")

    async with ScriptedServer().in_process() as server, server.client() as client:
        server.webhooks(app=failing)
        transcript = await client.transcribe(URL, CALLED)
        with anyio.fail_after(60):
            while transcript.webhook_status_code is None:
                transcript = await client.get(transcript.id)
    assert transcript.webhook_status_code == 500


async def test_without_a_receiver_a_webhook_on_another_host_is_refused() -> None:
    async with ScriptedServer().in_process() as server, server.client() as client:
        with pytest.raises(aai.RejectedError, match="webhook_url must be on this machine"):
            await client.submit(URL, CALLED)


async def test_a_local_server_sends_notifications_through_a_transport() -> None:
    paths: list[str] = []

    def receive(request: httpx.Request) -> httpx.Response:
        paths.append(str(request.url))
        return httpx.Response(200)

    server = LocalServer(
        engine=ScriptedEngine(reads_recordings=False), webhook_transport=httpx.MockTransport(receive)
    )
    async with server, aai.Client(server.key, base_url=server.base_url) as client:
        transcript = await client.submit(URL, CALLED)
        with anyio.fail_after(60):
            while transcript.webhook_status_code is None:
                transcript = await client.get(transcript.id)
    assert paths == [CALLED.webhook_url]


@pytest.mark.parametrize("receivers", [{}, {"app": FastAPI(), "client": TestClient(FastAPI())}])
def test_a_server_has_one_receiver(receivers: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="either app or client"):
        ScriptedServer().webhooks(**receivers)  # type: ignore[arg-type]  # one of them at a time
