"""A transport that does what a test tells it, at the point of the request that the test names."""

from __future__ import annotations

import httpx


class After:
    """A failure after the whole request was read."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class ScriptedTransport(httpx.AsyncBaseTransport):
    """Answers each request with the next step: a response, a failure before anything is read, or after."""

    def __init__(self, *steps: httpx.Response | Exception | After) -> None:
        self.requests: list[httpx.Request] = []
        self._steps = list(steps)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        await request.aread()
        if isinstance(step, After):
            raise step.error
        return step
