"""Delivers the notifications of webhooks to an application of the test, without a port."""

from __future__ import annotations

from typing import Any, Protocol

import attrs
import httpx
from anyio import to_thread


class ApplicationClient(Protocol):
    """A client without an event loop, such as Starlette's and FastAPI's `TestClient`."""

    @property
    def request(self) -> Any:  # each version of TestClient has a signature of its own
        """The method that sends a request and returns the response."""
        ...


class WebhookTransport(httpx.AsyncBaseTransport):
    """Sends the notifications to the receiver of the test, or to the port in their URL if there is none."""

    def __init__(self) -> None:
        self.receiver: httpx.AsyncBaseTransport | None = None
        self._network = httpx.AsyncHTTPTransport(verify=False, trust_env=False)  # nosec B501 - only loopback

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a notification."""
        return await (self.receiver or self._network).handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._network.aclose()


@attrs.frozen(eq=False)
class ClientTransport(httpx.AsyncBaseTransport):
    """Sends requests through a client without an event loop, in a thread."""

    client: ApplicationClient

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return the status of the response."""
        content, headers = await request.aread(), dict(request.headers)

        def send() -> int:
            answer = self.client.request(request.method, str(request.url), content=content, headers=headers)
            return int(answer.status_code)

        return httpx.Response(await to_thread.run_sync(send))
